"""For gRPC: channels by a policy, as far as gRPC can follow one.

gRPC brings its own TLS stack and accepts no other verifier. What it has no form for (names of a type, SPIFFE, pins,
revocation lists, ...) is refused with `not_exportable`, all at once, and never left out in silence. Within what remains
its own verifier decides, and is laxer than a policy in these points: it takes a CN where a certificate has no name at
all, keys below 2048 bits and SHA-1 signatures, and a leaf without digitalSignature. It does not follow a rotation: a
new policy needs a new channel.

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
    """Credentials by a policy whose server name is ``auto``: the host of the channel's target is the backend host.

    Raises PolicyError, `not_exportable`, for what gRPC cannot do; for a server name too, which credentials cannot
    carry: `secure_channel` can.
    """
    return _credentials(policy, channel=False)


def secure_channel(policy: "UpstreamTlsPolicy", target: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.Channel:
    """A channel by a policy; the arguments are those of ``grpc.secure_channel``.

    Raises PolicyError, `not_exportable`, for what gRPC cannot do, and MisuseError for an option that has another name.
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
