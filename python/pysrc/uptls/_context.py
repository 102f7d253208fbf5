"""An ``ssl.SSLContext`` with a policy: for every library that takes one."""

import contextlib
import socket
import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn, cast

from uptls._errors import MisuseError, PolicyFrozenError, UptlsError, misuse
from uptls._object import BioTransport, PolicySSLObject, Refused, Session
from uptls._socket import PolicySSLSocket, SocketTransport, Tunnelled, TunnelSocket

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


def _client_alone(server_side: bool) -> None:  # noqa: FBT001
    if server_side:
        raise _refusal("server_side=True", _SERVER)


def _standard_sockets() -> None:
    """Refuses the sockets of a package that has replaced those of the module ssl, as gevent and eventlet do."""
    if (by := ssl.SSLSocket.__module__) != "ssl":
        message = f"{by} has replaced ssl.SSLSocket, and a context cannot use its sockets; connect() of the policy can"
        raise misuse(message)


def _send_at_once(sock: socket.socket) -> None:
    """Turns Nagle's algorithm off, as ``http.client`` and asyncio do.

    A handshake sends several small records in a row, and each would wait 40 ms for a delayed ACK of the one before.
    """
    if sock.family in {socket.AF_INET, socket.AF_INET6} and sock.type == socket.SOCK_STREAM:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


_COPY = "what is trusted stands in the policy; a context made from this one would trust something else"
_TRUST = "put what is trusted into the policy's trust"
_IDENTITY = "put our certificate into the policy's identity"
_NEGOTIATION = "put it into the policy: versions, cipherSuites, groups"
_VERIFICATION = "verification cannot be turned off here; the policy says what is accepted"
_SERVER = "a policy is for connections to upstreams; it has no server side"

_REMEDIES = {
    "check_hostname": _VERIFICATION,
    "maximum_version": _NEGOTIATION,
    "minimum_version": _NEGOTIATION,
    "options": _NEGOTIATION,
    "post_handshake_auth": _IDENTITY,
    "sni_callback": _SERVER,
    "verify_flags": _VERIFICATION,
    "verify_mode": _VERIFICATION,
}


if TYPE_CHECKING:
    _Standard = ssl.SSLContext
else:
    # truststore puts a subclass into the module ssl that wraps a context of its own.
    _Standard = next(kind for kind in ssl.SSLContext.__mro__ if kind.__module__ == "ssl")


class PolicySSLContext(_Standard):
    """A context that makes the connections of a connector; ``ssl_context`` of a connector or a policy makes it.

    No code can loosen it: every change raises PolicyFrozenError. For OpenSSL it is empty and trusts no CA, so OpenSSL
    refuses the connections of code that bypasses it. It does not tell what it trusts either: code that copies it into
    its own context would read "nothing" as "the roots of the system". If the policy has a server name, that name
    decides, and the host of a URL is no identity. If it is ``auto``, the host of the URL is the backend host (N1). The
    application protocols that a library sets choose among those of the policy, in the policy's order (H3).
    """

    sslobject_class = PolicySSLObject
    sslsocket_class = PolicySSLSocket

    _alpn: tuple[str, ...] | None
    _connector: "Connector"
    _most: tuple[str, ...] | None

    def __new__(cls, connector: "Connector", alpn: Iterable[str] | None = None) -> "PolicySSLContext":  # noqa: ARG004, PYI034
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, connector: "Connector", alpn: Iterable[str] | None = None) -> None:
        self._connector = connector
        self._alpn = self._most = None
        if alpn is not None:
            self.set_alpn_protocols(alpn)
            self._most = self._alpn

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuses every change. Setting an attribute to its present value changes nothing, and is allowed."""
        if name in PolicySSLContext.__annotations__:
            object.__setattr__(self, name, value)
        elif not hasattr(self, name) or getattr(self, name) != value:
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
        if isinstance(alpn_protocols, str | bytes):
            message = f"ALPN protocols must be a sequence of str, such as [{alpn_protocols!r}], not a text"
            raise TypeError(message)
        self._offer(wanted := tuple(alpn_protocols))
        self._alpn = wanted

    def _offer(self, wanted: tuple[str, ...] | None) -> list[str] | None:
        if wanted is None:
            return None
        policy = self._connector.policy
        if policy is None:
            return None
        permitted = [name for name in policy.alpn if self._most is None or name in self._most]
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
        _standard_sockets()
        host = self._backend_host(server_hostname)
        if isinstance(sock, socket.socket) and not isinstance(sock, ssl.SSLSocket):
            _send_at_once(sock)
            return cast(
                "PolicySSLSocket",
                super().wrap_socket(sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, host, session),
            )
        made: TunnelSocket = TunnelSocket._create(  # type: ignore[attr-defined]  # noqa: SLF001
            sock=Tunnelled(sock),
            do_handshake_on_connect=False,
            suppress_ragged_eofs=suppress_ragged_eofs,
            server_hostname=host,
            context=self,
            session=session,
        )
        made.outer = sock
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
        return Session(self, buffer, SocketTransport(owner), server_hostname)

    def _begin(self, server_side: bool, host: str | None, session: ssl.SSLSession | None) -> "Buffer":  # noqa: FBT001
        _client_alone(server_side)
        if session is not None:
            raise _refusal("session=", "sessions are resumed by themselves, as far as the policy permits")
        if host is None:
            raise misuse("no server_hostname, and the policy's server name is auto: give the backend host")
        return self._connector.buffer(host, alpn=self._offer(self._alpn))

    # Methods that a policy does not permit.

    hostname_checks_common_name = False
    keylog_filename = None  # type: ignore[assignment]
    cert_store_stats = _frozen("cert_store_stats", _COPY)
    get_ca_certs = _frozen("get_ca_certs", _COPY)
    load_cert_chain = _frozen("load_cert_chain", _IDENTITY)
    load_default_certs = _frozen("load_default_certs", _TRUST)
    load_dh_params = _frozen("load_dh_params", _SERVER)
    load_verify_locations = _frozen("load_verify_locations", _TRUST)
    set_ciphers = _frozen("set_ciphers", _NEGOTIATION)
    set_default_verify_paths = _frozen("set_default_verify_paths", _TRUST)
    set_ecdh_curve = _frozen("set_ecdh_curve", _NEGOTIATION)
    set_npn_protocols = _frozen("set_npn_protocols", "put the protocols into the policy's alpn")
    set_psk_client_callback = _frozen("set_psk_client_callback", _IDENTITY)
    set_psk_server_callback = _frozen("set_psk_server_callback", _SERVER)
    set_servername_callback = _frozen("set_servername_callback", _SERVER)
    _load_windows_store_certs = _frozen("load_default_certs", _TRUST)
    _set_alpn_protocols = _frozen("_set_alpn_protocols", "put the protocols into the policy's alpn")
