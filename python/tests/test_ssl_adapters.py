"""The modules for libraries that take no context: requests and gRPC."""

import asyncio
import pickle
from concurrent import futures
from typing import Any, Self

import grpc
import pytest
import requests

import uptls
import uptls.grpc
import uptls.requests
from clients.servers import LARGE, SMALL, Server, proxy
from loopback import Authority, Leaf, document


def policy_of(ca: Authority, *fields: str) -> uptls.UpstreamTlsPolicy:
    return uptls.UpstreamTlsPolicy.from_document(document(ca.file, *fields), allow_danger=True)


# requests


def test_plain_http_is_refused_by_the_adapter(ca: Authority) -> None:
    with requests.Session() as session:
        session.mount("http://", uptls.requests.PolicyAdapter(policy_of(ca)))
        with pytest.raises(uptls.PolicyFrozenError, match="https"):
            session.get("http://127.0.0.1:9/", timeout=5)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_no_environment_variable_widens_the_roots(
    ca: Authority, other_ca: Authority, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv(variable, str(other_ca.file))
    with requests.Session() as session:
        session.mount("https://", uptls.requests.PolicyAdapter(policy_of(ca)))
        with Server(ca.issue("localhost")) as good:
            assert session.get(f"https://localhost:{good.port}/", timeout=30).content == SMALL
        with Server(other_ca.issue("localhost")) as bad, pytest.raises(requests.exceptions.SSLError):
            session.get(f"https://localhost:{bad.port}/", timeout=30)
    assert bad.bytes == 0


def test_other_adapters_of_the_session_are_as_they_were(ca: Authority, other_ca: Authority) -> None:
    with requests.Session() as session, Server(other_ca.issue("localhost")) as server:
        session.mount("https://backend.test/", uptls.requests.PolicyAdapter(policy_of(ca)))
        url = f"https://localhost:{server.port}/"
        assert session.get(url, timeout=30, verify=str(other_ca.file)).content == SMALL


def test_a_proxy_with_tls_leads_to_the_verified_backend(ca: Authority, other_ca: Authority) -> None:
    def through(proxied: Server, behind: Server) -> bytes:
        with requests.Session() as session:
            session.trust_env = False
            session.mount("https://", uptls.requests.PolicyAdapter(policy_of(ca)))
            proxies = {"https": f"https://localhost:{proxied.port}"}
            url = f"https://localhost:{behind.port}/large"
            return session.get(url, timeout=30, proxies=proxies).content

    good, bad = ca.issue("localhost"), other_ca.issue("localhost")
    with Server(good, speak=proxy) as proxied, Server(good) as behind:
        assert through(proxied, behind) == LARGE
    for front, back in ((good, bad), (bad, good)):
        with Server(front, speak=proxy) as proxied, Server(back) as behind:
            with pytest.raises(requests.exceptions.RequestException):
                through(proxied, behind)
            assert behind.bytes == 0


def test_an_adapter_pickles_as_its_policy_does(ca: Authority) -> None:
    adapter = uptls.requests.PolicyAdapter(policy_of(ca))
    try:
        policy = pickle.loads(pickle.dumps(adapter._policy))  # noqa: S301, SLF001
    except TypeError:
        with pytest.raises(TypeError):
            pickle.dumps(adapter)
    else:
        copy = pickle.loads(pickle.dumps(adapter))  # noqa: S301
        assert copy._policy == policy  # noqa: SLF001


# gRPC


class Grpc:
    """A server of gRPC that gives every call back."""

    def __init__(self, leaf: Leaf, client_ca: Authority | None = None) -> None:
        pair = (leaf.key.read_bytes(), leaf.certificate.read_bytes())
        roots = client_ca.pem if client_ca else None
        credentials = grpc.ssl_server_credentials([pair], roots, require_client_auth=client_ca is not None)
        self.calls = 0
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        handler: Any = grpc.unary_unary_rpc_method_handler(self._echo)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", {"Echo": handler}),))
        self.port = self._server.add_secure_port("127.0.0.1:0", credentials)

    def _echo(self, raw: bytes, _: grpc.ServicerContext) -> bytes:
        self.calls += 1
        return raw

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()


payload: Any = b"hello"


def call(channel: grpc.Channel) -> bytes:
    with channel:
        reply: bytes = channel.unary_unary("/test/Echo")(payload, timeout=20)
        return reply


def test_grpc_by_a_policy(ca: Authority, other_ca: Authority) -> None:
    policy = policy_of(ca)
    with Grpc(ca.issue("localhost")) as server:
        target = f"localhost:{server.port}"
        assert call(grpc.secure_channel(target, uptls.grpc.channel_credentials(policy))) == b"hello"
        assert call(uptls.grpc.secure_channel(policy, target)) == b"hello"
        assert server.calls == 2
    for leaf in (other_ca.issue("localhost"), ca.issue("other.test")):
        with Grpc(leaf) as server:
            with pytest.raises(grpc.RpcError) as caught:
                call(uptls.grpc.secure_channel(policy, f"localhost:{server.port}"))
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert server.calls == 0


def test_grpc_verifies_the_server_name_of_the_policy(ca: Authority) -> None:
    policy = policy_of(ca, "serverName: backend.test")
    with Grpc(ca.issue("backend.test")) as server:
        assert call(uptls.grpc.secure_channel(policy, f"127.0.0.1:{server.port}")) == b"hello"
    with Grpc(ca.issue("localhost")) as server, pytest.raises(grpc.RpcError):
        call(uptls.grpc.secure_channel(policy, f"localhost:{server.port}"))
    assert server.calls == 0
    with pytest.raises(uptls.MisuseError, match="override"):
        uptls.grpc.secure_channel(policy, "localhost:1", [("grpc.ssl_target_name_override", "localhost")])
    with pytest.raises(uptls.PolicyError) as caught:
        uptls.grpc.channel_credentials(policy)
    assert caught.value.code == "not_exportable"


def test_grpc_shows_our_certificate(ca: Authority) -> None:
    leaf = ca.issue("client.test")
    identity = f"identity: {{certificate: {{file: {leaf.certificate}}}, key: {{file: {leaf.key}}}}}"
    with Grpc(ca.issue("localhost"), ca) as server:
        target = f"localhost:{server.port}"
        assert call(uptls.grpc.secure_channel(policy_of(ca, identity), target)) == b"hello"
        with pytest.raises(grpc.RpcError):
            call(uptls.grpc.secure_channel(policy_of(ca), target))


def test_grpc_of_asyncio(ca: Authority) -> None:
    async def main(port: int) -> Any:
        async with uptls.grpc.aio_secure_channel(policy_of(ca), f"localhost:{port}") as channel:
            return await channel.unary_unary("/test/Echo")(payload, timeout=20)

    with Grpc(ca.issue("localhost")) as server:
        assert asyncio.run(main(server.port)) == b"hello"


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("subjectAltNames: [{dns: a.test}]", "spec.subjectAltNames"),
        ("subjectAltNames: [{uri: 'spiffe://test/a'}, {dns: b.test}]", "spec.subjectAltNames"),
        (f"spkiPins: [{'A' * 43}=]", "spec.spkiPins"),
        ("versions: {min: '1.3'}", "spec.versions"),
        ("cipherSuites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]", "spec.cipherSuites"),
        ("groups: [X25519]", "spec.groups"),
        ("alpn: {protocols: [http/1.1]}", "spec.alpn"),
        ("danger: {acceptAnyName: {reason: a test}}", "spec.danger"),
    ],
)
def test_grpc_refuses_what_it_cannot_express(ca: Authority, field: str, path: str) -> None:
    with pytest.raises(uptls.PolicyError) as caught:
        uptls.grpc.secure_channel(policy_of(ca, field), "localhost:1")
    assert caught.value.code == "not_exportable"
    assert path in caught.value.report_json


def test_grpc_refuses_other_trust(ca: Authority) -> None:
    leaf = ca.issue("localhost")
    head = "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec:\n  serverName: a.test\n"
    for trust, path in (
        ("{system: mozilla}", "spec.trust.system"),
        (f"{{pinnedCertificates: [{'ab' * 32}]}}", "spec.trust.pinnedCertificates"),
        (f"{{pinnedKeys: [{'A' * 43}=]}}", "spec.trust.pinnedKeys"),
        (f"{{bundles: [{{file: {ca.file}}}, {{file: {leaf.certificate}}}]}}", "spec.trust.bundles"),
    ):
        policy = uptls.UpstreamTlsPolicy.from_document(f"{head}  trust: {trust}\n".replace("'", ""))
        with pytest.raises(uptls.PolicyError) as caught:
            uptls.grpc.secure_channel(policy, "localhost:1")
        assert caught.value.code == "not_exportable"
        assert path in caught.value.report_json
