"""The classes of codes, and what the standard library's own exceptions have."""

import _ssl
import asyncio
import copy
import ctypes
import ctypes.util
import inspect
import json
import logging
import pickle
import socket
import ssl
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

import uptls
from conftest import cannot_run, first
from loopback import HOST, Authority, Server
from uptls import _errors, _native

if TYPE_CHECKING:
    from conftest import Case

ut: Any = uptls  # for calls that a type checker would refuse


def error_of(code: uptls.Code) -> uptls.UptlsError:
    """What a report of this code raises."""
    report: dict[str, Any] = json.loads(_native.text_report("misuse", "a test").to_json())
    report["results"][0] |= {"code": code.name, "number": code.number, "category": code.category, "message": "it is so"}
    return _errors.exception_of(uptls.Report.from_json(json.dumps(report)), [b"der"])


EXPECTED: dict[str, tuple[type[uptls.UptlsError], type[Exception]]] = {
    "policy": (uptls.PolicyError, ValueError),
    "identity": (uptls.PolicyError, ValueError),
    "chain": (uptls.PeerVerificationError, ssl.SSLCertVerificationError),
    "revocation": (uptls.PeerVerificationError, ssl.SSLCertVerificationError),
    "name": (uptls.NameMismatchError, ssl.CertificateError),
    "negotiation": (uptls.HandshakeError, ssl.SSLError),
    "remote": (uptls.HandshakeError, ssl.SSLError),
    "connect": (uptls.UptlsError, OSError),
    "protocol": (uptls.UptlsError, OSError),
}


@pytest.mark.parametrize("code", uptls.codes(), ids=lambda code: code.name)
def test_every_code_has_its_class(code: uptls.Code) -> None:
    error = error_of(code)
    for kind in (*EXPECTED[code.category], ssl.SSLError, OSError):
        assert isinstance(error, kind)
    assert (error.code, error.number, str(error), error.chain) == (code.name, code.number, "it is so", (b"der",))
    assert repr(error) == f"{type(error).__name__}({code.name}: it is so)"
    assert isinstance(error.errno, int)
    assert error.strerror == "it is so"
    assert error.library == "UPTLS"
    assert error.reason.isupper()
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301
        assert type(again) is type(error)
        assert (str(again), again.report, again.chain, vars(again)) == (
            str(error),
            error.report,
            error.chain,
            vars(error),
        )
    # What no peer did is no verification error.
    assert isinstance(error, ssl.SSLCertVerificationError) == (code.category in ("chain", "revocation", "name"))


@pytest.mark.parametrize(
    ("code", "kind", "standard", "verify_code"),
    [
        ("cert_unknown_issuer", uptls.UnknownIssuerError, ssl.SSLCertVerificationError, 20),
        ("cert_expired", uptls.CertificateExpiredError, ssl.SSLCertVerificationError, 10),
        ("cert_not_yet_valid", uptls.NotYetValidError, ssl.SSLCertVerificationError, 9),
        ("cert_revoked", uptls.RevokedError, ssl.SSLCertVerificationError, 23),
        ("cert_purpose", uptls.KeyUsageError, ssl.SSLCertVerificationError, 26),
        ("name_mismatch", uptls.NameMismatchError, ssl.SSLCertVerificationError, 62),
        ("cert_malformed", uptls.PeerVerificationError, ssl.SSLCertVerificationError, 1),
        ("identity_rejected", uptls.ClientIdentityRejectedError, ssl.SSLError, None),
        ("truncated", uptls.UnexpectedEofError, ssl.SSLEOFError, None),
        ("peer_closed", uptls.UnexpectedEofError, ssl.SSLEOFError, None),
        ("peer_reset", uptls.PeerResetError, ConnectionResetError, None),
        ("connection_lost", uptls.PeerResetError, ConnectionResetError, None),
        ("local_resources", uptls.LocalResourcesError, ssl.SSLError, None),
        ("tcp_refused", uptls.PeerRefusedError, ConnectionRefusedError, None),
        ("tcp_timeout", uptls.ConnectTimeoutError, TimeoutError, None),
        ("handshake_timeout", uptls.ConnectTimeoutError, TimeoutError, None),
        ("dns_failed", uptls.NameResolutionError, socket.gaierror, None),
        ("misuse", uptls.MisuseError, ValueError, None),
    ],
)
def test_the_classes_that_old_code_catches(code: str, kind: Any, standard: Any, verify_code: int | None) -> None:
    error = error_of(next(row for row in uptls.codes() if row.name == code))
    assert type(error) is kind
    assert isinstance(error, standard)
    if verify_code is None:
        assert not isinstance(error, uptls.PeerVerificationError)
    else:
        assert isinstance(error, uptls.PeerVerificationError)
        assert (error.verify_code, error.verify_message) == (verify_code, "it is so")
        assert error.reason == "CERTIFICATE_VERIFY_FAILED"


KINDS = [kind for kind in vars(_errors).values() if isinstance(kind, type) and issubclass(kind, OSError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_libraries_may_make_an_exception_again_of_its_text(kind: Any) -> None:
    wants = issubclass(kind, (ssl.SSLWantReadError, ssl.SSLWantWriteError))
    known = {code.name for code in uptls.codes()}
    for arguments, text in (
        (("text alone",), "text alone"),
        ((5, "a number and a text"), "a number and a text"),
        ((), ""),
    ):
        error = kind(*arguments)
        assert isinstance(error.errno, int)
        if wants:
            continue
        assert str(error) == (text or error.code)
        assert error.code in known
        assert _errors.class_of(error.code, error.number) is type(error) or error.code in {"internal", "misuse"}
        assert (error.chain, error.expected, error.report.code) == ((), [], error.code)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301


@pytest.mark.parametrize("code", uptls.codes(), ids=lambda code: code.name)
def test_an_exception_that_is_made_again_says_the_same(code: uptls.Code) -> None:
    error = error_of(code)
    for again in (type(error)(str(error)), type(error)(*error.args)):
        assert type(again) is type(error)
        assert (str(again), again.args) == (str(error), error.args)


def test_the_table_knows_no_other_codes() -> None:
    names = {code.name for code in uptls.codes()}
    assert set(_errors._CLASSES) <= names  # noqa: SLF001
    verified = {code.name for code in uptls.codes() if code.category in ("chain", "revocation", "name")}
    assert set(_errors._VERIFY_CODES) <= verified  # noqa: SLF001


def test_every_exception_is_public() -> None:
    for name, kind in inspect.getmembers(_errors, inspect.isclass):
        if issubclass(kind, OSError) and kind.__module__ == "uptls":
            assert getattr(uptls, name) is kind
            assert name in uptls.__all__
    assert uptls.__all__ == sorted(uptls.__all__)


def test_verify_codes_are_those_of_openssl(ca: Authority, tmp_path: Any) -> None:
    """The standard library's own verdict on the same certificates."""
    other = Authority(tmp_path, "Other CA")
    for leaf, anchor, host in (
        (ca.issue(HOST), ca, "other.test"),
        (ca.issue(HOST, days=-1), ca, HOST),
        (ca.issue(HOST), other, HOST),
    ):
        context = ssl.create_default_context(cafile=str(anchor.file))
        # From 3.13 on it is strict, and finds other things first.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        with Server(leaf) as server:
            with (
                pytest.raises(ssl.SSLCertVerificationError) as theirs,
                socket.create_connection(server.address) as sock,
            ):
                context.wrap_socket(sock, server_hostname=host)
            policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(anchor.file))
            with pytest.raises(uptls.PeerVerificationError) as ours:
                policy.connect(host, server.port, connect_to="127.0.0.1")
        assert ours.value.verify_code == theirs.value.verify_code
        assert ours.value.reason == theirs.value.reason
        assert ours.value.errno == theirs.value.errno


#: What OpenSSL calls the number that each code stands for.
_OPENSSL = {
    "cert_unknown_issuer": "unable to get local issuer certificate",
    "cert_self_signed": "self-signed certificate",
    "cert_missing_intermediate": "unable to get local issuer certificate",
    "cert_issuer_key_changed": "unable to get local issuer certificate",
    "cert_expired": "certificate has expired",
    "issuer_expired": "certificate has expired",
    "cert_not_yet_valid": "certificate is not yet valid",
    "cert_bad_signature": "certificate signature failure",
    "cert_algorithm_unsupported": "CA signature digest algorithm too weak",
    "cert_key_too_weak": "EE certificate key too weak",
    "cert_ca_as_leaf": "invalid CA certificate",
    "cert_issuer_not_ca": "invalid CA certificate",
    "cert_purpose": "unsuitable certificate purpose",
    "cert_key_usage": "unsuitable certificate purpose",
    "cert_name_constraint": "permitted subtree violation",
    "cert_path_too_long": "certificate chain too long",
    "cert_distrusted": "certificate rejected",
    "cert_critical_extension": "unhandled critical extension",
    "cert_revoked": "certificate revoked",
    "revocation_unknown": "unable to get certificate CRL",
    "crl_expired": "CRL has expired",
    "crl_untrusted": "CRL signature failure",
    "name_mismatch": "hostname mismatch",
    "san_missing": "hostname mismatch",
    "san_type_mismatch": "hostname mismatch",
}


def openssl() -> ctypes.CDLL:
    """The OpenSSL that the module ssl is linked with, or else the system's."""
    places = (getattr(_ssl, "__file__", None), ctypes.util.find_library("crypto"))
    loaded = [ctypes.CDLL(place) for place in places if place]
    usable = [library for library in loaded if hasattr(library, "X509_verify_cert_error_string")]
    if not usable:
        cannot_run("there is no library of OpenSSL")
    return usable[0]


def test_each_verify_code_means_to_openssl_what_ours_means() -> None:
    text = openssl().X509_verify_cert_error_string
    text.argtypes, text.restype = [ctypes.c_long], ctypes.c_char_p
    # Versions spell "self-signed" and "Hostname" in two ways.
    meant = {
        code: text(number).decode().lower().replace("self signed", "self-signed")
        for code, number in _errors._VERIFY_CODES.items()  # noqa: SLF001
    }
    assert meant == {code: words.lower() for code, words in _OPENSSL.items()}


def test_a_report_goes_through_json(refused: "Case") -> None:
    report = refused.policy().verify(refused.chain, refused.host)
    again = uptls.Report.from_json(report.to_json())
    assert again == report
    assert hash(again) == hash(report)
    assert pickle.loads(pickle.dumps(report)) == report  # noqa: S301
    assert again != ut.Report.from_json(first(lambda r: r["verdict"] == "accepted").report_json)
    assert again != ut.San.dns(HOST)
    for text in (
        "",
        "{}",
        "[]",
        '{"schema": "uptls.report/v2", "results": [{}]}',
        '{"schema": "uptls.report/v1", "results": []}',
    ):
        with pytest.raises(ValueError, match=r"uptls\.report/v1"):
            uptls.Report.from_json(text)
    with pytest.raises(TypeError):
        ut.Report.from_json(b"{}")


def test_a_report_says_by_type_what_its_json_says(case: "Case") -> None:
    report = uptls.Report.from_json(case.report_json)
    facts = report.to_dict()
    assert [step.step for step in report.steps] == [step["step"] for step in facts["steps"]]
    assert [step.outcome for step in report.steps] == [step["outcome"] for step in facts["steps"]]
    assert [dict(step.detail) for step in report.steps] == [step["detail"] for step in facts["steps"]]
    assert [certificate.sha256 for certificate in report.chain] == [one["sha256"] for one in facts["chain"]]
    assert [problem.code for problem in report.errors] == [problem["code"] for problem in facts["errors"]]
    assert [(warning.code, warning.detail) for warning in report.warnings] == [
        (warning["code"], warning["detail"]) for warning in facts["warnings"]
    ]
    assert (report.policy.name, report.backend_host) == (facts["policy"].get("name"), facts.get("backend_host"))
    assert (report.expected, report.presented, report.at) == (facts["expected"], facts["presented"], facts["at"])


def test_facts_are_shown_and_frozen(refused: "Case") -> None:
    report = refused.policy().verify(refused.chain, refused.host)
    step: Any = report.steps[0]
    assert repr(step) == f"Step(step='policy', outcome='pass', code=None, detail={step.detail!r})"
    with pytest.raises(AttributeError):
        step.outcome = "fail"
    with pytest.raises(TypeError):
        ut.Step()
    assert report.steps == report.steps


def test_an_exception_names_the_host_in_the_log(caplog: pytest.LogCaptureFixture, ca: Authority) -> None:
    # One of its own: a connector logs the same refusal once (R10).
    policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca.file))
    with caplog.at_level(logging.WARNING, "uptls"), pytest.raises(uptls.HandshakeError):
        policy.buffer(HOST).receive_data(b"SSH-2.0-OpenSSH_9.9\r\n")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"{HOST}: peer_not_tls: ")
    assert "hint: " in record.getMessage()
    assert ut.Report.from_json(record.__dict__["uptls"].to_json()).code == "peer_not_tls"


def test_the_address_stands_in_the_log_and_in_the_notes(caplog: pytest.LogCaptureFixture, ca: Authority) -> None:
    """Of each way to a socket; the twin is a buffer that was told none."""

    def refused(open_it: Callable[[uptls.UpstreamTlsPolicy, int], object]) -> tuple[str, str, int]:
        policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca.file), name="pay")
        caplog.clear()
        with Server(ca.issue("other.test")) as server, pytest.raises(uptls.NameMismatchError) as caught:
            open_it(policy, server.port)
        return caught.value.__notes__[0], caplog.records[0].getMessage(), server.port

    def by_context(policy: uptls.UpstreamTlsPolicy, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            policy.ssl_context().wrap_socket(sock, server_hostname=HOST).close()

    async def by_asyncio(policy: uptls.UpstreamTlsPolicy, port: int) -> None:
        await policy.open_connection(HOST, port, connect_to="127.0.0.1")

    ways: list[Callable[[uptls.UpstreamTlsPolicy, int], object]] = [
        lambda policy, port: policy.connect(HOST, port, connect_to="127.0.0.1"),
        by_context,
        lambda policy, port: asyncio.run(by_asyncio(policy, port)),
    ]
    for way in ways:
        note, line, port = refused(way)
        assert note == f"uptls: name_mismatch (601): {HOST} (127.0.0.1:{port}), policy pay"
        assert line.startswith(f"{HOST} (127.0.0.1:{port}), policy pay: name_mismatch: ")
    policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca.file))
    for given, whom in ("10.0.0.7:443", f"{HOST} (10.0.0.7:443)"), (None, HOST):
        with pytest.raises(uptls.HandshakeError) as unread:
            policy.buffer(HOST, address=given).receive_data(b"SSH-2.0-OpenSSH_9.9\r\n")
        assert unread.value.__notes__[0] == f"uptls: peer_not_tls (307): {whom}"


def test_a_traceback_shows_code_hint_peer_and_policy(ca: Authority) -> None:
    head = "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {name: pay}\n"
    text = f"{head}spec: {{trust: {{bundles: [{{file: {ca.file}}}]}}}}\n"
    policy = uptls.UpstreamTlsPolicy.from_document(text)
    with pytest.raises(uptls.HandshakeError) as caught:
        policy.buffer(HOST).receive_data(b"SSH-2.0-OpenSSH_9.9\r\n")
    error = caught.value
    assert error.__notes__ == [f"uptls: peer_not_tls (307): {HOST}, policy pay", f"hint: {error.hint}"]
    shown = "".join(traceback.format_exception(error))
    assert f"uptls: peer_not_tls (307): {HOST}, policy pay\nhint: {error.hint}\n" in shown
    with pytest.raises(uptls.PolicyError) as unusable:
        uptls.UpstreamTlsPolicy.from_document(f"{head}spec: {{trust: {{system: mozila}}}}\n")
    assert unusable.value.__notes__[0] == "uptls: policy_invalid (101): policy pay", "there is no peer"
    # Made again they stand there once, and a text alone has none.
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301
        assert again.__notes__ == error.__notes__
    assert not hasattr(uptls.UptlsError("a text"), "__notes__")


def test_a_frozen_policy_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "uptls"):
        _errors.log_refusal(_errors.misuse("verify_mode", uptls.PolicyFrozenError), 0)
        _errors.log_refusal(_errors.misuse("another call"), 0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]


def test_a_hint_that_is_a_change_of_the_document_is_a_patch() -> None:
    text = "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {trust: {system: mozilla}, servername: a.test}\n"
    with pytest.raises(uptls.PolicyError, match="unknown") as caught:
        uptls.UpstreamTlsPolicy.from_document(text)
    assert caught.value.fix == {"patch": [{"op": "move", "from": "/spec/servername", "path": "/spec/serverName"}]}
    with pytest.raises(uptls.PolicyError) as caught:
        uptls.UpstreamTlsPolicy.from_document(text.replace("mozilla}, servername: a.test", "mozila}"))
    assert caught.value.fix is None
