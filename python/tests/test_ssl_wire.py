"""What a handshake over a socket costs: the system calls and writes of it, and the bytes that it leaves alone."""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import uptls
from clients.facade import SECONDS
from loopback import LIMIT, Authority, Leaf

GREETING = b"220 speaks first\r\n"


class Peer:
    """The other end of a pair of sockets. It sends each flight in one piece, with its first data right after it."""

    def __init__(self, leaf: Leaf, version: ssl.TLSVersion) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf.certificate, leaf.key)
        context.maximum_version = version
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.failure: Exception | None = None
        self.flights: list[bytes] = []
        self.near, self.far = socket.socketpair()
        self.far.settimeout(LIMIT)
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        done = False
        try:
            while not done:
                with contextlib.suppress(ssl.SSLWantReadError):
                    self.tls.do_handshake()
                    self.tls.write(GREETING)
                    done = True
                self.far.sendall(self.outgoing.read())
                if not done and not self._take():
                    return
            while self._take():
                pass
        except OSError as error:
            self.failure = error

    def _take(self) -> bytes:
        self.flights.append(raw := self.far.recv(65536))
        self.incoming.write(raw)
        return raw

    @contextlib.contextmanager
    def serving(self) -> Iterator[socket.socket]:
        """Our end of the pair; afterwards all is seen."""
        self._thread.start()
        try:
            yield self.near
        finally:
            self.near.close()
            self._thread.join()
            self.far.close()


class Calls:
    """The calls of a socket's methods."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        for name in ("recv", "send", "settimeout"):
            monkeypatch.setattr(socket.socket, name, self._counted(name, getattr(socket.socket, name)))

    def _counted(self, name: str, method: Any) -> Any:
        def counted(sock: Any, *arguments: Any) -> Any:
            if isinstance(sock, ssl.SSLSocket):
                self.made.append(name)
            return method(sock, *arguments)

        return counted


@pytest.mark.parametrize("timeout", [None, 5.0, 3600.0])
def test_a_handshake_makes_four_calls(
    ca: Authority, context: Any, timeout: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two of each flight: its own is written; the peer's is looked at, and taken. None sets a timeout."""
    peer = Peer(ca.issue("localhost"), ssl.TLSVersion.TLSv1_3)
    with peer.serving() as near:
        near.settimeout(timeout)
        tls = context.wrap_socket(near, server_hostname="localhost", do_handshake_on_connect=False)
        calls = Calls(monkeypatch)
        tls.do_handshake()
        monkeypatch.undo()
        assert calls.made == ["send", "recv", "recv", "send"]
        assert tls.gettimeout() == timeout
        tls.close()
    # Our ClientHello, our ChangeCipherSpec and Finished together, and the end.
    assert [flight[:1] for flight in peer.flights[:2]] == [b"\x16", b"\x14"]
    assert len(peer.flights[1]) > 40


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_follows_the_handshake_stays_in_the_socket(ca: Authority, context: Any, version: ssl.TLSVersion) -> None:
    """A client of a protocol whose server speaks first may wait with select, as with OpenSSL."""
    peer = Peer(ca.issue("localhost"), version)
    with peer.serving() as near, context.wrap_socket(near, server_hostname="localhost") as tls:
        assert tls.pending() == 0
        assert select.select([tls], [], [], SECONDS)[0]
        tls.settimeout(SECONDS)
        assert tls.recv(100) == GREETING


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_refused_peer_reads_why(other_ca: Authority, context: Any, version: ssl.TLSVersion) -> None:
    """All that it sent is taken: a close with unread bytes is a reset, and the alert can be lost."""
    peer = Peer(other_ca.issue("localhost"), version)
    with peer.serving() as near, pytest.raises(uptls.UnknownIssuerError):
        context.wrap_socket(near, server_hostname="localhost")
    assert isinstance(peer.failure, ssl.SSLError)
    assert "UNKNOWN_CA" in str(peer.failure.reason)


def test_a_flight_in_pieces_is_one_handshake(ca: Authority, context: Any) -> None:
    """Each byte of the peer's flight arrives alone, at a socket that does not block."""
    peer = Peer(ca.issue("localhost"), ssl.TLSVersion.TLSv1_3)
    with peer.near as near, peer.far as far:
        near.setblocking(False)
        server = peer.tls
        tls = context.wrap_socket(near, server_hostname="localhost", do_handshake_on_connect=False)
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        peer.incoming.write(far.recv(65536))
        with contextlib.suppress(ssl.SSLWantReadError):
            server.do_handshake()
        flight = peer.outgoing.read()
        for at in range(len(flight) - 1):
            far.sendall(flight[at : at + 1])
            with pytest.raises(ssl.SSLWantReadError):
                tls.do_handshake()
        # Our ChangeCipherSpec waits for the Finished.
        assert not select.select([far], [], [], 0)[0]
        far.sendall(flight[-1:])
        tls.do_handshake()
        peer.incoming.write(far.recv(65536))
        server.do_handshake()
        assert tls.version() == "TLSv1.3"
        tls.close()
