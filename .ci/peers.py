"""`make peers`: clients of the Python package against real and scripted servers, and other suites with its contexts."""

import os
import shutil
import tarfile
from pathlib import Path

from steps import ROOT, TARGET, Tally, check, python_environment

PEERS = ROOT / "conformance/peers"
URLLIB3 = "2.8.0"


def peers(tally: Tally, wheel: Path) -> None:
    """Each is a comparison with a ledger. The wheel is installed beside what each needs."""
    clients = _beside(tally, wheel, "venv-peers", "requirements-peers.txt")
    path = os.pathsep.join([str(PEERS), str(ROOT / "python/tests")])
    check(tally, "peers", "clients", [clients, str(PEERS / "table.py")], PYTHONPATH=path)
    check(tally, "peers", "test_ssl of CPython", [clients, str(PEERS / "cpython.py")])
    suite = _beside(tally, wheel, "venv-urllib3", "requirements-urllib3.txt")
    sources = _sources(tally, suite)
    if sources is not None:
        check(tally, "peers", "tests of urllib3", [suite, str(PEERS / "urllib3_suite.py"), str(sources)])


def _beside(tally: Tally, wheel: Path, place: str, requirements: str) -> str:
    interpreter = str(python_environment(TARGET / place, requirements))
    install = [interpreter, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", str(wheel)]
    check(tally, "peers", f"install the wheel in {place}", install)
    return interpreter


def _sources(tally: Tally, interpreter: str) -> Path | None:
    """The tests of urllib3 are in its source distribution alone."""
    folder = TARGET / "peers"
    sources = folder / f"urllib3-{URLLIB3}"
    if sources.exists():
        return sources
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    fetch = [
        interpreter,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        ":all:",
        "--dest",
        str(folder),
    ]
    if not check(tally, "peers", "sources of urllib3", [*fetch, f"urllib3=={URLLIB3}"]):
        return None
    with tarfile.open(next(folder.glob("urllib3-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return sources
