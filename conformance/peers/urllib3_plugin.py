"""A plugin of pytest: gives urllib3's tests the contexts of `shim.py`, and writes the outcome of each test to a file.

`UPTLS_PEERS_OUTCOMES` is that file. With `UPTLS_PEERS_SHIM=0` the contexts stay those of the standard library.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import shim
import urllib3.util.ssl_

_OUTCOMES: dict[str, str] = {}


def pytest_configure() -> None:
    """Before the tests are read."""
    if os.environ["UPTLS_PEERS_SHIM"] == "1":
        urllib3.util.ssl_.SSLContext = shim.Context  # type: ignore[assignment, misc]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """A test is its three phases; the first that fails or skips says it."""
    if call.when == "setup":
        shim.connections.clear()
    report = yield
    title = item.nodeid.removeprefix("test/with_dummyserver/").replace("  ", " ")
    if report.skipped:
        _OUTCOMES.setdefault(title, "is expected to fail" if hasattr(report, "wasxfail") else "is skipped")
    elif report.failed:
        assert call.excinfo is not None
        _OUTCOMES.setdefault(title, f"fails: {call.excinfo.typename}")
    elif call.when == "teardown":
        _OUTCOMES.setdefault(title, "passes" if shim.connections else "passes without uptls")
    return report


def pytest_sessionfinish() -> None:
    """After the last."""
    Path(os.environ["UPTLS_PEERS_OUTCOMES"]).write_text(json.dumps(_OUTCOMES))
