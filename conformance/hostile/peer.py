"""A hostile server on another TLS stack, tlslite-ng: an attack changes its messages, adds to them or withholds them."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.constants import ContentType
from tlslite.messages import Message

TLS12, TLS13 = (3, 3), (3, 4)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n"
LIMIT = 60.0
"""Seconds after which a connection is given up, so that the server ends at all."""


class OverError(Exception):
    """The attack has done all that it does on this connection."""


Edit = Callable[["Peer", Any], list[Any] | None]
Act = Callable[["Peer"], None]


@dataclass(frozen=True)
class Attack:
    """One way to be no honest server. Without any of its acts it is its own twin, which every client accepts."""

    name: str
    code: str | tuple[str, ...] | None
    """What every client must say, or one of it; None where the peer is odd, and does what TLS permits."""
    version: tuple[int, int] = TLS13
    edit: Edit | None = None
    """A handshake message, or the change of keys, before it is hashed and sent: what goes instead, or None as it is."""
    greet: Act | None = None
    """Before anything is read."""
    after: Act | None = None
    """After the handshake and the request, before the answer."""
    byte: float | None = None
    """Each byte is sent alone, after so many seconds."""
    record: int = 1 << 14
    """How much a record holds."""
    retries: bool = False
    """It answers the first ClientHello with a HelloRetryRequest."""
    asks: bool = False
    """It wants a certificate of the client."""
    cut: bool = False
    """It ends without close_notify."""
    late: bool = False
    """Nothing but the client's own deadline ends it."""

    @property
    def codes(self) -> list[str]:
        """What a client may say; nothing where it must accept."""
        return [self.code] if isinstance(self.code, str) else list(self.code or ())

    @property
    def title(self) -> str:
        """Its name in tables: no other attack has it."""
        return f"1.{self.version[1] - 1} {self.name}"

    @property
    def is_honest(self) -> bool:
        """Whether it is a twin."""
        return self.name.startswith("honest")

    @property
    def twin(self) -> str:
        """The honest server with the same settings."""
        retries, asks = (" with a retry" if self.retries else ""), (" that asks for a certificate" if self.asks else "")
        return f"1.{self.version[1] - 1} honest{retries}{asks}"


class Slow:
    """A socket that sends each byte alone."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock, self._seconds = sock, seconds

    def send(self, data: bytes) -> int:
        """All of it, byte by byte."""
        for byte in bytes(data):
            time.sleep(self._seconds)
            self._sock.sendall(bytes([byte]))
        return len(data)

    def sendall(self, data: bytes) -> None:
        """As `send`."""
        self.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class Peer(TLSConnection):  # type: ignore[misc]
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, attack: Attack) -> None:
        super().__init__(sock if attack.byte is None else Slow(sock, attack.byte))
        self.raw, self.attack, self.struck = sock, attack, False
        self.recordSize = attack.record

    def say(self, kind: int, data: bytes, times: int = 1) -> None:
        """So many records, under the keys of the moment."""
        for _ in range(times):
            for _ in self._recordLayer.sendRecord(Message(kind, bytearray(data))):
                pass

    def shout(self, raw: bytes) -> None:
        """Bytes past all keys and buffers."""
        self.flush()
        self.raw.sendall(raw)

    def flush(self) -> None:
        """Sends what waits: the messages of a flight, and the records of a write."""
        if self._buffer:
            for _ in self._queue_flush():
                pass
        self.sock.flush()

    def hold(self) -> None:
        """Says no more, and waits until the client goes."""
        self.flush()
        with contextlib.suppress(OSError):
            while self.raw.recv(1 << 14):
                pass
        raise OverError

    def leave(self) -> None:
        """Ends its half of the connection, and waits until the client goes."""
        self.raw.shutdown(socket.SHUT_WR)
        self.hold()

    def _edited(self, message: Any) -> list[Any]:
        parts = self.attack.edit(self, message) if self.attack.edit else None
        self.struck = self.struck or parts is not None
        return [message] if parts is None else parts

    def _queue_message(self, msg: Any) -> None:
        for part in self._edited(msg):
            super()._queue_message(part)

    def _sendMsg(  # noqa: N802
        self,
        msg: Any,
        randomizeFirstBlock: bool = True,  # noqa: N803
        update_hashes: bool = True,
    ) -> Iterator[int]:
        # A flight that was queued is hashed already, and its messages were edited.
        is_whole = update_hashes and msg.contentType in {ContentType.handshake, ContentType.change_cipher_spec}
        for part in self._edited(msg) if is_whole else [msg]:
            yield from super()._sendMsg(part, randomizeFirstBlock, update_hashes)

    def strike(self, act: Act | None) -> None:
        """Does one of the acts of the attack."""
        if act is not None:
            self.struck = True
            act(self)


def _settings(attack: Attack) -> HandshakeSettings:
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = attack.version
    # What the client offers without a share of its own, where the server is to ask for one.
    settings.eccCurves = ["secp384r1"] if attack.retries else ["x25519", "secp256r1"]
    settings.keyShares = []
    settings.dhGroups = []
    settings.ticket_count = 0
    return settings


@dataclass(frozen=True)
class Identity:
    """Chain and key of all these servers."""

    chain: X509CertChain
    key: Any

    @staticmethod
    def of(certificate: Path, key: Path) -> "Identity":
        """What two files in PEM hold."""
        chain = X509CertChain()
        chain.parsePemList(certificate.read_text())
        return Identity(chain, parsePEMKey(key.read_text(), private=True))


def meet(sock: socket.socket, attack: Attack, identity: Identity) -> tuple[bool, str]:
    """One connection: whether the attack was made, and what ended it."""
    sock.settimeout(LIMIT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer = Peer(sock, attack)
    try:
        peer.strike(attack.greet)
        peer.handshakeServer(
            certChain=identity.chain, privateKey=identity.key, settings=_settings(attack), reqCert=attack.asks
        )
        peer.read(max=4096)
        peer.strike(attack.after)
        peer.write(ANSWER)
        peer.struck |= attack.is_honest or attack.cut or attack.byte is not None or attack.record < 1 << 14
        if not attack.cut:
            peer.say(ContentType.alert, b"\x01\x00")
        peer.leave()
    except OverError:
        return peer.struck, ""
    except Exception as error:  # noqa: BLE001
        # The client may go at any moment, and tlslite asserts what its own server never does. What counts is what the
        # client says.
        return peer.struck or attack.byte is not None, f"{type(error).__name__}: {error}"
    return peer.struck, ""
