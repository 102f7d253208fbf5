"""For ``requests``: a session with a policy, and its adapter.

    session = uptls.requests.session(policy)

``requests`` itself would give each context the roots of ``certifi``, and turn verification off for ``verify=False``.
"""

import os
from typing import TYPE_CHECKING, Any

from requests import Session
from requests.adapters import DEFAULT_POOLBLOCK, DEFAULT_POOLSIZE, DEFAULT_RETRIES, HTTPAdapter

from uptls._errors import PolicyFrozenError, misuse
from uptls._object import Verified

if TYPE_CHECKING:
    from urllib3.util.retry import Retry

    from uptls._native import Connector, UpstreamTlsPolicy

_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def session(
    policy: "UpstreamTlsPolicy | Connector",
    *,
    pool_connections: int = DEFAULT_POOLSIZE,
    pool_maxsize: int = DEFAULT_POOLSIZE,
    max_retries: "Retry | int" = DEFAULT_RETRIES,
    pool_block: bool = DEFAULT_POOLBLOCK,
) -> Session:
    """A session that uses the policy for every request. It refuses ``http``, redirects to it included.

    The other arguments are as in ``requests.adapters.HTTPAdapter``.
    """
    made = Session()
    adapter = PolicyAdapter(policy, pool_connections, pool_maxsize, max_retries, pool_block)
    for scheme in ("https://", "http://"):
        made.mount(scheme, adapter)
    return made


class PolicyAdapter(HTTPAdapter):
    """Sends ``https`` requests over the verified connections of a connector or a policy.

    Mount it for ``https://``: ``requests`` compares a longer prefix as text, so the same host with a port or a user in
    the URL would not use the policy. ``verify`` and ``cert`` of a request or a session cannot change anything: unless
    they have their defaults, the adapter raises PolicyFrozenError before it sends anything. It also refuses a
    connection with TLS that is not the policy's: a replacement of ``ssl`` or ``urllib3`` may make its own context. It
    reuses a connection only while the connector's policy is the one that verified it. The other arguments are as in
    ``requests.adapters.HTTPAdapter``.
    """

    __attrs__ = [*HTTPAdapter.__attrs__, "_policy"]  # noqa: RUF012

    def __init__(
        self,
        policy: "UpstreamTlsPolicy | Connector",
        pool_connections: int = DEFAULT_POOLSIZE,
        pool_maxsize: int = DEFAULT_POOLSIZE,
        max_retries: "Retry | int" = DEFAULT_RETRIES,
        pool_block: bool = DEFAULT_POOLBLOCK,  # noqa: FBT001
    ) -> None:
        """Takes a policy, or a connector, which uses the policy that it has at that moment."""
        self._policy = policy
        super().__init__(pool_connections, pool_maxsize, max_retries, pool_block)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Gives every connection a context of the policy."""
        super().init_poolmanager(*args, **options, ssl_context=self._context())
        _demand_ours(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """The same for connections through a proxy. HTTPS to the proxy itself uses the policy, too."""
        context = self._context()
        manager = super().proxy_manager_for(proxy, **options, ssl_context=context, proxy_ssl_context=context)
        _demand_ours(manager)
        return manager

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """The pool's key without what ``verify`` and ``cert`` would add."""
        self._refuse(request.url, verify, cert)
        host, _ = super().build_connection_pool_key_attributes(request, verify=True, cert=None)
        return host, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ARG002
        """Refuses arguments that would change verification; there is nothing else to do."""
        self._refuse(url, verify, cert)

    def send(  # noqa: PLR0913, PLR0917
        self,
        request: Any,
        stream: bool = False,  # noqa: FBT001, FBT002
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        """Refuses ``http``, since nothing would be verified, and arguments that would change verification."""
        if not str(request.url).lower().startswith("https:"):
            message = f"{request.url}: a PolicyAdapter sends https alone; ask for an https:// URL"
            raise misuse(message, PolicyFrozenError)
        # Before requests looks at them: it would hide our exception in one of a bad URL.
        self._refuse(request.url, verify, cert)
        return super().send(request, stream, timeout, verify, cert, proxies)

    def _context(self) -> Any:
        # HTTPAdapter speaks HTTP/1.1 alone; urllib3 says so to the context.
        return self._policy.ssl_context()

    @staticmethod
    def _refuse(url: Any, verify: Any, cert: Any) -> None:
        # requests itself puts these into `verify`; no environment variable has a say (D5).
        if verify is not True and (not verify or verify not in map(os.environ.get, _VARIABLES)):
            message = f"verify={verify!r} for {url}: the policy decides what is verified; leave verify at True"
            raise misuse(message, PolicyFrozenError)
        if cert is not None:
            message = f"cert= for {url}: put our certificate into the policy's identity"
            raise misuse(message, PolicyFrozenError)


def _demand_ours(manager: Any) -> None:
    """Makes every connection of a pool manager, of any kind, check its socket before it sends a request."""
    pool = manager.pool_classes_by_scheme["https"]
    if issubclass(pool.ConnectionCls, _Ours):
        return
    connection = type("PolicyConnection", (_Ours, pool.ConnectionCls), {})
    # Without a pool for http there is no way to send anything in the clear.
    manager.pool_classes_by_scheme = {"https": type("PolicyPool", (_OursAlone, pool), {"ConnectionCls": connection})}


def _verified(sock: Any) -> Verified | None:
    """Our part of a socket: for TLS through the TLS of a proxy, urllib3 wraps one of our objects."""
    return next((one for one in (sock, getattr(sock, "sslobj", None)) if isinstance(one, Verified)), None)


class _OursAlone:
    """A mixin for a pool of urllib3: it reuses no connection that the current policy did not verify (L8)."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        kept = _verified(connection.sock)
        if kept is not None and not kept.is_current:
            # It connects again.
            connection.close()
        return connection


class _Ours:
    """A mixin for a connection of urllib3: it sends only over TLS of the policy.

    A policy's context alone does not ensure that: urllib3-future, for example, copies contexts into another library's.
    """

    sock: Any

    def connect(self) -> None:
        """Connects, and refuses a socket that is not the policy's."""
        super().connect()  # type: ignore[misc]
        self._demand(self.sock)

    def _connect_tls_proxy(self, *args: Any, **options: Any) -> Any:
        """The same for the TLS of a proxy, which receives a CONNECT at once."""
        return self._demand(super()._connect_tls_proxy(*args, **options))  # type: ignore[misc]

    def _demand(self, sock: Any) -> Any:
        if _verified(sock) is not None:
            return sock
        if sock is not None:
            sock.close()
        self.close()
        message = (
            f"the connection is one of {type(sock).__module__}, not of the policy: something replaced urllib3 or ssl; "
            "remove it (urllib3-future, an injected ssl), or use policy.connect"
        )
        raise misuse(message, PolicyFrozenError)

    def close(self) -> None:
        """urllib3's method."""
        super().close()  # type: ignore[misc]
