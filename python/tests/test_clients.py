"""Every client against every server: docs/python.md holds the outcome."""

import os
from collections.abc import Iterator
from importlib.metadata import distributions, version
from pathlib import Path

import pytest

import uptls
from clients.rows import CONTEXT, ROWS, Row, Target
from clients.servers import LARGE, SMALL, Plain, Server, http
from conftest import ROOT
from loopback import Authority, Leaf, document

DOCUMENT = ROOT / "docs/python.md"
BEGIN, END = "<!-- clients: generated -->\n", "<!-- clients: end -->\n"


INSTALLED = {str(one.metadata["Name"]).lower() for one in distributions()}
REPLACED = ("urllib3", "requests") if "urllib3-future" in INSTALLED else ()
"""The clients that another package of the environment has put its own code in the place of."""


def policy_of(ca: Authority, row: Row, identity: Leaf | None = None) -> uptls.UpstreamTlsPolicy:
    fields = ["serverName: backend.test"]
    if row.alpn:
        fields.append(f"alpn: {{protocols: [{row.alpn}, http/1.1]}}")
    if identity:
        fields.append(f"identity: {{certificate: {{file: {identity.certificate}}}, key: {{file: {identity.key}}}}}")
    return uptls.UpstreamTlsPolicy.from_document(document(ca.file, *fields))


def code_of(error: BaseException | object) -> str | None:
    """The code in an exception, or in what it was made of."""
    seen: list[object] = []
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, uptls.UptlsError):
            return one.code
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__, *one.args, *getattr(one, "exceptions", ())]
            waiting.append(vars(one).get("reason"))
    return None


class Outcomes:
    """One row of the table, found by trying."""

    def __init__(self, row: Row, ca: Authority, other_ca: Authority) -> None:
        self.row = row
        self.ca = ca
        self.other_ca = other_ca
        self.alpn = (row.alpn, "http/1.1") if row.alpn else ()

    def server(self, leaf: Leaf, client_ca: Path | None = None) -> Server:
        return Server(leaf, client_ca=client_ca, alpn=self.alpn, speak=self.row.speak)

    def fetched(self) -> str:
        paths = ("/", "/large", "/")
        with self.server(self.ca.issue("backend.test")) as server:
            bodies = self.row.fetch(Target(policy_of(self.ca, self.row), server.port, paths))
        assert bodies == [SMALL, LARGE, SMALL]
        assert set(server.names) == {"backend.test"}
        assert len(server.connections) == (1 if self.row.keeps_alive else len(paths))
        assert {seen.alpn for seen in server.connections} == {self.row.alpn}
        return self.row.alpn or "-"

    def refused(self, leaf: Leaf) -> str:
        with self.server(leaf) as server, pytest.raises(Exception) as caught:  # noqa: PT011
            self.row.fetch(Target(policy_of(self.ca, self.row), server.port))
        assert server.bytes == 0
        return code_of(caught.value) or "no code"

    def mutual(self) -> str:
        leaf, identity = self.ca.issue("backend.test"), self.ca.issue("client.test")
        with self.server(leaf, self.ca.file) as server:
            assert self.row.fetch(Target(policy_of(self.ca, self.row, identity), server.port)) == [SMALL]
        assert server.connections[0].client == "client.test"
        with self.server(leaf, self.ca.file) as server, pytest.raises(Exception) as caught:  # noqa: PT011
            self.row.fetch(Target(policy_of(self.ca, self.row), server.port))
        assert server.bytes == 0
        # A peer of TLS 1.3 says it after the handshake: a client may fail to write meanwhile, and look no further.
        assert code_of(caught.value) in {"identity_required", None}
        return "yes; refused without one"

    def ended(self) -> str:
        if self.row.alpn or self.row.speak is not http:
            return "-"
        with self.server(self.ca.issue("backend.test")) as server:
            bodies = self.row.fetch(Target(policy_of(self.ca, self.row), server.port, ("/closed",)))
        assert bodies == [LARGE]
        return "yes"

    def truncated(self) -> str:
        """Where the length of a body is known nobody may take a part for all of it; else it is up to the client."""
        with pytest.raises(Exception):  # noqa: B017, PT011
            self._truncated("/short")
        try:
            bodies = self._truncated("/truncated")
        except Exception as error:  # noqa: BLE001
            return code_of(error) or type(error).__name__
        assert bodies == [LARGE]
        return "taken for the end"

    def _truncated(self, path: str) -> list[bytes]:
        with self.server(self.ca.issue("backend.test")) as server:
            return self.row.fetch(Target(policy_of(self.ca, self.row), server.port, (path,)))

    def without_tls(self) -> str:
        """A ClientHello, and then nothing: no second attempt in the clear either."""
        with Plain(self.ca.issue("backend.test")) as server, pytest.raises(Exception) as caught:  # noqa: PT011
            self.row.fetch(Target(policy_of(self.ca, self.row), server.port))
        assert server.heard
        for heard in server.heard:
            assert heard.startswith(b"\x16\x03")
            assert b" HTTP/1" not in heard
        return code_of(caught.value) or "no code"

    def loosened(self) -> str:
        leaf = self.other_ca.issue("other.test")
        for attempt in (self.row.loosen or CONTEXT).values():
            with self.server(leaf) as server:
                with pytest.raises(Exception) as caught:  # noqa: PT011
                    attempt(Target(policy_of(self.ca, self.row), server.port))
                assert code_of(caught.value) == "misuse"
            # Some clients open the socket first; nothing was said over it.
            assert (server.connections, server.names) == ([], [])
        return ", ".join(f"`{name}`" for name in self.row.loosen) or "-"

    def is_refused_whatever_the_peer(self) -> bool:
        """A client whose TLS is not the policy's gets no connection, were the peer the right one."""
        for leaf in (self.ca.issue("backend.test"), self.other_ca.issue("backend.test"), self.ca.issue("other.test")):
            assert self.refused(leaf) == "misuse"
        with Plain(self.ca.issue("backend.test")) as server, pytest.raises(Exception):  # noqa: B017, PT011
            self.row.fetch(Target(policy_of(self.ca, self.row), server.port))
        return not any(server.heard) and bool(self.loosened())

    def line(self) -> str:
        cells = [
            self.row.name,
            version(self.row.library) if self.row.library not in {"", "uptls"} else "-",
            self.fetched(),
            self.refused(self.other_ca.issue("backend.test")),
            self.refused(self.ca.issue("other.test")),
            self.without_tls(),
            self.mutual(),
            self.ended(),
            self.truncated(),
            self.loosened(),
        ]
        return f"| {' | '.join(cells)} |\n"


HEAD = (
    "client",
    "version",
    "ALPN",
    "another CA",
    "another name",
    "server without TLS",
    "client certificate",
    "end by close_notify",
    "end without, of a body without a length",
    "PolicyFrozenError for",
)


@pytest.fixture(scope="module")
def lines() -> Iterator[dict[str, str]]:
    """Collects the rows; with UPTLS_BLESS=1 they are written."""
    collected: dict[str, str] = {}
    yield collected
    if os.environ.get("UPTLS_BLESS") == "1" and len(collected) == len(ROWS):
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        head = f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}\n"
        DOCUMENT.write_text(before + BEGIN + head + "".join(collected.values()) + END + after)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_client(row: Row, ca: Authority, other_ca: Authority, lines: dict[str, str]) -> None:
    """Every cell is asserted; the row as a whole is what the document says, the client's version included."""
    if row.name in REPLACED:
        assert Outcomes(row, ca, other_ca).is_refused_whatever_the_peer()
        return
    lines[row.name] = Outcomes(row, ca, other_ca).line()
    if os.environ.get("UPTLS_BLESS") != "1":
        assert lines[row.name] in DOCUMENT.read_text(), "run it with UPTLS_BLESS=1, and look at what changed"
