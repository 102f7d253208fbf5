"""A context for the clients of other suites: its settings become a policy, which makes the connections.

A context that does not verify, does not compare names, or asks revocation lists stays with OpenSSL: no policy says the
first two, and OpenSSL takes lists for trust. The suites see a context of the standard library all the time, so what
they read is what they have set.
"""

import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import uptls

_VERSIONS = {ssl.TLSVersion.TLSv1_2: "1.2", ssl.TLSVersion.TLSv1_3: "1.3"}

connections: list[str] = []
"""The hosts of the connections by a policy, so that a test without one is known."""


class PolicyClientContext(ssl.SSLContext):
    """A context of OpenSSL that notes what is trusted, shown and offered, and connects by a policy of that."""

    _bundles: list[Any]
    _identity: Any
    _protocols: list[str] | None
    _made: tuple[object, ssl.SSLContext] | None

    def __new__(cls, *_: Any, **__: Any) -> "PolicyClientContext":  # noqa: PYI034
        made = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        made._bundles, made._identity, made._protocols, made._made = [], None, None, None
        return made

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        super().load_verify_locations(cafile, capath, cadata)
        if cafile:
            self._bundles.append(uptls.TrustBundle.from_file(cafile))
        for path in sorted(Path(os.fsdecode(capath)).iterdir()) if capath else ():
            # A folder has the files by name and, for OpenSSL, by hash.
            if path.suffix == ".pem":
                self._bundles.append(uptls.TrustBundle.from_file(path))
        if cadata:
            raw = cadata if isinstance(cadata, str) else ssl.DER_cert_to_PEM_cert(bytes(cadata))
            self._bundles.append(uptls.TrustBundle.from_pem(raw))

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        super().load_cert_chain(certfile, keyfile, password)
        chain, key = Path(certfile).read_bytes(), Path(keyfile or certfile).read_bytes()
        word = password() if callable(password) else password
        more = {"passphrase": word if isinstance(word, str) else bytes(word).decode()} if word else {}
        self._identity = uptls.ClientIdentity.from_pem(chain, key, **more)

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        self._protocols = list(alpn_protocols)
        super().set_alpn_protocols(self._protocols)

    def _policy_context(self) -> ssl.SSLContext | None:
        asks_lists = self.verify_flags & ssl.VERIFY_CRL_CHECK_CHAIN
        if self.verify_mode != ssl.CERT_REQUIRED or not self.check_hostname or not self._bundles or asks_lists:
            return None
        key = (
            len(self._bundles),
            self._identity,
            tuple(self._protocols or ()),
            self.minimum_version,
            self.maximum_version,
        )
        if self._made is None or self._made[0] != key:
            policy = uptls.UpstreamTlsPolicy(
                ca=self._bundles,
                identity=self._identity,
                alpn=self._protocols,
                min_version=_VERSIONS.get(self.minimum_version),
                max_version=_VERSIONS.get(self.maximum_version),
            )
            self._made = (key, policy.ssl_context(alpn=self._protocols))
        return self._made[1]

    def wrap_socket(self, sock: Any, server_side: bool = False, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        made = None if server_side else self._policy_context()
        if made is None:
            return super().wrap_socket(sock, server_side, *arguments, **named)
        connections.append(str(named.get("server_hostname")))
        return made.wrap_socket(sock, server_side, *arguments, **named)

    def wrap_bio(
        self, incoming: Any, outgoing: Any, server_side: bool = False, *arguments: Any, **named: Any
    ) -> ssl.SSLObject:
        made = None if server_side else self._policy_context()
        if made is None:
            return super().wrap_bio(incoming, outgoing, server_side, *arguments, **named)
        connections.append(str(named.get("server_hostname")))
        return made.wrap_bio(incoming, outgoing, server_side, *arguments, **named)


class Context(ssl.SSLContext):
    """In place of the class of the standard library: clients get ours, and servers that."""

    def __new__(cls, protocol: Any = None) -> ssl.SSLContext:  # type: ignore[misc]
        return PolicyClientContext() if protocol == ssl.PROTOCOL_TLS_CLIENT else ssl.SSLContext(protocol)
