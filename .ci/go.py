"""Installs the pinned Go toolchain under target/go and prints the path of its command."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
REQUIREMENTS = ROOT / ".ci" / "go-requirements.txt"
FOLDER = TARGET / "go"
# Where the tests look for it, whatever the version of Python is.
COMMAND = FOLDER / "command"


def install() -> Path:
    """The command `go`, of the version that the requirements name; installed unless it is there."""
    stamp = FOLDER / "requirements.txt"
    if stamp.exists() and stamp.read_bytes() == REQUIREMENTS.read_bytes() and COMMAND.exists():
        return COMMAND
    venv.create(FOLDER, with_pip=True, clear=True)
    interpreter = str(FOLDER / "bin" / "python")
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary=:all:"]
    subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True, stdout=sys.stderr)
    find = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([interpreter, "-c", find], check=True, capture_output=True, text=True)
    COMMAND.symlink_to(Path(found.stdout.strip()) / "go" / "bin" / "go")
    stamp.write_bytes(REQUIREMENTS.read_bytes())
    return COMMAND


if __name__ == "__main__":
    print(install())
