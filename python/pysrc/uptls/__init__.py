"""Verified TLS connections to upstreams: policy in, verified connection out.

This release judges certificate chains offline:

    import uptls

    policy = uptls.UpstreamTlsPolicy.from_file("policy.yaml")
    report = policy.verify(Path("chain.pem").read_bytes())
    if not report:
        print(report.code, report.message, report.hint)
"""

from uptls._errors import MisuseError, PolicyError, UptlsError
from uptls._native import (
    Code,
    Report,
    Runtime,
    UpstreamTlsPolicy,
    __version__,
    codes,
    verify_document,
)

__all__ = [
    "Code",
    "MisuseError",
    "PolicyError",
    "Report",
    "Runtime",
    "UpstreamTlsPolicy",
    "UptlsError",
    "__version__",
    "codes",
    "verify_document",
]
