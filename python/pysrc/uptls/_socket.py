"""``ssl.SSLSocket`` over a verified connection."""

import os
import socket
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from uptls._dial import reached
from uptls._object import Session, Verified
from uptls._transport import StandardSocket, StandardSSLSocket

if TYPE_CHECKING:
    from uptls._context import PolicySSLContext


class PolicySSLSocket(Verified, StandardSSLSocket):
    """``ssl.SSLSocket`` over a verified connection."""

    outer: Any = None
    """The TLS socket that a TunnelSocket uses."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002
        """The standard library's method; a failure also closes the socket, so no data can go in the clear (H5)."""
        if isinstance(session := self._sslobj, Session):
            reached(session.buffer, self)
        try:
            if isinstance(session, Session) and not (block and self.gettimeout() == 0):
                # The standard library would set the socket's timeout once more, which is a system call.
                self._check_connected()  # type: ignore[attr-defined]
                session.do_handshake()
            else:
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
        (self.outer.shutdown if self.outer else partial(StandardSocket.shutdown, self))(how)


class TunnelSocket(PolicySSLSocket):
    """The same through a socket that it cannot take over, and then owns: one of TLS, or of gevent or eventlet."""

    _context: "PolicySSLContext"

    @classmethod
    def through(cls, outer: Any, context: "PolicySSLContext", host: Any, *, suppress_ragged_eofs: bool) -> Self:
        """Makes one, as the standard library makes its own."""
        if outer.type != socket.SOCK_STREAM:
            message = "only stream sockets are supported"
            raise NotImplementedError(message)
        # A descriptor of its own, to wait for.
        kind = {"family": outer.family, "type": outer.type, "proto": outer.proto, "fileno": os.dup(outer.fileno())}
        made = cls.__new__(cls, **kind)
        StandardSocket.__init__(made, **kind)
        made.begin(outer, context, host, suppress_ragged_eofs=suppress_ragged_eofs)
        return made

    def begin(self, outer: Any, context: "PolicySSLContext", host: Any, *, suppress_ragged_eofs: bool) -> None:
        """Sets what the standard library's own constructor sets, which takes no other kind of socket."""
        self.outer = outer
        self._context, self._session = context, None
        self._closed, self._connected = False, True
        self.server_side, self.server_hostname = False, context._encode_hostname(host)  # type: ignore[attr-defined]  # noqa: SLF001
        self._sslobj = None  # type: ignore[assignment]
        self.do_handshake_on_connect, self.suppress_ragged_eofs = False, suppress_ragged_eofs
        StandardSocket.settimeout(self, outer.gettimeout())
        try:
            self._sslobj = context._wrap_socket(self, False, self.server_hostname, owner=self, session=None)  # noqa: FBT003, SLF001
        except BaseException:
            self.close()
            raise

    def settimeout(self, value: float | None) -> None:
        """The standard library's method, for both sockets."""
        super().settimeout(value)
        self.outer.settimeout(value)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001
        """The standard library's method, for both sockets."""
        self.settimeout(None if flag else 0.0)

    def _real_close(self) -> None:
        super()._real_close()  # type: ignore[misc]
        self.outer.close()
