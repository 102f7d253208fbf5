"""The examples in the docstrings of the package, run as help() shows them."""

import doctest
from pathlib import Path

import pytest

import uptls
from clients.servers import Server, http
from loopback import Authority
from test_examples import files

__all__ = ["files"]

CLASSES = {name: kind for name, kind in vars(uptls).items() if name in uptls.__all__ and isinstance(kind, type)}
EXAMPLES = {name: kind.__doc__ for name, kind in CLASSES.items() if kind.__doc__ and ">>> " in kind.__doc__}
WITHOUT = {
    # Parts of a Description, which has an example, and exceptions that are caught as UptlsError is.
    *("AcceptsFacts", "AnchorFacts", "SendsFacts", "SystemFacts", "TrustFacts"),
    *(name for name in CLASSES if name.endswith("Error")),
}


def test_every_class_has_an_example() -> None:
    assert len(EXAMPLES) > 20
    assert set(CLASSES) - set(EXAMPLES) <= WITHOUT


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example(name: str, files: Path, ca: Authority) -> None:
    lists = Path(__file__).parents[2] / "testdata/vectors/cases"
    (files / "ca.crl").write_bytes(next(lists.glob("*/*.crl")).read_bytes())
    policy = uptls.UpstreamTlsPolicy(
        ca=uptls.TrustBundle.from_file("ca.pem"), server_name="payments.internal", alpn=["http/1.1"]
    )
    with Server(ca.issue("payments.internal"), alpn=("http/1.1",), speak=http) as server:
        here = f'"payments.internal", {server.port}, connect_to="127.0.0.1"'
        text = (EXAMPLES[name] or "").replace('"payments.internal", 443', here)
        test = doctest.DocTestParser().get_doctest(text, {"uptls": uptls, "policy": policy}, name, None, 0)
        said: list[str] = []
        failed, tried = doctest.DocTestRunner().run(test, out=said.append)
    assert tried > 0
    assert failed == 0, "".join(said)
