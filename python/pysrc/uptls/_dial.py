"""The way to a connected socket: Python's sockets, by the Happy Eyeballs (RFC 8305) of the core."""

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from uptls._errors import UptlsError, misuse
from uptls._native import Dialer

if TYPE_CHECKING:
    from uptls._native import Buffer, Connector, Dial

Way: TypeAlias = Callable[[str, int, float | None], socket.socket]
"""Makes a connected socket to a host and port within so many seconds."""


class LoopOptions(TypedDict, total=False):
    """What ``create_connection`` of an event loop takes beside what uptls decides."""

    family: int
    proto: int
    flags: int
    local_addr: tuple[str, int] | None
    happy_eyeballs_delay: float | None
    interleave: int | None
    ssl_shutdown_timeout: float | None


def dialled(dial: "Dial") -> socket.socket:
    """A connected socket. All are Python's from the start: whatever raises, their descriptors are closed."""
    dial.resolve()
    attempts: dict[int, socket.socket] = {}
    try:
        while (step := dial.next_step()) is not None:
            if isinstance(step, tuple):
                number, ip, port = step
                _begin(dial, attempts, number, _target(ip, port))
            elif (connected := _first_connected(dial, attempts, step)) is not None:
                return attempts.pop(connected)
        raise dial.error()
    finally:
        for sock in attempts.values():
            close(sock)


def opened(
    connector: "Connector", dialer: "Dialer | Way", host: str, target: tuple[str, int], seconds: float | None
) -> socket.socket:
    """A connected socket, made as `dialer` says."""
    if isinstance(dialer, Dialer):
        return socket.socket(fileno=connector._dial_by(dialer, host, target, seconds))  # noqa: SLF001
    end = None if seconds is None else time.monotonic() + seconds
    try:
        sock = dialer(*target, seconds)
        # A dial that ends after the deadline has not ended in time (H11).
        if end is not None and time.monotonic() >= end:
            close(sock)
            raise TimeoutError
    except UptlsError:
        raise
    except OSError as error:
        raise unreached(connector, host, target, [error]) from error
    if not isinstance(sock, socket.socket):
        raise TypeError(f"dialer must return a socket.socket, not {type(sock).__name__}")
    return sock


def protocols(alpn: Iterable[str]) -> list[str]:
    """The names of protocols; a text is refused, whose letters would be names."""
    if isinstance(alpn, str | bytes):
        raise TypeError(f"ALPN protocols must be a sequence of str, such as [{alpn!r}], not a text")
    return list(alpn)


def target_of(host: str, port: int, connect_to: str | tuple[str, int] | None) -> tuple[str, int]:
    """What is connected to."""
    return connect_to if isinstance(connect_to, tuple) else (connect_to or host, port)


def unreached(connector: "Connector", host: str, target: tuple[str, int], failures: list[OSError]) -> UptlsError:
    """The exception for an unreachable target; the errors are those of its addresses."""
    if isinstance(failures[0], socket.gaierror):
        return connector._unresolved(host, target[0], str(failures[0]))  # noqa: SLF001
    return connector._undialled(host, shown(*target), failures)  # noqa: SLF001


def shown(ip: str, port: int) -> str:
    """An address as reports have it: ``10.0.0.7:8443`` or ``[fd00::7]:8443``."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def reached(buffer: "Buffer", sock: socket.socket, seconds: float | None = None) -> None:
    """Tells the buffer where its socket is connected to, and after how long, for all that reports it."""
    # A socket that is not connected has no peer, and one of a program may have no such method.
    with contextlib.suppress(OSError, AttributeError):
        name = sock.getpeername()
        if isinstance(name, tuple):
            buffer._reach(shown(*name[:2]), seconds)  # noqa: SLF001
        elif name:
            buffer._reach(os.fsdecode(name), seconds)  # noqa: SLF001


def ready(sock: socket.socket, direction: Literal["read", "write"], deadline: float | None) -> bool:
    """Waits until the socket can be read from or written to, and says whether that was before the deadline."""
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    number = sock.fileno()
    if number == -1:
        raise misuse("the socket was closed meanwhile")
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(number, select.POLLIN if direction == "read" else select.POLLOUT)
        # Up, so that a wait does not end before its deadline.
        return bool(poll.poll(None if left is None else int(left * 1000) + 1))
    readers, writers = ([number], []) if direction == "read" else ([], [number])
    return any(select.select(readers, writers, writers, left))


def _begin(dial: "Dial", attempts: dict[int, socket.socket], number: int, target: tuple[Any, ...]) -> None:
    """Begins to connect to `target`, without waiting."""
    try:
        family = socket.AF_INET if len(target) == _IPV4 else socket.AF_INET6
        attempts[number] = sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(0)
        # With Nagle's algorithm it is a connection all the same.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(BlockingIOError, InterruptedError):
            sock.connect(target)
    except OSError as error:
        close(attempts.pop(number, None))
        dial.failed(number, error)


def _first_connected(dial: "Dial", attempts: dict[int, socket.socket], seconds: float) -> int | None:
    """The attempt that is connected; None where none is after `seconds`, or where one failed."""
    try:
        ready = _writable(list(attempts.values()), seconds)
    except OSError as error:
        # Not one of them can be waited for.
        while attempts:
            number, sock = attempts.popitem()
            close(sock)
            dial.failed(number, error)
        return None
    for number, sock in list(attempts.items()):
        if sock not in ready:
            continue
        if (failure := _failure(sock)) is None:
            return number
        close(attempts.pop(number))
        dial.failed(number, failure)
    return None


def _failure(sock: socket.socket) -> OSError | None:
    """Why a socket that has ended is not connected."""
    try:
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except OSError as error:
        return error
    return OSError(number, os.strerror(number)) if number else None


def close(sock: socket.socket | None) -> None:
    """Whatever its end says."""
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.close()


def _target(ip: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """As the system wants it: the zone of an IPv6 address stands apart."""
    ip, _, zone = ip.partition("%")
    return (ip, port, 0, int(zone or 0)) if ":" in ip else (ip, port)


def _writable(socks: list[socket.socket], seconds: float) -> list[socket.socket]:
    """Those that can be written to, or have failed, after `seconds` at most."""
    if hasattr(select, "poll"):
        poll = select.poll()
        for sock in socks:
            poll.register(sock, select.POLLOUT)
        # Up, so that a wait does not end before its time.
        events = dict(poll.poll(int(min(seconds, _LONGEST) * 1000) + 1))
        return [sock for sock in socks if sock.fileno() in events]
    _, writers, failed = select.select([], socks, socks, min(seconds, _LONGEST))
    return writers + failed


_IPV4 = 2
"""How many parts such an address has for the system."""
_LONGEST = 86400
"""Seconds of one wait: after it the next step is asked for again."""
