"""Lies about lengths, and messages that are too large: each lies in one field of one message of an honest handshake."""

from collections.abc import Callable
from typing import Any

from peer import TLS12, TLS13, Attack, Edit, Peer
from tlslite.constants import ContentType, HandshakeType
from tlslite.messages import Message

MISBEHAVED, TOO_LARGE = "peer_misbehaved", "message_too_large"
LIE = (MISBEHAVED, TOO_LARGE)
"""Bytes that stand in another place than they were written for may be a length over a limit."""
HEADER = 4
"""Kind and length of a handshake message."""


def handshake(raw: bytes | bytearray) -> Message:
    """A handshake message as it stands."""
    return Message(ContentType.handshake, bytearray(raw))


def is_kind(message: Any, kind: int) -> bool:
    """Whether this is a handshake message of a kind."""
    return bool(message.contentType == ContentType.handshake and message.write()[0] == kind)


Place = int | Callable[[bytes], int]


def changed(kind: int, place: Place, width: int, *, by: int = 0, to: int | None = None) -> Edit:
    """A number of `width` bytes at a place of the message is another one."""

    def edit(_: Peer, message: Any) -> list[Any] | None:
        if not is_kind(message, kind):
            return None
        raw = bytearray(message.write())
        offset = place if isinstance(place, int) else place(bytes(raw))
        truth = int.from_bytes(raw[offset : offset + width])
        raw[offset : offset + width] = ((truth + by) if to is None else to).to_bytes(width)
        return [handshake(raw)]

    return edit


HELLO, CERTIFICATE = HandshakeType.server_hello, HandshakeType.certificate
SESSION = HEADER + 2 + 32
"""Where the session's name begins in a ServerHello, with its length."""


def suite(hello: bytes) -> int:
    """Where the suite stands in a ServerHello."""
    return SESSION + 1 + hello[SESSION]


def compression(hello: bytes) -> int:
    """Where the compression stands in a ServerHello."""
    return suite(hello) + 2


def extensions(hello: bytes) -> int:
    """Where the extensions begin in a ServerHello, with the length of them all."""
    return suite(hello) + 3


def _first_length(hello: bytes) -> int:
    return extensions(hello) + 4


ENTRY = {TLS12: HEADER + 3, TLS13: HEADER + 1 + 3}
"""Where the first entry of a certificate message begins: its length, and then the leaf."""


def _of_hello(version: tuple[int, int]) -> list[Attack]:
    def lie(what: str, place: Place, width: int, *, by: int = 0, to: int | None = None) -> Attack:
        return Attack(f"ServerHello: {what}", LIE, version, edit=changed(HELLO, place, width, by=by, to=to))

    return [
        lie("its length is one too small", 1, 3, by=-1),
        lie("the session's name has 33 bytes", SESSION, 1, to=33),
        lie("the session's name has 255 bytes", SESSION, 1, to=255),
        lie("the extensions are one byte longer", extensions, 2, by=1),
        lie("the extensions are one byte shorter", extensions, 2, by=-1),
        lie("the extensions have 65535 bytes", extensions, 2, to=0xFFFF),
        lie("the first extension is one byte longer", _first_length, 2, by=1),
        lie("the first extension has 65535 bytes", _first_length, 2, to=0xFFFF),
        Attack("ServerHello of 16777215 bytes", TOO_LARGE, version, edit=changed(HELLO, 1, 3, to=0xFFFFFF)),
    ]


def _of_certificates(version: tuple[int, int]) -> list[Attack]:
    entry = ENTRY[version]

    def lie(what: str, place: Place, width: int, *, by: int = 0, to: int | None = None) -> Attack:
        return Attack(f"Certificate: {what}", LIE, version, edit=changed(CERTIFICATE, place, width, by=by, to=to))

    return [
        lie("its length is one too small", 1, 3, by=-1),
        lie("the list is one byte longer", entry - 3, 3, by=1),
        lie("the list is one byte shorter", entry - 3, 3, by=-1),
        lie("the leaf is one byte longer", entry, 3, by=1),
        lie("the leaf has no bytes", entry, 3, to=0),
        Attack(
            "Certificate: the list has 16777215 bytes",
            TOO_LARGE,
            version,
            edit=changed(CERTIFICATE, entry - 3, 3, to=0xFFFFFF),
        ),
        Attack(
            "Certificate: the leaf has 16777215 bytes",
            MISBEHAVED,
            version,
            edit=changed(CERTIFICATE, entry, 3, to=0xFFFFFF),
        ),
        Attack("Certificate of 16777215 bytes", TOO_LARGE, version, edit=changed(CERTIFICATE, 1, 3, to=0xFFFFFF)),
    ]


def repeated(times: int) -> Edit:
    """The leaf stands in its message so many times more."""

    def edit(peer: Peer, message: Any) -> list[Any] | None:
        if not is_kind(message, CERTIFICATE):
            return None
        raw, start = bytes(message.write()), ENTRY[peer.attack.version]
        entries = raw[start:] * (times + 1)
        body = raw[HEADER : start - 3] + len(entries).to_bytes(3) + entries
        return [handshake(raw[:1] + len(body).to_bytes(3) + body)]

    return edit


def _with_extension(kind: int, number: int, length: int) -> Edit:
    """EncryptedExtensions or CertificateRequest of TLS 1.3 with one extension more: zeros, or the names of CAs."""

    def edit(_: Peer, message: Any) -> list[Any] | None:
        if not is_kind(message, kind):
            return None
        raw = bytes(message.write())
        before = HEADER if kind == HandshakeType.encrypted_extensions else HEADER + 1
        content = bytes(length)
        if number == AUTHORITIES:
            names = (b"\x00\x0d" + NAME) * (length // 15)
            content = len(names).to_bytes(2) + names
        extensions = raw[before + 2 :] + number.to_bytes(2) + len(content).to_bytes(2) + content
        body = raw[HEADER:before] + len(extensions).to_bytes(2) + extensions
        return [handshake(raw[:1] + len(body).to_bytes(3) + body)]

    return edit


AUTHORITIES = 47
"""certificate_authorities, RFC 8446 section 4.2.4."""
NAME = bytes.fromhex("300b3109300706035504030c00")
"""CN with an empty value, in DER."""


def _too_large() -> list[Attack]:
    encrypted, request = HandshakeType.encrypted_extensions, HandshakeType.certificate_request
    both = [
        attack
        for version in (TLS12, TLS13)
        for attack in (
            Attack("100 certificates", None, version, edit=repeated(99)),
            Attack("129 certificates", "cert_budget_exceeded", version, edit=repeated(128)),
            Attack("400 certificates, over 64 KiB", TOO_LARGE, version, edit=repeated(399)),
        )
    ]
    return [
        *both,
        Attack("names of CAs, 60 KiB of them", None, edit=_with_extension(request, AUTHORITIES, 61_000), asks=True),
        Attack(
            "an unrequested extension of 60000 bytes",
            MISBEHAVED,
            edit=_with_extension(encrypted, 0xFAFA, 60_000),
        ),
        Attack("the extensions of 65535 bytes", MISBEHAVED, edit=changed(encrypted, HEADER, 2, to=0xFFFF)),
        Attack("the context of the certificates has 255 bytes", LIE, edit=changed(CERTIFICATE, HEADER, 1, to=255)),
        Attack(
            "the signature is one byte longer",
            MISBEHAVED,
            edit=changed(HandshakeType.certificate_verify, HEADER + 2, 2, by=1),
        ),
        Attack(
            "the curve's point is one byte longer",
            MISBEHAVED,
            TLS12,
            edit=changed(HandshakeType.server_key_exchange, HEADER + 3, 1, by=1),
        ),
        Attack("ServerHelloDone of 5 bytes", MISBEHAVED, TLS12, edit=_done_with_content),
        Attack("Finished of 255 bytes", MISBEHAVED, edit=_long_finish),
    ]


def _done_with_content(_: Peer, message: Any) -> list[Any] | None:
    return [handshake(b"\x0e\x00\x00\x05extra")] if is_kind(message, HandshakeType.server_hello_done) else None


def _long_finish(_: Peer, message: Any) -> list[Any] | None:
    return [handshake(b"\x14\x00\x00\xff" + bytes(255))] if is_kind(message, HandshakeType.finished) else None


def _of_records() -> list[Attack]:
    def first(raw: bytes) -> Edit:
        def edit(peer: Peer, message: Any) -> list[Any] | None:
            if not is_kind(message, HELLO):
                return None
            peer.struck = True
            peer.shout(raw)
            peer.leave()
            return None

        return edit

    return [
        Attack("a record of 65535 bytes", TOO_LARGE, edit=first(b"\x16\x03\x03\xff\xff" + bytes(1 << 17))),
        Attack(
            "a record of 16384 bytes, and 16 of them", "peer_closed", edit=first(b"\x16\x03\x03\x40\x00" + bytes(16))
        ),
    ]


def lies() -> list[Attack]:
    """All of them."""
    attacks = _too_large() + _of_records()
    for version in (TLS12, TLS13):
        attacks += _of_hello(version) + _of_certificates(version)
    return attacks
