"""Servers on the loopback interface, with the TLS of the standard library. They count what they see."""

import contextlib
import select
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded, WindowUpdated
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

import loopback

LARGE = bytes(range(256)) * 1000
SMALL = b"hello"
BROKEN = ("/short", "/truncated")

Speak = Callable[[ssl.SSLSocket, "Seen"], bool]
"""Serves one connection, and says whether it ends properly."""


@dataclass
class Seen:
    """What came through TLS."""

    alpn: str | None
    client: str | None
    bytes: int = 0
    requests: int = 0


@dataclass
class Server(loopback.Server):
    """A server that counts what it sees."""

    speak: Speak | None = None
    connections: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.serve = self._speak

    def use(self, leaf: loopback.Leaf) -> None:
        """Shows another certificate from now on."""
        self._context.load_cert_chain(leaf.certificate, leaf.key)

    @property
    def bytes(self) -> int:
        """How many bytes of application data any client sent."""
        return sum(seen.bytes for seen in self.connections)

    def _speak(self, tls: ssl.SSLSocket) -> None:
        seen = Seen(tls.selected_alpn_protocol(), _common_name(tls))
        self.connections.append(seen)
        is_proper = (self.speak or http)(tls, seen)
        with contextlib.suppress(OSError):
            if is_proper:
                tls.unwrap()
            else:
                # TCP ends alone; what the client still says is taken, or it would be a reset.
                socket.socket.shutdown(tls, socket.SHUT_WR)
                while socket.socket.recv(tls, 65536):
                    pass


@dataclass
class Plain(Server):
    """A server without TLS: it answers in the clear, whatever comes."""

    heard: list[bytearray] = field(default_factory=list)

    def _connection(self, client: socket.socket) -> None:
        heard = bytearray()
        self.heard.append(heard)
        with client, contextlib.suppress(OSError):
            while raw := client.recv(65536):
                if not heard:
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(SMALL) + SMALL)
                heard += raw


def http(tls: ssl.SSLSocket, seen: Seen) -> bool:
    """HTTP/2 if that was negotiated, else HTTP/1.1."""
    return (http2 if seen.alpn == "h2" else http1)(tls, seen)


def http1(tls: ssl.SSLSocket, seen: Seen) -> bool:
    """Requests of one connection, one after the other."""
    with tls.makefile("rb") as stream:
        while head := _head(stream, seen):
            body = stream.read(int(head.get("content-length", "0")))
            seen.bytes += len(body)
            seen.requests += 1
            path = head["path"]
            if path in {"/closed", "/short", "/truncated"}:
                length = b"Content-Length: 999999\r\n" if path == "/short" else b""
                tls.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + length + b"\r\n" + LARGE)
                # The proper end sends close_notify, and waits for the client's with TCP open.
                return path == "/closed"
            content = {"/large": LARGE, "/echo": body}.get(path, SMALL)
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
            if head["version"] == "HTTP/1.0":
                break
    return True


def _head(lines: Iterable[bytes], seen: Seen) -> dict[str, str]:
    head: dict[str, str] = {}
    for line in lines:
        seen.bytes += len(line)
        text = line.decode().strip()
        if not text:
            break
        if not head:
            head["path"], head["version"] = text.split()[1:]
        else:
            name, _, value = text.partition(":")
            head[name.lower()] = value.strip()
    return head


def http2(tls: ssl.SSLSocket, seen: Seen) -> bool:
    """Requests over HTTP/2, with flow control."""
    connection = H2Connection(H2Configuration(client_side=False))
    connection.initiate_connection()
    tls.sendall(connection.data_to_send())
    waiting: dict[int, bytes] = {}
    ended: set[int] = set()
    truncated = False
    while raw := tls.recv(65536):
        seen.bytes += len(raw)
        for event in connection.receive_data(raw):
            if isinstance(event, RequestReceived):
                seen.requests += 1
                path = dict(event.headers)[b":path"].decode()
                waiting[event.stream_id] = LARGE if path == "/large" else SMALL
                truncated = truncated or path in BROKEN
            elif isinstance(event, StreamEnded):
                connection.send_headers(event.stream_id, [(":status", "200")])
                if truncated:
                    tls.sendall(connection.data_to_send())
                    return False
                ended.add(event.stream_id)
                _send(connection, waiting, event.stream_id)
            elif isinstance(event, WindowUpdated):
                for stream in ended & waiting.keys():
                    _send(connection, waiting, stream)
        tls.sendall(connection.data_to_send())
    return True


def _send(connection: H2Connection, waiting: dict[int, bytes], stream: int) -> None:
    while waiting[stream]:
        size = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
        if size <= 0:
            return
        part, waiting[stream] = waiting[stream][:size], waiting[stream][size:]
        connection.send_data(stream, part)
    connection.end_stream(stream)
    del waiting[stream]


def websocket(tls: ssl.SSLSocket, seen: Seen) -> bool:
    """Answers each text with what HTTP gives for that path."""
    protocol = ServerProtocol()
    while raw := tls.recv(65536):
        seen.bytes += len(raw)
        protocol.receive_data(raw)
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                seen.requests += 1
                if bytes(event.data).decode() in BROKEN:
                    tls.sendall(b"\x82\x7e\xff\xff" + SMALL)
                    return False
                protocol.send_binary({b"/large": LARGE}.get(bytes(event.data), SMALL))
        for part in protocol.data_to_send():
            if not part:
                return True
            tls.sendall(part)
    return True


def forward(tls: ssl.SSLSocket, port: int) -> None:
    """Copies both ways until the client ends, in one thread: a connection of OpenSSL is not for two at once."""
    with socket.create_connection(("127.0.0.1", port)) as onward, contextlib.suppress(OSError):
        sources: list[socket.socket] = [tls, onward]
        while True:
            for source in [tls] if tls.pending() else select.select(sources, [], [])[0]:
                if raw := source.recv(65536):
                    (onward if source is tls else tls).sendall(raw)
                elif source is tls:
                    return
                else:
                    sources.remove(onward)


def proxy(tls: ssl.SSLSocket, seen: Seen) -> bool:
    """Leads to where a CONNECT wants to go."""
    with tls.makefile("rb") as stream:
        target = _head(stream, seen)["path"]
    tls.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    forward(tls, int(target.rpartition(":")[2]))
    return False


def _common_name(tls: ssl.SSLSocket) -> str | None:
    subject: Any = (tls.getpeercert() or {}).get("subject", ())
    return next((str(value) for rdn in subject for name, value in rdn if name == "commonName"), None)
