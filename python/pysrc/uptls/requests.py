"""For ``requests``: an adapter by a policy.

    session = requests.Session()
    session.mount("https://", uptls.requests.PolicyAdapter(policy))

``requests`` itself would give each context the roots of ``certifi``, and turn verification off for ``verify=False``.
"""

import os
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

from uptls._errors import PolicyFrozenError, misuse

if TYPE_CHECKING:
    from uptls._native import Connector, UpstreamTlsPolicy

_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class PolicyAdapter(HTTPAdapter):
    """Sends ``https`` requests over the verified connections of a connector or a policy.

    ``verify`` and ``cert`` of a request or a session cannot change anything: other than at their defaults they raise
    PolicyFrozenError before anything is sent. `options` are those of ``requests.adapters.HTTPAdapter``.
    """

    __attrs__ = [*HTTPAdapter.__attrs__, "_policy"]  # noqa: RUF012

    def __init__(self, policy: "UpstreamTlsPolicy | Connector", **options: Any) -> None:
        """Takes a policy, or a connector: its connections are by what it has at that moment."""
        self._policy = policy
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Gives every connection a context of the policy."""
        super().init_poolmanager(*args, **options, ssl_context=self._context())

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """The same for connections through a proxy, to which HTTPS itself goes by the policy too."""
        context = self._context()
        return super().proxy_manager_for(proxy, **options, ssl_context=context, proxy_ssl_context=context)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """The pool's key without what ``verify`` and ``cert`` would add."""
        self._refuse(request.url, verify, cert)
        host, _ = super().build_connection_pool_key_attributes(request, verify=True, cert=None)
        return host, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ARG002
        """Refuses what would change verification; there is nothing else to do."""
        self._refuse(url, verify, cert)

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """Refuses ``http``: this adapter is for verified connections."""
        if not str(request.url).lower().startswith("https:"):
            message = f"{request.url}: a PolicyAdapter sends https alone; mount it for https://"
            raise misuse(message, PolicyFrozenError)
        return super().send(request, *args, **options)

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
