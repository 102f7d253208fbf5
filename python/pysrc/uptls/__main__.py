"""The command: ``python -m uptls``."""

import signal
import sys

from uptls import _native


def main() -> int:
    """Runs the command with the arguments of this process and returns its exit code."""
    # The command writes past Python's own buffers, and is ended by Ctrl-C and a closed pipe as any other.
    sys.stdout.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return _native.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
