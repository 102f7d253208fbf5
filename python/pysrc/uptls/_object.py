"""The object behind ``ssl.SSLObject`` and ``ssl.SSLSocket``, in place of OpenSSL's.

The classes of the standard library are a shell around one object of ``_ssl``, which their context makes in
``_wrap_bio`` and ``_wrap_socket``. Here these make a Session, which drives a sans-IO Buffer over that transport:
OpenSSL takes no part. If a future Python made its object in another way, it would meet a context without any root, and
refuse every peer.
"""

import contextlib
import errno
import ssl
from typing import TYPE_CHECKING, Any, NoReturn

from uptls._errors import PolicyFrozenError, UptlsError, misuse
from uptls._native import decode_certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from uptls._native import Buffer, PeerInfo
    from uptls._transport import Bytes, Transport

PLAIN = 16384
"""The most data that a record holds: as with OpenSSL, one read gives no more."""

_PASSING = (ssl.SSLWantReadError, ssl.SSLWantWriteError, TimeoutError, InterruptedError)
"""Errors of the transport that do not end the connection."""


def passes(error: OSError) -> bool:
    """Whether the connection survives the error. The kernel's ETIMEDOUT ends it; a socket's timeout has no number."""
    return isinstance(error, _PASSING) and error.errno != errno.ETIMEDOUT


_NO_PATH = (
    "get_verified_chain: the path that was verified is not known whole: it ends at a compiled-in root, the platform's "
    "verifier found it, or none was asked for; take a bundle as trust, or get_unverified_chain for what the peer sent"
)

_LAST_WORDS = 1.0
"""Seconds to wait for the reason of a peer that hung up."""


class Session:
    """One connection, with the surface of ``_ssl._SSLSocket``."""

    server_side = False
    session = None

    def __init__(
        self, context: ssl.SSLContext, buffer: "Buffer", transport: "Transport", server_hostname: str | None
    ) -> None:
        self.buffer = buffer
        self._context = context
        self.server_hostname = server_hostname
        self._transport = transport
        self._rest: bytes | bytearray | memoryview = b""
        self._owed = 0
        self._verified = False
        self._ended = False

    # The handshake.

    def do_handshake(self) -> None:
        """Continues until the peer is verified, or the transport would block."""
        try:
            self._push()
            while not self.buffer.handshake_done:
                self._receive()
                self._push()
            self._transport.end_handshake(done=True)
            self._verified = True
        except UptlsError:
            # The alert for the peer.
            self._push_what_goes()
            with contextlib.suppress(OSError):
                self._transport.end_handshake(done=False)
            raise
        except TimeoutError:
            expired = self.buffer.expire() if self.buffer.deadline == 0.0 else None
            if expired is not None:
                raise expired from None
            raise

    # Data. As with OpenSSL, who reads or writes without a handshake gets one.

    def read(self, size: int, buffer: Any = None) -> Any:
        """``b""`` or 0 after a close_notify; SSLEOFError if the end came without one; SSLWantReadError otherwise."""
        if not self._verified:
            self.do_handshake()
        if buffer is None:
            return self._until_there(self.buffer.read, min(size, PLAIN))
        with memoryview(buffer).cast("B") as view, view[: min(size, PLAIN) if size > 0 else PLAIN] as part:
            return self._until_there(self.buffer.read_into, part)

    def write(self, data: Any) -> int:
        """Takes some of the data and says how much."""
        if not self._verified:
            self.do_handshake()
        if not self._owed:
            self._owed = self.buffer.write(data)
        if not self._owed:
            # There was no room for it.
            self._push()
            self._owed = self.buffer.write(data)
        # As with OpenSSL, data that could not be sent yet is given again, and must be the same.
        self._push()
        taken, self._owed = self._owed, 0
        return taken

    def pending(self) -> int:
        """How many bytes a read gives without the transport; an unread end counts as one."""
        self.buffer._check_process()  # noqa: SLF001
        if not self._verified or self._ended:
            return 0
        if self._rest:
            self._feed(self._rest)
        return self.buffer.pending or int(self.buffer.closed_cleanly or self.buffer.error is not None)

    def close(self) -> None:
        """Ends our data, as far as possible without waiting."""
        if self._verified and self.buffer.error is None:
            self.buffer.close_notify()
            self._push_what_goes()

    def shutdown(self) -> Any:
        """Ends our data and waits for the end of the peer's."""
        if not self._verified:
            self.do_handshake()
        if self.buffer.error is None:
            self.buffer.close_notify()
        self._push()
        if self._until_there(self.buffer.read, 1):
            message = "application data after close notify"
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, message)
        return self._transport.unwrapped()

    def _until_there(self, read: "Callable[[Any], Any]", argument: Any) -> Any:
        try:
            while (outcome := read(argument)) is None:
                self._receive()
        except UptlsError:
            self._ended = True
            self._push_what_goes()
            raise
        self._ended = not outcome
        return outcome

    def _receive(self) -> None:
        """Feeds the buffer once."""
        buffer = self.buffer
        try:
            raw = self._rest or self._transport.pull(None if self._verified else buffer.deadline)
        except OSError as error:
            if passes(error):
                raise
            raise buffer.receive_error(error) from error
        if raw:
            self._feed(raw)
        else:
            buffer.receive_eof()
        if buffer.wants_write:
            self._push_what_goes()

    def _feed(self, raw: "Bytes") -> None:
        taken = self.buffer.receive_data(raw)
        self._rest = raw[taken:] if taken < len(raw) else b""

    def _push(self) -> None:
        try:
            self._transport.push(self.buffer)
        except OSError as error:
            if passes(error):
                raise
            self._hear_out()
            raise self.buffer.receive_error(error) from error

    def _hear_out(self) -> None:
        """A peer that refuses our certificate sends an alert and closes: the alert counts, not the broken pipe (I5)."""
        with contextlib.suppress(OSError):
            while not self._rest and (raw := self._transport.pull(_LAST_WORDS)):
                self._feed(raw)

    def _push_what_goes(self) -> None:
        """Sends TLS's own messages, if they go at once. If they do not, the next write raises the reason."""
        with contextlib.suppress(OSError):
            self._transport.push(self.buffer, patient=False)

    @property
    def context(self) -> ssl.SSLContext:
        """The context that made it; with OpenSSL a program may have set another one."""
        return self._context

    @context.setter
    def context(self, _: ssl.SSLContext) -> None:
        message = "context =: a connection keeps the policy that it began with; make another connection"
        raise misuse(message, PolicyFrozenError)

    # What was negotiated.

    @property
    def peer(self) -> "PeerInfo | None":
        """The proof and the negotiated parameters; None before the handshake is done."""
        return self.buffer.peer

    @property
    def session_reused(self) -> bool:
        """Whether a session was resumed."""
        peer = self.peer
        return peer is not None and peer.resumed

    def cipher(self) -> tuple[str, str, int] | None:
        """The IANA name, the protocol and the bits of the key."""
        peer = self.peer
        return peer and (peer.cipher, f"TLSv{peer.version}", 128 if "AES_128" in peer.cipher else 256)

    def compression(self) -> None:
        """There is none."""

    def selected_alpn_protocol(self) -> str | None:
        """What the peer selected."""
        peer = self.peer
        return peer and peer.alpn

    def version(self) -> str | None:
        """``TLSv1.2`` or ``TLSv1.3``."""
        peer = self.peer
        return peer and f"TLSv{peer.version}"

    def getpeercert(self, binary_form: bool = False, /) -> Any:  # noqa: FBT001, FBT002
        """The leaf: DER, or the standard library's dictionary of it: all names, each attribute with its type.

        Raises PeerVerificationError if a name of the certificate is not text.
        """
        peer = self.peer
        if peer is None:
            message = "handshake not done yet"
            raise ValueError(message)
        leaf = peer.chain[0]
        return leaf if binary_form else decode_certificate(leaf)

    def get_channel_binding(self, cb_type: str = "tls-unique") -> None:
        """None: TLS 1.3 has no ``tls-unique``, and that is the only one that the standard library knows."""
        if cb_type != "tls-unique":
            message = f"{cb_type} channel binding type not implemented"
            raise ValueError(message)

    def shared_ciphers(self) -> None:
        """Only servers know."""

    def verify_client_post_handshake(self) -> NoReturn:
        """A server's call."""
        message = "verify_client_post_handshake: a client cannot ask for a certificate"
        raise misuse(message)


class Refused:
    """A connection that could not begin, in place of a Session. The handshake raises its error.

    asyncio leaves the socket open when ``wrap_bio`` itself raises.
    """

    peer = None
    server_side = False
    session = None
    session_reused = False

    def __init__(self, context: ssl.SSLContext, error: UptlsError, server_hostname: str | None) -> None:
        self.context = context
        self.server_hostname = server_hostname
        self._error = error

    def _refuse(self, *_: Any) -> NoReturn:
        raise self._error

    def _nothing(self, *_: Any) -> None:
        """There is nothing to tell."""

    do_handshake = getpeercert = read = shutdown = write = _refuse
    cipher = compression = get_channel_binding = selected_alpn_protocol = shared_ciphers = version = _nothing

    def pending(self) -> int:
        """Nothing."""
        return 0


class Verified:
    """Members of our objects that those of the standard library do not have."""

    _sslobj: Session | Refused

    @property
    def peer(self) -> "PeerInfo | None":
        """The proof and the negotiated parameters; None before the handshake is done."""
        return self._sslobj.peer if self._sslobj else None

    @property
    def is_current(self) -> bool:
        """Whether the same policy and files would judge a new connection: a pool asks before each use (L8).

        False before the handshake is done.
        """
        session = self._sslobj
        if not isinstance(session, Session) or session.peer is None:
            return False
        return session.buffer.connector.is_current(session.peer)

    def get_verified_chain(self) -> list[bytes]:
        """The path that was verified, DER: the leaf first, the trusted certificate last; nothing before the handshake.

        Raises MisuseError if the whole path is not known: it never returns the peer's chain instead.
        """
        if self.peer is None:
            return []
        if (path := self.peer.verified_chain) is None:
            raise misuse(_NO_PATH)
        return path

    def get_unverified_chain(self) -> list[bytes]:
        """The certificates as the peer presented them, DER: it may have sent more than the verified path."""
        return self.peer.chain if self.peer else []


class PolicySSLObject(Verified, ssl.SSLObject):
    """``ssl.SSLObject`` over a verified connection."""
