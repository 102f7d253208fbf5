"""Servers on the loopback interface, with the TLS of the standard library. They count what they see."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded, WindowUpdated
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from clients.pki import Leaf

LARGE = bytes(range(256)) * 1000
SMALL = b"hello"
LIMIT = 30.0
"""Seconds after which a server gives up, so that a test ends at all."""

Serve = Callable[[ssl.SSLSocket, "Seen"], None]


@dataclass
class Seen:
    """What came through TLS."""

    alpn: str | None = None
    client: str | None = None
    octets: int = 0
    requests: int = 0
    server_name: str | None = None


@dataclass
class Server:
    """A TLS server with a thread for each connection."""

    leaf: Leaf
    client_ca: Path | None = None
    alpn: tuple[str, ...] = ()
    version: ssl.TLSVersion | None = None
    serve: Serve | None = None
    connections: list[Seen] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._context = self._tls()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    @property
    def octets(self) -> int:
        """How many octets of application data any client sent."""
        return sum(seen.octets for seen in self.connections)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.leaf.certificate, self.leaf.key)
        context.set_alpn_protocols(self.alpn)
        context.sni_callback = lambda tls, name, _: setattr(tls, "sent_name", name)
        if self.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.client_ca)
        if self.version:
            context.minimum_version = context.maximum_version = self.version
        return context

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.settimeout(LIMIT)
            self._sockets.append(client)
            self._start(lambda client=client: self._connection(client))  # type: ignore[misc]

    def _connection(self, client: socket.socket) -> None:
        seen = Seen()
        with client:
            try:
                with self._context.wrap_socket(client, server_side=True) as tls:
                    self._sockets.append(tls)
                    self.connections.append(seen)
                    seen.alpn = tls.selected_alpn_protocol()
                    seen.client = _common_name(tls)
                    seen.server_name = getattr(tls, "sent_name", None)
                    (self.serve or http)(tls, seen)
            except OSError as error:
                self.failures.append(str(error))


def http(tls: ssl.SSLSocket, seen: Seen) -> None:
    """HTTP/2 if that was negotiated, else HTTP/1.1."""
    (http2 if seen.alpn == "h2" else http1)(tls, seen)


def http1(tls: ssl.SSLSocket, seen: Seen) -> None:
    """Requests of one connection, one after the other."""
    stream = tls.makefile("rb")
    with stream:
        while head := _head(stream, seen):
            body = stream.read(int(head.get("content-length", "0")))
            seen.octets += len(body)
            seen.requests += 1
            if not _answer(tls, head["path"], body):
                return


def _head(lines: Iterator[bytes], seen: Seen) -> dict[str, str]:
    head: dict[str, str] = {}
    for line in lines:
        seen.octets += len(line)
        text = line.decode().strip()
        if not text:
            break
        if not head:
            head["path"] = text.split()[1]
        else:
            name, _, value = text.partition(":")
            head[name.lower()] = value.strip()
    return head


def _answer(tls: ssl.SSLSocket, path: str, body: bytes) -> bool:
    """Answers one request; whether the connection goes on."""
    if path in ("/closed", "/truncated"):
        tls.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + LARGE)
        if path == "/closed":
            # Sends close_notify, and waits for the client's with TCP open.
            tls.unwrap()
        return False
    content = {"/large": LARGE, "/echo": body}.get(path, SMALL)
    tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
    return True


def http2(tls: ssl.SSLSocket, seen: Seen) -> None:
    """Requests over HTTP/2, with flow control."""
    connection = H2Connection(H2Configuration(client_side=False))
    connection.initiate_connection()
    tls.sendall(connection.data_to_send())
    waiting: dict[int, bytes] = {}
    ended: set[int] = set()
    truncated = False
    while octets := tls.recv(65536):
        seen.octets += len(octets)
        for event in connection.receive_data(octets):
            if isinstance(event, RequestReceived):
                seen.requests += 1
                path = dict(event.headers)[b":path"].decode()
                waiting[event.stream_id] = LARGE if path in {"/large", "/truncated"} else SMALL
                truncated = truncated or path == "/truncated"
            elif isinstance(event, StreamEnded):
                connection.send_headers(event.stream_id, [(":status", "200")])
                ended.add(event.stream_id)
                _send(connection, waiting, event.stream_id)
            elif isinstance(event, WindowUpdated):
                for stream in ended & waiting.keys():
                    _send(connection, waiting, stream)
        tls.sendall(connection.data_to_send())
        if truncated and ended:
            return


def _send(connection: H2Connection, waiting: dict[int, bytes], stream: int) -> None:
    while waiting[stream]:
        size = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
        if size <= 0:
            return
        part, waiting[stream] = waiting[stream][:size], waiting[stream][size:]
        connection.send_data(stream, part)
    connection.end_stream(stream)
    del waiting[stream]


def websocket(tls: ssl.SSLSocket, seen: Seen) -> None:
    """Answers each text with what HTTP gives for that path."""
    protocol = ServerProtocol()
    while octets := tls.recv(65536):
        seen.octets += len(octets)
        protocol.receive_data(octets)
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                seen.requests += 1
                if event.data == b"/truncated":
                    tls.sendall(b"\x82\x7e\xff\xff" + SMALL)
                    return
                protocol.send_binary({b"/large": LARGE}.get(bytes(event.data), SMALL))
        for part in protocol.data_to_send():
            if not part:
                return
            tls.sendall(part)


def _common_name(tls: ssl.SSLSocket) -> str | None:
    subject = (tls.getpeercert() or {}).get("subject", ())
    return next((str(value) for rdn in subject for name, value in rdn if name == "commonName"), None)
