"""An ``ssl.SSLContext`` with a policy: for every library that takes one."""

import contextlib
import socket
import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn, cast

from uptls._dial import protocols
from uptls._errors import MisuseError, PolicyFrozenError, UptlsError, log_ignored, misuse
from uptls._object import PolicySSLObject, Refused, Session
from uptls._socket import PolicySSLSocket, TunnelSocket
from uptls._transport import BioTransport, OuterTransport, SocketTransport, Standard, StandardSocket, StandardSSLSocket

if TYPE_CHECKING:
    from uptls._native import Buffer, Connector

Hostname = str | bytes | None


def _refusal(what: str, remedy: str) -> MisuseError:
    return misuse(f"{what}: this context is made by a policy and cannot be changed; {remedy}", PolicyFrozenError)


def _frozen(method: str, remedy: str) -> Any:
    """A method that a policy does not permit."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise _refusal(method, remedy)

    refuse.__name__ = method
    refuse.__doc__ = f"Raises PolicyFrozenError: {remedy}."
    return refuse


def _addition(method: str) -> Any:
    """A method by which a library adds what it trusts: refused, or ignored if the caller of ``ssl_context`` said so."""

    def add(self: "PolicySSLContext", *_: Any, **__: Any) -> None:
        if not self._ignores:
            raise _refusal(method, _TRUST)
        self._ignore(method)

    add.__name__ = method
    add.__doc__ = f"Raises PolicyFrozenError: {_TRUST}."
    return add


def _client_alone(server_side: bool) -> None:  # noqa: FBT001
    if server_side:
        raise _refusal("server_side=True", _SERVER)


def _no_session(session: ssl.SSLSession | None) -> None:
    if session is not None:
        raise _refusal("session=", "sessions are resumed by themselves, as far as the policy permits")


def _is_standard(sock: Any) -> bool:
    """Whether the standard library can take over the socket; not where gevent or eventlet has replaced its own."""
    ours = isinstance(sock, StandardSocket) and not isinstance(sock, StandardSSLSocket)
    return ours and ssl.SSLSocket is StandardSSLSocket


def _send_at_once(sock: socket.socket) -> None:
    """Turns Nagle's algorithm off, as ``http.client`` and asyncio do.

    A handshake sends several small records in a row, and each would wait 40 ms for a delayed ACK of the one before.
    """
    if sock.family in {socket.AF_INET, socket.AF_INET6} and sock.type == socket.SOCK_STREAM:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


_ADDITIONS = ("refuse", "ignore")
_MULTIPLEXED = "h2"
"""A peer that selects it speaks no HTTP/1.1, and who did not ask for it cannot read the answer."""

_COPY = "what is trusted stands in the policy; a context made from this one would trust something else"
_TRUST = 'put what is trusted into the policy\'s trust, or let this context ignore it: ssl_context(additions="ignore")'
_IDENTITY = "put our certificate into the policy's identity"
_NEGOTIATION = "put it into the policy: versions, cipherSuites, groups"
_NAMES = (
    "verification cannot be turned off here; for a library that compares names or fingerprints itself as well: "
    'ssl_context(additions="ignore")'
)
_LATER = (
    "a client certificate that is asked for after the handshake is not supported (RFC 8446 section 4.6.2); let the "
    "server ask in the handshake"
)
_VERIFICATION = "verification cannot be turned off here; the policy says what is accepted"
_SERVER = "a policy is for connections to upstreams; it has no server side"

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

_REMEDIES = {
    "check_hostname": _NAMES,
    "maximum_version": _NEGOTIATION,
    "minimum_version": _NEGOTIATION,
    "options": _NEGOTIATION,
    "post_handshake_auth": _LATER,
    "sni_callback": _SERVER,
    "verify_flags": _VERIFICATION,
    "verify_mode": _VERIFICATION,
}


class PolicySSLContext(Standard):
    """A context that makes the connections of a connector; ``ssl_context`` of a connector or a policy makes it.

    No code can loosen it: every change raises PolicyFrozenError. For OpenSSL it is empty and trusts no CA, so OpenSSL
    refuses the connections of code that bypasses it. It does not tell what it trusts either: code that copies it into
    its own context would read "nothing" as "the roots of the system". If the policy has a server name, that name
    decides, and the host of a URL is no identity. If it is ``auto``, the host of the URL is the backend host (N1). The
    application protocols that a library sets choose among those of the policy, in the policy's order (H3). A library
    that sets none is not offered h2.

    With ``additions="ignore"``, CA certificates that a library adds are ignored, and so is ``check_hostname = False``:
    the policy verifies the peer all the same, and a library that compares a name or a fingerprint of its own does so as
    well.
    """

    sslobject_class = PolicySSLObject
    sslsocket_class = PolicySSLSocket

    _alpn: tuple[str, ...] | None
    _compared_elsewhere: bool
    _connector: "Connector"
    _ignored: tuple[str, ...]
    _ignores: bool
    _most: tuple[str, ...] | None

    def __new__(cls, *_: Any, **__: Any) -> "PolicySSLContext":  # noqa: PYI034
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, connector: "Connector", alpn: Iterable[str] | None = None, additions: str = "refuse") -> None:
        if additions not in _ADDITIONS:
            message = f"additions must be refuse or ignore, not {additions!r}"
            raise misuse(message)
        self._connector = connector
        self._alpn = self._most = None
        self._compared_elsewhere = False
        self._ignored, self._ignores = (), additions == "ignore"
        if alpn is not None:
            self.set_alpn_protocols(alpn)
            self._most = self._alpn

    @property
    def check_hostname(self) -> bool:  # type: ignore[override]
        """Whether names are compared by nothing but the policy, which always compares them."""
        return not self._compared_elsewhere

    @property
    def minimum_version(self) -> ssl.TLSVersion:  # type: ignore[override]
        """The policy's. A library may ask for one that the policy's satisfies: nothing changes then."""
        return _VERSIONS[self._versions()[0]]

    @property
    def maximum_version(self) -> ssl.TLSVersion:  # type: ignore[override]
        """The policy's, likewise."""
        return _VERSIONS[self._versions()[1]]

    def _versions(self) -> tuple[str, str]:
        """Those of all policies while the connector has none, and connects to nothing."""
        policy = self._connector.policy
        return policy.versions if policy else ("1.2", "1.3")

    def _is_satisfied(self, name: str, value: Any) -> bool:
        """Whether the setting demands no more than the policy has, and does not ask for what no policy permits."""
        match name, value:
            case ("minimum_version", ssl.TLSVersion.TLSv1_2 | ssl.TLSVersion.TLSv1_3):
                return bool(value <= self.minimum_version)
            case ("maximum_version", ssl.TLSVersion.TLSv1_2 | ssl.TLSVersion.TLSv1_3):
                return bool(value >= self.maximum_version)
            case ("maximum_version", ssl.TLSVersion.MAXIMUM_SUPPORTED):
                return True
        return hasattr(self, name) and bool(getattr(self, name) == value)

    def _ignore(self, what: str) -> None:
        """Ignores an addition of a library, and says so once."""
        if what not in self._ignored:
            self._ignored = (*self._ignored, what)
            log_ignored(what)

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuses every change. A setting that the policy satisfies already changes nothing, and is allowed."""
        if name in PolicySSLContext.__annotations__:
            object.__setattr__(self, name, value)
        elif self._ignores and name == "check_hostname" and isinstance(value, bool):
            self._compared_elsewhere = not value
            if not value:
                self._ignore("check_hostname = False")
        elif not self._is_satisfied(name, value):
            raise _refusal(f"{name} = {value!r}", _REMEDIES.get(name, "put what is needed into the policy"))

    def __delattr__(self, name: str) -> None:
        """Refuses."""
        raise _refusal(f"del {name}", "make another context")

    def __repr__(self) -> str:
        policy = self._connector.policy
        name = policy and policy.server_name
        rule = "the backend host is the URL's" if name == "auto" else f"server name {name}, whatever a URL says"
        return f"<PolicySSLContext of {self._connector!r}: {rule}>"

    # Settings of libraries.

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Offers those of these protocols that the policy permits. Raises PolicyFrozenError if that leaves none."""
        wanted = tuple(protocols(alpn_protocols))
        self._offer(wanted)
        self._alpn = wanted

    def _offer(self, wanted: tuple[str, ...] | None) -> list[str] | None:
        policy = self._connector.policy
        if policy is None:
            return None
        permitted = [name for name in policy.alpn if self._most is None or name in self._most]
        if wanted is None:
            offer = [name for name in permitted if name != _MULTIPLEXED]
            if permitted and not offer:
                remedy = f"if the library speaks it without saying so, ssl_context(alpn=[{_MULTIPLEXED!r}])"
                raise _refusal(f"no ALPN, where the policy permits {_MULTIPLEXED} alone", remedy)
            return offer or None
        offer = [name for name in permitted if name in wanted]
        if permitted and wanted and not offer:
            remedy = f"the policy permits {', '.join(permitted)}: speak one of them, or put another into its alpn"
            raise _refusal(f"ALPN {', '.join(wanted)}", remedy)
        return offer

    # Connections.

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002
        server_hostname: Hostname = None,
        session: ssl.SSLSession | None = None,
    ) -> PolicySSLObject:
        """A connection over two buffers."""
        _client_alone(server_side)
        made = super().wrap_bio(incoming, outgoing, server_side, self._backend_host(server_hostname), session)
        assert isinstance(made, PolicySSLObject)  # noqa: S101
        return made

    def wrap_socket(  # noqa: PLR0913, PLR0917
        self,
        sock: socket.socket,
        server_side: bool = False,  # noqa: FBT001, FBT002
        do_handshake_on_connect: bool = True,  # noqa: FBT001, FBT002
        suppress_ragged_eofs: bool = False,  # noqa: FBT001, FBT002
        server_hostname: Hostname = None,
        session: ssl.SSLSession | None = None,
    ) -> PolicySSLSocket:
        """A connection over a socket, or over the TLS socket of a proxy.

        Unlike in the standard library, an end without close_notify is an error unless the caller asks for the contrary
        (H8).
        """
        _client_alone(server_side)
        host = self._backend_host(server_hostname)
        _send_at_once(sock)
        if _is_standard(sock):
            return cast(
                "PolicySSLSocket",
                super().wrap_socket(sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, host, session),
            )
        _no_session(session)
        made = TunnelSocket.through(sock, self, host, suppress_ragged_eofs=suppress_ragged_eofs)
        if do_handshake_on_connect:
            made.do_handshake()
        return made

    def _backend_host(self, given: Hostname) -> Hostname:
        if given:
            return given
        policy = self._connector.policy
        return given if policy is None or policy.server_name in {"auto", "none"} else policy.server_name

    def _wrap_bio(  # noqa: PLR0913
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        *,
        server_side: bool,
        server_hostname: str | None,
        owner: ssl.SSLObject,  # noqa: ARG002
        session: ssl.SSLSession | None,
    ) -> Session | Refused:
        """The method that the standard library calls for an SSLObject, in place of the one of ``_ssl``."""
        try:
            buffer = self._begin(server_side, server_hostname, session)
        except UptlsError as error:
            return Refused(self, error, server_hostname)
        return Session(self, buffer, BioTransport(incoming, outgoing), server_hostname)

    def _wrap_socket(
        self,
        sock: ssl.SSLSocket,  # noqa: ARG002
        server_side: bool,  # noqa: FBT001
        server_hostname: str | None,
        *,
        owner: PolicySSLSocket,
        session: ssl.SSLSession | None,
    ) -> Session:
        """The same for an SSLSocket."""
        buffer = self._begin(server_side, server_hostname, session)
        transport = OuterTransport(owner) if owner.outer else SocketTransport(owner)
        return Session(self, buffer, transport, server_hostname)

    def _begin(self, server_side: bool, host: str | None, session: ssl.SSLSession | None) -> "Buffer":  # noqa: FBT001
        _client_alone(server_side)
        _no_session(session)
        if host is None:
            raise misuse("no server_hostname, and the policy's server name is auto: give the backend host")
        return self._connector.buffer(host, alpn=self._offer(self._alpn))

    # Methods that a policy does not permit.

    hostname_checks_common_name = False
    keylog_filename = None  # type: ignore[assignment]
    cert_store_stats = _frozen("cert_store_stats", _COPY)
    get_ca_certs = _frozen("get_ca_certs", _COPY)
    load_cert_chain = _frozen("load_cert_chain", _IDENTITY)
    load_default_certs = _addition("load_default_certs")
    load_dh_params = _frozen("load_dh_params", _SERVER)
    load_verify_locations = _addition("load_verify_locations")
    set_ciphers = _frozen("set_ciphers", _NEGOTIATION)
    set_default_verify_paths = _addition("set_default_verify_paths")
    set_ecdh_curve = _frozen("set_ecdh_curve", _NEGOTIATION)
    set_npn_protocols = _frozen("set_npn_protocols", "put the protocols into the policy's alpn")
    set_psk_client_callback = _frozen("set_psk_client_callback", _IDENTITY)
    set_psk_server_callback = _frozen("set_psk_server_callback", _SERVER)
    set_servername_callback = _frozen("set_servername_callback", _SERVER)
    _load_windows_store_certs = _addition("load_default_certs")
    _set_alpn_protocols = _frozen("_set_alpn_protocols", "put the protocols into the policy's alpn")
