"""The ways of a connect that are not TCP alone: each is judged by the same policy, and none is replaced (H11)."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

import uptls
from loopback import HOST, LIMIT, Leaf, Server

LOCALHOST = "127.0.0.1"
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"
HEADER = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xa0\x28\x01\xbb"
"""Version 2 with PROXY and TCP over IPv4: 192.0.2.7:41000 to 198.51.100.1:443."""

Begin = Callable[[socket.socket], bool]


@dataclass
class Relay:
    """A listener that leads to `port`, once `begin` has said yes to the connection."""

    listener: socket.socket
    port: int
    begin: Begin
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self.listener.close()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self.listener.getsockname()
        return str(host), int(port)

    def _start(self, work: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.settimeout(LIMIT)
            self._start(lambda client=client: self._serve(client))  # type: ignore[misc]

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.begin(client):
                with socket.create_connection((LOCALHOST, self.port), LIMIT) as backend:
                    there = threading.Thread(target=_copy, args=(client, backend))
                    there.start()
                    _copy(backend, client)
                    there.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while raw := source.recv(65536):
            target.sendall(raw)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def proxy(server: Server, answer: bytes, requests: list[bytes]) -> Relay:
    """An HTTP proxy with one answer."""

    def begin(client: socket.socket) -> bool:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += client.recv(1)
        requests.append(request)
        client.sendall(answer)
        return b" 200 " in answer

    return Relay(socket.create_server((LOCALHOST, 0)), server.port, begin)


@pytest.fixture
def backend(leaf: Leaf) -> Iterator[Server]:
    with Server(leaf) as server:
        yield server


@pytest.fixture
def stranger(other_ca: Any) -> uptls.UpstreamTlsPolicy:
    """A policy that trusts another CA."""
    return uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(other_ca.file))


def answers(stream: uptls.TlsStream) -> None:
    with stream:
        stream.sendall(b"hello")
        assert stream.recv(5) == b"hello"


def is_judged(policy: uptls.UpstreamTlsPolicy, stranger: uptls.UpstreamTlsPolicy, port: int, **options: Any) -> None:
    """Connects, in both faces, and is refused by the stranger's policy over the same way: a dialer proves nothing."""
    answers(policy.connect(HOST, port, timeout=LIMIT, **options))
    asyncio.run(_answers(policy, port, options))
    for refused in (
        lambda: stranger.connect(HOST, port, timeout=LIMIT, **options),
        lambda: asyncio.run(_answers(stranger, port, options)),
    ):
        with pytest.raises(uptls.UnknownIssuerError):
            refused()


async def _answers(policy: uptls.UpstreamTlsPolicy, port: int, options: dict[str, Any]) -> None:
    options = {"timeout": LIMIT} | options
    reader, writer = await policy.open_connection(HOST, port, **options)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.close()
    await writer.wait_closed()


def code(policy: uptls.UpstreamTlsPolicy, port: int, **options: Any) -> str:
    """Why there is no connection: the same in both faces."""
    with pytest.raises(uptls.UptlsError) as caught:
        policy.connect(HOST, port, **options)
    with pytest.raises(uptls.UptlsError) as later:
        asyncio.run(_answers(policy, port, options))
    assert caught.value.code == later.value.code
    return str(caught.value.code)


def test_a_source_address(policy: Any, stranger: Any, backend: Server) -> None:
    dialer = uptls.Dialer(sources=["127.0.0.2"])
    is_judged(policy, stranger, backend.port, connect_to=LOCALHOST, dialer=dialer)
    with policy.connect(HOST, backend.port, connect_to=LOCALHOST, dialer=dialer) as stream:
        assert stream.getsockname()[0] == "127.0.0.2"
    not_ours = uptls.Dialer(sources=["192.0.2.1"])
    assert code(policy, backend.port, connect_to=LOCALHOST, dialer=not_ours) == "local_resources"


@pytest.mark.skipif(not hasattr(socket, "SO_MARK"), reason="skipped: this system has no SO_MARK")
def test_a_mark_is_set_or_nothing_is_dialled(policy: Any, stranger: Any, backend: Server) -> None:
    dialer = uptls.Dialer(mark=42)
    with socket.socket() as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 42)
        except PermissionError:
            assert code(policy, backend.port, connect_to=LOCALHOST, dialer=dialer) == "local_resources"
            return
    is_judged(policy, stranger, backend.port, connect_to=LOCALHOST, dialer=dialer)
    with policy.connect(HOST, backend.port, connect_to=LOCALHOST, dialer=dialer) as stream:
        assert stream.getsockopt(socket.SOL_SOCKET, socket.SO_MARK) == 42


def test_a_unix_socket(policy: Any, stranger: Any, backend: Server, tmp_path: Path) -> None:
    path = tmp_path / "backend.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    with Relay(listener, backend.port, lambda _: True):
        # Neither host nor port is dialled.
        is_judged(policy, stranger, 1, dialer=uptls.Dialer(unix_path=path))
    missing = uptls.Dialer(unix_path=tmp_path / "missing.sock")
    assert code(policy, backend.port, dialer=missing) == "tcp_refused"
    assert code(policy, backend.port, dialer=uptls.Dialer(unix_path="x" * 200)) == "misuse"


def test_a_tunnel(policy: Any, stranger: Any, backend: Server) -> None:
    requests: list[bytes] = []
    with proxy(backend, TUNNEL, requests) as through:
        dialer = uptls.Dialer(http_proxy=through.address, proxy_authorization="Basic dXNlcjpwYXNzd29yZA==")
        # The proxy resolves the name: this host could not.
        is_judged(policy, stranger, 443, connect_to="backend.invalid", dialer=dialer)
        assert "dXNl" not in repr(dialer)
    wanted = b"CONNECT backend.invalid:443 HTTP/1.1\r\nHost: backend.invalid:443\r\n"
    assert set(requests) == {wanted + b"Proxy-Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n\r\n"}


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", TUNNEL + b"SSH-2.0", b"HTTP/1.1 200"]
)
def test_what_is_no_tunnel(policy: Any, backend: Server, answer: bytes) -> None:
    requests: list[bytes] = []
    # Without " 200 " the relay closes behind its answer.
    with proxy(backend, answer, requests) as through:
        dialer = uptls.Dialer(http_proxy=through.address)
        assert code(policy, 443, connect_to="backend.invalid", dialer=dialer) == "tcp_refused"
    assert len(requests) == 2


def test_a_header_before_tls(policy: Any, stranger: Any, backend: Server) -> None:
    def begin(client: socket.socket) -> bool:
        return client.recv(len(HEADER), socket.MSG_WAITALL) == HEADER

    with Relay(socket.create_server((LOCALHOST, 0)), backend.port, begin) as strict:
        dialer = uptls.Dialer(proxy_header=(("192.0.2.7", 41000), ("198.51.100.1", 443)))
        is_judged(policy, stranger, strict.address[1], connect_to=LOCALHOST, dialer=dialer)
        local = uptls.Dialer(proxy_header="local")
        with pytest.raises(uptls.UptlsError) as caught:
            policy.connect(HOST, strict.address[1], connect_to=LOCALHOST, dialer=local)
        assert caught.value.code in {"peer_closed", "peer_reset"}


def test_a_function_is_a_dialer(policy: Any, stranger: Any, backend: Server) -> None:
    asked: list[tuple[str, int]] = []

    def way(host: str, port: int, seconds: float | None) -> socket.socket:
        assert seconds is not None
        assert 0 < seconds <= LIMIT
        asked.append((host, port))
        return socket.create_connection(backend.address)

    is_judged(policy, stranger, 443, dialer=way)
    is_judged(policy, stranger, 443, connect_to=("10.0.0.7", 8443), dialer=way)
    assert set(asked) == {(HOST, 443), ("10.0.0.7", 8443)}


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "tcp_refused"),
        (OSError("no mesh here"), "tcp_refused"),
        (TimeoutError("timed out"), "tcp_timeout"),
        (OSError(24, "Too many open files"), "local_resources"),
        (socket.gaierror(-2, "Name or service not known"), "dns_failed"),
    ],
)
def test_what_a_function_raises_has_a_code(policy: Any, error: OSError, wanted: str) -> None:
    def way(*_: object) -> socket.socket:
        raise error

    assert code(policy, 443, dialer=way) == wanted


def test_a_function_that_is_too_late(policy: Any, backend: Server) -> None:
    def way(_host: str, _port: int, seconds: float | None) -> socket.socket:
        threading.Event().wait(seconds)
        return socket.create_connection(backend.address)

    assert code(policy, 443, dialer=way, timeout=0.05) == "tcp_timeout"


def test_what_is_no_socket(policy: Any) -> None:
    with pytest.raises(TypeError, match="must return a socket"):
        policy.connect(HOST, 443, dialer=lambda *_: 7)
    # Another exception is the program's own.
    with pytest.raises(ZeroDivisionError):
        policy.connect(HOST, 443, dialer=lambda *_: 1 // 0)


RESOLVER = """
/* Two addresses for one name: the first takes no connection. */
#include <netdb.h>
#include <string.h>
#include <arpa/inet.h>
static struct sockaddr_in told[2];
static struct addrinfo answers[2];
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
  int index;
  (void)service; (void)hints;
  if (strcmp(name, "several.test") != 0) return EAI_NONAME;
  for (index = 0; index < 2; index++) {
    told[index].sin_family = AF_INET;
    told[index].sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 - index);
    answers[index].ai_family = AF_INET;
    answers[index].ai_socktype = SOCK_STREAM;
    answers[index].ai_addrlen = sizeof told[index];
    answers[index].ai_addr = (struct sockaddr *)&told[index];
  }
  answers[0].ai_next = &answers[1];
  *out = answers;
  return 0;
}
void freeaddrinfo(struct addrinfo *list) { (void)list; }
"""
CONNECT = """
import sys, time
import uptls
ca, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca))
for dialer in (None, uptls.Dialer()):
    began = time.monotonic()
    # It may take an hour, and ends because the second address is tried beside the first.
    with policy.connect(host, port, connect_to="several.test", timeout=3600, dialer=dialer) as stream:
        assert stream.getpeername() == ("127.0.0.1", port)
    print(f"connected past a dead first address in {(time.monotonic() - began) * 1000:.0f} ms")
try:
    policy.connect(host, port, connect_to="unknown.test")
except uptls.NameResolutionError:
    print("unknown.test has no address")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="skipped: 127.0.0.2 and LD_PRELOAD are of Linux")
def test_a_dead_first_address_does_not_end_a_connect(ca: Any, backend: Server, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    assert compiler, "cc, which Rust needs as well"
    (tmp_path / "resolver.c").write_text(RESOLVER)
    library = tmp_path / "resolver.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "resolver.c"], check=True)
    with socket.create_server(("127.0.0.2", backend.port), backlog=0):
        queue = [socket.socket() for _ in range(4)]
        for sock in queue:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.2", backend.port))
        command = [sys.executable, "-c", CONNECT, str(ca.file), HOST, str(backend.port)]
        environment = {**os.environ, "LD_PRELOAD": str(library)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        for sock in queue:
            sock.close()
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    assert done.stdout.count("past a dead first address") == 2
    assert "unknown.test has no address" in done.stdout
