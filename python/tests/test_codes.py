"""The table of codes."""

import re

import uptls
from conftest import ROOT


def test_the_table_is_that_of_rust() -> None:
    source = (ROOT / "core/src/error/table.rs").read_text()
    rows = re.findall(r'^    (\d{3}) \w+ "(\w+)" (\w+) .*, "(.*)", "(.*)";$', source, re.MULTILINE)
    ours = [(str(c.number), c.name, c.severity.capitalize(), c.meaning, c.remedy) for c in uptls.codes()]
    assert ours == rows


def test_the_table_is_that_of_c() -> None:
    header = (ROOT / "ffi/include/uptls.h").read_text()
    constants = re.findall(r"^#define UPTLS_CODE_(\w+) (\d+)$", header, re.MULTILINE)
    assert [(code.name.upper(), str(code.number)) for code in uptls.codes()] == constants


def test_a_code_says_what_it_is() -> None:
    code = next(code for code in uptls.codes() if code.name == "name_mismatch")
    assert (code.number, code.category, code.severity, code.exit_code) == (601, "name", "error", 1)
    assert code.meaning
    assert code.remedy
    assert repr(code) == "<Code 601 name_mismatch>"
    assert code in uptls.codes()
    assert len(set(uptls.codes())) == len(uptls.codes())
