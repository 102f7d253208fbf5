"""What the system says of a connection: shortages of our own, the network, and the peer, each by its code."""

import asyncio
import errno
import os
import re
import resource
import signal
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import uptls
from loopback import HOST, Leaf, Server
from uptls._asyncio import _Protocol
from uptls._object import passes

NOBODY = 1
"""A port on which nobody listens."""


@pytest.fixture
def server(leaf: Leaf) -> Iterator[Server]:
    with Server(leaf) as server:
        yield server


@pytest.fixture
def no_descriptors() -> Iterator[Any]:
    """Takes all descriptors away when it is called, and gives them back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def take() -> None:
        # The lowest free one is beyond the limit.
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))

    yield take
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_shortage_is_no_refusal(policy: uptls.UpstreamTlsPolicy, server: Server, no_descriptors: Any) -> None:
    no_descriptors()
    with pytest.raises(uptls.LocalResourcesError) as caught:
        policy.connect(HOST, server.port, connect_to="127.0.0.1")
    error = caught.value
    assert (error.code, error.number) == ("local_resources", 310)
    assert "ulimit -n" in error.hint
    # Who counts failures of an endpoint counts these.
    assert not isinstance(error, (ConnectionError, TimeoutError, socket.gaierror))


def test_it_is_over_when_there_are_some_again(policy: uptls.UpstreamTlsPolicy, server: Server) -> None:
    with policy.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"
    before = open_descriptors()
    with pytest.raises(uptls.PeerRefusedError) as caught:
        policy.connect(HOST, NOBODY, connect_to="127.0.0.1")
    assert caught.value.code == "tcp_refused"
    # The server of the test may close some of its own meanwhile.
    assert open_descriptors() <= before


@pytest.mark.parametrize("call", ["connect", "settimeout"])
def test_no_descriptor_is_left(
    policy: uptls.UpstreamTlsPolicy, server: Server, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    before = open_descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, call, fail)
        with pytest.raises(uptls.LocalResourcesError):
            policy.connect(HOST, server.port, connect_to="127.0.0.1")
    assert open_descriptors() <= before


def test_an_address_costs_no_thread(policy: uptls.UpstreamTlsPolicy) -> None:
    seen: set[str] = set()

    def look(*_: object) -> None:
        tasks = Path("/proc/self/task").iterdir()
        seen.update((task / "comm").read_text().strip() for task in tasks)

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(uptls.ConnectTimeoutError):
            policy.connect(HOST, silent.getsockname()[1], connect_to="127.0.0.1", timeout=0.3)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen
    assert not {name for name in seen if name.startswith("uptls")}


@pytest.mark.parametrize(
    ("number", "unheard", "heard"),
    [
        (errno.ETIMEDOUT, "tcp_timeout", "connection_lost"),
        (errno.EHOSTUNREACH, "tcp_refused", "connection_lost"),
        (errno.ENOBUFS, "local_resources", "local_resources"),
        (errno.EIO, "local_resources", "local_resources"),
        (errno.ECONNRESET, "peer_reset", "peer_reset"),
    ],
)
def test_an_errno_has_one_meaning(
    policy: uptls.UpstreamTlsPolicy, server: Server, number: int, unheard: str, heard: str
) -> None:
    fault = OSError(number, os.strerror(number))
    assert policy.buffer(HOST).receive_error(fault).code == unheard
    with policy.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
        error = stream._buffer.receive_error(fault)  # noqa: SLF001
        assert error.code == heard
        # A read that could be tried again has no such end.
        assert not isinstance(error, TimeoutError)


def test_numbers_that_are_no_errno_say_nothing(policy: uptls.UpstreamTlsPolicy) -> None:
    # 1 is EPERM, and SSL_ERROR_SSL.
    assert policy.buffer(HOST).receive_error(ssl.SSLError(1, "a tunnel's")).code == "peer_reset"
    assert policy.buffer(HOST).receive_error(PermissionError(1, "ours")).code == "local_resources"


def test_the_kernels_timeout_is_not_that_of_a_socket() -> None:
    assert passes(TimeoutError("timed out"))
    assert passes(ssl.SSLWantReadError())
    assert not passes(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))
    assert not passes(ConnectionResetError(errno.ECONNRESET, "reset"))


def test_a_socket_of_the_context_is_told_by_the_kernel(
    policy: uptls.UpstreamTlsPolicy, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        monkeypatch.setattr("uptls._transport.SocketTransport._receive", fail)
        with pytest.raises(uptls.ConnectTimeoutError) as caught:
            policy.ssl_context().wrap_socket(plain, server_hostname=HOST)
    assert caught.value.code == "tcp_timeout"


def test_asyncio_tells_what_it_cannot_reach(policy: uptls.UpstreamTlsPolicy, no_descriptors: Any) -> None:
    async def connect(name: str) -> None:
        await policy.open_connection(HOST, NOBODY, connect_to=name)

    with pytest.raises(uptls.PeerRefusedError, match=re.escape("127.0.0.1:1")) as refused:
        asyncio.run(connect("127.0.0.1"))
    assert refused.value.code == "tcp_refused"
    with pytest.raises(uptls.NameResolutionError) as unknown:
        asyncio.run(connect("no-such-host.invalid"))
    assert unknown.value.code == "dns_failed"

    async def without() -> None:
        no_descriptors()
        await connect("127.0.0.1")

    with pytest.raises(uptls.LocalResourcesError):
        asyncio.run(without())


def test_several_addresses_in_one_text(policy: uptls.UpstreamTlsPolicy) -> None:
    connector: Any = policy.connector
    both = [OSError(errno.EADDRNOTAVAIL, "no"), OSError(errno.ECONNREFUSED, "no")]
    undialled = connector._undialled  # noqa: SLF001
    assert undialled(HOST, "pay:443", both).code == "tcp_refused"
    assert undialled(HOST, "pay:443", both[:1]).code == "local_resources"


def test_asyncio_tells_why_the_transport_went(policy: uptls.UpstreamTlsPolicy) -> None:
    async def lost(reason: Exception | None) -> Any:
        buffer = policy.buffer(HOST)
        reader = asyncio.StreamReader()
        _Protocol(buffer, reader).connection_lost(reason)
        return reader.exception()

    reset = asyncio.run(lost(ConnectionResetError(errno.ECONNRESET, "reset")))
    assert (type(reset), reset.code) == (uptls.PeerResetError, "peer_reset")
    short = asyncio.run(lost(OSError(errno.ENOBUFS, "No buffer space available")))
    assert (type(short), short.code) == (uptls.LocalResourcesError, "local_resources")
    # The twin: nothing went wrong, and the peer said no goodbye.
    assert asyncio.run(lost(None)).code == "peer_closed"


def test_a_reset_while_writing_is_none_of_the_readers_truncations(policy: uptls.UpstreamTlsPolicy, leaf: Leaf) -> None:
    def reset(tls: ssl.SSLSocket) -> None:
        tls.recv(1)
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def run(port: int) -> Any:
        reader, writer = await policy.open_connection(HOST, port, connect_to="127.0.0.1")
        reading = asyncio.ensure_future(reader.read())
        with pytest.raises(ConnectionError):  # noqa: PT012
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                # drain() need not suspend, and the loop tells of the loss only when it runs.
                await asyncio.sleep(0)
        with pytest.raises(uptls.UptlsError) as caught:
            await reading
        return caught.value.code

    with Server(leaf, reset) as server:
        assert asyncio.run(run(server.port)) == "peer_reset"


def test_one_look_up_for_all_who_wait(policy: uptls.UpstreamTlsPolicy) -> None:
    codes: list[str] = []

    def connect() -> None:
        try:
            policy.connect("no-such-host.invalid", 443)
        except uptls.UptlsError as error:
            codes.append(error.code)

    threads = [threading.Thread(target=connect) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == ["dns_failed"] * 8
