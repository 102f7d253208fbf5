"""The methods of a policy, as functions."""

from collections.abc import Sequence

from uptls._dial import Way
from uptls._native import Connector, Description, Dialer, Report, UpstreamTlsPolicy
from uptls._stream import TlsStream


def verify(policy: UpstreamTlsPolicy, chain_pem: str | bytes | bytearray, host: str | None = None) -> Report:
    """Verifies a certificate chain (PEM, leaf first) offline. A refusal is a report, too, and no exception."""
    return policy.verify(chain_pem, host)


def describe(policy: UpstreamTlsPolicy) -> Description:
    """What a policy trusts, sends and accepts, offline."""
    return policy.describe()


def check(
    policy: UpstreamTlsPolicy | Connector,
    host: str,
    port: int,
    *,
    connect_to: str | tuple[str, int] | None = None,
    timeout: float | None = None,
) -> Report:
    """Makes one connection as an application would, closes it, and reports every step; failures are in the report."""
    return policy.check(host, port, connect_to=connect_to, timeout=timeout)


def connect(  # noqa: PLR0913
    host: str,
    port: int,
    *,
    policy: UpstreamTlsPolicy | Connector,
    connect_to: str | tuple[str, int] | None = None,
    timeout: float | None = None,
    alpn: Sequence[str] | None = None,
    dialer: Dialer | Way | None = None,
) -> TlsStream:
    """A blocking stream to a verified peer. Raises PeerVerificationError if the policy refuses the peer."""
    return policy.connect(host, port, connect_to=connect_to, timeout=timeout, alpn=alpn, dialer=dialer)
