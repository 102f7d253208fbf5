"""For ``requests``: a session by a policy, and the adapter that it is made of.

    session = uptls.requests.session(policy)

``requests`` itself would give each context the roots of ``certifi``, and turn verification off for ``verify=False``.
"""

import os
from typing import TYPE_CHECKING, Any

from requests import Session
from requests.adapters import HTTPAdapter

from uptls._errors import PolicyFrozenError, misuse
from uptls._object import Verified

if TYPE_CHECKING:
    from uptls._native import Connector, UpstreamTlsPolicy

_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def session(policy: "UpstreamTlsPolicy | Connector", **options: Any) -> Session:
    """A session all of whose requests go by the policy: ``http`` is refused, redirects to it too.

    `options` are those of ``requests.adapters.HTTPAdapter``.
    """
    made = Session()
    adapter = PolicyAdapter(policy, **options)
    for scheme in ("https://", "http://"):
        made.mount(scheme, adapter)
    return made


class PolicyAdapter(HTTPAdapter):
    """Sends ``https`` requests over the verified connections of a connector or a policy.

    Mount it for ``https://``: a longer prefix is compared as text, so that the same host with a port or a user in the
    URL would leave the policy. ``verify`` and ``cert`` of a request or a session cannot change anything: other than at
    their defaults they raise PolicyFrozenError before anything is sent. A connection whose TLS is not the policy's is
    refused, too: what stands in for ``ssl`` or ``urllib3`` may make a context of its own. A connection that is kept
    alive is used again only while the connector's policy is the one that judged it. `options` are those of
    ``requests.adapters.HTTPAdapter``.
    """

    __attrs__ = [*HTTPAdapter.__attrs__, "_policy"]  # noqa: RUF012

    def __init__(self, policy: "UpstreamTlsPolicy | Connector", **options: Any) -> None:
        """Takes a policy, or a connector: its connections are by what it has at that moment."""
        self._policy = policy
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Gives every connection a context of the policy."""
        super().init_poolmanager(*args, **options, ssl_context=self._context())
        _demand_ours(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """The same for connections through a proxy, to which HTTPS itself goes by the policy too."""
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
        """Refuses what would change verification; there is nothing else to do."""
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
        """Refuses ``http``, for this adapter is for verified connections, and what would change verification."""
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
    """Has every connection of a pool manager, whatever its kind, look at its socket before it sends a request."""
    pool = manager.pool_classes_by_scheme["https"]
    if issubclass(pool.ConnectionCls, _Ours):
        return
    connection = type("PolicyConnection", (_Ours, pool.ConnectionCls), {})
    # Without a pool for http there is no way to send anything in the clear.
    manager.pool_classes_by_scheme = {"https": type("PolicyPool", (_OursAlone, pool), {"ConnectionCls": connection})}


def _verified(sock: Any) -> Verified | None:
    """What is ours of a socket: TLS through the TLS of a proxy is an object of urllib3's around one of ours."""
    return next((one for one in (sock, getattr(sock, "sslobj", None)) if isinstance(one, Verified)), None)


class _OursAlone:
    """Over a pool of urllib3: no connection is used again that the policy of now did not judge (L8)."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        kept = _verified(connection.sock)
        if kept is not None and not kept.is_current:
            # It connects again.
            connection.close()
        return connection


class _Ours:
    """Over a connection of urllib3: nothing is sent but over TLS of the policy.

    A policy's context alone does not ensure it. urllib3-future, for one, copies contexts into another library's.
    """

    sock: Any

    def connect(self) -> None:
        """Connects, and refuses a socket that is not the policy's."""
        super().connect()  # type: ignore[misc]
        self._demand(self.sock)

    def _connect_tls_proxy(self, *args: Any, **options: Any) -> Any:
        """The same for the TLS of a proxy, to which a CONNECT goes at once."""
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
        """urllib3's own."""
        super().close()  # type: ignore[misc]
