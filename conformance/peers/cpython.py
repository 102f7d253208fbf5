"""CPython's own test_ssl with policies for its clients, test by test, against a ledger.

    python cpython.py [--bless]

The five classes with clients are run. The ledger, `conformance/ledgers/peers-cpython.txt`, is that of one release of
CPython. A test passes, is skipped by itself, is `without uptls` (its clients do not verify, or it has none), or fails
with a reason in the ledger.
"""

import argparse
import logging
import sys
import types
import unittest
import warnings
from typing import Any

import ledger
import shim
from test import support
from test import test_ssl as suite

LEDGER = ledger.ROOT / "conformance/ledgers/peers-cpython.txt"
RELEASE = (3, 11)
CLASSES = (
    "SSLObjectTests",
    "SimpleBackgroundTests",
    "ThreadedTests",
    "TestPostHandshakeAuth",
    "TestSSLDebug",
)


class Result(unittest.TestResult):
    """Notes the class of the first exception of a test, and its text."""

    raised: BaseException | None = None

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self.raised = self.raised or err[1]
        super().addError(test, err)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self.raised = self.raised or err[1]
        super().addFailure(test, err)


def outcome(test: unittest.TestCase) -> str:
    """Runs one test."""
    shim.connections.clear()
    result = Result()
    test.run(result)
    if result.skipped:
        return "is skipped"
    if result.raised is not None:
        text = str(result.raised).partition("\n")[0]
        print(f"    {type(result.raised).__name__}: {text}")
        return f"fails: {type(result.raised).__name__}"
    return "passes" if shim.connections else "passes without uptls"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bless", action="store_true", help="write the ledger anew, with the reasons that it has")
    parser.add_argument("tests", nargs="*")
    arguments = parser.parse_args()
    if sys.version_info[:2] != RELEASE:
        print(f"peers-cpython.txt: skipped: the ledger is of CPython {RELEASE[0]}.{RELEASE[1]}")
        return 0
    logging.disable()
    warnings.simplefilter("ignore")
    support.verbose = False
    proxy = types.ModuleType("ssl")
    proxy.__dict__.update({**vars(suite.ssl), "SSLContext": shim.Context})
    suite.ssl = proxy
    found = {}
    suite.setUpModule()
    try:
        for name in CLASSES:
            for test in unittest.defaultTestLoader.loadTestsFromTestCase(getattr(suite, name)):
                title = test.id().removeprefix("test.test_ssl.")
                if arguments.tests and title not in arguments.tests:
                    continue
                found[title] = outcome(test)
                print(f"{title}  {found[title]}", flush=True)
    finally:
        unittest.doModuleCleanups()
    return ledger.settle(LEDGER, found, bless=arguments.bless, whole=not arguments.tests)


if __name__ == "__main__":
    sys.exit(main())
