"""`uptls.requests` and `uptls.aiohttp`: what goes by the policy, and what would leave it."""

import asyncio
import hashlib
import socket
import ssl
import subprocess
import sys
from typing import Any

import aiohttp
import pytest
import requests
import urllib3.connection

import uptls
import uptls.aiohttp
import uptls.requests
from clients.facade import policy_of
from clients.servers import SMALL, Seen, Server
from loopback import Authority


def root(error: BaseException) -> BaseException:
    """Our exception within a client's."""
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, uptls.UptlsError):
            return one
        if isinstance(one, BaseException):
            waiting += [one.__cause__, one.__context__, *one.args, vars(one).get("reason")]
    raise error


def redirect(tls: ssl.SSLSocket, _: Seen) -> bool:
    """Sends everybody to plain HTTP."""
    tls.recv(65536)
    tls.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://localhost:9/\r\nContent-Length: 0\r\n\r\n")
    return True


# requests


@pytest.mark.parametrize("prefix", ["", "user:secret@"])
def test_a_session_by_a_policy_stays_with_it(ca: Authority, other_ca: Authority, prefix: str) -> None:
    with uptls.requests.session(policy_of(ca)) as session:
        session.trust_env = False
        with Server(ca.issue("localhost")) as server:
            assert session.get(f"https://{prefix}localhost:{server.port}/", timeout=30).content == SMALL
            assert session.get(f"HTTPS://localhost:{server.port}/", timeout=30).content == SMALL
        with Server(other_ca.issue("localhost")) as server:
            with pytest.raises(requests.exceptions.SSLError) as caught:
                session.get(f"https://{prefix}localhost:{server.port}/", timeout=30)
            assert isinstance(root(caught.value), uptls.UnknownIssuerError)
            assert server.bytes == 0


def test_a_session_by_a_policy_sends_nothing_in_the_clear(ca: Authority) -> None:
    with uptls.requests.session(policy_of(ca)) as session:
        with pytest.raises(uptls.PolicyFrozenError, match="https"):
            session.get("http://localhost:9/", timeout=5)
        with Server(ca.issue("localhost"), speak=redirect) as server:
            with pytest.raises(uptls.PolicyFrozenError, match="https"):
                session.get(f"https://localhost:{server.port}/", timeout=30)
            answer = session.get(f"https://localhost:{server.port}/", timeout=30, allow_redirects=False)
            assert answer.status_code == 302


@pytest.mark.parametrize("options", [{"verify": False}, {"verify": "other.pem"}, {"cert": "client.pem"}])
def test_what_would_change_verification_is_named(ca: Authority, options: dict[str, Any]) -> None:
    """And is no error of the URL, as requests would call it."""
    with uptls.requests.session(policy_of(ca)) as session, Server(ca.issue("localhost")) as server:
        url = f"https://localhost:{server.port}/"
        with pytest.raises(uptls.PolicyFrozenError, match="policy"):
            session.get(url, timeout=30, **options)
        assert server.connections == []
        assert session.get(url, timeout=30).content == SMALL


class Copying(urllib3.connection.HTTPSConnection):
    """As urllib3-future does it: a context of another library is made into one that trusts the system."""

    def connect(self) -> None:
        self.sock = Copying.context.wrap_socket(
            socket.create_connection((self.host, self.port), timeout=30), server_hostname=self.host
        )
        self.is_verified = True

    context: ssl.SSLContext


def test_a_connection_that_is_not_the_policys_is_refused(
    ca: Authority, other_ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    Copying.context = ssl.create_default_context(cafile=other_ca.file)
    monkeypatch.setattr(urllib3.connectionpool.HTTPSConnectionPool, "ConnectionCls", Copying)
    with Server(other_ca.issue("localhost")) as server:
        url = f"https://localhost:{server.port}/"
        with uptls.requests.session(policy_of(ca)) as session, pytest.raises(requests.exceptions.SSLError) as caught:
            session.get(url, timeout=30)
        assert isinstance(root(caught.value), uptls.PolicyFrozenError)
        assert server.bytes == 0
        # It would have been accepted.
        with requests.Session() as plain:
            assert plain.get(url, timeout=30).content == SMALL


def test_a_session_uses_no_connection_that_the_policy_of_now_refuses(ca: Authority, other_ca: Authority) -> None:
    ours, others = policy_of(ca), policy_of(other_ca)
    connector = uptls.Connector(ours)
    with uptls.requests.session(connector) as session, Server(ca.issue("localhost")) as server:
        url = f"https://localhost:{server.port}/"
        for _ in range(2):
            assert session.get(url, timeout=30).content == SMALL
        assert len(server.connections) == 1
        connector.update(others)
        with pytest.raises(requests.exceptions.SSLError) as caught:
            session.get(url, timeout=30)
        assert isinstance(root(caught.value), uptls.UnknownIssuerError)
        # The twins: what is published again, and what is published without refusing anything.
        connector.update(ours)
        for _ in range(2):
            assert session.get(url, timeout=30).content == SMALL
        before = len(server.connections)
        connector.update(ours)
        assert session.get(url, timeout=30).content == SMALL
        assert len(server.connections) == before
        connector.withdraw()
        with pytest.raises(requests.exceptions.RequestException) as stopped:
            session.get(url, timeout=30)
        assert isinstance(root(stopped.value), uptls.PolicyError)


def test_the_ssl_context_alone_leaves_that_to_the_pool(ca: Authority, other_ca: Authority) -> None:
    """The negative twin: urllib3 goes on with what it has, and what it has says that it is not current."""
    connector = uptls.Connector(policy_of(ca))
    with Server(ca.issue("localhost")) as server, urllib3.PoolManager(ssl_context=connector.ssl_context()) as pool:
        url = f"https://localhost:{server.port}/"
        assert pool.request("GET", url, retries=False).data == SMALL
        connector.update(policy_of(other_ca))
        kept: Any = pool.connection_from_url(url)._get_conn()  # noqa: SLF001
        assert kept.sock is not None
        assert not kept.sock.is_current
        pool.connection_from_url(url)._put_conn(kept)  # noqa: SLF001
        assert pool.request("GET", url, retries=False).data == SMALL


# aiohttp


async def ask(policy: uptls.UpstreamTlsPolicy, url: str, **options: Any) -> bytes:
    connector = uptls.aiohttp.PolicyConnector(policy)
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url, **options) as response:
        return await response.read()


def test_a_connector_of_aiohttp_goes_by_the_policy(ca: Authority, other_ca: Authority) -> None:
    for alpn in ("[http/1.1]", "[h2, http/1.1]"):
        policy = policy_of(ca, f"alpn: {{protocols: {alpn}}}")
        with Server(ca.issue("localhost"), alpn=("http/1.1",)) as server:
            assert asyncio.run(ask(policy, f"https://localhost:{server.port}/")) == SMALL
    with Server(other_ca.issue("localhost")) as server:
        with pytest.raises(aiohttp.ClientError) as caught:
            asyncio.run(ask(policy_of(ca), f"https://localhost:{server.port}/"))
        assert isinstance(root(caught.value), uptls.UnknownIssuerError)
        assert server.bytes == 0


@pytest.mark.parametrize("chosen", ["False", "context", "fingerprint"])
def test_the_ssl_of_a_request_cannot_replace_it(ca: Authority, other_ca: Authority, chosen: str) -> None:
    with Server(other_ca.issue("localhost")) as server:
        url = f"https://localhost:{server.port}/"
        der = ssl.PEM_cert_to_DER_cert(server.leaf.certificate.read_text())
        fingerprint = aiohttp.Fingerprint(hashlib.sha256(der).digest())
        context = ssl.create_default_context(cafile=other_ca.file)
        option: Any = {"False": False, "context": context, "fingerprint": fingerprint}[chosen]
        with pytest.raises(aiohttp.ClientOSError, match="ssl=") as caught:
            asyncio.run(ask(policy_of(ca), url, ssl=option))
        assert isinstance(root(caught.value), uptls.PolicyFrozenError)
        assert (server.connections, server.bytes) == ([], 0)

        async def loosened() -> bytes:
            connector = aiohttp.TCPConnector(ssl=policy_of(ca).ssl_context())
            session = aiohttp.ClientSession(connector=connector)
            async with session as plain, plain.get(url, ssl=option) as response:
                return await response.read()

        # With aiohttp's own connector it does.
        assert asyncio.run(loosened()) == SMALL


def test_a_connector_of_aiohttp_sends_nothing_in_the_clear(ca: Authority) -> None:
    with Server(ca.issue("localhost"), speak=redirect) as server:
        for url in ("http://localhost:9/", f"https://localhost:{server.port}/"):
            with pytest.raises(aiohttp.ClientOSError, match="https") as caught:
                asyncio.run(ask(policy_of(ca), url))
            assert isinstance(root(caught.value), uptls.PolicyFrozenError)


@pytest.mark.parametrize("option", ["ssl", "ssl_context", "verify_ssl", "fingerprint"])
def test_a_connector_of_aiohttp_takes_no_other_context(ca: Authority, option: str) -> None:
    async def made() -> None:
        options: Any = {option: None}
        uptls.aiohttp.PolicyConnector(policy_of(ca), **options)

    with pytest.raises(uptls.PolicyFrozenError, match=option):
        asyncio.run(made())


# Neither module is needed by the package.


def test_the_package_imports_neither() -> None:
    script = "import sys, uptls; print([name for name in ('requests', 'aiohttp', 'urllib3') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_connector_of_aiohttp_uses_no_connection_that_the_policy_of_now_refuses(
    ca: Authority, other_ca: Authority
) -> None:
    ours, others = policy_of(ca), policy_of(other_ca)
    connector = uptls.Connector(ours)

    async def ask_again_and_again(server: Server) -> None:
        url = f"https://localhost:{server.port}/"
        async with aiohttp.ClientSession(connector=uptls.aiohttp.PolicyConnector(connector)) as session:

            async def get() -> bytes:
                async with session.get(url) as response:
                    return await response.read()

            assert [await get(), await get()] == [SMALL, SMALL]
            assert len(server.connections) == 1
            connector.update(others)
            with pytest.raises(aiohttp.ClientError) as caught:
                await get()
            assert isinstance(root(caught.value), uptls.UnknownIssuerError)
            connector.update(ours)
            assert [await get(), await get()] == [SMALL, SMALL]

    with Server(ca.issue("localhost")) as server:
        asyncio.run(ask_again_and_again(server))
