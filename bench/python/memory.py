"""Connections through memory: a client of each side, and a server of the module ssl."""

import ssl
from collections.abc import Callable
from pathlib import Path
from time import thread_time
from typing import Any

import certificates
import rtls

SIZE = 65536
DATA = bytes(SIZE)


class Connection:
    """Two ends; only the client's calls are timed."""

    def __init__(self, client: Any, server: ssl.SSLContext, bio: Any, session: Any = None) -> None:
        self.seconds = 0.0
        self._server_in, self._server_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = server.wrap_bio(self._server_in, self._server_out, server_side=True)
        began = thread_time()
        self.incoming, self.outgoing = bio(), bio()
        options = {} if session is None else {"session": session}
        self.client = client.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost", **options)
        self.seconds += thread_time() - began

    def timed(self, call: Callable[[], Any]) -> Any:
        """A call of the client; None if it wants more."""
        began = thread_time()
        try:
            return call()
        except ssl.SSLWantReadError:
            return None
        finally:
            self.seconds += thread_time() - began

    def to_server(self) -> None:
        """What the client has to say."""
        if raw := self.timed(self.outgoing.read):
            self._server_in.write(raw)

    def to_client(self) -> None:
        """What the server has to say."""
        if raw := self._server_out.read():
            self.timed(lambda: self.incoming.write(raw))

    def shake_hands(self) -> "Connection":
        """To the end, tickets included."""
        done = False
        while not done:
            self.timed(self.client.do_handshake)
            self.to_server()
            try:
                self.server.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            self.to_client()
        self.timed(self.client.do_handshake)
        # What comes after the handshake is read with the first data.
        self.timed(lambda: self.client.read(1))
        return self

    def read(self) -> None:
        """64 KiB from the server."""
        self.server.write(DATA)
        self.to_client()
        left = SIZE
        while left:
            left -= len(self.timed(lambda left=left: self.client.read(left)))  # type: ignore[misc]

    def write(self) -> None:
        """64 KiB to the server."""
        left = memoryview(DATA)
        while left:
            left = left[self.timed(lambda left=left: self.client.write(left)) :]  # type: ignore[misc]
            self.to_server()
        done = 0
        while done < SIZE:
            done += len(self.server.read(SIZE))


class World:
    """One server, and a context of each side."""

    def __init__(self, folder: Path, tickets: int = 0) -> None:
        ca, leaf = certificates.made(folder)
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(leaf.certificate, leaf.key)
        self._server.num_tickets = tickets
        self._tickets = tickets
        self._contexts = {side: certificates.context(side, ca) for side in ("uptls", "ssl", "rtls")}
        self._sessions: dict[str, Any] = {}
        self._connections: dict[str, Connection] = {}

    def _connect(self, side: str) -> Connection:
        bio = rtls.MemoryBIO if side == "rtls" else ssl.MemoryBIO
        # Only the module ssl wants to be told.
        session = self._sessions.get(side) if side == "ssl" else None
        return Connection(self._contexts[side], self._server, bio, session).shake_hands()

    def handshake(self, side: str, times: int) -> float:
        """Handshakes, resumed ones if the server gives tickets."""
        if self._tickets and side not in self._sessions:
            self._sessions[side] = getattr(self._connect(side).client, "session", None)
        seconds = 0.0
        for _ in range(times):
            connection = self._connect(side)
            seconds += connection.seconds
            assert connection.server.session_reused == bool(self._tickets), side
            if self._tickets and side == "ssl":
                self._sessions[side] = connection.client.session
        return seconds

    def read(self, side: str, times: int) -> float:
        """Reads 64 KiB so many times."""
        return self._bulk(side, times, Connection.read)

    def write(self, side: str, times: int) -> float:
        """Writes 64 KiB so many times."""
        return self._bulk(side, times, Connection.write)

    def _bulk(self, side: str, times: int, move: Callable[[Connection], None]) -> float:
        connection = self._connections.get(side) or self._connections.setdefault(side, self._connect(side))
        before = connection.seconds
        for _ in range(times):
            move(connection)
        return connection.seconds - before
