"""Connections of an ssl context by a policy, as libraries make them."""

import socket
import ssl
from collections.abc import Callable
from typing import Any, Self

import uptls
from clients.servers import Seen, Server
from loopback import Authority, document, echo

SECONDS = 30.0


def policy_of(ca: Authority, *fields: str) -> uptls.UpstreamTlsPolicy:
    return uptls.UpstreamTlsPolicy.from_document(document(ca.file, *fields))


def connected(server: Any, context: Any, **options: Any) -> ssl.SSLSocket:
    """A TLS socket to the server, whose URL says localhost."""
    options.setdefault("server_hostname", "localhost")
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)
    try:
        tls: ssl.SSLSocket = context.wrap_socket(plain, **options)
    except BaseException:
        plain.close()
        raise
    return tls


def all_of(read: Callable[[], bytes]) -> None:
    """Reads to the end."""
    while read():
        pass


class Pumped:
    """An SSLObject over two BIOs, and the socket that feeds them."""

    def __init__(self, server: Any, context: Any, host: Any = "localhost") -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, False, host, None)
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def flush(self) -> None:
        if raw := self.outgoing.read():
            self.socket.sendall(raw)

    def feed(self) -> None:
        if raw := self.socket.recv(65536):
            self.incoming.write(raw)
        else:
            self.incoming.write_eof()

    def run(self, call: Callable[[], Any]) -> Any:
        """Calls until it does not want to read, as event loops do."""
        while True:
            try:
                outcome = call()
            except ssl.SSLWantReadError:
                self.flush()
                self.feed()
            else:
                self.flush()
                return outcome

    def ask(self, path: str) -> None:
        self.tls.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        self.flush()


def echoing(ca: Authority) -> Server:
    def speak(tls: ssl.SSLSocket, _: Seen) -> bool:
        echo(tls)
        return False

    return Server(ca.issue("localhost"), speak=speak)
