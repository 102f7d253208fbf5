"""The metadata of the wheel that is installed: its description, and the licence of all that is in it."""

import re
import tomllib
from importlib.metadata import distribution, files

from conftest import ROOT

WHEEL = distribution("uptls")


def test_the_description_is_that_of_the_readme() -> None:
    described = (WHEEL.read_text("METADATA") or "").partition("\n\n")[2]
    assert described.strip() == (ROOT / "python/README.md").read_text().strip()
    assert WHEEL.metadata["Description-Content-Type"].startswith("text/markdown")


def test_the_licences_are_in_the_wheel() -> None:
    """Apache-2.0 section 4 and the ISC licence demand that who distributes the code passes their text on."""
    texts = {path.name: path.read_text() for path in files("uptls") or () if ".dist-info/licenses/" in str(path)}
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        assert texts[name] == (ROOT / name).read_text()
    assert set(texts) == {"LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY.txt"}
    others = texts["THIRD-PARTY.txt"]
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    versions = {package["name"]: package["version"] for package in locked}
    for name in ("aws-lc-sys", "pyo3", "rustls", "rustls-webpki", "x509-parser"):
        assert re.search(rf"^{name} {re.escape(versions[name])}: ", others, re.MULTILINE), name
        assert re.search(rf"^={{80}}\n.*\b{name} {re.escape(versions[name])}\b", others, re.MULTILINE), name
    assert "Permission to use, copy, modify, and/or distribute this software" in others
