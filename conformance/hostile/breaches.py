"""Breaches of the protocol: garbage, the wrong message, the wrong moment, and ends that are none."""

import os
from typing import Any

from floods import before, saying
from lies import SESSION, changed, compression, extensions, handshake, is_kind, suite
from peer import TLS12, TLS13, Act, Attack, Edit, Peer
from tlslite.constants import TLS_1_3_HRR, ContentType, HandshakeType

MISBEHAVED = "peer_misbehaved"
HELLO = HandshakeType.server_hello


def _without(kind: int) -> Edit:
    return lambda _, message: [] if is_kind(message, kind) else None


def _twice(kind: int) -> Edit:
    return lambda _, message: [message, message] if is_kind(message, kind) else None


def _flipped(kind: int) -> Edit:
    """The last byte is another one."""

    def edit(_: Peer, message: Any) -> list[Any] | None:
        if not is_kind(message, kind):
            return None
        raw = bytearray(message.write())
        raw[-1] ^= 1
        return [handshake(raw)]

    return edit


def _other_session(*, retries: bool) -> Edit:
    """Another byte in the echo of the session's name."""

    def edit(_: Peer, message: Any) -> list[Any] | None:
        if not is_kind(message, HELLO) or (message.random == TLS_1_3_HRR) is not retries:
            return None
        raw = bytearray(message.write())
        raw[SESSION + 1] ^= 1
        return [handshake(raw)]

    return edit


def _then(raw: bytes) -> Act:
    """Some bytes, and the end."""

    def act(peer: Peer) -> None:
        peer.shout(raw)
        peer.leave()

    return act


def _with_hello_extension(raw: bytes) -> Edit:
    def edit(_: Peer, message: Any) -> list[Any] | None:
        if not is_kind(message, HELLO):
            return None
        hello = bytes(message.write())
        begin = extensions(hello)
        known = hello[begin + 2 :]
        body = hello[4:begin] + (len(known) + len(raw)).to_bytes(2) + known + raw
        return [handshake(hello[:1] + len(body).to_bytes(3) + body)]

    return edit


def _cut_in_a_record(peer: Peer) -> None:
    peer.shout(b"\x17\x03\x03\x01\x00" + os.urandom(16))
    peer.leave()


def _garbage() -> list[Attack]:
    made = []
    for version in (TLS12, TLS13):
        made += [
            Attack("no record after Finished", MISBEHAVED, version, after=_then(b"\xff" * 512)),
            Attack("a record in plaintext", MISBEHAVED, version, after=_then(b"\x17\x03\x03\x00\x40" + bytes(64))),
            Attack("data in the clear", MISBEHAVED, version, after=_then(b"\x17\x03\x03\x00\x04HTTP")),
            Attack(
                "data before Finished",
                MISBEHAVED,
                version,
                edit=before(HandshakeType.finished, saying(ContentType.application_data, b"HTTP", 1)),
            ),
            Attack(
                "a handshake message of no known kind",
                MISBEHAVED,
                version,
                after=saying(ContentType.handshake, b"\xee\x00\x00\x00", 1),
            ),
            Attack("a record of no known kind", MISBEHAVED, version, after=saying(99, b"x", 1)),
            Attack(
                "close_notify before the ServerHello",
                "peer_closed",
                version,
                edit=before(HELLO, _then(b"\x15\x03\x03\x00\x02\x01\x00")),
            ),
            Attack("no close_notify", "truncated", version, cut=True),
            Attack("an end within a record", "truncated", version, after=_cut_in_a_record),
            Attack(
                "a ServerHello after the handshake",
                MISBEHAVED,
                version,
                after=saying(ContentType.handshake, b"\x02\x00\x00\x26" + bytes(38), 1),
            ),
        ]
    return made


ALERTS = {
    40: "no_common_cipher",
    71: "no_common_cipher",
    70: "no_common_version",
    80: "remote_alert",
    112: "server_name_rejected",
    116: "identity_required",
    120: "alpn_mismatch",
}
"""What a server says instead of its ServerHello, and what that means: H5, H3, I5."""


def _alerts() -> list[Attack]:
    return [
        Attack(
            f"the fatal alert {number} instead of a ServerHello",
            code,
            edit=before(HELLO, _then(b"\x15\x03\x03\x00\x02\x02" + bytes([number]))),
        )
        for number, code in ALERTS.items()
    ]


def _order() -> list[Attack]:
    verify, done = HandshakeType.certificate_verify, HandshakeType.server_hello_done
    exchange, finished = HandshakeType.server_key_exchange, HandshakeType.finished
    made = []
    for version in (TLS12, TLS13):
        made += [
            Attack("no certificates", MISBEHAVED, version, edit=_without(HandshakeType.certificate)),
            Attack("certificates twice", MISBEHAVED, version, edit=_twice(HandshakeType.certificate)),
            Attack("a wrong Finished", MISBEHAVED, version, edit=_flipped(finished)),
            Attack("a second ServerHello", MISBEHAVED, version, edit=_twice(HELLO)),
            Attack(
                "an unrequested extension",
                MISBEHAVED,
                version,
                edit=_with_hello_extension(b"\xfa\xfa\x00\x00"),
            ),
            Attack("a compressed ServerHello", MISBEHAVED, version, edit=changed(HELLO, compression, 1, to=1)),
            Attack("a suite that was not offered", MISBEHAVED, version, edit=changed(HELLO, suite, 2, to=0xFAFA)),
            Attack(
                "a certificate is asked for twice",
                MISBEHAVED,
                version,
                edit=_twice(HandshakeType.certificate_request),
                asks=True,
            ),
        ]
    return [
        *made,
        Attack("no CertificateVerify", MISBEHAVED, edit=_without(verify)),
        Attack("a wrong signature", "cert_bad_signature", edit=_flipped(verify)),
        Attack("a wrong signature", "cert_bad_signature", TLS12, edit=_flipped(exchange)),
        Attack("no ServerKeyExchange", MISBEHAVED, TLS12, edit=_without(exchange)),
        Attack("ServerHelloDone twice", MISBEHAVED, TLS12, edit=_twice(done)),
        # RFC 8446 section 4.1.3 wants the echo compared, and rustls does so in a HelloRetryRequest alone. No attack
        # follows: it means nothing in TLS 1.3, and both Finished cover it.
        Attack("another session's name", None, edit=_other_session(retries=False)),
        Attack(
            "another session's name in a HelloRetryRequest", MISBEHAVED, edit=_other_session(retries=True), retries=True
        ),
        Attack("a request to renegotiate", MISBEHAVED, after=saying(ContentType.handshake, bytes(4), 1)),
        Attack(
            "a certificate is asked for after the handshake",
            MISBEHAVED,
            after=saying(ContentType.handshake, _REQUEST, 1),
        ),
        Attack("TLS 1.1", "no_common_version", TLS12, edit=changed(HELLO, 4, 2, to=0x0302)),
    ]


_REQUEST = b"\x0d\x00\x00\x0b\x00\x00\x08\x00\x0d\x00\x04\x00\x02\x04\x03"


def breaches() -> list[Attack]:
    """All of them."""
    return _garbage() + _alerts() + _order()
