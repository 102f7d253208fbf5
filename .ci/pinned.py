"""Installs a pinned program that comes as a Python package, in an environment of its own under target."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def install(name: str, link: str, find: str) -> Path:
    """The program of .ci/NAME-requirements.txt; installed under target/NAME unless it is there.

    `find` prints its path when that environment runs it. `link` leads there: the tests look for it, whatever the
    version of Python is.
    """
    requirements = ROOT / ".ci" / f"{name}-requirements.txt"
    folder = TARGET / name
    program = folder / link
    stamp = folder / "requirements.txt"
    if stamp.exists() and stamp.read_bytes() == requirements.read_bytes() and program.exists():
        return program
    venv.create(folder, with_pip=True, clear=True)
    interpreter = str(folder / "bin" / "python")
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary=:all:"]
    subprocess.run([*pip, "-r", str(requirements)], check=True, stdout=sys.stderr)
    found = subprocess.run([interpreter, "-c", find], check=True, capture_output=True, text=True)
    program.symlink_to(found.stdout.strip())
    stamp.write_bytes(requirements.read_bytes())
    return program
