"""Point 7 of the contract: sockets. The others are in test_ssl_contract.py."""

import contextlib
import gc
import select
import socket
import ssl
from collections.abc import Callable  # noqa: TC003
from typing import Any

import pytest

import uptls
from clients.exchange import over
from clients.facade import SECONDS, all_of, connected, echoing, policy_of
from clients.servers import LARGE, SMALL, Seen, Server, forward
from loopback import Authority

# 7


def test_7_a_socket_is_one_of_ssl(context: Any, server: Server) -> None:
    with connected(server, context) as tls:
        assert isinstance(tls, ssl.SSLSocket)
        assert tls._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
        assert tls.gettimeout() == SECONDS
        assert tls.getpeername() == ("127.0.0.1", server.port)
        assert tls.context is context
        assert tls.server_hostname == "localhost"
        assert not tls.server_side
        assert over(tls, ["/", "/large"]) == [SMALL, LARGE]


def test_7_nothing_waits_for_a_delayed_ack(context: Any, server: Server) -> None:
    """Nagle's delay would cost each handshake 40 ms; http.client and asyncio turn it off, too."""
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        assert not plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    for options in ({}, {"do_handshake_on_connect": False}):
        with connected(server, context, **options) as tls:
            assert tls.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_7_makefile_and_recv_into(context: Any, server: Server) -> None:
    with connected(server, context) as tls, tls.makefile("rwb") as stream:
        stream.write(b"GET / HTTP/1.1\r\n\r\n")
        stream.flush()
        assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
        while stream.readline() != b"\r\n":
            pass
        assert stream.read(len(SMALL)) == SMALL
        tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
        space = bytearray(100)
        assert tls.recv_into(space, 4) == 4
        assert tls.recv_into(memoryview(space)[4:]) > 4
        assert space.startswith(b"HTTP/1.1 200 OK\r\n")


def test_7_detach_gives_the_descriptor(context: Any, server: Server) -> None:
    tls = connected(server, context)
    descriptor = tls.detach()
    assert tls.fileno() == -1
    socket.socket(fileno=descriptor).close()


def test_7_suppress_ragged_eofs_is_asked_for(context: Any, server: Server) -> None:
    request = b"GET /truncated HTTP/1.1\r\n\r\n"
    with connected(server, context, suppress_ragged_eofs=True) as tls:
        tls.sendall(request)
        all_of(lambda: tls.recv(65536))
    with connected(server, context) as tls:
        tls.sendall(request)
        with pytest.raises(uptls.UnexpectedEofError):
            all_of(lambda: tls.recv(65536))


def test_7_the_handshake_waits_if_told(context: Any, server: Server) -> None:
    with connected(server, context, do_handshake_on_connect=False) as tls:
        assert tls.version() is None
        with pytest.raises(ValueError, match="handshake"):
            tls.getpeercert()
        tls.do_handshake()
        assert tls.version() == "TLSv1.3"
    # As with OpenSSL, who writes first gets it too.
    with connected(server, context, do_handshake_on_connect=False) as tls:
        assert over(tls, ["/"]) == [SMALL]


def test_7_a_socket_connects_later(context: Any, server: Server) -> None:
    with context.wrap_socket(socket.socket(), server_hostname="localhost") as tls:
        tls.connect(("127.0.0.1", server.port))
        assert over(tls, ["/"]) == [SMALL]


def test_7_a_failed_handshake_closes_the_socket(context: Any, wrong: Server) -> None:
    plain = socket.create_connection(("127.0.0.1", wrong.port), timeout=SECONDS)
    with pytest.raises(uptls.UnknownIssuerError):
        context.wrap_socket(plain, server_hostname="localhost")
    assert plain.fileno() == -1
    attempts: tuple[Callable[[ssl.SSLSocket], Any], ...] = (
        lambda tls: tls.do_handshake(),
        lambda tls: tls.sendall(b"secret"),
        lambda tls: tls.recv(1),
    )
    for handshake in attempts:
        with connected(wrong, context, do_handshake_on_connect=False) as tls:
            with pytest.raises(uptls.UnknownIssuerError):
                handshake(tls)
            with pytest.raises(OSError):  # noqa: PT011
                tls.sendall(b"secret")
    with context.wrap_socket(socket.socket(), server_hostname="localhost") as tls:
        with pytest.raises(uptls.UnknownIssuerError):
            tls.connect(("127.0.0.1", wrong.port))
        with pytest.raises(OSError):  # noqa: PT011
            tls.sendall(b"secret")
    assert wrong.bytes == 0
    assert any("unknown ca" in failure for failure in wrong.failures)


def test_7_a_timeout_is_kept_and_raised(ca: Authority, context: Any) -> None:
    with echoing(ca) as server, connected(server, context) as tls:
        tls.settimeout(0.01)
        with pytest.raises(TimeoutError):
            tls.recv(1)
        assert tls.gettimeout() == 0.01
        tls.settimeout(SECONDS)
        tls.sendall(b"x")
        assert tls.recv(1) == b"x"


def test_7_a_silent_peer_ends_at_the_deadline(ca: Authority) -> None:
    context = policy_of(ca, "handshakeTimeout: 50ms").ssl_context()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for timeout in (None, SECONDS):
            plain = socket.create_connection(silent.getsockname(), timeout=timeout)
            with pytest.raises(uptls.ConnectTimeoutError) as caught:
                context.wrap_socket(plain, server_hostname="localhost")
            assert caught.value.code == "handshake_timeout"


def test_7_a_socket_that_does_not_block(ca: Authority, context: Any) -> None:
    data = LARGE * 40
    with echoing(ca) as server, connected(server, context) as tls:
        tls.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            tls.recv(1)
        sent, received = 0, bytearray()
        while len(received) < len(data):
            with contextlib.suppress(ssl.SSLWantWriteError):
                sent += tls.send(data[sent : sent + 65536]) if sent < len(data) else 0
            with contextlib.suppress(ssl.SSLWantReadError):
                received += tls.recv(65536)
    assert received == data


def test_7_who_waits_with_select_misses_nothing(context: Any, server: Server) -> None:
    with connected(server, context) as tls:
        tls.sendall(b"GET /large HTTP/1.1\r\n\r\n")
        tls.setblocking(False)
        received = 0
        while received < len(LARGE):
            assert tls.pending() or select.select([tls], [], [], SECONDS)[0], "nothing comes any more"
            with contextlib.suppress(ssl.SSLWantReadError):
                # As large as a record can be: who reads so much does not ask for pending.
                received += len(tls.recv(16384))


def test_7_shutdown_never_leads_to_plain_text(ca: Authority, context: Any) -> None:
    with echoing(ca) as server:
        with connected(server, context) as tls:
            tls.shutdown(socket.SHUT_RD)
            tls.sendall(b"secret")
        with connected(server, context) as tls:
            tls.sendall(b"x")
            tls.shutdown(socket.SHUT_WR)
            assert [tls.recv(10), tls.recv(10)] == [b"x", b""]
            with pytest.raises((OSError, uptls.MisuseError)):
                tls.sendall(b"secret")
    # In the clear it would be a wrong version number, or the like.
    ends = ("EOF occurred", "Connection reset by peer", "Broken pipe")
    assert [failure for failure in server.failures if not any(end in failure for end in ends)] == []


def test_7_unwrap_ends_properly(ca: Authority, context: Any) -> None:
    with echoing(ca) as server, connected(server, context) as tls:
        assert tls.unwrap() is tls
        assert server.failures == []


def test_7_tls_in_tls(ca: Authority, policy: Any) -> None:
    """A proxy that speaks TLS and leads to a server: over the socket's context, and over a BIO."""
    with Server(ca.issue("localhost")) as inner:

        def tunnel(tls: ssl.SSLSocket, _: Seen) -> bool:
            forward(tls, inner.port)
            return False

        with Server(ca.issue("localhost"), speak=tunnel) as proxy, connected(proxy, policy.ssl_context()) as outer:
            with policy.ssl_context().wrap_socket(outer, server_hostname="localhost") as tls:
                assert isinstance(tls, ssl.SSLSocket)
                assert over(tls, ["/", "/large"]) == [SMALL, LARGE]
            assert outer.fileno() == -1
        assert inner.connections[0].requests == 2


def test_7_a_forgotten_socket_is_closed(context: Any, server: Server) -> None:
    tls = connected(server, context)
    with pytest.warns(ResourceWarning, match="unclosed"):
        del tls
    gc.collect()
