"""Verified TLS connections to upstreams: policy in, verified connection out.

import uptls

policy = uptls.UpstreamTlsPolicy(
    ca=uptls.TrustBundle.from_file("/etc/pki/ca.pem"),
    subject_alt_names=[uptls.San.dns("payments.internal")],
)
with policy.connect("10.0.0.7", 8443, timeout=5) as stream:
    stream.sendall(b"hello")
    print(stream.peer.matched_name)

report = policy.verify(Path("chain.pem").read_bytes())  # offline
if not report:
    print(report.code, report.message, report.hint)
"""

from uptls import _methods as _methods
from uptls._calls import (
    check,
    connect,
    describe,
    verify,
)
from uptls._errors import (
    CertificateExpiredError,
    ClientIdentityRejectedError,
    ConnectTimeoutError,
    HandshakeError,
    KeyUsageError,
    LocalResourcesError,
    MisuseError,
    NameMismatchError,
    NameResolutionError,
    NotYetValidError,
    PeerRefusedError,
    PeerResetError,
    PeerVerificationError,
    PolicyError,
    PolicyFrozenError,
    RevokedError,
    UnexpectedEofError,
    UnknownIssuerError,
    UptlsError,
    WantReadError,
    WantWriteError,
)
from uptls._native import (
    AcceptsFacts,
    AnchorFacts,
    BackendFacts,
    Buffer,
    CertificateFacts,
    ClientIdentity,
    Code,
    Connector,
    Description,
    Event,
    ManifestSet,
    ManifestStore,
    PeerInfo,
    PolicyFacts,
    ProblemFacts,
    Report,
    Revocation,
    Runtime,
    San,
    SendsFacts,
    Step,
    SystemFacts,
    TlsFacts,
    TrustBundle,
    TrustFacts,
    UpstreamTlsPolicy,
    WarningFacts,
    __version__,
    codes,
    verify_document,
)
from uptls._observe import Observation, Observer
from uptls._stream import TlsStream
from uptls._watch import Watch

__all__ = [
    "AcceptsFacts",
    "AnchorFacts",
    "BackendFacts",
    "Buffer",
    "CertificateExpiredError",
    "CertificateFacts",
    "ClientIdentity",
    "ClientIdentityRejectedError",
    "Code",
    "ConnectTimeoutError",
    "Connector",
    "Description",
    "Event",
    "HandshakeError",
    "KeyUsageError",
    "LocalResourcesError",
    "ManifestSet",
    "ManifestStore",
    "MisuseError",
    "NameMismatchError",
    "NameResolutionError",
    "NotYetValidError",
    "Observation",
    "Observer",
    "PeerInfo",
    "PeerRefusedError",
    "PeerResetError",
    "PeerVerificationError",
    "PolicyError",
    "PolicyFacts",
    "PolicyFrozenError",
    "ProblemFacts",
    "Report",
    "Revocation",
    "RevokedError",
    "Runtime",
    "San",
    "SendsFacts",
    "Step",
    "SystemFacts",
    "TlsFacts",
    "TlsStream",
    "TrustBundle",
    "TrustFacts",
    "UnexpectedEofError",
    "UnknownIssuerError",
    "UpstreamTlsPolicy",
    "UptlsError",
    "WantReadError",
    "WantWriteError",
    "WarningFacts",
    "Watch",
    "__version__",
    "check",
    "codes",
    "connect",
    "describe",
    "verify",
    "verify_document",
]
