"""The clients: how each fetches paths by a policy, and how each is usually told to verify less."""

import asyncio
import http.client
import ssl
import urllib.request
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import anyio
import httpx
import trio
import urllib3
import uvloop
import websockets.asyncio.client
import websockets.sync.client

import uptls
import uptls.aiohttp
import uptls.requests
from clients import servers
from clients.exchange import exchange, exchange_now

Fetch = Callable[["Target"], list[bytes]]

HOST = "localhost"
"""What URLs say. The policies have a server name of their own, so that it is no identity."""


@dataclass(frozen=True)
class Target:
    """Where to, what for, and by which policy."""

    policy: uptls.UpstreamTlsPolicy
    port: int
    paths: tuple[str, ...] = ("/",)

    @property
    def urls(self) -> list[str]:
        """All paths as URLs."""
        return [f"https://{HOST}:{self.port}{path}" for path in self.paths]

    def context(self) -> Any:
        """What is given to the client; Any, since some have stubs of their own for it."""
        return self.policy.ssl_context()


@dataclass(frozen=True)
class Row:
    """One client."""

    name: str
    fetch: Fetch
    library: str = ""
    alpn: str | None = None
    loosen: dict[str, Fetch] = field(default_factory=dict)
    keeps_alive: bool = True
    speak: servers.Speak = servers.http


# Without an event loop.


def http_client_connection(target: Target) -> list[bytes]:
    connection = http.client.HTTPSConnection(HOST, target.port, context=target.context())
    try:
        return [_ask(connection, path) for path in target.paths]
    finally:
        connection.close()


def _ask(connection: http.client.HTTPSConnection, path: str) -> bytes:
    connection.request("GET", path)
    with connection.getresponse() as response:
        return response.read()


def urllib_request(target: Target) -> list[bytes]:
    bodies = []
    for url in target.urls:
        with urllib.request.urlopen(url, context=target.context()) as response:  # noqa: S310
            bodies.append(response.read())
    return bodies


def urllib3_pool(target: Target, **options: Any) -> list[bytes]:
    with urllib3.PoolManager(ssl_context=target.context(), retries=False, **options) as pool:
        return [pool.request("GET", url).data for url in target.urls]


def requests_session(target: Target, **options: Any) -> list[bytes]:
    with uptls.requests.session(target.policy) as session:
        return [session.get(url, timeout=30, **options).content for url in target.urls]


def httpx_client(target: Target, *, http2: bool = False) -> list[bytes]:
    with httpx.Client(verify=target.context(), http2=http2, trust_env=False) as client:
        return [client.get(url).content for url in target.urls]


def native_stream(target: Target) -> list[bytes]:
    with target.policy.connect(HOST, target.port) as stream:
        return exchange_now(stream.sendall, lambda: stream.recv(65536), target.paths)


# With an event loop.


async def httpx_async(target: Target, *, http2: bool = False) -> list[bytes]:
    async with httpx.AsyncClient(verify=target.context(), http2=http2, trust_env=False) as client:
        return [(await client.get(url)).content for url in target.urls]


async def aiohttp_session(target: Target) -> list[bytes]:
    return await _aiohttp(target, aiohttp.TCPConnector(ssl=target.context()))


async def aiohttp_connector(target: Target, **options: Any) -> list[bytes]:
    return await _aiohttp(target, uptls.aiohttp.PolicyConnector(target.policy), **options)


async def _aiohttp(target: Target, connector: aiohttp.TCPConnector, **options: Any) -> list[bytes]:
    async with aiohttp.ClientSession(connector=connector) as session:
        bodies = []
        for url in target.urls:
            async with session.get(url, **options) as response:
                bodies.append(await response.read())
        return bodies


async def asyncio_streams(target: Target) -> list[bytes]:
    return await _streams(target, *await asyncio.open_connection(HOST, target.port, ssl=target.context()))


async def asyncio_start_tls(target: Target) -> list[bytes]:
    reader, writer = await asyncio.open_connection(HOST, target.port)
    try:
        await writer.start_tls(target.context(), server_hostname=HOST)
    except BaseException:
        writer.close()
        raise
    return await _streams(target, reader, writer)


async def uptls_streams(target: Target) -> list[bytes]:
    return await _streams(target, *await target.policy.open_connection(HOST, target.port))


async def _streams(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[bytes]:
    async def send(raw: bytes) -> None:
        writer.write(raw)
        await writer.drain()

    try:
        return await exchange(send, lambda: reader.read(65536), target.paths)
    finally:
        writer.transport.abort()


async def anyio_stream(target: Target) -> list[bytes]:
    stream = await anyio.connect_tcp(HOST, target.port, ssl_context=target.context())

    async def receive() -> bytes:
        try:
            return await stream.receive()
        except anyio.EndOfStream:
            return b""

    async with stream:
        return await exchange(stream.send, receive, target.paths)


async def trio_stream(target: Target) -> list[bytes]:
    stream = await trio.open_ssl_over_tcp_stream(HOST, target.port, ssl_context=target.context())
    async with stream:

        async def receive() -> bytes:
            return bytes(await stream.receive_some())

        return await exchange(stream.send_all, receive, target.paths)


async def websocket_asyncio(target: Target) -> list[bytes]:
    url = f"wss://{HOST}:{target.port}/"
    async with websockets.asyncio.client.connect(url, ssl=target.context(), proxy=None) as connection:
        return [await _echo(connection, path) for path in target.paths]


async def _echo(connection: websockets.asyncio.client.ClientConnection, path: str) -> bytes:
    await connection.send(path)
    return await connection.recv(decode=False)


def websocket_threads(target: Target) -> list[bytes]:
    url = f"wss://{HOST}:{target.port}/"
    bodies = []
    with websockets.sync.client.connect(url, ssl=target.context(), proxy=None) as connection:
        for path in target.paths:
            connection.send(path)
            bodies.append(connection.recv(decode=False))
    return bodies


# Ways to say: verify less.


def loosened_context(
    change: Callable[[ssl.SSLContext], None], fetch: Callable[..., list[bytes]] = http_client_connection
) -> Fetch:
    """Changes the context before it is used."""

    def attempt(target: Target) -> list[bytes]:
        change(target.context())
        return fetch(target)

    return attempt


def no_check_hostname(context: ssl.SSLContext) -> None:
    context.check_hostname = False


def cert_none(context: ssl.SSLContext) -> None:
    context.verify_mode = ssl.CERT_NONE


def more_roots(context: ssl.SSLContext) -> None:
    context.load_verify_locations("other.pem")


def system_roots(context: ssl.SSLContext) -> None:
    context.load_default_certs()


CONTEXT: dict[str, Fetch] = {
    "check_hostname = False": loosened_context(no_check_hostname),
    "verify_mode = CERT_NONE": loosened_context(cert_none),
    "load_verify_locations": loosened_context(more_roots),
    "load_default_certs": loosened_context(system_roots),
}


def on_asyncio(fetch: Callable[..., Coroutine[Any, Any, list[bytes]]], **options: Any) -> Fetch:
    return lambda target: asyncio.run(fetch(target, **options))


def on_uvloop(fetch: Callable[..., Coroutine[Any, Any, list[bytes]]], **options: Any) -> Fetch:
    return lambda target: uvloop.run(fetch(target, **options))


def on_trio(fetch: Callable[..., Awaitable[list[bytes]]], **options: Any) -> Fetch:
    async def main(target: Target) -> list[bytes]:
        return await fetch(target, **options)

    return lambda target: trio.run(main, target)


def with_options(fetch: Callable[..., list[bytes]], **options: Any) -> Fetch:
    return lambda target: fetch(target, **options)


ROWS: Sequence[Row] = (
    Row("uptls connect", native_stream, "uptls"),
    Row("uptls open_connection", on_asyncio(uptls_streams), "uptls"),
    Row("http.client", http_client_connection, loosen=CONTEXT),
    Row("urllib.request", urllib_request, keeps_alive=False),
    Row(
        "urllib3",
        urllib3_pool,
        "urllib3",
        loosen={
            'cert_reqs="CERT_NONE"': with_options(urllib3_pool, cert_reqs="CERT_NONE"),
            "assert_hostname=False": with_options(urllib3_pool, assert_hostname=False),
            'ca_certs="other.pem"': with_options(urllib3_pool, ca_certs="other.pem"),
        },
    ),
    Row(
        "requests",
        requests_session,
        "requests",
        loosen={
            "verify=False": with_options(requests_session, verify=False),
            'verify="other.pem"': with_options(requests_session, verify="other.pem"),
            'cert="client.pem"': with_options(requests_session, cert="client.pem"),
        },
    ),
    Row("httpx", httpx_client, "httpx"),
    Row("httpx, HTTP/2", with_options(httpx_client, http2=True), "httpx", "h2"),
    Row("httpx, asyncio", on_asyncio(httpx_async), "httpx"),
    Row("httpx, asyncio, HTTP/2", on_asyncio(httpx_async, http2=True), "httpx", "h2"),
    Row("httpx, trio", on_trio(httpx_async), "httpx"),
    Row("httpx, trio, HTTP/2", on_trio(httpx_async, http2=True), "httpx", "h2"),
    Row("aiohttp, TCPConnector", on_asyncio(aiohttp_session), "aiohttp"),
    Row(
        "aiohttp, PolicyConnector",
        on_asyncio(aiohttp_connector),
        "aiohttp",
        loosen={
            "ssl=False": on_asyncio(aiohttp_connector, ssl=False),
            "ssl=Fingerprint(...)": on_asyncio(aiohttp_connector, ssl=aiohttp.Fingerprint(bytes(32))),
            "ssl=ssl.create_default_context()": on_asyncio(aiohttp_connector, ssl=ssl.create_default_context()),
        },
    ),
    Row("asyncio open_connection", on_asyncio(asyncio_streams)),
    Row("asyncio start_tls", on_asyncio(asyncio_start_tls)),
    Row("uvloop open_connection", on_uvloop(asyncio_streams), "uvloop"),
    Row("uvloop start_tls", on_uvloop(asyncio_start_tls), "uvloop"),
    Row("anyio, asyncio", on_asyncio(anyio_stream), "anyio"),
    Row("anyio, trio", on_trio(anyio_stream), "anyio"),
    Row("trio", on_trio(trio_stream), "trio"),
    Row("websockets, asyncio", on_asyncio(websocket_asyncio), "websockets", speak=servers.websocket),
    Row("websockets, threads", websocket_threads, "websockets", speak=servers.websocket),
)
