"""HTTP/1.1 in a few lines, for clients that are only a stream."""

import ssl
from collections.abc import Awaitable, Callable, Iterable

Receive = Callable[[], Awaitable[bytes]]
Send = Callable[[bytes], Awaitable[object]]


async def exchange(send: Send, receive: Receive, paths: Iterable[str]) -> list[bytes]:
    """Asks for each path on one connection; a body without a length goes on to the end."""
    bodies = []
    for path in paths:
        await send(f"GET {path} HTTP/1.1\r\nHost: backend.test\r\n\r\n".encode())
        bodies.append(await _body(receive))
    return bodies


async def _body(receive: Receive) -> bytes:
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += await _more(receive)
    head, _, body = raw.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    if lengths:
        while len(body) < int(lengths[0].split(b":")[1]):
            body += await _more(receive)
    else:
        while part := await receive():
            body += part
    return body


async def _more(receive: Receive) -> bytes:
    raw = await receive()
    if not raw:
        message = "the end came early"
        raise EOFError(message)
    return raw


def exchange_now(send: Callable[[bytes], object], receive: Callable[[], bytes], paths: Iterable[str]) -> list[bytes]:
    """The same where nothing is awaited."""

    async def later_send(raw: bytes) -> None:
        send(raw)

    async def later_receive() -> bytes:
        return receive()

    going = exchange(later_send, later_receive, paths)
    try:
        going.send(None)
    except StopIteration as done:
        bodies: list[bytes] = done.value
        return bodies
    message = "nothing here can be waited for"
    raise AssertionError(message)


def over(tls: ssl.SSLSocket, paths: Iterable[str]) -> list[bytes]:
    """Over a socket."""
    return exchange_now(tls.sendall, lambda: tls.recv(65536), paths)
