"""How the bytes of a connection reach its peer: by two BIOs, by a socket, or by the socket of another package."""

import socket
import ssl
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from uptls._dial import ready

if TYPE_CHECKING:
    from uptls._native import Buffer
    from uptls._socket import PolicySSLSocket

Bytes = bytes | bytearray | memoryview

RECORD = 16384 + 256 + 5
"""The longest TLS record, in bytes."""

_HEADER = 5
"""Bytes of the header of a TLS record; the last two are the length of the rest."""

_AT_ONCE = getattr(socket, "MSG_DONTWAIT", 0)

if TYPE_CHECKING:
    Standard = ssl.SSLContext
    StandardSSLSocket = ssl.SSLSocket
    StandardSocket = socket.socket
else:
    # truststore, gevent and eventlet put subclasses, or other classes, into these modules.
    Standard = next(kind for kind in ssl.SSLContext.__mro__ if kind.__module__ == "ssl")
    StandardSSLSocket = Standard.sslsocket_class
    StandardSocket = StandardSSLSocket.__base__
    """The class with the methods that bypass the TLS of a subclass."""


def want(kind: type[ssl.SSLError]) -> ssl.SSLError:
    """The exception for a transport that would block, with the text of OpenSSL's wrapper."""
    if kind is ssl.SSLWantReadError:
        return kind(ssl.SSL_ERROR_WANT_READ, "the operation did not complete (read)")
    return kind(ssl.SSL_ERROR_WANT_WRITE, "the operation did not complete (write)")


class Transport(Protocol):
    """Bytes to and from the peer. A call that would block raises as in the standard library."""

    def pull(self, seconds: float | None) -> Bytes:
        """Some bytes of the peer, none at its end. SSLWantReadError: none yet. Waits at most that many seconds."""

    def push(self, buffer: "Buffer", *, patient: bool = True) -> None:
        """Sends the buffer's bytes to the peer; without patience, as many as go at once. SSLWantWriteError: not all."""

    def end_handshake(self, *, done: bool) -> None:
        """The handshake is done, or has failed."""

    def unwrapped(self) -> Any:
        """The transport that remains after TLS has ended."""


class BioTransport:
    """Two ``ssl.MemoryBIO``; their owner waits."""

    def __init__(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    def pull(self, seconds: float | None) -> Bytes:  # noqa: ARG002
        """About a record of the received bytes: more would have to be copied."""
        raw = self._incoming.read(RECORD)
        if not raw and not self._incoming.eof:
            raise want(ssl.SSLWantReadError)
        return raw

    def push(self, buffer: "Buffer", *, patient: bool = True) -> None:  # noqa: ARG002
        """Never blocks."""
        if raw := buffer.data_to_send():
            try:
                self._outgoing.write(raw)
            except ssl.SSLError:
                # An owner that has ended it sends nothing more, not even our close_notify.
                return

    def end_handshake(self, *, done: bool) -> None:
        """There is nothing to do."""

    def unwrapped(self) -> None:
        """Nothing, as in the standard library."""


class Records:
    """Finds where the records of a stream end.

    It reads a socket up to the end of a record and the next header, never further: otherwise a program that waits with
    ``select`` would wait in vain for data that is already decrypted here.
    """

    def __init__(self) -> None:
        self._header = bytearray()
        self._body = 0

    def wanted(self) -> int:
        """How much to read."""
        return self._body + _HEADER - len(self._header)

    def came(self, raw: bytes) -> None:
        """Follows the bytes that were read."""
        if len(raw) <= self._body:
            self._body -= len(raw)
            return
        # No more than was wanted: the rest is one header at most.
        self._header += raw[self._body :]
        self._body = 0
        if len(self._header) == _HEADER:
            self._body = int.from_bytes(self._header[3:])
            self._header.clear()


class SocketTransport:
    """A socket, with the timeout that it has. One thread may read while another writes.

    A handshake looks at what the socket has before it takes it: one call for a whole flight, and nothing is taken that
    follows the handshake (see Records).
    """

    def __init__(self, owner: "PolicySSLSocket") -> None:
        # The socket owns the session, and closes when nothing refers to it any more.
        self._owner = weakref.ref(owner)
        self._handshaking = True
        self._flight = b""
        self._handed = 0
        self._held = b""
        self._records = Records()
        self._sending = threading.Lock()
        self._unsent = memoryview(b"")

    def _socket(self) -> "PolicySSLSocket":
        owner = self._owner()
        if owner is None:
            message = "the socket is gone"
            raise ValueError(message)
        return owner

    def pull(self, seconds: float | None) -> Bytes:
        """At most one record and a header."""
        owner = self._socket()
        try:
            if not self._handshaking:
                return self._record(owner, seconds)
            self._flight = self._flight or self._receive(owner, seconds, RECORD, socket.MSG_PEEK)
        except BlockingIOError:
            raise want(ssl.SSLWantReadError) from None
        return self._next(owner)

    def _record(self, owner: "PolicySSLSocket", seconds: float | None) -> bytes:
        raw = self._held + self._receive(owner, seconds, self._records.wanted())
        self._records.came(raw[len(self._held) :])
        if len(raw) == _HEADER:
            # A header alone is of no use yet. It is kept, for what follows may take too long.
            self._held = raw
            body = self._receive(owner, seconds, self._records.wanted())
            self._records.came(body)
            raw += body
        self._held = b""
        return raw

    def _next(self, owner: "PolicySSLSocket") -> bytes:
        """The next record of the flight, which leaves the socket with its last one."""
        piece = self._flight[self._handed : self._handed + self._records.wanted()]
        self._records.came(piece)
        self._handed += len(piece)
        if self._handed == len(self._flight):
            self._take(owner, self._handed)
        return piece

    def _take(self, owner: "PolicySSLSocket", count: int) -> None:
        """Takes what was looked at out of the socket."""
        self._flight, self._handed = b"", 0
        while count and (raw := StandardSocket.recv(owner, count)):
            count -= len(raw)

    def end_handshake(self, *, done: bool) -> None:
        """Leaves what follows the handshake in the socket, and nothing of a failed one.

        The kernel answers a close with unread bytes by a reset, and the peer may then never read our alert.
        """
        self._handshaking = False
        self._take(self._socket(), self._handed if done else len(self._flight))

    def _receive(self, owner: "PolicySSLSocket", seconds: float | None, count: int, flags: int = 0) -> bytes:
        """Waits `seconds` at most if that is less than the socket's timeout, whose setting would be a system call."""
        own = owner.gettimeout()
        if seconds is None or (own is not None and own <= seconds):
            return StandardSocket.recv(owner, count, flags)
        end = time.monotonic() + seconds
        while ready(owner, "read", end):
            try:
                return StandardSocket.recv(owner, count, flags | _AT_ONCE)
            except BlockingIOError:
                # Another thread was faster.
                continue
        message = "timed out"
        raise TimeoutError(message)

    def push(self, buffer: "Buffer", *, patient: bool = True) -> None:
        """Sends bytes in the order of the buffer. Without patience, only as many as go at once."""
        # What is unsent, and who holds the lock, may belong to the process that this one was forked from.
        buffer._check_process()  # noqa: SLF001
        if not self._sending.acquire(blocking=patient):
            # The thread that is sending sends these, too.
            return
        try:
            while self._unsent or (raw := buffer.data_to_send()):
                self._unsent = self._unsent or memoryview(raw)
                self._unsent = self._unsent[self._send(self._unsent, patient=patient) :]
        except BlockingIOError:
            raise want(ssl.SSLWantWriteError) from None
        finally:
            self._sending.release()

    def _send(self, raw: Bytes, *, patient: bool) -> int:
        return StandardSocket.send(self._socket(), raw, 0 if patient else _AT_ONCE)

    def unwrapped(self) -> "PolicySSLSocket":
        """The socket itself, as in the standard library."""
        return self._socket()


class OuterTransport(SocketTransport):
    """The same through a socket of another kind, which cannot show what it has: that of a TunnelSocket."""

    def __init__(self, owner: "PolicySSLSocket") -> None:
        super().__init__(owner)
        self._handshaking = False

    def _receive(self, owner: "PolicySSLSocket", seconds: float | None, count: int, flags: int = 0) -> bytes:  # noqa: ARG002
        own = owner.gettimeout()
        if seconds is None or (own is not None and own <= seconds):
            return bytes(owner.outer.recv(count))
        owner.settimeout(seconds + 0.001)
        try:
            return bytes(owner.outer.recv(count))
        finally:
            owner.settimeout(own)

    def _send(self, raw: Bytes, *, patient: bool) -> int:  # noqa: ARG002
        return int(self._socket().outer.send(raw))
