"""``ssl.SSLSocket`` over a verified connection."""

import os
import socket
import ssl
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from uptls._dial import reached
from uptls._object import Bytes, Session, Verified, want

if TYPE_CHECKING:
    from uptls._native import Buffer

_HEADER = 5
"""Bytes of the header of a TLS record; the last two are the length of the rest."""

_AT_ONCE = getattr(socket, "MSG_DONTWAIT", 0)

_PLAIN = socket.socket
"""The class with the methods that bypass the TLS of a subclass."""


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
    """A socket, with the timeout that it has. One thread may read while another writes."""

    def __init__(self, owner: "PolicySSLSocket") -> None:
        # The socket owns the session, and closes when nothing refers to it any more.
        self._owner = weakref.ref(owner)
        self._records = Records()
        self._held = b""
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
        if seconds is None:
            return self._pull(owner)
        own = owner.gettimeout()
        if own is not None and own <= seconds:
            return self._pull(owner)
        owner.settimeout(seconds + 0.001)
        try:
            return self._pull(owner)
        finally:
            owner.settimeout(own)

    def _pull(self, owner: "PolicySSLSocket") -> Bytes:
        try:
            raw = self._held + self._receive(owner)
            if len(raw) == _HEADER:
                # A header alone is of no use yet. It is kept, for what follows may take too long.
                self._held = raw
                raw += self._receive(owner)
        except BlockingIOError:
            raise want(ssl.SSLWantReadError) from None
        self._held = b""
        return raw

    def _receive(self, owner: "PolicySSLSocket") -> bytes:
        wanted = self._records.wanted()
        raw: bytes = owner.outer.recv(wanted) if owner.outer else _PLAIN.recv(owner, wanted)
        self._records.came(raw)
        return raw

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
        owner = self._socket()
        if owner.outer:
            return int(owner.outer.send(raw))
        return _PLAIN.send(owner, raw, 0 if patient else _AT_ONCE)

    def unwrapped(self) -> "PolicySSLSocket":
        """The socket itself, as in the standard library."""
        return self._socket()


class PolicySSLSocket(Verified, ssl.SSLSocket):
    """``ssl.SSLSocket`` over a verified connection."""

    outer: Any = None
    """The TLS socket that a TunnelSocket uses."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002
        """The standard library's method; a failure also closes the socket, so no data can go in the clear (H5)."""
        if isinstance(session := self._sslobj, Session):
            reached(session.buffer, self)
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except (OSError, ValueError):
            self.close()
            raise

    def shutdown(self, how: int) -> None:
        """Ends one direction, or both; ours with a close_notify. The standard library would continue in the clear."""
        self._checkClosed()  # type: ignore[attr-defined]
        session = self._sslobj
        if isinstance(session, Session):
            session.buffer._check_process()  # noqa: SLF001
            if how != socket.SHUT_RD:
                session.close()
        (self.outer.shutdown if self.outer else partial(_PLAIN.shutdown, self))(how)


class TunnelSocket(PolicySSLSocket):
    """The same through the TLS socket of a proxy, which it owns."""

    def settimeout(self, value: float | None) -> None:
        """The standard library's method, for both sockets."""
        super().settimeout(value)
        # Not there yet while the standard library makes it.
        if self.outer:
            self.outer.settimeout(value)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001
        """The standard library's method, for both sockets."""
        self.settimeout(None if flag else 0.0)

    def _real_close(self) -> None:
        super()._real_close()  # type: ignore[misc]
        if self.outer:
            self.outer.close()


class Tunnelled:
    """The methods that `ssl.SSLSocket` calls on the socket it takes over, for a socket that it must not take over."""

    def __init__(self, outer: Any) -> None:
        self._outer = outer
        self.family = outer.family
        self.proto = outer.proto
        self.type = outer.type

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outer, name)

    def fileno(self) -> int:
        """A descriptor of its own, to wait for."""
        return os.dup(self._outer.fileno())

    def detach(self) -> None:
        """The tunnel still needs it."""
