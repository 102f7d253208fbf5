"""A blocking stream to a verified peer, with the manners of ``socket.socket``."""

import contextlib
import io
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from uptls._dial import close, dialled, opened, protocols, reached, ready, target_of
from uptls._errors import MisuseError, UptlsError, WantReadError, WantWriteError, misuse

if TYPE_CHECKING:
    from typing_extensions import Buffer as Bytes

    from uptls._dial import Way
    from uptls._native import Buffer, Connector, Dialer, PeerInfo, Report


def connect(  # noqa: PLR0913
    connector: "Connector",
    host: str,
    port: int,
    *,
    connect_to: str | tuple[str, int] | None = None,
    timeout: float | None = None,
    alpn: Sequence[str] | None = None,
    dialer: "Dialer | Way | None" = None,
) -> "TlsStream":
    """Connects to `host` and shakes hands; the peer of the stream is verified.

    `connect_to` is the address for the socket if that is not `host`: a host, or a pair of host and port; it is no
    identity. `timeout` bounds the whole call, in seconds, and stays the stream's timeout, as in
    ``socket.create_connection``. Without it the policy's timeout bounds connecting, and the stream then blocks. `alpn`
    offers only these of the policy's protocols.

    `dialer` makes the socket, instead of TCP: a Dialer, or a function of the host, the port and the seconds that are
    left (None: no limit) that returns a connected ``socket.socket``, on which TLS can begin. It is no identity.

    Raises PeerVerificationError if the policy refuses the peer, and the other UptlsErrors.
    """
    # Nothing is dialled for a policy or options that cannot be used.
    buffer = connector.buffer(host, alpn=None if alpn is None else protocols(alpn), timeout=timeout)
    begun = time.monotonic()
    if dialer is None:
        sock = dialled(connector._dial(host, port, connect_to, buffer.deadline))  # noqa: SLF001
    else:
        sock = opened(connector, dialer, host, target_of(host, port, connect_to), buffer.deadline)
    reached(buffer, sock, time.monotonic() - begun)
    try:
        stream = TlsStream(sock, buffer)
    except OSError as error:
        close(sock)
        raise buffer.receive_error(error) from error
    try:
        stream._handshake()  # noqa: SLF001
    except BaseException:
        stream.close()
        raise
    stream.settimeout(timeout)
    return stream


class TlsStream:
    r"""A stream to a verified peer; made by ``connect``.

    It belongs to the process that made it: in a child of a fork every method but `close` raises MisuseError, and the
    parent's stream continues.

    One thread may read while another writes. A timeout bounds a whole call. A stream that does not block raises
    WantReadError or WantWriteError, which are also BlockingIOError and the exceptions of the module ssl. Reading ends
    with ``b""`` only if the peer sent close_notify; otherwise with UnexpectedEofError.

    >>> with policy.connect("payments.internal", 443, alpn=["http/1.1"], timeout=10) as stream:
    ...     stream.sendall(b"GET / HTTP/1.1\r\nHost: payments.internal\r\n\r\n")
    ...     stream.recv(15)
    b'HTTP/1.1 200 OK'
    """

    def __init__(self, sock: socket.socket, buffer: "Buffer") -> None:
        sock.settimeout(0)
        self._buffer = buffer
        self._closed = False
        self._files = 0
        self._incoming = b""
        self._outgoing = memoryview(b"")
        self._reading = threading.Lock()
        self._sock = sock
        self._timeout: float | None = None
        self._writing = threading.Lock()

    @property
    def peer(self) -> "PeerInfo":
        """The proof and the negotiated parameters."""
        peer = self._buffer.peer
        if peer is None:
            raise misuse("the handshake of this stream is not done")
        return peer

    def report(self) -> "Report | None":
        """Every step of the verification."""
        return self._buffer.report()

    def send(self, data: "Bytes", flags: int = 0) -> int:
        """Sends some of `data`, and returns how many bytes it took."""
        self._check(flags)
        return self._send(data)

    def sendall(self, data: "Bytes", flags: int = 0) -> None:
        """Sends all of `data`. If it raises, it is unknown how much was sent."""
        self._check(flags)
        deadline = self._deadline()
        with memoryview(data) as whole, whole.cast("B") as view, self._held(self._writing, deadline, WantWriteError):
            sent = 0
            while sent < len(view):
                with view[sent : sent + _PIECE] as piece:
                    sent += self._buffer.write(piece)
                self._flush(deadline)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Up to `bufsize` bytes; ``b""`` if the peer ended its data properly."""
        self._check(flags)
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        deadline = self._deadline()
        with self._held(self._reading, deadline, WantReadError):
            while (raw := self._buffer.read(bufsize)) is None:
                self._feed(deadline)
            return raw

    def recv_into(self, buffer: "Bytes", nbytes: int = 0, flags: int = 0) -> int:
        """Reads into `buffer`, up to `nbytes` if that is not 0; returns how many bytes."""
        self._check(flags)
        if nbytes < 0:
            raise ValueError("negative buffersize in recv_into")
        with memoryview(buffer) as whole, whole.cast("B") as view, view[: nbytes or None] as part:
            return self._read_into(part)

    def pending(self) -> int:
        """How many bytes can be read without waiting for the socket."""
        return self._buffer.pending

    def shutdown(self, how: int) -> None:
        """SHUT_WR sends close_notify and leaves the socket open; SHUT_RDWR shuts the socket, too."""
        if how not in (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR):
            raise ValueError(f"how must be SHUT_RD, SHUT_WR or SHUT_RDWR, not {how}")
        self._check()
        deadline = self._deadline()
        if how != socket.SHUT_RD:
            with self._held(self._writing, deadline, WantWriteError):
                self._buffer.close_notify()
                self._flush(deadline)
        if how != socket.SHUT_WR:
            self._sock.shutdown(how)

    def close(self) -> None:
        """Sends close_notify without waiting, and closes the socket once no file of it is open."""
        self._closed = True
        # In a child of a fork this closes its descriptor alone: a close_notify would speak for the parent.
        if self._files == 0 and self._sock.fileno() != -1:
            with contextlib.suppress(OSError), self._sock:
                self._farewell()

    def makefile(
        self,
        mode: str = "r",
        buffering: int | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """A file over the stream, as ``socket.socket.makefile`` returns one."""
        kinds = set(mode)
        if not kinds <= {"r", "w", "b"} or not kinds & {"r", "w"}:
            raise ValueError(f"mode must be of r, w and b, not {mode!r}")
        self._check()
        raw = _Raw(self, mode)
        self._files += 1
        if buffering == 0:
            if "b" not in kinds:
                raw.close()
                raise ValueError("unbuffered streams must be binary")
            return raw
        size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
        file: Any
        if kinds >= {"r", "w"}:
            file = io.BufferedRWPair(raw, raw, size)
        else:
            file = io.BufferedReader(raw, size) if "r" in kinds else io.BufferedWriter(raw, size)
        return file if "b" in kinds else io.TextIOWrapper(file, encoding, errors, newline)

    def fileno(self) -> int:
        """The socket's number; -1 once it is closed. Data may wait although the socket has none: see ``pending``."""
        return self._sock.fileno()

    def getpeername(self) -> Any:
        """The address of the peer."""
        return self._sock.getpeername()

    def getsockname(self) -> Any:
        """The address of this side."""
        return self._sock.getsockname()

    def getsockopt(self, level: int, option: int) -> int:
        """The same as of the socket."""
        return self._sock.getsockopt(level, option)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """The same as of the socket."""
        self._sock.setsockopt(level, option, value)

    def gettimeout(self) -> float | None:
        """Seconds; None: it blocks, 0: it does not."""
        return self._timeout

    def settimeout(self, value: float | None) -> None:
        """Seconds that a call may take; None: it blocks, 0: it does not."""
        seconds = None if value is None else 0.0 + value
        if seconds is not None and not 0 <= seconds < float("inf"):
            raise ValueError(f"timeout must be None, or seconds of 0 or more, not {value}")
        self._timeout = seconds

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001
        """True: no timeout; False: a timeout of 0."""
        self._timeout = None if flag else 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = repr(self._buffer)
        if self._closed:
            state = "closed"
        else:
            with contextlib.suppress(MisuseError):
                state = repr(self._buffer.peer or self._buffer)
        return f"<TlsStream {state}>"

    def _check(self, flags: int = 0) -> None:
        if self._closed:
            raise misuse("the stream is closed")
        self._buffer._check_process()  # noqa: SLF001
        if flags:
            raise ValueError(f"flags have no meaning over TLS, and these are {flags}")

    def _read_into(self, view: "Bytes") -> int:
        """A file can still read after its stream was closed."""
        deadline = self._deadline()
        with self._held(self._reading, deadline, WantReadError):
            while (count := self._buffer.read_into(view)) is None:
                self._feed(deadline)
            return count

    def _send(self, data: "Bytes") -> int:
        """A file can still write after its stream was closed."""
        deadline = self._deadline()
        with self._held(self._writing, deadline, WantWriteError):
            self._flush(deadline)
            count = self._buffer.write(data)
            # The next call sends the bytes that were taken.
            with contextlib.suppress(*((TimeoutError, BlockingIOError) if count else ())):
                self._flush(deadline)
            return count

    def _deadline(self) -> float | None:
        """The monotonic time by which the call that begins now must be done."""
        return None if self._timeout is None else time.monotonic() + self._timeout

    def _handshake(self) -> None:
        left = self._buffer.deadline
        deadline = None if left is None else time.monotonic() + left
        self._timeout = left or None
        try:
            self._flush(deadline)
            while not self._buffer.handshake_done:
                self._feed(deadline)
                if (error := self._buffer.error) is not None:
                    raise error
                self._flush(deadline)
        except TimeoutError as error:
            if isinstance(error, UptlsError) or (expired := self._buffer.expire()) is None:
                raise
            raise expired from None

    def _feed(self, deadline: float | None) -> None:
        """Feeds bytes of the peer. An error in them comes out of reading, after the data before it."""
        raw = self._incoming or self._received(deadline)
        self._incoming = b""
        with contextlib.suppress(UptlsError):
            if raw:
                self._incoming = raw[self._buffer.receive_data(raw) :]
            else:
                self._buffer.receive_eof()
        if self._buffer.wants_write:
            # An alert, or the answer to a key update. The next write takes it along; it must not be waited for here.
            with contextlib.suppress(TimeoutError, BlockingIOError, UptlsError), self._held(self._writing, 0):
                self._flush(0)

    def _received(self, deadline: float | None) -> bytes:
        while True:
            try:
                return self._sock.recv(_PIECE)
            except BlockingIOError:
                self._wait("read", deadline)
            except OSError as error:
                raise self._failed(error) from error

    def _flush(self, deadline: float | None) -> None:
        """Sends everything for the peer. Holds ``_writing``, except in a handshake, which one thread makes."""
        while True:
            if not self._outgoing:
                self._outgoing = memoryview(self._buffer.data_to_send())
                if not self._outgoing:
                    return
            try:
                self._outgoing = self._outgoing[self._sock.send(self._outgoing) :]
            except BlockingIOError:
                self._wait("write", deadline)
            except OSError as error:
                self._hear_out()
                raise self._failed(error) from error

    def _hear_out(self) -> None:
        """I5: a peer that refuses our certificate closes after its alert, so this reads what it can first."""
        if not self._reading.acquire(blocking=False):
            return
        try:
            end = time.monotonic() + _LAST_WORDS
            with contextlib.suppress(OSError):
                while raw := self._sock.recv(_PIECE) if ready(self._sock, "read", end) else b"":
                    if self._buffer.receive_data(raw) < len(raw):
                        break
        finally:
            self._reading.release()

    def _failed(self, error: OSError) -> Exception:
        if self._closed or self._sock.fileno() == -1:
            return misuse("the stream was closed meanwhile")
        return self._buffer.error or self._buffer.receive_error(error)

    def _wait(self, direction: Literal["read", "write"], deadline: float | None) -> None:
        if self._timeout == 0 or deadline == 0:
            raise WantReadError if direction == "read" else WantWriteError
        try:
            is_ready = ready(self._sock, direction, deadline)
        except OSError as error:
            raise self._failed(error) from error
        if not is_ready:
            raise TimeoutError("timed out")

    @contextlib.contextmanager
    def _held(
        self, lock: threading.Lock, deadline: float | None, want: type[WantReadError | WantWriteError] = WantWriteError
    ) -> Iterator[None]:
        # Before a lock that a thread of the parent may have held at a fork, and before what waits is sent twice.
        self._buffer._check_process()  # noqa: SLF001
        if self._timeout == 0 or deadline == 0:
            if not lock.acquire(blocking=False):
                raise want
        elif not lock.acquire(timeout=-1 if deadline is None else max(0.0, deadline - time.monotonic())):
            raise TimeoutError("timed out")
        try:
            yield
        finally:
            lock.release()

    def _farewell(self) -> None:
        """Sends a close_notify, or the alert for the failure, as far as the socket takes it now."""
        with contextlib.suppress(UptlsError, BlockingIOError, TimeoutError), self._held(self._writing, 0):
            if self._buffer.handshake_done and self._buffer.error is None:
                with contextlib.suppress(MisuseError):
                    self._buffer.close_notify()
            while self._outgoing or self._buffer.wants_write:
                self._outgoing = self._outgoing or memoryview(self._buffer.data_to_send())
                self._outgoing = self._outgoing[self._sock.send(self._outgoing) :]

    def _released(self) -> None:
        """Notes that a file of the stream was closed."""
        self._files -= 1
        if self._closed:
            self.close()


class _Raw(io.RawIOBase):
    """The unbuffered file over a stream."""

    def __init__(self, stream: TlsStream, mode: str) -> None:
        self._stream = stream
        self._mode = mode

    def readable(self) -> bool:
        return not self.closed and "r" in self._mode

    def writable(self) -> bool:
        return not self.closed and "w" in self._mode

    def fileno(self) -> int:
        return self._stream.fileno()

    def readinto(self, buffer: "Bytes", /) -> int | None:
        self._check(self.readable())
        try:
            return self._stream._read_into(buffer)  # noqa: SLF001
        except BlockingIOError:
            return None

    def write(self, data: "Bytes", /) -> int | None:
        self._check(self.writable())
        try:
            return self._stream._send(data)  # noqa: SLF001
        except BlockingIOError:
            return None

    def _check(self, may: bool) -> None:  # noqa: FBT001
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if not may:
            raise io.UnsupportedOperation(f"not with the mode {self._mode!r}")

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stream._released()  # noqa: SLF001


_LAST_WORDS = 0.25
"""Seconds that a peer has to say why it closed."""
_PIECE = 65536
