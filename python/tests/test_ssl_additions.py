"""Libraries that add what they trust to every context, or compare a name or a fingerprint as well."""

import asyncio
import hashlib
import inspect
import logging
import ssl
from collections.abc import Callable  # noqa: TC003
from typing import Any

import aiohttp
import pytest
import requests.adapters
import urllib3

import uptls
import uptls.aiohttp
import uptls.requests
from clients.exchange import over
from clients.facade import connected, policy_of
from clients.servers import SMALL, Server
from loopback import Authority
from uptls._dial import LoopOptions


def test_an_addition_is_ignored_if_the_caller_says_so(
    ca: Authority, other_ca: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """elasticsearch and boto3 give certifi's file to every context."""
    context: Any = policy_of(ca).ssl_context(additions="ignore")
    with caplog.at_level(logging.INFO, "uptls"):
        for _ in range(2):
            context.load_verify_locations(cafile=str(other_ca.file))
            context.load_default_certs()
            context.set_default_verify_paths()
    assert caplog.messages == [
        f"{what} was ignored: the policy alone decides"
        for what in ("load_verify_locations", "load_default_certs", "set_default_verify_paths")
    ]
    with Server(other_ca.issue("localhost")) as wrong:
        with pytest.raises(uptls.UnknownIssuerError):
            connected(wrong, context)
        assert wrong.bytes == 0
    with Server(ca.issue("localhost")) as server, connected(server, context) as tls:
        assert over(tls, ["/"]) == [SMALL]


def test_what_loosens_is_never_ignored(ca: Authority, other_ca: Authority) -> None:
    context: Any = policy_of(ca).ssl_context(additions="ignore")
    changes: tuple[Callable[[], object], ...] = (
        lambda: setattr(context, "verify_mode", ssl.CERT_NONE),
        lambda: setattr(context, "minimum_version", ssl.TLSVersion.TLSv1),
        lambda: context.load_cert_chain("x.pem"),
        lambda: context.set_ciphers("ALL"),
        context.cert_store_stats,
    )
    for change in changes:
        with pytest.raises(uptls.PolicyFrozenError):
            change()
    context.check_hostname = False
    assert not context.check_hostname
    with Server(ca.issue("other.test")) as named, pytest.raises(uptls.NameMismatchError):
        connected(named, context)
    with Server(other_ca.issue("localhost")) as wrong, pytest.raises(uptls.UnknownIssuerError):
        connected(wrong, context)
    context.check_hostname = True
    assert context.check_hostname
    with pytest.raises(uptls.MisuseError, match="additions must be refuse or ignore, not 'yes'"):
        policy_of(ca).ssl_context(additions="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["assert_fingerprint", "assert_hostname"])
def test_what_urllib3_asserts_tightens(ca: Authority, other_ca: Authority, kind: str) -> None:
    leaf = ca.issue("localhost")
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf.certificate.read_text())).hexdigest()
    right, wrong = {
        "assert_fingerprint": (digest, "0" * 64),
        "assert_hostname": ("localhost", "other.test"),
    }[kind]

    def get(server: Server, value: Any) -> bytes:
        options: dict[str, Any] = {kind: value}
        context = policy_of(ca).ssl_context(additions="ignore")
        with urllib3.PoolManager(ssl_context=context, retries=False, **options) as pool:
            return pool.request("GET", f"https://localhost:{server.port}/").data

    with Server(leaf) as server:
        assert get(server, right) == SMALL
        with pytest.raises(urllib3.exceptions.SSLError):
            get(server, wrong)
    # And never loosens: neither the right value nor False lets another CA or name in.
    for refused in (other_ca.issue("localhost"), ca.issue("other.test")):
        with Server(refused) as server:
            for value in (right, False):
                with pytest.raises(urllib3.exceptions.SSLError):
                    get(server, value)
            assert server.bytes == 0


# What can be given, by name.


def test_the_options_of_a_library_are_named() -> None:
    """An editor completes them, and a type checker refuses a misspelt one."""

    def parameters(function: Any) -> set[str]:
        return set(inspect.signature(function).parameters) - {"self"}

    ours = {"ssl", "ssl_context", "verify_ssl", "fingerprint"}
    assert set(uptls.aiohttp.ConnectorOptions.__annotations__) == parameters(aiohttp.TCPConnector.__init__) - ours
    adapter = parameters(requests.adapters.HTTPAdapter.__init__)
    assert (
        parameters(uptls.requests.PolicyAdapter.__init__) == parameters(uptls.requests.session) == adapter | {"policy"}
    )
    loop = parameters(asyncio.BaseEventLoop.create_connection)
    ours = {"protocol_factory", "host", "port", "sock", "ssl", "server_hostname", "ssl_handshake_timeout"}
    assert set(LoopOptions.__annotations__) == loop - ours


def test_too_many_names_are_refused_at_the_limit(ca: Authority) -> None:
    names = [uptls.San.dns(f"a{number}.test") for number in range(100_000)]
    with pytest.raises(uptls.PolicyError, match="100000 names is not a list of at most 64 names"):
        uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca.file), subject_alt_names=names)


@pytest.mark.parametrize("kind", [uptls.UpstreamTlsPolicy, uptls.Connector])
def test_a_misspelt_argument_is_refused(policy: uptls.UpstreamTlsPolicy, kind: Any) -> None:
    made: Any = policy if kind is uptls.UpstreamTlsPolicy else uptls.Connector(policy)
    with pytest.raises(TypeError, match="alnp"):
        made.ssl_context(alnp=["h2"])
    with pytest.raises(TypeError, match="time_out"):
        asyncio.run(made.open_connection("localhost", 1, connect_to="127.0.0.1", time_out=3))
    for call in (made.connect, made.buffer):
        with pytest.raises(TypeError, match=r"must be a sequence of str|Can't extract `str` to `Vec`"):
            call("localhost", *([1] if call == made.connect else []), alpn="h2")
