"""What all tests share: the cross-language vectors, and the cases among them that stand for a verdict."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest

import uptls
from clients.servers import Server
from loopback import HOST, Authority, Leaf

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """One vector: a document, a chain and a clock, and the report that must come out."""

    folder: Path
    facts: dict[str, Any]

    @property
    def document(self) -> Path:
        """The policy document; its file name is its name in errors."""
        return self.folder / str(self.facts["document"])

    @property
    def chain(self) -> bytes:
        """The chain, PEM."""
        return (self.folder / "chain.pem").read_bytes()

    @property
    def host(self) -> str | None:
        """The backend host."""
        host = self.facts["host"]
        return None if host is None else str(host)

    @property
    def at(self) -> str:
        """The clock, RFC 3339."""
        return str(self.facts["at_text"])

    @property
    def allow_danger(self) -> bool:
        """Whether the policy may weaken verification."""
        return bool(self.facts["permission"] == "allow")

    @property
    def report_json(self) -> str:
        """What must come out, without the line end of the file."""
        return (self.folder / "report.json").read_bytes().decode().removesuffix("\n")

    def runtime(self) -> uptls.Runtime:
        """A runtime with the clock of the case."""
        return uptls.Runtime(at=self.at)

    def policy(self) -> uptls.UpstreamTlsPolicy:
        """The policy of the case."""
        return uptls.UpstreamTlsPolicy.from_document(
            self.document.read_bytes(),
            name=self.document.name,
            base=self.folder,
            allow_danger=self.allow_danger,
            runtime=self.runtime(),
        )


@cache
def cases() -> list[Case]:
    """Every vector."""
    folders = sorted(path.parent for path in (ROOT / "testdata/vectors/cases").glob("*/case.json"))
    return [Case(folder, json.loads((folder / "case.json").read_text())) for folder in folders]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test that takes `case` with every vector."""
    if "case" in metafunc.fixturenames:
        assert cases(), "there are no vectors"
        metafunc.parametrize("case", cases(), ids=[case.folder.name for case in cases()])


def cannot_run(reason: str) -> NoReturn:
    """Skips a test visibly; where everything is required it fails."""
    if os.environ.get("UPTLS_REQUIRE_SUITES") == "1":
        pytest.fail(f"{reason}, and UPTLS_REQUIRE_SUITES=1")
    pytest.skip(reason)


def first(suits: Callable[[dict[str, Any]], bool]) -> Case:
    """The first vector whose report suits."""
    return next(case for case in cases() if suits(json.loads(case.report_json)["results"][0]))


@pytest.fixture(scope="session")
def accepted() -> Case:
    """A case whose chain is accepted by name."""
    return first(lambda report: report["verdict"] == "accepted" and bool(report["expected"]))


@pytest.fixture(scope="session")
def refused() -> Case:
    """A case whose chain is for another name."""
    return first(lambda report: report.get("code") == "name_mismatch")


@pytest.fixture(scope="session")
def unusable() -> Case:
    """A case whose document does not parse."""
    return first(lambda report: report.get("code") == "document_parse")


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom the policies trust."""
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom they do not."""
    return Authority(tmp_path_factory.mktemp("other-pki"), "Other CA")


@pytest.fixture(scope="session")
def leaf(ca: Authority) -> Leaf:
    """Its certificate for the backend host."""
    return ca.issue(HOST)


@pytest.fixture(scope="session")
def policy(ca: Authority) -> uptls.UpstreamTlsPolicy:
    """A policy that trusts it."""
    return uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca.file))


@pytest.fixture
def context(policy: uptls.UpstreamTlsPolicy) -> Any:
    """Any: what a type checker would refuse is what is tried here."""
    return policy.ssl_context()


@pytest.fixture
def server(ca: Authority) -> Iterator[Server]:
    with Server(ca.issue("localhost")) as server:
        yield server


@pytest.fixture
def wrong(other_ca: Authority) -> Iterator[Server]:
    """A server of another CA."""
    with Server(other_ca.issue("localhost")) as server:
        yield server
