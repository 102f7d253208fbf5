"""Streams of asyncio to a verified peer."""

import asyncio
import os
import re
import socket
import ssl
from typing import TYPE_CHECKING, Any, Unpack

from uptls._context import PolicySSLContext
from uptls._dial import close, opened, protocols, reached, shown, target_of, unreached
from uptls._errors import UptlsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uptls._dial import LoopOptions, Way
    from uptls._native import Buffer, Connector, Dialer

_ATTEMPT_DELAY = 0.25
"""Seconds between two attempts, as in the core (RFC 8305 section 5)."""
_GRACE = 1.0
"""Seconds that asyncio's own limit comes after ours, so that ours, which has a code, ends the wait."""


class _OneConnection(PolicySSLContext):
    """The context of one connection that has begun: its deadline includes the name resolution."""

    buffer: "Buffer"
    reached: bool

    def __init__(self, connector: "Connector", buffer: "Buffer") -> None:
        super().__init__(connector)
        object.__setattr__(self, "buffer", buffer)
        object.__setattr__(self, "reached", False)

    def _begin(self, server_side: bool, host: str | None, session: ssl.SSLSession | None) -> "Buffer":  # noqa: ARG002, FBT001
        object.__setattr__(self, "reached", True)
        return self.buffer


class _Protocol(asyncio.StreamReaderProtocol):
    """asyncio's protocol, except that an end without close_notify is an error for the reader, not an end (H8)."""

    def __init__(self, buffer: "Buffer", reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._buffer = buffer
        self._reader = reader

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The handshake is done; before it asyncio shows its transport to no one.
        if sock := transport.get_extra_info("socket"):
            reached(self._buffer, sock)
        super().connection_made(transport)

    def eof_received(self) -> bool:
        return not self._is_truncated() and bool(super().eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            # uvloop says no more than this.
            self._is_truncated()
        elif isinstance(exc, OSError) and not isinstance(exc, UptlsError):
            # What ended the transport is no truncation, and has a code.
            exc = self._buffer.error or self._buffer.receive_error(exc)
        super().connection_lost(exc)

    def _is_truncated(self) -> bool:
        try:
            # asyncio does not tell the TLS object that the transport ended. All data was read by now.
            self._buffer.receive_eof()
            self._buffer.read(1)
        except UptlsError as error:
            self._reader.set_exception(error)
            return True
        return False


def _unreached(connector: "Connector", host: str, address: tuple[str, int], error: OSError) -> UptlsError:
    """The exception for an unreachable host. It puts the errors of several addresses into one text."""
    numbers = [int(number) for number in re.findall(r"\[Errno (\d+)\]", str(error))] if error.errno is None else []
    failures = [OSError(number, os.strerror(number)) for number in numbers] or [error]
    return unreached(connector, host, address, failures)


async def _way(
    connector: "Connector", dialer: "Dialer | Way | None", host: str, target: tuple[str, int], seconds: float | None
) -> dict[str, Any]:
    """What the loop connects to: an address, or a socket that was dialled."""
    if dialer is not None:
        return {"sock": await _opened(connector, dialer, host, target, seconds)}
    race = {"happy_eyeballs_delay": _ATTEMPT_DELAY}
    is_known = isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop)
    return {"host": target[0], "port": target[1]} | (race if is_known else {})


async def _opened(
    connector: "Connector", dialer: "Dialer | Way", host: str, target: tuple[str, int], seconds: float | None
) -> socket.socket:
    """A connected socket that `dialer` makes in a thread of the loop's. One that is late is closed."""
    work = asyncio.get_running_loop().run_in_executor(None, opened, connector, dialer, host, target, seconds)
    try:
        async with asyncio.timeout(None if seconds is None else seconds + _GRACE):
            return await asyncio.shield(work)
    except TimeoutError as error:
        if isinstance(error, UptlsError):
            raise
        work.add_done_callback(_close_late)
        raise unreached(connector, host, target, [error]) from None
    except asyncio.CancelledError:
        work.add_done_callback(_close_late)
        raise


def _close_late(work: "asyncio.Future[socket.socket]") -> None:
    if not work.cancelled() and work.exception() is None:
        close(work.result())


async def open_connection(  # noqa: PLR0913
    connector: "Connector",
    host: str,
    port: int,
    *,
    connect_to: str | tuple[str, int] | None = None,
    alpn: "Iterable[str] | None" = None,
    timeout: float | None = None,  # noqa: ASYNC109
    limit: int = 65536,
    dialer: "Dialer | Way | None" = None,
    **options: "Unpack[LoopOptions]",
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Streams of asyncio to a verified peer; ``writer.get_extra_info("ssl_object").peer`` has the proof.

    `connect_to` is the address for the socket if that is not `host`: a host, or a pair of host and port. `alpn` offers
    only these of the policy's protocols. `timeout` bounds the whole call, in seconds; default: the policy's (H4).
    `limit` is as in ``asyncio.open_connection``, and `options` are as in ``create_connection`` of the event loop.
    asyncio's loops race several addresses (Happy Eyeballs), unless `options` have another
    ``happy_eyeballs_delay``; uvloop cannot. `dialer` is as in `connect`, and runs in the loop's default executor.

    Raises the same exceptions as `Connector.connect`.
    """
    address = target_of(host, port, connect_to)
    # Where the loop connects to; it tells which address it was only after the handshake.
    buffer = connector.buffer(
        host, alpn=None if alpn is None else protocols(alpn), timeout=timeout, address=shown(*address)
    )
    context = _OneConnection(connector, buffer)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    way = await _way(connector, dialer, host, address, buffer.deadline)
    seconds = buffer.deadline
    try:
        async with asyncio.timeout(seconds):
            transport, protocol = await loop.create_connection(
                lambda: _Protocol(buffer, reader),
                ssl=context,
                server_hostname=host,
                ssl_handshake_timeout=None if seconds is None else seconds + _GRACE,
                **(way | dict(options)),
            )
    except UptlsError:
        raise
    except OSError as error:
        if isinstance(error, TimeoutError) and error.errno is None:
            # Ours.
            raise buffer.expire() or TimeoutError from None
        if not context.reached:
            raise _unreached(connector, host, address, error) from error
        # asyncio does not tell the TLS object of an end in the handshake, for which it has this word.
        if not buffer.handshake_done:
            if isinstance(error, ConnectionResetError) and error.errno is None:
                buffer.receive_eof()
            raise buffer.receive_error(error) from error
        raise
    except RuntimeError as error:
        if context.reached or "start new thread" not in str(error):
            raise
        raise connector._threadless(host, str(error)) from error  # noqa: SLF001
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
