"""urllib3's own tests of HTTPS with policies for its clients, test by test, against a ledger.

    python urllib3_suite.py SOURCES [--bless]

SOURCES is the unpacked source distribution. The tests run twice: as they are, and with the contexts of `shim.py`. The
ledger, `conformance/ledgers/peers-urllib3.txt`, has each test with its outcome, and the reason where it fails.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import ledger

LEDGER = ledger.ROOT / "conformance/ledgers/peers-urllib3.txt"
HERE = Path(__file__).resolve().parent
FILES = ("test/with_dummyserver/test_https.py", "test/with_dummyserver/test_socketlevel.py")
SKIPS = ("is skipped", "is expected to fail")


def outcomes(sources: Path, *, shim: bool) -> dict[str, str]:
    """By test."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "outcomes.json"
        path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "UPTLS_PEERS_OUTCOMES": str(file)}
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "urllib3_plugin", "-p", "no:warnings"]
        environment["UPTLS_PEERS_SHIM"] = str(int(shim))
        subprocess.run([*command, "--tb=no", *FILES], cwd=sources, env=environment, check=False)
        found: dict[str, str] = json.loads(file.read_text())
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path)
    parser.add_argument("--bless", action="store_true", help="write the ledger anew, with the reasons that it has")
    arguments = parser.parse_args()
    without, found = (outcomes(arguments.sources, shim=shim) for shim in (False, True))
    for test, outcome in found.items():
        if outcome.startswith("fails") and without.get(test, "").startswith("fails"):
            found[test] = "is broken with the module ssl as well"
    # Tests of versions that neither side speaks would be most of the file.
    kept = {test: outcome for test, outcome in found.items() if outcome not in SKIPS}
    return ledger.settle(LEDGER, kept, bless=arguments.bless, whole=True)


if __name__ == "__main__":
    sys.exit(main())
