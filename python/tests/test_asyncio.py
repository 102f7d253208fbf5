"""asyncio and uvloop: what is cancelled, what ends early, what is large."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Self

import pytest
import uvloop
from OpenSSL import SSL

import uptls
from clients.servers import LARGE, SMALL, Server
from loopback import HOST, Authority, Leaf
from loopback import Server as EchoServer

Main = Callable[[], Coroutine[Any, Any, Any]]

LOOPS = {"asyncio": asyncio.run, "uvloop": uvloop.run}
LIMIT = 30.0
RENEGOTIATION = {"remote_alert"}
"""OpenSSL gives up, with an alert, when a client does not want to shake hands again."""


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Main], Any]:
    """Runs a coroutine on an event loop and proves that nothing is left of it."""

    async def alone(main: Main) -> Any:
        outcome = await asyncio.wait_for(main(), LIMIT)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return outcome

    return lambda main: LOOPS[request.param](alone(main))


class Silent:
    """A server that takes a connection and says nothing."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def accept(self) -> socket.socket:
        connection, _ = self._listener.accept()
        connection.settimeout(LIMIT)
        return connection


def is_closed(connection: socket.socket) -> bool:
    """Whether the client let go of it: reads what it said before."""
    try:
        while connection.recv(65536):
            pass
    except (ConnectionResetError, ssl.SSLEOFError):
        return True
    except TimeoutError:
        return False
    return True


async def cancelled(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def connects(name: str, policy: uptls.UpstreamTlsPolicy | uptls.Connector) -> Callable[[int], Awaitable[Any]]:
    if name == "open_connection":
        return lambda port: policy.open_connection("localhost", port)

    async def start_tls(port: int) -> Any:
        reader, writer = await asyncio.open_connection("localhost", port)
        try:
            await writer.start_tls(policy.ssl_context(), server_hostname="localhost")
        except BaseException:
            writer.transport.abort()
            raise
        return reader, writer

    if name == "start_tls":
        return start_tls
    return lambda port: asyncio.open_connection("localhost", port, ssl=policy.ssl_context())


@pytest.mark.parametrize("way", ["open_connection", "ssl=", "start_tls"])
def test_a_handshake_that_is_cancelled_leaves_nothing(run: Any, policy: uptls.UpstreamTlsPolicy, way: str) -> None:
    async def main(silent: Silent) -> socket.socket:
        task = asyncio.ensure_future(connects(way, policy)(silent.port))
        connection = await asyncio.to_thread(silent.accept)
        hello = await asyncio.to_thread(connection.recv, 65536)
        assert hello.startswith(b"\x16\x03")
        await cancelled(task)
        return connection

    with Silent() as silent, run(lambda: main(silent)) as connection:
        assert is_closed(connection)


def test_a_connect_that_is_cancelled_leaves_nothing(run: Any, policy: uptls.UpstreamTlsPolicy) -> None:
    async def main(silent: Silent) -> None:
        task = asyncio.ensure_future(policy.open_connection("localhost", silent.port))
        await asyncio.sleep(0)
        await cancelled(task)

    with Silent() as silent:
        run(lambda: main(silent))


def test_a_read_that_is_cancelled_can_be_tried_again(run: Any, policy: uptls.UpstreamTlsPolicy, server: Server) -> None:
    async def main() -> None:
        reader, writer = await policy.open_connection("localhost", server.port)
        task = asyncio.ensure_future(reader.read(1))
        await asyncio.sleep(0.01)
        await cancelled(task)
        writer.write(b"GET /closed HTTP/1.1\r\n\r\n")
        assert (await reader.read()).endswith(LARGE)
        writer.close()
        await writer.wait_closed()

    run(main)


def test_a_write_that_is_cancelled_leaves_nothing(run: Any, ca: Authority, policy: uptls.UpstreamTlsPolicy) -> None:
    release = threading.Event()
    outcome: list[bool] = []

    def idle(tls: ssl.SSLSocket) -> None:
        release.wait(LIMIT)
        outcome.append(is_closed(tls))

    async def main(port: int) -> None:
        _, writer = await policy.open_connection("localhost", port)

        async def write() -> None:
            while True:
                writer.write(bytes(1 << 20))
                await writer.drain()

        task = asyncio.ensure_future(write())
        await asyncio.sleep(0.1)
        assert writer.transport.get_write_buffer_size()
        await cancelled(task)
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        release.set()

    with EchoServer(ca.issue("localhost"), idle) as server:
        run(lambda: main(server.port))
    assert outcome == [True]


def test_a_huge_write_arrives_whole(run: Any, ca: Authority, policy: uptls.UpstreamTlsPolicy) -> None:
    data = os.urandom(5 << 20)

    async def main(port: int) -> bytes:
        reader, writer = await policy.open_connection("localhost", port)
        writer.write(memoryview(data))
        received = await reader.readexactly(len(data))
        writer.close()
        await writer.wait_closed()
        return received

    with EchoServer(ca.issue("localhost")) as server:
        assert run(lambda: main(server.port)) == data


@pytest.mark.parametrize("shown", [False, True], ids=["without an identity", "with another CA's"])
def test_a_server_of_asyncio_that_refuses_our_identity(ca: Authority, other_ca: Authority, *, shown: bool) -> None:
    """I5: it loses the alert and closes. What it had asked for is said all the same."""
    leaf = ca.issue(HOST)
    demanding = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    demanding.load_cert_chain(leaf.certificate, leaf.key)
    demanding.load_verify_locations(ca.file)
    demanding.verify_mode = ssl.CERT_REQUIRED
    client = (other_ca if shown else ca).issue("client.test")
    identity = uptls.ClientIdentity.from_files(client.certificate, client.key) if shown else None
    policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca.file), identity=identity)

    def ask(port: int) -> None:
        with policy.connect(HOST, port, connect_to="127.0.0.1") as stream:
            stream.sendall(b"?")
            stream.recv(1)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=demanding)
        async with server:
            await asyncio.to_thread(ask, server.sockets[0].getsockname()[1])

    with pytest.raises(uptls.UptlsError) as caught:
        asyncio.run(main())
    # If the write of our data meets the closed socket first, it is a reset, whose hint says the same.
    assert caught.value.code in {"peer_closed", "peer_reset"}
    assert "certificate" in (caught.value.hint or "")


def test_a_truncation_is_no_end(run: Any, policy: uptls.UpstreamTlsPolicy, server: Server) -> None:
    async def main(path: str) -> bytes:
        reader, writer = await policy.open_connection("localhost", server.port)
        writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        try:
            return await reader.read()
        finally:
            writer.transport.abort()

    assert run(lambda: main("/closed")).endswith(LARGE)
    with pytest.raises(uptls.UnexpectedEofError) as caught:
        run(lambda: main("/truncated"))
    assert caught.value.code == "truncated"


def test_a_silent_peer_ends_at_the_deadline(run: Any, policy: uptls.UpstreamTlsPolicy) -> None:
    async def main(port: int) -> None:
        await policy.open_connection("localhost", port, timeout=0.1)

    with Silent() as silent, pytest.raises(uptls.ConnectTimeoutError) as caught:
        run(lambda: main(silent.port))
    assert caught.value.code == "handshake_timeout"


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_peer_that_is_not_tls_or_hangs_up_has_a_code(run: Any, policy: uptls.UpstreamTlsPolicy, says: bytes) -> None:
    async def main(silent: Silent) -> None:
        task = asyncio.ensure_future(policy.open_connection("localhost", silent.port))
        with await asyncio.to_thread(silent.accept) as connection:
            await asyncio.to_thread(connection.recv, 65536)
            connection.sendall(says)
        await task

    with Silent() as silent, pytest.raises(uptls.UptlsError) as caught:
        run(lambda: main(silent))
    assert caught.value.code in ({"peer_not_tls"} if says else {"peer_closed", "peer_reset"})


@pytest.mark.parametrize("way", ["open_connection", "ssl=", "start_tls"])
def test_a_policy_that_was_withdrawn_is_said_at_once(
    run: Any, policy: uptls.UpstreamTlsPolicy, server: Server, way: str
) -> None:
    connector = uptls.Connector(policy)
    connector.withdraw()
    with pytest.raises(uptls.PolicyError) as caught:
        run(lambda: connects(way, connector)(server.port))
    assert caught.value.code == "policy_withdrawn"
    assert server.names == []


@pytest.mark.parametrize("way", ["open_connection", "ssl=", "start_tls"])
def test_a_refusal_leaves_nothing(run: Any, policy: uptls.UpstreamTlsPolicy, wrong: Server, way: str) -> None:
    with pytest.raises(uptls.UnknownIssuerError):
        run(lambda: connects(way, policy)(wrong.port))
    assert wrong.connections == []


def test_nobody_listens(run: Any, policy: uptls.UpstreamTlsPolicy) -> None:
    with Silent() as silent:
        port = silent.port
    with pytest.raises(ConnectionRefusedError):
        run(lambda: policy.open_connection("localhost", port))


def test_connect_to_is_an_address_and_no_identity(run: Any, ca: Authority, policy: uptls.UpstreamTlsPolicy) -> None:
    async def main(port: int) -> Any:
        _, writer = await policy.open_connection("backend.test", 443, connect_to=("127.0.0.1", port), alpn=[])
        peer = writer.get_extra_info("ssl_object").peer
        writer.transport.abort()
        return peer

    with EchoServer(ca.issue("backend.test")) as server:
        assert run(lambda: main(server.port)).matched_name == "dns:backend.test"
    with EchoServer(ca.issue("127.0.0.1")) as server, pytest.raises(uptls.NameMismatchError):
        run(lambda: main(server.port))


# What other transports share.


class Renegotiating:
    """A server of TLS 1.2 that asks for another handshake in the middle."""

    def __init__(self, leaf: Leaf) -> None:
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.set_max_proto_version(SSL.TLS1_2_VERSION)
        self._context.use_certificate_chain_file(str(leaf.certificate))
        self._context.use_privatekey_file(str(leaf.key))
        self.failure = ""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with self._listener.accept()[0] as plain:
            connection = SSL.Connection(self._context, plain)
            connection.set_accept_state()
            try:
                connection.do_handshake()
                assert connection.renegotiate()
                connection.do_handshake()
                connection.recv(1)
            except SSL.Error as error:
                self.failure = str(error)


def test_renegotiation_is_refused(run: Any, ca: Authority, policy: uptls.UpstreamTlsPolicy) -> None:
    async def main(port: int) -> None:
        reader, writer = await policy.open_connection("localhost", port)
        try:
            await reader.read()
        finally:
            writer.transport.abort()

    with Renegotiating(ca.issue("localhost")) as server:
        with pytest.raises(uptls.UptlsError) as caught:
            run(lambda: main(server.port))
        assert caught.value.code in RENEGOTIATION
    assert server.failure


def test_renegotiation_is_refused_on_a_socket(ca: Authority, policy: uptls.UpstreamTlsPolicy) -> None:
    with Renegotiating(ca.issue("localhost")) as server:
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT)
        context: Any = policy.ssl_context()
        with context.wrap_socket(plain, server_hostname="localhost") as tls, pytest.raises(uptls.UptlsError) as caught:
            tls.recv(1)
        assert caught.value.code in RENEGOTIATION
    assert server.failure


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_has_connections_of_its_own(policy: uptls.UpstreamTlsPolicy, server: Server) -> None:
    def ask(tls: Any) -> bool:
        tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
        received = b""
        while not received.endswith(SMALL):
            received += tls.recv(100)
        return True

    def connected() -> Any:
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT)
        context: Any = policy.ssl_context()
        return context.wrap_socket(plain, server_hostname="localhost")

    with connected() as tls:
        assert ask(tls)
        child = os.fork()
        if not child:
            status = 1
            try:
                with connected() as own:
                    status = 0 if ask(own) else 1
                tls.close()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        # The child's close said nothing on the connection of its parent.
        assert ask(tls)
