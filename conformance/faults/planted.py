"""A program with a defect: the rig must find each of these, or it finds nothing. Arguments: the defect.

Without a fault it refuses its peer with `name_mismatch`. What it does when it gets no socket is the defect.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path

from verdicts import Kind

DEFECTS = {
    Kind.AS_WITHOUT: "",
    Kind.BLAMED: "tcp_refused: cannot connect to 127.0.0.1:443: Too many open files (os error 24)",
    Kind.CODED: "local_resources: this host could not reach 127.0.0.1:443: Too many open files (os error 24)",
    Kind.LEAK: "local_resources: this host could not reach 127.0.0.1:443 leaked",
    Kind.PANIC: "thread 'main' panicked at core/src/connect/dial.rs:1:1",
    Kind.UNCODED: "OSError: [Errno 24] Too many open files",
    Kind.WRONG_VERDICT: "cert_expired: the certificate has expired",
}
"""What is said instead; the others do something."""
ACTIONS = (Kind.CRASH, Kind.HANG, Kind.WRONG_ACCEPT)


def fail(defect: Kind) -> None:
    """What a program with this defect does."""
    if defect is Kind.CRASH:
        os.kill(os.getpid(), signal.SIGSEGV)
    if defect is Kind.HANG:
        time.sleep(3600)
    if defect is Kind.WRONG_ACCEPT:
        os._exit(0)
    if said := DEFECTS[defect]:
        print(said, flush=True)
        os._exit(1)


if __name__ == "__main__":
    Path("faults-begin").exists()
    try:
        socket.socket().close()
    except OSError:
        fail(Kind(sys.argv[1]))
    print("name_mismatch: the certificate is for another name")
    sys.exit(1)
