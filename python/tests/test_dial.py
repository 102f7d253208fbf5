"""Several addresses of one backend: which of them is connected to, and what becomes of the others."""

import asyncio
import errno
import math
import socket
from collections.abc import Iterator
from typing import Any

import pytest

import uptls
from loopback import HOST, LIMIT, Leaf, Server
from uptls._dial import dialled

LOCALHOST = "127.0.0.1"
LONG = 3600.0
Step = tuple[int, str, int] | float | None


class Steps:
    """What the core says, written down; and what it is told."""

    def __init__(self, *steps: Step) -> None:
        self.failures: list[tuple[int, int | None]] = []
        self._steps = list(steps)

    def resolve(self) -> None:
        """Nothing to resolve."""

    def next_step(self) -> Step:
        return self._steps.pop(0) if self._steps else None

    def failed(self, attempt: int, error: OSError) -> None:
        self.failures.append((attempt, error.errno))

    def error(self) -> Exception:
        return LookupError("all failed")


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes no connection and refuses none: its queue is full, and no program accepts."""
    with socket.create_server((LOCALHOST, 0), backlog=0) as listener:
        port = int(listener.getsockname()[1])
        queue = [_connecting(port) for _ in range(4)]
        yield port
        for sock in queue:
            sock.close()


@pytest.fixture
def good() -> Iterator[int]:
    with socket.create_server((LOCALHOST, 0)) as listener:
        yield int(listener.getsockname()[1])


def _connecting(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    assert sock.connect_ex((LOCALHOST, port)) in (0, errno.EINPROGRESS)
    return sock


def _closed() -> int:
    with socket.socket() as sock:
        sock.bind((LOCALHOST, 0))
        return int(sock.getsockname()[1])


def _dialled(steps: Steps) -> socket.socket:
    racing: Any = steps
    return dialled(racing)


def test_the_second_wins_while_the_first_is_silent(silent: int, good: int) -> None:
    steps = Steps((0, LOCALHOST, silent), 0.0, (1, LOCALHOST, good), LONG)
    # Whatever is not the winner is closed: pytest makes an error of a socket that is not.
    with _dialled(steps) as sock:
        assert sock.getpeername() == (LOCALHOST, good)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert steps.failures == []


def test_what_fails_is_told_by_its_number(silent: int, good: int) -> None:
    steps = Steps((0, LOCALHOST, silent), (1, LOCALHOST, _closed()), LONG, (2, LOCALHOST, good), math.inf)
    # One that is refused ends the wait, however long that may be; then the next step is asked for.
    with _dialled(steps) as sock:
        assert sock.getpeername() == (LOCALHOST, good)
    assert steps.failures == [(1, errno.ECONNREFUSED)]


def test_none_is_left(silent: int) -> None:
    steps = Steps((0, LOCALHOST, silent), 0.0)
    with pytest.raises(LookupError):
        _dialled(steps)
    assert steps.failures == []


def test_what_cannot_be_waited_for_has_failed(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> list[socket.socket]:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("uptls._dial._writable", fail)
    steps = Steps((0, LOCALHOST, silent), (1, LOCALHOST, silent), LONG)
    with pytest.raises(LookupError):
        _dialled(steps)
    assert sorted(steps.failures) == [(0, errno.ENOMEM), (1, errno.ENOMEM)]


def test_a_silent_address_is_a_timeout_as_before(policy: uptls.UpstreamTlsPolicy, silent: int) -> None:
    with pytest.raises(uptls.ConnectTimeoutError) as caught:
        policy.connect(HOST, silent, connect_to=LOCALHOST, timeout=0.2)
    assert caught.value.code == "tcp_timeout"
    assert f"{LOCALHOST}:{silent}" in str(caught.value)


def test_asyncio_begins_the_second_beside_the_first(
    policy: uptls.UpstreamTlsPolicy, leaf: Leaf, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: dict[int, str] = {}
    real = asyncio.SelectorEventLoop.sock_connect

    async def connect(loop: Any, sock: socket.socket, address: Any) -> None:
        try:
            await real(loop, sock, address)
        except BaseException as error:
            ends[address[1]] = type(error).__name__
            raise
        ends[address[1]] = "connected"

    async def both(server: Server) -> None:
        loop = asyncio.get_running_loop()

        async def resolve(*_: object, **__: object) -> list[Any]:
            kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            return [(*kind, (LOCALHOST, port)) for port in (silent, server.port)]

        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        _, writer = await policy.open_connection(HOST, server.port, connect_to="several.test", timeout=LIMIT)
        writer.close()
        await writer.wait_closed()

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", connect)
    with Server(leaf) as server:
        asyncio.run(both(server))
        # Given up, and not ended by the kernel after two minutes.
        assert ends == {silent: "CancelledError", server.port: "connected"}
