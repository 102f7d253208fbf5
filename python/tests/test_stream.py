"""Blocking streams over real sockets, against servers of the standard library."""

import contextlib
import io
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

import uptls
from loopback import HOST, Authority, Leaf, Server, close, truncate

if TYPE_CHECKING:
    from collections.abc import Callable

ut: Any = uptls  # for calls that a type checker would refuse


@pytest.fixture
def server(leaf: Leaf) -> Iterator[Server]:
    with Server(leaf) as server:
        yield server


@pytest.fixture
def stream(server: Server, policy: uptls.UpstreamTlsPolicy) -> Iterator[uptls.TlsStream]:
    with policy.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
        yield stream


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a listener that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_data_goes_there_and_comes_back(stream: uptls.TlsStream, server: Server) -> None:
    assert stream.send(b"hello") == 5
    assert stream.recv(100) == b"hello"
    stream.sendall(memoryview(b"again"))
    target = bytearray(10)
    assert stream.recv_into(target, 3) == 3
    assert stream.pending() == 2
    assert stream.recv_into(memoryview(target)[3:]) == 2
    assert target == b"again" + bytes(5)
    assert server.names == [HOST]
    assert stream.peer.matched_name == f"dns:{HOST}"
    report = stream.report()
    assert report is not None
    assert report.accepted
    assert stream.gettimeout() is None
    assert stream.getpeername() == server.address
    assert stream.fileno() >= 0
    assert repr(stream).startswith("<TlsStream <PeerInfo dns:backend.test TLS 1.3")
    assert stream.recv(0) == b""
    assert stream.send(b"") == 0


@pytest.mark.parametrize("connect_to", ["127.0.0.1", ("127.0.0.1", 0)])
def test_where_the_socket_goes(server: Server, policy: uptls.UpstreamTlsPolicy, connect_to: Any) -> None:
    target = connect_to if isinstance(connect_to, str) else ("127.0.0.1", server.port)
    port = server.port if isinstance(connect_to, str) else 1
    with uptls.connect(HOST, port, policy=policy.connector, connect_to=target) as stream:
        assert stream.peer.server_name == HOST
    # An address is no identity.
    with pytest.raises(uptls.NameMismatchError):
        policy.connect("127.0.0.1", server.port)


def test_much_at_once_in_both_directions(stream: uptls.TlsStream) -> None:
    data = bytes(range(256)) * 40_000
    writer = threading.Thread(target=stream.sendall, args=(memoryview(data).cast("H"),))
    writer.start()
    got = bytearray()
    while len(got) < len(data):
        got += stream.recv(1 << 20)
    writer.join()
    assert got == data


def test_the_end_that_the_peer_says(leaf: Leaf, policy: uptls.UpstreamTlsPolicy) -> None:
    with Server(leaf, close) as server, policy.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
        assert _all(stream) == b"all of it"
        assert stream.recv(10) == b""


def test_the_end_that_nobody_says(leaf: Leaf, policy: uptls.UpstreamTlsPolicy) -> None:
    with Server(leaf, truncate) as server, policy.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
        assert stream.recv(100) == b"not all"
        with pytest.raises(uptls.UnexpectedEofError) as caught:
            stream.recv(100)
        assert caught.value.code == "truncated"
        with pytest.raises(uptls.UnexpectedEofError), stream.makefile("rb") as file:
            file.read()


def test_our_end_is_said(stream: uptls.TlsStream) -> None:
    stream.sendall(b"last words")
    stream.shutdown(socket.SHUT_WR)
    assert _all(stream) == b"last words"
    with pytest.raises(uptls.MisuseError):
        stream.send(b"late")
    with pytest.raises(ValueError, match="how"):
        stream.shutdown(7)


def test_closing_says_the_end(leaf: Leaf, policy: uptls.UpstreamTlsPolicy) -> None:
    ends: list[bytes | str] = []

    def serve(tls: ssl.SSLSocket) -> None:
        setattr(tls, "suppress_ragged_eofs", False)  # noqa: B010
        try:
            ends.append(tls.recv(10))
        except ssl.SSLEOFError as error:
            ends.append(str(error))

    with Server(leaf, serve) as server:
        policy.connect(HOST, server.port, connect_to="127.0.0.1").close()
        # Each connection has a thread of its own there: which of two ends is written down first, is anybody's guess.
        _wait_until(lambda: len(ends) == 1)
        with policy.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
            stream._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001
        _wait_until(lambda: len(ends) == 2)
    assert ends[0] == b""
    assert isinstance(ends[1], str)


def test_a_closed_stream(stream: uptls.TlsStream) -> None:
    stream.close()
    stream.close()
    assert stream.fileno() == -1
    assert repr(stream) == "<TlsStream closed>"
    calls: list[Callable[[], object]] = [
        lambda: stream.send(b"x"),
        lambda: stream.sendall(b"x"),
        lambda: stream.recv(1),
        lambda: stream.recv_into(bytearray(1)),
        lambda: stream.makefile("rb"),
        lambda: stream.shutdown(socket.SHUT_WR),
    ]
    for call in calls:
        with pytest.raises(uptls.MisuseError, match="closed") as caught:
            call()
        assert isinstance(caught.value, OSError)
    assert stream.peer.version == "1.3"


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.send("text"),
        lambda s: s.sendall("text"),
        lambda s: s.send(None),
        lambda s: s.recv("1"),
        lambda s: s.recv(None),
        lambda s: s.recv_into(b"read-only"),
        lambda s: s.settimeout("1"),
        lambda s: s.settimeout([]),
    ],
)
def test_a_wrong_type(stream: uptls.TlsStream, call: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        call(stream)
    stream.sendall(b"fine")
    assert stream.recv(10) == b"fine"


def test_values_without_meaning(stream: uptls.TlsStream) -> None:
    for call in (
        lambda: stream.recv(-1),
        lambda: stream.recv_into(bytearray(4), -1),
        lambda: stream.recv(1, socket.MSG_PEEK),
        lambda: stream.send(b"x", socket.MSG_OOB),
        lambda: stream.settimeout(-1),
        lambda: stream.settimeout(float("nan")),
        lambda: stream.makefile("rx"),
        lambda: stream.makefile("b"),
        lambda: stream.makefile("r", 0),
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            call()
    stream.close()
    assert stream.fileno() == -1


def test_a_timeout_is_for_the_whole_call(stream: uptls.TlsStream) -> None:
    stream.settimeout(0.05)
    assert stream.gettimeout() == 0.05
    begin = time.monotonic()
    with pytest.raises(TimeoutError, match="timed out"):
        stream.recv(1)
    assert time.monotonic() - begin >= 0.05
    stream.settimeout(None)
    stream.sendall(b"still there")
    assert stream.recv(100) == b"still there"


def test_a_timeout_of_writing(leaf: Leaf, policy: uptls.UpstreamTlsPolicy) -> None:
    go = threading.Event()
    with Server(leaf, lambda _: print(go.wait(30))) as server:
        with policy.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
            stream.settimeout(0.1)
            with pytest.raises(TimeoutError):
                stream.sendall(bytes(50_000_000))
        go.set()


def test_a_stream_that_does_not_block(stream: uptls.TlsStream) -> None:
    stream.setblocking(False)
    assert stream.gettimeout() == 0
    for kind in (uptls.WantReadError, ssl.SSLWantReadError, BlockingIOError):
        with pytest.raises(kind):
            stream.recv(1)
    sent = 0

    def fill() -> None:
        nonlocal sent
        while True:
            sent += stream.send(bytes(1 << 20))

    with pytest.raises(uptls.WantWriteError) as caught:
        fill()
    assert isinstance(caught.value, ssl.SSLWantWriteError)
    assert isinstance(caught.value, BlockingIOError)
    assert sent > 0
    got = 0
    while got < sent:
        with contextlib.suppress(BlockingIOError):
            got += len(stream.recv(1 << 20))
            continue
        with contextlib.suppress(BlockingIOError):
            stream.send(b"")
        select.select([stream], [], [], 1)
    assert got == sent
    stream.setblocking(True)
    assert stream.gettimeout() is None


def test_files(stream: uptls.TlsStream) -> None:
    with stream.makefile("rwb") as file:
        file.write(b"one\ntwo\n")
        file.flush()
        assert file.readline() == b"one\n"
        assert file.read(4) == b"two\n"
    with stream.makefile("w", encoding="utf-8", newline="") as writer, stream.makefile("r", encoding="utf-8") as reader:
        writer.write("drüben\n")
        writer.flush()
        assert reader.readline() == "drüben\n"
    raw = stream.makefile("rb", 0)
    stream.sendall(b"x" * 5)
    assert raw.read(5) == b"x" * 5
    assert raw.readable()
    assert not raw.writable()
    raw.close()
    with pytest.raises(ValueError, match="closed"):
        raw.read(1)


def test_a_file_outlives_close(stream: uptls.TlsStream) -> None:
    file = stream.makefile("rb")
    stream.sendall(b"for the file\n")
    stream.close()
    assert file.readline() == b"for the file\n"
    with pytest.raises(uptls.MisuseError):
        stream.recv(1)
    file.close()
    assert stream.fileno() == -1


def test_a_file_that_does_not_block(stream: uptls.TlsStream) -> None:
    stream.setblocking(False)
    with stream.makefile("rb", 0) as raw:
        assert raw.read(1) is None
    with pytest.raises(io.UnsupportedOperation), stream.makefile("rb", 0) as raw:
        raw.write(b"x")


@pytest.mark.parametrize("timeout", [0, 0.0, -1, float("nan")])
def test_a_timeout_without_meaning(policy: uptls.UpstreamTlsPolicy, silent: int, timeout: float) -> None:
    with pytest.raises(uptls.MisuseError, match="timeout"):
        policy.connect(HOST, silent, connect_to="127.0.0.1", timeout=timeout)


def test_a_silent_peer(policy: uptls.UpstreamTlsPolicy, silent: int) -> None:
    begin = time.monotonic()
    with pytest.raises(uptls.ConnectTimeoutError) as caught:
        policy.connect(HOST, silent, connect_to="127.0.0.1", timeout=0.1)
    assert time.monotonic() - begin >= 0.1
    assert (caught.value.code, caught.value.report.backend_host) == ("handshake_timeout", HOST)
    with pytest.raises(TimeoutError):
        policy.replace(handshake_timeout=0.1).connect(HOST, silent, connect_to="127.0.0.1", timeout=None)


def test_a_peer_that_dribbles(policy: uptls.UpstreamTlsPolicy) -> None:
    stop = threading.Event()

    def dribble(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            client.sendall(b"\x16\x03\x03\x40\x00\x02")
            while not stop.wait(0.01):
                client.sendall(b"\x00")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=dribble, args=(listener,))
        thread.start()
        with pytest.raises(uptls.UptlsError) as caught:
            policy.connect(HOST, listener.getsockname()[1], connect_to="127.0.0.1", timeout=0.2)
        stop.set()
        thread.join()
    assert caught.value.code == "handshake_timeout"


def test_garbage_after_the_handshake(leaf: Leaf, policy: uptls.UpstreamTlsPolicy) -> None:
    def serve(tls: ssl.SSLSocket) -> None:
        tls.sendall(b"before")
        socket.socket.sendall(tls, b"this is no record of TLS at all")
        socket.socket.recv(tls, 1000)

    with Server(leaf, serve) as server, policy.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
        assert stream.recv(100) == b"before"
        for _ in range(2):
            with pytest.raises(uptls.HandshakeError) as caught:
                stream.recv(100)
            assert caught.value.code in ("peer_misbehaved", "message_too_large")
        with pytest.raises(uptls.HandshakeError):
            stream.sendall(b"x")


def test_the_timeout_stays(server: Server, policy: uptls.UpstreamTlsPolicy) -> None:
    with policy.connect(HOST, server.port, connect_to="127.0.0.1", timeout=30) as stream:
        assert stream.gettimeout() == 30


def test_nobody_listens(policy: uptls.UpstreamTlsPolicy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(ConnectionRefusedError) as caught:
        policy.connect(HOST, port, connect_to="127.0.0.1")
    assert isinstance(caught.value, uptls.PeerRefusedError)
    assert caught.value.code == "tcp_refused"
    with pytest.raises(uptls.NameResolutionError) as unknown:
        policy.connect("backend.invalid", 443)
    assert isinstance(unknown.value, socket.gaierror)
    with pytest.raises(OverflowError):
        policy.connect(HOST, 70000)
    with pytest.raises(TypeError):
        ut.UpstreamTlsPolicy.connect(policy, HOST)


def test_another_name_and_another_ca(server: Server, policy: uptls.UpstreamTlsPolicy, tmp_path: Any) -> None:
    other = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(Authority(tmp_path, "Other CA").file))
    for refusing, host, kind in (
        (policy, "other.test", uptls.NameMismatchError),
        (other, HOST, uptls.UnknownIssuerError),
    ):
        with pytest.raises(kind) as caught:
            refusing.connect(host, server.port, connect_to="127.0.0.1")
        assert caught.value.report.verdict == "rejected"
    _wait_until(lambda: len(server.failures) == 2)
    assert all("alert" in failure for failure in server.failures), server.failures


def test_our_certificate(ca: Authority, leaf: Leaf) -> None:
    client = ca.issue("client.test")
    identity = uptls.ClientIdentity.from_files(client.certificate, client.key)
    without = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca.file))

    def use(policy: uptls.UpstreamTlsPolicy, server: Server) -> None:
        """With TLS 1.3 the peer judges us after the handshake."""
        with policy.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
            stream.sendall(b"who am I")
            stream.recv(100)

    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with Server(leaf, client_ca=ca.file, version=version) as server:
            with without.replace(identity=identity).connect(HOST, server.port, connect_to="127.0.0.1") as stream:
                stream.sendall(b"it is me")
                assert stream.recv(100) == b"it is me"
                assert stream.peer.identity_sent
            with pytest.raises(uptls.ClientIdentityRejectedError) as caught:
                use(without, server)
            assert caught.value.code == "identity_required", version
            steps = {step.step: step.outcome for step in caught.value.report.steps}
            assert steps["client"] == "fail"
            assert caught.value.report.verdict != "accepted"


def test_application_protocols(leaf: Leaf, policy: uptls.UpstreamTlsPolicy) -> None:
    wanting = policy.replace(alpn=["h2", "http/1.1"], alpn_required=True)
    with Server(leaf, alpn=("http/1.1", "h2")) as server:
        for alpn, chosen in ((None, "http/1.1"), (["h2"], "h2"), (("http/1.1",), "http/1.1")):
            with wanting.connect(HOST, server.port, connect_to="127.0.0.1", alpn=alpn) as stream:
                assert stream.peer.alpn == chosen
    with Server(leaf) as server, pytest.raises(uptls.HandshakeError) as caught:
        wanting.connect(HOST, server.port, connect_to="127.0.0.1")
    assert caught.value.code == "alpn_mismatch"


def test_a_check_is_the_report_of_a_connection(server: Server, policy: uptls.UpstreamTlsPolicy, silent: int) -> None:
    report = uptls.check(policy, HOST, server.port, connect_to="127.0.0.1")
    assert report
    assert report.address == f"127.0.0.1:{server.port}"
    assert {step.step: step.outcome for step in report.steps}["tcp"] == "pass"
    assert report.chain[0].subject == f"CN={HOST}"
    refused = policy.connector.check("other.test", server.port, connect_to=server.address)
    assert (refused.verdict, refused.code) == ("rejected", "name_mismatch")
    late = policy.check(HOST, silent, connect_to="127.0.0.1", timeout=0.1)
    assert (late.verdict, late.code) == ("error", "handshake_timeout")
    with pytest.raises(uptls.MisuseError):
        policy.check(HOST, silent, timeout=0)
    with pytest.raises(TypeError):
        ut.check(policy, HOST, str(server.port))
    with pytest.raises(TypeError):
        ut.check(policy, HOST, server.port, connect_to=7)


def _all(stream: uptls.TlsStream) -> bytes:
    return b"".join(iter(lambda: stream.recv(100), b""))


def _wait_until(condition: "Callable[[], bool]") -> None:
    while not condition():
        time.sleep(0.01)
