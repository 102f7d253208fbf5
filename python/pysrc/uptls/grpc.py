"""For gRPC: channels with a policy, as far as gRPC can follow one.

gRPC brings its own TLS stack and accepts no other verifier. If gRPC cannot express a field (typed names, SPIFFE, pins,
revocation lists, ...), uptls refuses the policy with `not_exportable` and lists all such fields; it never leaves one
out in silence. Otherwise gRPC's own verifier decides. It is laxer than uptls in these points: it accepts a CN if a
certificate has no name at all, keys below 2048 bits and SHA-1 signatures, and a leaf without digitalSignature. It does
not follow a rotation: a new policy needs a new channel.

    channel = uptls.grpc.secure_channel(policy, "payments.internal:443")
"""

import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from uptls._errors import misuse
from uptls._native import grpc_material

if TYPE_CHECKING:
    from uptls._native import UpstreamTlsPolicy

_NAME = "grpc.ssl_target_name_override"


def channel_credentials(policy: "UpstreamTlsPolicy") -> grpc.ChannelCredentials:
    """Credentials of a policy with the server name ``auto``: the host of the channel's target is the backend host.

    Raises PolicyError, `not_exportable`, if gRPC cannot express the policy, or if the policy has a server name:
    credentials cannot carry one, `secure_channel` can.
    """
    return _credentials(policy, channel=False)


def secure_channel(policy: "UpstreamTlsPolicy", target: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.Channel:
    """A channel with a policy; the arguments are as in ``grpc.secure_channel``.

    Raises PolicyError, `not_exportable`, if gRPC cannot express the policy, and MisuseError for an option that sets
    another name.
    """
    return grpc.secure_channel(target, _credentials(policy, channel=True), _options(policy, options))


def aio_secure_channel(
    policy: "UpstreamTlsPolicy", target: str, options: Sequence[tuple[str, Any]] = ()
) -> grpc.aio.Channel:
    """The same for ``grpc.aio``."""
    return grpc.aio.secure_channel(target, _credentials(policy, channel=True), _options(policy, options))


def _credentials(policy: "UpstreamTlsPolicy", *, channel: bool) -> grpc.ChannelCredentials:
    trusted, chain, key = grpc_material(policy, channel=channel)
    return grpc.ssl_channel_credentials(_pem(trusted), key, _pem(chain) or None)


def _pem(certificates: Sequence[bytes]) -> bytes:
    return "".join(map(ssl.DER_cert_to_PEM_cert, certificates)).encode()


def _options(policy: "UpstreamTlsPolicy", given: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    if any(name == _NAME for name, _ in given):
        message = f"{_NAME}: the policy's server name decides which name is verified"
        raise misuse(message)
    name = policy.server_name
    return [*given] if name == "auto" else [*given, (_NAME, name)]
