"""What never ends: floods of what TLS permits once, bytes one by one, and silence after each message."""

from typing import Any

from lies import handshake, is_kind
from peer import TLS12, TLS13, Act, Attack, Edit, Peer
from tlslite.constants import ContentType, HandshakeType, KeyUpdateMessageType
from tlslite.messages import NewSessionTicket

MISBEHAVED = "peer_misbehaved"
HELLO = HandshakeType.server_hello
HELLO_REQUEST = bytes(4)
CHANGE = b"\x14\x03\x03\x00\x01\x01"
"""A record that pretends to change the cipher, as middleboxes want of TLS 1.3."""
MANY = 20_000
"""So many records are sent unless the client ends it."""


def before(kind: int, act: Act) -> Edit:
    """An act before a message is sent."""

    def edit(peer: Peer, message: Any) -> list[Any] | None:
        if not is_kind(message, kind):
            return None
        peer.struck = True
        act(peer)
        return [message]

    return edit


def shouting(raw: bytes, times: int) -> Act:
    """The same bytes so many times, in few writes."""
    return lambda peer: peer.shout(raw * times)


def saying(kind: int, data: bytes, times: int) -> Act:
    """So many records under the keys of the moment."""
    return lambda peer: peer.say(kind, data, times)


def _updates(times: int, request: int) -> Act:
    def act(peer: Peer) -> None:
        for _ in range(times):
            for _ in peer.send_keyupdate_request(request):
                pass

    return act


def _tickets(times: int, length: int) -> Act:
    def act(peer: Peer) -> None:
        for number in range(times):
            ticket = NewSessionTicket().create(7200, number, bytearray(number.to_bytes(4)), bytearray(length), [])
            peer.say(ContentType.handshake, ticket.write())

    return act


def _in_one_record(peer: Peer) -> None:
    """Two changes of the keys, the second under the keys that the first one ended."""
    peer.say(ContentType.handshake, b"\x18\x00\x00\x01\x00" * 2)


class _Retry:
    """The HelloRetryRequest once more, in the place of the ServerHello."""

    def __call__(self, peer: Peer, message: Any) -> list[Any] | None:
        if not is_kind(message, HELLO):
            return None
        first = peer.__dict__.setdefault("hostile_retry", bytes(message.write()))
        return None if first == bytes(message.write()) else [handshake(first)]


def _of_many() -> list[Attack]:
    alert, change = ContentType.alert, ContentType.change_cipher_spec
    shake, data = ContentType.handshake, ContentType.application_data
    requested, not_requested = KeyUpdateMessageType.update_requested, KeyUpdateMessageType.update_not_requested
    plain = [
        attack
        for version in (TLS12, TLS13)
        for attack in (
            Attack(
                "empty records before the ServerHello",
                MISBEHAVED,
                version,
                edit=before(HELLO, shouting(b"\x16\x03\x03\x00\x00", MANY)),
            ),
            Attack("empty records of data", MISBEHAVED, version, after=saying(data, b"", 2_000)),
            Attack("10 empty records of data", None, version, after=saying(data, b"", 10)),
        )
    ]
    return [
        *plain,
        Attack(
            "warnings before the ServerHello",
            MISBEHAVED,
            TLS12,
            edit=before(HELLO, shouting(b"\x15\x03\x03\x00\x02\x01\x5a", MANY)),
        ),
        Attack(
            "3 warnings before the ServerHello",
            None,
            TLS12,
            edit=before(HELLO, shouting(b"\x15\x03\x03\x00\x02\x01\x5a", 3)),
        ),
        Attack("warnings after the handshake", MISBEHAVED, TLS12, after=saying(alert, b"\x01\x64", 2_000)),
        Attack("warnings after the handshake", MISBEHAVED, after=saying(alert, b"\x01\x5a", 2_000)),
        Attack("requests to renegotiate", MISBEHAVED, TLS12, after=saying(shake, HELLO_REQUEST, 2_000)),
        Attack("one request to renegotiate", None, TLS12, after=saying(shake, HELLO_REQUEST, 1)),
        Attack(
            "changes of the cipher", MISBEHAVED, edit=before(HandshakeType.encrypted_extensions, shouting(CHANGE, MANY))
        ),
        Attack(
            "one change of the cipher more", None, edit=before(HandshakeType.encrypted_extensions, shouting(CHANGE, 1))
        ),
        Attack(
            "a second change of the cipher",
            MISBEHAVED,
            TLS12,
            edit=before(HandshakeType.finished, saying(change, b"\x01", 1)),
        ),
        Attack("KeyUpdates that want an answer", MISBEHAVED, after=_updates(2_000, requested)),
        Attack("KeyUpdates that want none", MISBEHAVED, after=_updates(2_000, not_requested)),
        Attack("20 KeyUpdates that want an answer", None, after=_updates(20, requested)),
        Attack("two KeyUpdates in one record", MISBEHAVED, after=_in_one_record),
        Attack("1000 tickets", None, after=_tickets(1_000, 64)),
        Attack("20 tickets of 15000 bytes", None, after=_tickets(20, 15_000)),
        Attack("a second HelloRetryRequest", MISBEHAVED, edit=_Retry(), retries=True),
    ]


def _one_by_one() -> list[Attack]:
    made = []
    for version in (TLS12, TLS13):
        made += [
            Attack("byte by byte", None, version, byte=0.0),
            Attack("records of one byte", None, version, record=1),
            Attack("a byte every 20 ms", "handshake_timeout", version, byte=0.02, late=True),
        ]
    return made


def _silent_at(kind: int) -> Edit:
    """Nothing from this message on."""

    def edit(peer: Peer, message: Any) -> list[Any] | None:
        if not is_kind(message, kind):
            return None
        peer.struck = True
        peer.hold()
        return None

    return edit


def _silent() -> list[Attack]:
    def silent(name: str, version: tuple[int, int], kind: int) -> Attack:
        return Attack(f"silent {name}", "handshake_timeout", version, edit=_silent_at(kind), late=True)

    return [
        Attack("silent from the beginning", "handshake_timeout", greet=Peer.hold, late=True),
        silent("after the ClientHello", TLS13, HELLO),
        silent("after the ServerHello", TLS13, HandshakeType.encrypted_extensions),
        silent("after EncryptedExtensions", TLS13, HandshakeType.certificate),
        silent("after the certificates", TLS13, HandshakeType.certificate_verify),
        silent("after CertificateVerify", TLS13, HandshakeType.finished),
        silent("after the ServerHello", TLS12, HandshakeType.certificate),
        silent("after the certificates", TLS12, HandshakeType.server_key_exchange),
        silent("after ServerKeyExchange", TLS12, HandshakeType.server_hello_done),
        silent("after the client's Finished", TLS12, HandshakeType.finished),
    ]


def floods() -> list[Attack]:
    """All of them."""
    return _of_many() + _one_by_one() + _silent()
