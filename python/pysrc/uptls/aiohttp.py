"""For ``aiohttp``: a connector with a policy.

    aiohttp.ClientSession(connector=uptls.aiohttp.PolicyConnector(policy))

With ``aiohttp.TCPConnector(ssl=policy.ssl_context())`` the ``ssl=`` of a single request would replace the policy.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver

from uptls._errors import PolicyFrozenError, misuse
from uptls._object import Verified

if TYPE_CHECKING:
    from uptls._native import Connector, UpstreamTlsPolicy

_OPTIONS = ("ssl", "ssl_context", "verify_ssl", "fingerprint")


class ConnectorOptions(TypedDict, total=False):
    """What ``aiohttp.TCPConnector`` takes beside what the policy decides."""

    use_dns_cache: bool
    ttl_dns_cache: int | None
    dns_cache_max_size: int
    family: socket.AddressFamily
    local_addr: tuple[str, int] | None
    resolver: AbstractResolver | None
    keepalive_timeout: float | None
    force_close: bool
    limit: int
    limit_per_host: int
    enable_cleanup_closed: bool
    loop: asyncio.AbstractEventLoop | None
    timeout_ceil_threshold: float
    happy_eyeballs_delay: float | None
    interleave: int | None
    socket_factory: Callable[[Any], socket.socket] | None
    ssl_shutdown_timeout: float | None


class PolicyConnector(TCPConnector):
    """Opens connections of a connector or a policy, and no others.

    ``ssl=`` of this connector raises PolicyFrozenError. So do ``ssl=`` of a request, and ``http``, a redirect to it
    included, before it opens anything; aiohttp turns that into a ClientOSError. It reuses a connection only while the
    connector's policy is the one that verified it. `options` are as in ``aiohttp.TCPConnector``.
    """

    def __init__(self, policy: "UpstreamTlsPolicy | Connector", **options: Unpack[ConnectorOptions]) -> None:
        """Takes a policy, or a connector, which uses the policy that it has at that moment."""
        for name in _OPTIONS:
            if name in options:
                raise misuse(f"{name}= of a PolicyConnector: the policy decides; leave it out", PolicyFrozenError)
        # aiohttp speaks HTTP/1.1 alone, and says so to no context.
        context = policy.ssl_context(alpn=["http/1.1"])
        if not isinstance(context, ssl.SSLContext):
            by = ssl.SSLContext.__module__
            message = f"{by} has replaced ssl.SSLContext, and aiohttp takes no other class: do not inject it into ssl"
            raise misuse(message)
        super().__init__(ssl=context, **options)

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109
        """A connection of the policy, new or kept alive."""
        if not req.is_ssl():
            message = f"{req.url}: a PolicyConnector opens TLS alone; ask for an https:// URL"
            raise misuse(message, PolicyFrozenError)
        if req.ssl is not True:
            message = f"ssl={req.ssl!r} for {req.url}: the policy decides what is verified; leave it out"
            raise misuse(message, PolicyFrozenError)
        while True:
            connection = await super().connect(req, traces, timeout)
            transport = connection.transport
            ours = transport and transport.get_extra_info("ssl_object")
            if not isinstance(ours, Verified):
                connection.close()
                message = f"the connection to {req.url} is not of the policy: something replaced ssl; remove it"
                raise misuse(message, PolicyFrozenError)
            if ours.is_current:
                return connection
            # Kept alive, or made while another policy was published (L8).
            connection.close()
