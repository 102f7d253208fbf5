"""Servers that say the least that a client must hear, with the TLS of the standard library: one script for a protocol.

A script speaks over TLS, and may begin in the clear and change over (STARTTLS). A stripped one says in the clear that
it has no TLS, as an attacker on the way would.
"""

import base64
import contextlib
import hashlib
import json
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import bson

import loopback

Stream = socket.socket
"""A socket, with TLS or without: what a script talks over."""


@dataclass
class Script:
    """What a server of one protocol does."""

    serve: Callable[["Scripted", Stream, BinaryIO], None]
    begin: Callable[[Stream, BinaryIO], bool] | None = None
    """In the clear, to the point where TLS begins; false if it does not."""
    strip: Callable[[Stream, BinaryIO], None] | None = None
    """The same without TLS: it denies, and listens to what the client says then."""


@dataclass
class Scripted(loopback.Server):
    """A server that follows a script. `heard` is what came in the clear or inside TLS after the change to it."""

    script: Script = field(default_factory=lambda: WEB)
    stripped: bool = False
    heard: bytearray = field(default_factory=bytearray)
    answer: bytes = b"hello"
    media: str = "text/plain"

    @property
    def tls(self) -> ssl.SSLContext:
        """For a second connection of a protocol."""
        return self._context

    def _connection(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, EOFError, ValueError):
            if self.stripped:
                with client.makefile("rb", 0) as lines:
                    if self.script.strip:
                        self.script.strip(client, lines)
                    self._listen(client)
                return
            if self.script.begin:
                with client.makefile("rb", 0) as lines:
                    if not self.script.begin(client, lines):
                        return
            with self._context.wrap_socket(client, server_side=True) as tls, tls.makefile("rb", 0) as lines:
                self._open.append(tls)
                self.script.serve(self, tls, lines)

    def _listen(self, client: socket.socket) -> None:
        while raw := client.recv(65536):
            self.heard += raw
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def _lines(answers: dict[bytes, bytes], otherwise: bytes, end: bytes) -> Callable[[Any, Stream, BinaryIO], None]:
    """Answers a line by its first word. `%tag` is the first word, where protocols put a tag before the command."""

    def serve(_: Any, stream: Stream, lines: BinaryIO) -> None:
        while line := lines.readline():
            words = line.upper().split() or [b""]
            tag = line.split()[0] if words[0] not in answers and len(words) > 1 else b""
            command = words[1] if tag else words[0]
            stream.sendall(answers.get(command, otherwise).replace(b"%tag", tag))
            if command == end:
                return

    return serve


# HTTP and what is built on it.


def _web(server: Scripted, stream: Stream, lines: BinaryIO) -> None:
    while request := lines.readline():
        server.heard += request
        head = {}
        while (line := lines.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            head[name.lower()] = value.strip()
        body = b""
        while len(body) < int(head.get(b"content-length", b"0")):
            body += lines.read(65536)
        if key := head.get(b"sec-websocket-key"):
            _websocket(server, stream, lines, key)
            return
        fields = (
            f"Content-Type: {server.media}\r\nX-Elastic-Product: Elasticsearch\r\nContent-Length: {len(server.answer)}"
        )
        stream.sendall(b"HTTP/1.1 200 OK\r\n" + fields.encode() + b"\r\n\r\n" + server.answer)


def _websocket(server: Scripted, stream: Stream, lines: BinaryIO, key: bytes) -> None:
    # The name of the hash and the text are those of RFC 6455 section 1.3.
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
    accept = base64.b64encode(digest)
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    stream.sendall(head + accept + b"\r\n\r\n")
    stream.sendall(b"\x81" + bytes([len(server.answer)]) + server.answer)
    while lines.read(65536):
        pass


# Mail and files.

_SMTP = _lines({b"EHLO": b"250 test\r\n", b"QUIT": b"221 bye\r\n"}, b"250 ok\r\n", b"QUIT")
_IMAP = _lines(
    {
        b"CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS\r\n%tag OK done\r\n",
        b"LOGOUT": b"* BYE\r\n%tag OK done\r\n",
    },
    b"%tag OK done\r\n",
    b"LOGOUT",
)
_POP = _lines({b"CAPA": b"+OK\r\nSTLS\r\n.\r\n"}, b"+OK 0 0\r\n", b"QUIT")


def _greeting(
    greeting: bytes, serve: Callable[[Any, Stream, BinaryIO], None]
) -> Callable[[Any, Stream, BinaryIO], None]:
    """A server that speaks first, inside TLS."""

    def greet(server: Scripted, stream: Stream, lines: BinaryIO) -> None:
        stream.sendall(greeting)
        serve(server, stream, lines)

    return greet


def _until(
    greeting: bytes, answers: dict[bytes, bytes], change: bytes, yes: bytes
) -> Callable[[Stream, BinaryIO], bool]:
    """Answers in the clear until a client asks to change to TLS."""

    def begin(stream: Stream, lines: BinaryIO) -> bool:
        stream.sendall(greeting)
        while line := lines.readline():
            words = line.upper().split() or [b""]
            tag = line.split()[0]
            if change in words[:2]:
                stream.sendall(yes.replace(b"%tag", tag))
                return True
            command = next((word for word in words[:2] if word in answers), b"")
            stream.sendall(answers.get(command, b"502 no\r\n").replace(b"%tag", tag))
        return False

    return begin


def _denying(greeting: bytes, answers: dict[bytes, bytes], otherwise: bytes) -> Callable[[Stream, BinaryIO], None]:
    """The same without TLS: it lists none and refuses to change."""
    serve = _lines(answers, otherwise, b"QUIT")

    def strip(stream: Stream, lines: BinaryIO) -> None:
        stream.sendall(greeting)
        serve(None, stream, lines)

    return strip


def _ftp(server: Scripted, stream: Stream, lines: BinaryIO) -> None:
    answers = {b"USER": b"331 password\r\n", b"PASS": b"230 in\r\n", b"PWD": b'257 "/"\r\n', b"QUIT": b"221 bye\r\n"}
    with socket.create_server(("127.0.0.1", 0)) as data:
        port = data.getsockname()[1]
        answers[b"EPSV"] = f"229 Entering (|||{port}|)\r\n".encode()
        answers[b"PASV"] = f"227 Entering (127,0,0,1,{port >> 8},{port & 255})\r\n".encode()
        while line := lines.readline():
            command = line.upper().split()[0]
            if command in {b"NLST", b"LIST", b"MLSD"}:
                stream.sendall(b"150 here it comes\r\n")
                with server.tls.wrap_socket(data.accept()[0], server_side=True) as one:
                    one.sendall(b"file\r\n")
                    with contextlib.suppress(OSError):
                        one.unwrap()
                stream.sendall(b"226 done\r\n")
            else:
                stream.sendall(answers.get(command, b"200 ok\r\n"))
            if command == b"QUIT":
                return


# Databases, brokers and directories.


def _mongo(_: Any, stream: Stream, lines: BinaryIO) -> None:
    hello = {"ok": 1.0, "isWritablePrimary": True, "ismaster": True, "helloOk": True, "maxWireVersion": 25}
    hello |= {
        "minWireVersion": 0,
        "maxBsonObjectSize": 1 << 24,
        "maxMessageSizeBytes": 48000000,
        "maxWriteBatchSize": 1000,
    }
    while len(head := lines.read(16)) == 16:
        length, request, _, operation = struct.unpack("<iiii", head)
        rest = b""
        while len(rest) < length - 16:
            rest += lines.read(length - 16 - len(rest))
        document = bson.encode(hello)
        if operation == 2004:
            # OP_QUERY of the first hello, answered by OP_REPLY.
            body, kind = struct.pack("<iqii", 8, 0, 0, 1) + document, 1
        else:
            body, kind = struct.pack("<iB", 0, 0) + document, 2013
        stream.sendall(struct.pack("<iiii", 16 + len(body), 1, request, kind) + body)


def _first_octets(server: Scripted, stream: Stream, lines: BinaryIO) -> None:
    """For a protocol that is too long for a script: what the client says first shows that TLS was good."""
    server.heard += lines.read(65536)
    del stream


_NATS = {"server_id": "x", "version": "2.10.0", "max_payload": 1 << 20, "proto": 1, "headers": True}


def _nats_hello(**more: bool) -> bytes:
    return b"INFO " + json.dumps({**_NATS, **more}).encode() + b"\r\n"


def _nats(_: Any, stream: Stream, lines: BinaryIO) -> None:
    while line := lines.readline():
        if line.startswith(b"PING"):
            stream.sendall(b"PONG\r\n")


def _nats_begin(stream: Stream, _: BinaryIO) -> bool:
    stream.sendall(_nats_hello(tls_required=True))
    return True


def _nats_strip(stream: Stream, _: BinaryIO) -> None:
    stream.sendall(_nats_hello())


def _ldap(_: Any, stream: Stream, lines: BinaryIO) -> None:
    """Success for each bind: message number as asked, BindResponse, resultCode 0, no name, no message."""
    while raw := lines.read(65536):
        number = raw[4]
        if raw[5] == 0x42:
            # UnbindRequest.
            return
        stream.sendall(bytes([0x30, 12, 2, 1, number, 0x61, 7, 0x0A, 1, 0, 4, 0, 4, 0]))


def _refusing(answer: bytes) -> Callable[[Stream, BinaryIO], None]:
    """Answers the first words of a protocol that asks for TLS by a request of its own."""

    def strip(stream: Stream, lines: BinaryIO) -> None:
        lines.read(65536)
        stream.sendall(answer)

    return strip


def _mysql_strip(stream: Stream, _: BinaryIO) -> None:
    """A greeting of protocol 10 whose capabilities (PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH) have no CLIENT_SSL."""
    capabilities = 0x0000_0200 | 0x0000_8000 | 0x0008_0000
    low, high = struct.pack("<H", capabilities & 0xFFFF), struct.pack("<H", capabilities >> 16)
    body = b"\x0a10.11.0\0" + struct.pack("<I", 1) + b"12345678\0" + low + b"\x21\x02\0" + high + b"\x15" + bytes(10)
    body += b"123456789012\0mysql_native_password\0"
    stream.sendall(struct.pack("<I", len(body))[:3] + b"\0" + body)


_EHLO = b"250-test\r\n250 STARTTLS\r\n"
_CAPABLE = b"* CAPABILITY IMAP4rev1 STARTTLS\r\n%tag OK done\r\n"
_INCAPABLE = b"* CAPABILITY IMAP4rev1\r\n%tag OK done\r\n"

WEB = Script(_web)
SMTPS = Script(_greeting(b"220 test\r\n", _SMTP))
SMTP = Script(
    _SMTP,
    _until(b"220 test\r\n", {b"EHLO": _EHLO}, b"STARTTLS", b"220 go\r\n"),
    _denying(b"220 test\r\n", {b"EHLO": b"250 test\r\n", b"STARTTLS": b"502 no\r\n"}, b"250 ok\r\n"),
)
IMAPS = Script(_greeting(b"* OK test\r\n", _IMAP))
IMAP = Script(
    _IMAP,
    _until(b"* OK test\r\n", {b"CAPABILITY": _CAPABLE}, b"STARTTLS", b"%tag OK go\r\n"),
    _denying(b"* OK test\r\n", {b"CAPABILITY": _INCAPABLE}, b"%tag BAD no\r\n"),
)
POPS = Script(_greeting(b"+OK test\r\n", _POP))
POP = Script(
    _POP,
    _until(b"+OK test\r\n", {b"CAPA": b"+OK\r\nSTLS\r\n.\r\n"}, b"STLS", b"+OK go\r\n"),
    _denying(b"+OK test\r\n", {b"CAPA": b"+OK\r\n.\r\n"}, b"-ERR no\r\n"),
)
FTP = Script(
    _ftp,
    _until(b"220 test\r\n", {}, b"AUTH", b"234 go\r\n"),
    _denying(b"220 test\r\n", {b"AUTH": b"502 no\r\n"}, b"200 ok\r\n"),
)
FTPS = Script(_greeting(b"220 test\r\n", _ftp))
MONGO = Script(_mongo)
FIRST_OCTETS = Script(_first_octets)
NATS = Script(_nats, _nats_begin, _nats_strip)
LDAPS = Script(_ldap)
MYSQL_WITHOUT = Script(_first_octets, strip=_mysql_strip)
POSTGRES_WITHOUT = Script(_first_octets, strip=_refusing(b"N"))
