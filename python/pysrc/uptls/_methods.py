"""Methods of native classes in Python, because they block or belong to a library.

No frame of Rust may stand below code that waits: CPython before 3.14 ends daemon threads by unwinding them.
"""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Unpack

from uptls._dial import LoopOptions, Way
from uptls._native import Connector, Dialer, UpstreamTlsPolicy
from uptls._stream import TlsStream
from uptls._stream import connect as connect_by
from uptls._watch import Watch

if TYPE_CHECKING:
    import asyncio
    import ssl

_Made = Connector | UpstreamTlsPolicy


def _connector(made: _Made) -> Connector:
    return made.connector if isinstance(made, UpstreamTlsPolicy) else made


def connect(  # noqa: PLR0913
    self: _Made,
    host: str,
    port: int,
    *,
    connect_to: str | tuple[str, int] | None = None,
    timeout: float | None = None,
    alpn: Sequence[str] | None = None,
    dialer: Dialer | Way | None = None,
) -> TlsStream:
    """A blocking stream to a verified peer: see ``uptls.connect``."""
    made = _connector(self)
    return connect_by(made, host, port, connect_to=connect_to, timeout=timeout, alpn=alpn, dialer=dialer)


def open_connection(  # noqa: PLR0913
    self: _Made,
    host: str,
    port: int,
    *,
    connect_to: str | tuple[str, int] | None = None,
    timeout: float | None = None,
    alpn: Sequence[str] | None = None,
    dialer: Dialer | Way | None = None,
    limit: int = 65536,
    **options: Unpack[LoopOptions],
) -> "Coroutine[Any, Any, tuple[asyncio.StreamReader, asyncio.StreamWriter]]":
    """Streams of asyncio to a verified peer; ``writer.get_extra_info("ssl_object").peer`` has the proof.

    `connect_to`, `timeout`, `alpn` and `dialer` are as in `connect`; a dialer runs in the loop's default executor.
    `limit` is as in ``asyncio.open_connection``, and `options` are those of the loop's ``create_connection``.
    """
    made: Coroutine[Any, Any, tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    made = import_module("uptls._asyncio").open_connection(
        _connector(self),
        host,
        port,
        connect_to=connect_to,
        timeout=timeout,
        alpn=alpn,
        dialer=dialer,
        limit=limit,
        **options,
    )
    return made


def ssl_context(
    self: _Made, *, alpn: Iterable[str] | None = None, additions: Literal["refuse", "ignore"] = "refuse"
) -> "ssl.SSLContext":
    """A context for libraries that take an ``ssl.SSLContext``.

    `alpn` permits only these of the policy's protocols, and offers them even if the library asks for none.
    `additions="ignore"` ignores CA certificates that a library adds, and ``check_hostname = False``, where `refuse`
    raises PolicyFrozenError: for libraries that do so with every context. The policy decides in both cases.
    """
    context: ssl.SSLContext = import_module("uptls._context").PolicySSLContext(_connector(self), alpn, additions)
    return context


def watch(self: Connector, *, interval: float = 10.0) -> Watch:
    """A thread that keeps it in step with the files of its policy."""
    return Watch(self, interval)


def _add(kind: type, *methods: Callable[..., Any]) -> None:
    for method in methods:
        method.__module__ = "uptls"
        setattr(kind, method.__name__, method)


_add(UpstreamTlsPolicy, connect, open_connection, ssl_context)
_add(Connector, connect, open_connection, ssl_context, watch)
