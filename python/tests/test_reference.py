"""docs/python-reference.md: its types are those of the stubs, and its examples do what they say."""

import ast
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import uptls
from conftest import ROOT
from loopback import Authority

PAGE = (ROOT / "docs/python-reference.md").read_text()
STUB = ast.parse((ROOT / "python/pysrc/uptls/_native.pyi").read_text())
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
MADE_BY = ("TrustBundle", "San", "ClientIdentity")
MADE = ("Revocation", "Runtime", "Dialer")
METHODS = ("ssl_context", "connect", "open_connection", "check", "buffer")


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


SECTIONS = dict(re.findall(r"^### (\S+)$\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = [pytest.param(code, id=title) for title, text in SECTIONS.items() for code in blocks(text)]
PRELUDE = blocks(PAGE.partition("### ")[0])[0]


def signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The parameters as the stub has them, without `self`."""
    function.args.args = [argument for argument in function.args.args if argument.arg not in {"self", "cls"}]
    return ast.unparse(function.args)


def methods(kind: str) -> dict[str, str]:
    defined = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name: signature(node) for node in CLASSES[kind].body if isinstance(node, defined)}


def plain(text: str) -> str:
    """As it is outside a table, and with the quotes and parameters of the stub."""
    return re.sub(r"\s+", " ", text.replace("\\|", "|").replace('"', "'")).replace(": ", ":").replace(" = ", "=")


def test_every_keyword_has_a_section_with_the_type_of_the_stub() -> None:
    fields = {
        node.target.id: ast.unparse(node.annotation)
        for node in CLASSES["_Fields"].body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    fields["ca"] = ast.unparse(CLASSES["_Changes"].body[0].annotation)  # type: ignore[attr-defined]
    fields["runtime"] = "Runtime | None"
    assert len(fields) > 15
    for name, kind in fields.items():
        assert plain(SECTIONS[name]).startswith(plain(f" `{kind}`, ")), name
        assert re.search(r"\n[^#\n]+(?<!\\)\)\n", SECTIONS[name]), f"{name}: an example that works"
        assert re.search(r"  # \w+\n", SECTIONS[name]), f"{name}: what goes wrong"


@pytest.mark.parametrize("kind", MADE_BY)
def test_every_way_to_make_a_value_is_in_its_table(kind: str) -> None:
    made = {name: given for name, given in methods(kind).items() if not name.startswith("_")}
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \|", SECTIONS[kind], re.MULTILINE)
    assert {name: plain(given) for name, given in rows} == {name: plain(given) for name, given in made.items()}


@pytest.mark.parametrize("kind", MADE)
def test_a_constructor_is_that_of_the_stub(kind: str) -> None:
    assert plain(f"`{kind}({methods(kind)['__new__']})`") in plain(SECTIONS[kind])


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_that_of_the_stub(name: str) -> None:
    for kind in ("UpstreamTlsPolicy", "Connector"):
        assert plain(f"`{name}({methods(kind)[name]})`") in plain(SECTIONS[name])


def given_by(line: str, scope: dict[str, Any]) -> str | None:
    """The code or the class that a line raises; None if it works."""
    try:
        exec(line, scope)  # noqa: S102
    except uptls.UptlsError as error:
        return error.code
    except TypeError as error:
        return type(error).__name__
    return None


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example(code: str, ca: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = ca.issue("client.test")
    for name, place in (("ca.pem", ca.file), ("tls.crt", identity.certificate), ("tls.key", identity.key)):
        shutil.copy(place, tmp_path / name)
    shutil.copy(next((ROOT / "testdata/vectors/cases").glob("*/*.crl")), tmp_path / "ca.crl")
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    exec(PRELUDE, scope)  # noqa: S102
    for line in code.splitlines():
        _, _, wanted = line.partition("  # ")
        assert given_by(line, scope) == (wanted or None), line


def test_a_wrong_example_is_found() -> None:
    """The twin: what the lines above would do if they said something else."""
    scope: dict[str, Any] = {}
    exec("import uptls", scope)  # noqa: S102
    assert given_by("uptls.San.ip(7)", scope) == "TypeError"
    assert given_by("uptls.Runtime(at='yesterday')", scope) == "misuse"
    assert given_by("uptls.San.ip('10.0.0.7')", scope) is None
