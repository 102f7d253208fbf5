"""The dictionary of ``ssl.SSLSocket.getpeercert``."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uptls._native import PeerInfo

_KINDS = {"dns": "DNS", "email": "email", "ip": "IP Address", "uri": "URI"}

_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"

_ATTRIBUTES = {
    "C": "countryName",
    "CN": "commonName",
    "L": "localityName",
    "O": "organizationName",
    "OU": "organizationalUnitName",
    "ST": "stateOrProvinceName",
}


def as_dictionary(peer: "PeerInfo") -> dict[str, Any]:
    """What the leaf says, for display: names are escaped, and at most ten are listed. Nothing may be decided by it."""
    leaf = peer.certificates[0]
    names = [name.partition(":") for name in leaf.sans]
    return {
        "subject": _name(leaf.subject),
        "issuer": _name(leaf.issuer),
        "version": 3,
        "notBefore": _time(leaf.not_before),
        "notAfter": _time(leaf.not_after),
        "subjectAltName": tuple((_KINDS[kind], value) for kind, _, value in names if kind in _KINDS),
    }


def _name(text: str) -> tuple[tuple[tuple[str, str], ...], ...]:
    parts = [part.partition("=") for part in text.split(", ")]
    return tuple(((_ATTRIBUTES.get(key, key), value),) for key, _, value in parts if key)


def _time(text: str) -> str:
    """As OpenSSL writes it, for ``ssl.cert_time_to_seconds``: in English everywhere, and with a day of two columns."""
    time = datetime.fromisoformat(text)
    month = _MONTHS[3 * time.month - 3 : 3 * time.month]
    return f"{month} {time.day:2} {time:%H:%M:%S %Y} GMT"
