"""The exceptions, and which code is which. They are public as ``uptls.UptlsError`` and so on.

Each is also the exception of the standard library that existing code catches, with ``verify_code``, ``reason`` and the
rest filled in. The table at the end is the only place that knows the class of a code.
"""

import errno
import json
import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uptls._native import Event, Report

_LOG = logging.getLogger("uptls")


class UptlsError(ssl.SSLError):
    """A failure: a stable code, one sentence, and the one thing to change.

    Code, hint, peer and policy are notes (PEP 678), so every traceback shows them, even if a client wraps the
    exception.

    >>> try:
    ...     policy.connect("payments.internal", 1, connect_to="127.0.0.1")
    ... except uptls.UptlsError as error:
    ...     print(error.code, error.report.address, error.hint)
    tcp_refused 127.0.0.1:1 check that the peer listens there
    """

    code: str
    """The stable name of the reason, ``name_mismatch``."""
    number: int
    """Its number."""
    hint: str
    """The one thing to change."""
    report: "Report"
    """Every step of the verification; for a policy, all of its problems."""
    chain: tuple[bytes, ...]
    """The peer's certificates, DER, leaf first; empty if the failure came before them."""
    library: str
    """``UPTLS``, where the standard library says ``SSL``."""
    reason: str
    """The reason in capitals, as in the standard library; ``CERTIFICATE_VERIFY_FAILED`` for a refused peer."""

    _errno = int(ssl.SSL_ERROR_SSL)
    _code = "internal"

    def __init__(self, report: "Report | str | int" = "", chain: "Sequence[bytes] | str" = ()) -> None:
        """Takes a report, or, as every OSError, a text or a number and a text, since libraries rebuild exceptions."""
        report, chain = _given(self._code, report, chain)
        super().__init__(self._errno, report.message or "")
        self.code = report.code or "internal"
        self.number = report.number or 0
        self.hint = report.hint or ""
        self.report = report
        self.chain = tuple(chain)
        self.library = "UPTLS"
        self.reason = self.code.upper()
        for note in _notes(report):
            self.add_note(note)

    @property
    def fix(self) -> dict[str, Any] | None:
        """The hint as a JSON Patch (RFC 6902) of the policy document, under ``patch``; None if it changes none."""
        found: dict[str, Any] | None = json.loads(self.report_json)["results"][0].get("fix")
        return found

    @property
    def expected(self) -> list[str]:
        """The names that the policy wants, ``type:value``."""
        return self.report.expected

    @property
    def presented(self) -> list[str]:
        """The names that the peer presented, ``type:value``, at most ten."""
        return self.report.presented

    @property
    def report_json(self) -> str:
        """The report, schema ``uptls.report/v1``: the same bytes as in Rust, C and the command."""
        return self.report.to_json()

    def __str__(self) -> str:
        return self.report.message or self.code

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code}: {self})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.report, self.chain)


class PolicyError(UptlsError, ValueError):
    """A policy, its trust or its identity cannot be used (codes 1xx and 2xx).

    >>> try:
    ...     policy.replace(min_version="1.3", max_version="1.2")
    ... except uptls.PolicyError as error:
    ...     print(error.code, error.report.errors[0].path)
    policy_invalid spec.versions
    """


class MisuseError(UptlsError, ValueError):
    """A call or an argument makes no sense: the caller's bug (code ``misuse``)."""

    _code = "misuse"


class PolicyFrozenError(MisuseError, TypeError):
    """Code tried to change an object of a policy, which is frozen (code ``misuse``).

    >>> context = policy.ssl_context()
    >>> try:
    ...     context.check_hostname = False
    ... except uptls.PolicyFrozenError as error:
    ...     print(error.code, error.hint)
    misuse correct the call that the message names
    """


class PeerVerificationError(UptlsError, ssl.SSLCertVerificationError):
    """The peer failed the policy (codes 4xx, 5xx and 6xx)."""

    verify_code: int
    """OpenSSL's number for the reason; 1, unspecified, if it has none."""
    verify_message: str
    """The reason in words."""

    def __init__(self, report: "Report | str | int" = "", chain: "Sequence[bytes] | str" = ()) -> None:
        super().__init__(report, chain)
        self.reason = "CERTIFICATE_VERIFY_FAILED"
        self.verify_code = _VERIFY_CODES.get(self.code, 1)
        self.verify_message = self.report.message or ""


class UnknownIssuerError(PeerVerificationError):
    """No CA that the policy trusts issued the certificate."""

    _code = "cert_unknown_issuer"


class NameMismatchError(PeerVerificationError):
    """The certificate is for another name (codes 6xx)."""

    _code = "name_mismatch"


class CertificateExpiredError(PeerVerificationError):
    """A certificate of the path has expired."""

    _code = "cert_expired"


class NotYetValidError(PeerVerificationError):
    """A certificate of the path is not valid yet."""

    _code = "cert_not_yet_valid"


class RevokedError(PeerVerificationError):
    """A certificate of the path is revoked."""

    _code = "cert_revoked"


class KeyUsageError(PeerVerificationError):
    """The certificate is not meant for a server."""


class HandshakeError(UptlsError):
    """No common parameters, an alert, or a violation of the protocol (codes 7xx, 8xx, 901 and 902)."""


class ClientIdentityRejectedError(HandshakeError):
    """The peer refused our certificate, or wants one and got none."""


class UnexpectedEofError(UptlsError, ssl.SSLEOFError):
    """The peer closed the transport in the handshake, or without a close_notify: what was read may be incomplete."""

    _errno = int(ssl.SSL_ERROR_EOF)


class PeerResetError(UptlsError, ConnectionResetError):
    """The transport was reset, or lost (codes ``peer_reset`` and ``connection_lost``)."""

    _errno = errno.ECONNRESET
    _code = "peer_reset"


class LocalResourcesError(UptlsError):
    """A lack of descriptors, ports, memory, threads or a permission on this host, which says nothing of the peer.

    It is no ConnectionError, so code that counts those against an endpoint does not count this one.
    """

    _code = "local_resources"


class PeerRefusedError(UptlsError, ConnectionRefusedError):
    """No transport: the peer, or the network, refused it."""

    _errno = errno.ECONNREFUSED
    _code = "tcp_refused"


class ConnectTimeoutError(UptlsError, TimeoutError):
    """No transport, or no handshake, before the deadline."""

    _errno = errno.ETIMEDOUT


class NameResolutionError(UptlsError, socket.gaierror):
    """The host could not be resolved."""

    _errno = int(socket.EAI_NONAME)
    _code = "dns_failed"


class WantReadError(ssl.SSLWantReadError, BlockingIOError):
    """A stream that does not block has nothing to read yet."""

    def __init__(self, *_: object) -> None:
        super().__init__(errno.EAGAIN, "nothing can be read yet")


class WantWriteError(ssl.SSLWantWriteError, BlockingIOError):
    """A stream that does not block cannot send now."""

    def __init__(self, *_: object) -> None:
        super().__init__(errno.EAGAIN, "nothing can be sent now")


def _peer_of(report: "Report") -> str:
    """The peer and the policy, as far as they are known: ``payments.internal (10.0.0.7:8443), policy payments``."""
    peer = report.backend_host or report.server_name or ""
    if report.address:
        peer = f"{peer} ({report.address})".strip()
    policy = f"policy {report.policy.name}" if report.policy.name else ""
    return ", ".join(part for part in (peer, policy) if part)


def _notes(report: "Report") -> "Iterator[str]":
    """The lines that a traceback shows below the message. An exception made from a text has none."""
    if report.code in (None, "internal"):
        return
    peer = _peer_of(report)
    yield f"uptls: {report.code} ({report.number}){': ' if peer else ''}{peer}"
    if report.hint:
        yield f"hint: {report.hint}"


def misuse(message: str, kind: type[MisuseError] = MisuseError) -> MisuseError:
    """The exception for a call or argument that makes no sense."""
    return kind(message)


def _given(code: str, report: "Report | str | int", chain: "Sequence[bytes] | str") -> "tuple[Report, Sequence[bytes]]":
    """The report of an exception. One made from a text has the code of its class, or ``internal``."""
    from uptls._native import text_report  # noqa: PLC0415

    if isinstance(report, int):
        report, chain = str(chain), ()
    if isinstance(report, str):
        report = text_report(code, report)
    return report, () if isinstance(chain, str) else chain


def exception_of(report: "Report", chain: Sequence[bytes] = ()) -> UptlsError:
    """The exception for a failed report: its code decides the class."""
    return class_of(report.code or "internal", report.number or 0)(report, chain)


def class_of(code: str, number: int) -> type[UptlsError]:
    """The class of a code: its own, or the class of its hundred."""
    return _CLASSES.get(code) or _BLOCKS.get(number // 100, UptlsError)


def log_refusal(error: UptlsError, unlogged: int) -> None:
    """Logs a refused connection, for readers who see only the log: clients wrap exceptions until nothing is left.

    The connector decides which refusals to log; it left out `unlogged` of them since the last line.
    """
    is_bug = isinstance(error, MisuseError) and not isinstance(error, PolicyFrozenError)
    level = logging.INFO if is_bug else logging.WARNING
    more = f" ({unlogged} refusals before it were not logged)" if unlogged else ""
    peer = _peer_of(error.report) or "a peer"
    _LOG.log(level, "%s: %s: %s; hint: %s%s", peer, error.code, error, error.hint, more, extra={"uptls": error.report})


def log_ignored(what: str) -> None:
    """Logs what a library wanted to add to a context that ignores it."""
    _LOG.info("%s was ignored: the policy alone decides", what)


def log_event(event: "Event") -> None:
    """Logs an event of a connector."""
    bad = event.kind not in ("updated", "recovered")
    _LOG.log(
        logging.WARNING if bad else logging.INFO, "%s: %s", event.kind, event.message, extra={"uptls": event.report}
    )


def log_left_out(whose: str, kinds: list[str], notices: list[str]) -> None:
    """Logs what the import left out of a policy, once until it changes: the rest decides the verdict.

    `kinds` identifies the notices without their texts, which may contain the time of day.
    """
    if _left_out.pop(whose, []) != kinds:
        for notice in notices:
            _LOG.warning("left out: %s", notice)
    if kinds:
        while len(_left_out) >= _MOST_LEFT_OUT:
            _left_out.pop(next(iter(_left_out)), None)
        _left_out[whose] = kinds


_left_out: dict[str, list[str]] = {}
"""The notices that the log has of each policy; the oldest entry is dropped."""

_MOST_LEFT_OUT = 256


def call_hook(hook: "Callable[[Event], object]", event: "Event", is_known: bool) -> bool:  # noqa: FBT001
    """Calls the hook, and says whether it raised. An exception of the hook changes no verdict.

    It is logged unless the last call raised, too (`is_known`).
    """
    try:
        hook(event)
    except Exception:  # noqa: BLE001
        if not is_known:
            _LOG.exception("on_event raised for %s; it is logged again once a call of it succeeded", event.kind)
        return True
    return False


_BLOCKS: dict[int, type[UptlsError]] = {
    1: PolicyError,
    2: PolicyError,
    4: PeerVerificationError,
    5: PeerVerificationError,
    6: NameMismatchError,
    7: HandshakeError,
    8: HandshakeError,
}

_CLASSES: dict[str, type[UptlsError]] = {
    "dns_failed": NameResolutionError,
    "connection_lost": PeerResetError,
    "local_resources": LocalResourcesError,
    "tcp_refused": PeerRefusedError,
    "tcp_timeout": ConnectTimeoutError,
    "handshake_timeout": ConnectTimeoutError,
    "peer_closed": UnexpectedEofError,
    "peer_reset": PeerResetError,
    "peer_not_tls": HandshakeError,
    "truncated": UnexpectedEofError,
    "cert_unknown_issuer": UnknownIssuerError,
    "cert_self_signed": UnknownIssuerError,
    "cert_missing_intermediate": UnknownIssuerError,
    "cert_issuer_key_changed": UnknownIssuerError,
    "cert_expired": CertificateExpiredError,
    "issuer_expired": CertificateExpiredError,
    "cert_not_yet_valid": NotYetValidError,
    "cert_purpose": KeyUsageError,
    "cert_key_usage": KeyUsageError,
    "cert_revoked": RevokedError,
    "identity_required": ClientIdentityRejectedError,
    "identity_rejected": ClientIdentityRejectedError,
    "peer_misbehaved": HandshakeError,
    "message_too_large": HandshakeError,
    "misuse": MisuseError,
}

# The numbers of OpenSSL's X509_V_ERR_*.
_VERIFY_CODES = {
    "cert_unknown_issuer": 20,
    "cert_self_signed": 18,
    "cert_missing_intermediate": 20,
    "cert_issuer_key_changed": 20,
    "cert_expired": 10,
    "issuer_expired": 10,
    "cert_not_yet_valid": 9,
    "cert_bad_signature": 7,
    "cert_algorithm_unsupported": 68,
    "cert_key_too_weak": 66,
    "cert_ca_as_leaf": 79,
    "cert_issuer_not_ca": 79,
    "cert_purpose": 26,
    "cert_key_usage": 26,
    "cert_name_constraint": 47,
    "cert_path_too_long": 22,
    "cert_distrusted": 28,
    "cert_critical_extension": 34,
    "cert_revoked": 23,
    "revocation_unknown": 3,
    "crl_expired": 12,
    "crl_untrusted": 8,
    "name_mismatch": 62,
    "san_missing": 62,
    "san_type_mismatch": 62,
}

_PUBLIC = [kind for kind in list(globals().values()) if isinstance(kind, type) and issubclass(kind, OSError)]
for _class in _PUBLIC:
    _class.__module__ = "uptls"
del _class
