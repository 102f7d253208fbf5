"""What libraries rely on in an `ssl.SSLContext`, point by point. A test is named after the point that it proves."""

import contextlib
import logging
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import uptls
from clients.exchange import over
from clients.facade import SECONDS, Pumped, all_of, connected, echoing, policy_of
from clients.servers import LARGE, SMALL, Server
from loopback import Authority, document

# 1


def below(context: ssl.SSLContext) -> tuple[object, object]:
    """What OpenSSL itself trusts."""
    return ssl.SSLContext.cert_store_stats(context), ssl.SSLContext.get_ca_certs(context)


def test_1_the_context_below_is_empty_and_demands_verification(context: Any) -> None:
    assert isinstance(context, ssl.SSLContext)
    assert below(context) == ({"x509": 0, "crl": 0, "x509_ca": 0}, [])
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.protocol is ssl.PROTOCOL_TLS_CLIENT


def test_1_who_goes_around_the_facade_is_refused(context: Any, server: Server) -> None:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)
    below = ssl.SSLContext._wrap_bio  # type: ignore[attr-defined]  # noqa: SLF001
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    openssl = below(context, incoming, outgoing, server_side=False, server_hostname="localhost")

    def shake_hands() -> None:
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                openssl.do_handshake()
                return
            plain.sendall(outgoing.read())
            incoming.write(plain.recv(65536))

    with plain, pytest.raises(ssl.SSLCertVerificationError):
        shake_hands()
    assert server.connections == []


@pytest.mark.parametrize("method", ["cert_store_stats", "get_ca_certs"])
def test_1_nobody_can_copy_what_it_trusts(context: Any, method: str) -> None:
    """urllib3-future makes a context of its own, and takes an empty store for the roots of the system."""
    with pytest.raises(uptls.PolicyFrozenError, match="trust"):
        getattr(context, method)()
    assert getattr(ssl.create_default_context(), method)() is not None


# 2


def test_2_wrap_bio_takes_five_positions_on_another_thread(context: Any, server: Server) -> None:
    with ThreadPoolExecutor(1) as pool, pool.submit(Pumped, server, context).result() as pumped:
        assert type(pumped.incoming) is ssl.MemoryBIO
        assert isinstance(pumped.tls, ssl.SSLObject)
        pumped.run(pumped.tls.do_handshake)
        pumped.ask("/")
        assert pumped.run(lambda: pumped.tls.read(1024)).endswith(SMALL)


def test_2_a_session_of_another_context_is_refused(context: Any) -> None:
    with pytest.raises(uptls.PolicyFrozenError, match="session"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), False, "localhost", object()).do_handshake()


def test_2_there_is_no_server_side(context: Any) -> None:
    with pytest.raises(uptls.PolicyFrozenError, match="server_side"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), True)
    left, right = socket.socketpair()
    with left, right, pytest.raises(uptls.PolicyFrozenError, match="server_side"):
        context.wrap_socket(left, server_side=True, server_hostname="")


# 3


@pytest.mark.parametrize("host", ["bücher.test", b"xn--bcher-kva.test", "xn--bcher-kva.test", "XN--BCHER-KVA.TEST."])
def test_3_a_host_is_text_or_bytes_and_sent_as_a_labels(ca: Authority, policy: Any, host: Any) -> None:
    with Server(ca.issue("xn--bcher-kva.test")) as server:
        with Pumped(server, policy.ssl_context(), host) as pumped:
            pumped.run(pumped.tls.do_handshake)
        with connected(server, policy.ssl_context(), server_hostname=host) as tls:
            assert tls.version() == "TLSv1.3"
    assert server.names == ["xn--bcher-kva.test"] * 2


@pytest.mark.parametrize("host", ["", "a..test", "a\0.test", "*.test", "-.test", "x" * 300, b"\xff.test"])
def test_3_what_is_no_host_is_refused(context: Any, host: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), False, host).do_handshake()


def test_3_no_host_is_enough_for_a_policy_with_a_server_name(ca: Authority, context: Any) -> None:
    with Server(ca.issue("backend.test")) as server:
        named = policy_of(ca, "serverName: backend.test").ssl_context()
        with connected(server, named, server_hostname=None):
            assert server.names == ["backend.test"]
        with Pumped(server, named, None) as pumped:
            pumped.run(pumped.tls.do_handshake)
    with pytest.raises(uptls.MisuseError, match="server_hostname"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), False, None).do_handshake()


# 4


def test_4_read_ends_with_nothing_after_close_notify(context: Any, server: Server) -> None:
    with Pumped(server, context) as pumped:
        pumped.run(pumped.tls.do_handshake)
        pumped.ask("/closed")
        body = b""
        while part := pumped.run(lambda: pumped.tls.read(65536)):
            body += part
        assert body.endswith(LARGE)
        assert pumped.tls.read(1) == b""
        assert pumped.tls.read(1, bytearray(1)) == 0
        # TCP is open still.
        pumped.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            pumped.socket.recv(1)


def test_4_read_fails_after_a_truncation(context: Any, server: Server) -> None:
    with Pumped(server, context) as pumped:
        pumped.run(pumped.tls.do_handshake)
        pumped.ask("/truncated")
        with pytest.raises(ssl.SSLEOFError) as caught:
            all_of(lambda: pumped.run(lambda: pumped.tls.read(65536)))
        assert caught.value.args[0] == ssl.SSL_ERROR_EOF
        assert isinstance(caught.value.strerror, str)
        assert getattr(caught.value, "code", None) == "truncated"


def test_4_read_wants_more_otherwise(context: Any, server: Server) -> None:
    with Pumped(server, context) as pumped:
        with pytest.raises(ssl.SSLWantReadError):
            pumped.tls.do_handshake()
        pumped.run(pumped.tls.do_handshake)
        with pytest.raises(ssl.SSLWantReadError):
            pumped.tls.read(1)
        with pytest.raises(ssl.SSLWantReadError):
            pumped.tls.read(1, bytearray(1))


# 5


def test_5_write_may_be_partial_and_counts(ca: Authority, context: Any) -> None:
    data = memoryview(LARGE * 8)
    with echoing(ca) as server, Pumped(server, context) as pumped:
        pumped.run(pumped.tls.do_handshake)
        assert 0 < pumped.tls.write(data) <= len(data)
        assert pumped.tls.write(b"") == 0
        assert pumped.tls.write(bytearray(b"abc")) == 3


def test_5_a_socket_writes_everything(ca: Authority, context: Any) -> None:
    data = LARGE * 40
    with echoing(ca) as server, connected(server, context) as tls:
        sender = threading.Thread(target=tls.sendall, args=(memoryview(data),))
        sender.start()
        received = bytearray()
        while len(received) < len(data):
            received += tls.recv(65536)
        sender.join()
    assert received == data


# 6


def test_6_pending_counts_an_end_that_was_not_read(context: Any, server: Server) -> None:
    with Pumped(server, context) as pumped:
        assert pumped.tls.pending() == 0
        pumped.run(pumped.tls.do_handshake)
        pumped.ask("/closed")
        head = pumped.run(lambda: pumped.tls.read(10))
        body = len(LARGE) - len(head)
        while body > 0:
            body -= len(pumped.run(lambda: pumped.tls.read(4096)))
            # What is there can be read without another byte from the BIO, and this says so.
            while pumped.tls.pending():
                if not (part := pumped.tls.read(4096)):
                    assert not pumped.tls.pending()
                    return
                body -= len(part)
        with contextlib.suppress(ssl.SSLWantReadError):
            pumped.tls.read(4096)
        pumped.run(lambda: pumped.tls.pending() or pumped.tls.read(1))
        pytest.fail("the end was never pending")


# 8


def test_8_alpn_is_chosen_from_the_policy(ca: Authority) -> None:
    policy = policy_of(ca, "alpn: {protocols: [h2, http/1.1]}")
    with Server(ca.issue("localhost"), alpn=("h2", "http/1.1", "spdy/3")) as server:
        first, second = policy.ssl_context(), policy.ssl_context()
        first.set_alpn_protocols(["spdy/3", "http/1.1"])
        for context, chosen in (
            (first, "http/1.1"),
            # Who asks for nothing cannot read h2.
            (second, "http/1.1"),
            (policy.ssl_context(alpn=["http/1.1"]), "http/1.1"),
            (policy.ssl_context(alpn=["http/1.1", "h2"]), "h2"),
        ):
            with connected(server, context) as tls:
                assert tls.selected_alpn_protocol() == chosen
    assert policy.alpn == ["h2", "http/1.1"]


def test_8_alpn_beyond_the_policy_is_refused(ca: Authority, context: Any) -> None:
    with pytest.raises(uptls.PolicyFrozenError, match="h2"):
        policy_of(ca, "alpn: {protocols: [h2]}").ssl_context().set_alpn_protocols(["http/1.1"])
    alone = policy_of(ca, "alpn: {protocols: [h2]}")
    with Server(ca.issue("localhost"), alpn=("h2",)) as server:
        with pytest.raises(uptls.PolicyFrozenError, match=r"the policy permits h2 alone.*ssl_context\(alpn=\['h2'\]\)"):
            connected(server, alone.ssl_context())
        assert server.connections == []
        with connected(server, alone.ssl_context(alpn=["h2"])) as tls:
            assert tls.selected_alpn_protocol() == "h2"
    narrow = policy_of(ca, "alpn: {protocols: [h2, http/1.1]}").ssl_context(alpn=["http/1.1"])
    with pytest.raises(uptls.PolicyFrozenError):
        narrow.set_alpn_protocols(["h2"])
    with Server(ca.issue("localhost"), alpn=("h2",)) as server:
        context.set_alpn_protocols(["h2"])
        with connected(server, context) as tls:
            assert tls.selected_alpn_protocol() is None


# 9


def test_9_verification_reads_as_it_is_and_stays(context: Any) -> None:
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    for name, value in (
        ("verify_mode", ssl.CERT_NONE),
        ("verify_mode", ssl.CERT_OPTIONAL),
        ("check_hostname", False),
        ("hostname_checks_common_name", True),
        ("verify_flags", ssl.VerifyFlags.VERIFY_ALLOW_PROXY_CERTS),
        ("minimum_version", ssl.TLSVersion.TLSv1),
        ("options", ssl.OP_ALL),
        ("sslobject_class", ssl.SSLObject),
        ("_wrap_bio", None),
        ("keylog_filename", "keys.txt"),
        ("sni_callback", print),
        ("anything", 1),
    ):
        with pytest.raises(uptls.PolicyFrozenError) as caught:
            setattr(context, name, value)
        assert isinstance(caught.value, TypeError)
        assert name in str(caught.value)
    with pytest.raises(uptls.PolicyFrozenError):
        del context._connector  # noqa: SLF001
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(("lowest", "highest"), [("1.2", "1.3"), ("1.3", "1.3"), ("1.2", "1.2")])
def test_9_versions_read_as_the_policy_says(ca: Authority, lowest: Any, highest: Any) -> None:
    """A library may ask for what is so already; for anything else it is told where it stands."""
    policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca.file), min_version=lowest, max_version=highest)
    assert policy.versions == (lowest, highest)
    context: Any = policy.ssl_context()
    names = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    least, most = names[lowest], names[highest]
    assert (context.minimum_version, context.maximum_version) == (least, most)
    for version in names.values():
        for name, is_so in (("minimum_version", version <= least), ("maximum_version", version >= most)):
            if is_so:
                setattr(context, name, version)
            else:
                with pytest.raises(uptls.PolicyFrozenError, match="versions"):
                    setattr(context, name, version)
    context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    for older in (ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_1, None):
        with pytest.raises(uptls.PolicyFrozenError):
            context.minimum_version = older
    assert (context.minimum_version, context.maximum_version) == (least, most)


# 10


@pytest.mark.parametrize(
    ("method", "remedy"),
    [
        ("load_verify_locations", "trust"),
        ("load_default_certs", "trust"),
        ("set_default_verify_paths", "trust"),
        ("load_cert_chain", "identity"),
        ("set_ciphers", "cipherSuites"),
        ("set_ecdh_curve", "groups"),
        ("load_dh_params", "server"),
        ("set_npn_protocols", "alpn"),
        ("set_servername_callback", "server"),
        ("set_psk_client_callback", "identity"),
        ("set_psk_server_callback", "server"),
        ("_set_alpn_protocols", "alpn"),
    ],
)
def test_10_what_would_change_the_policy_names_the_remedy(context: Any, method: str, remedy: str) -> None:
    for arguments in ((), ("x",), ("x", "y")):
        with pytest.raises(uptls.PolicyFrozenError, match=remedy):
            getattr(context, method)(*arguments)
    assert below(context) == ({"x509": 0, "crl": 0, "x509_ca": 0}, [])


def test_10_every_method_of_ssl_was_thought_of() -> None:
    """A new one must be looked at: does it change what is verified?"""
    known = {
        "get_ciphers", "session_stats",  # they tell of OpenSSL's empty context
        "set_alpn_protocols", "wrap_bio", "wrap_socket", "_wrap_bio", "_wrap_socket",  # point 8, 2, 7
        "_encode_hostname",  # a function
    }  # fmt: skip
    from uptls._context import PolicySSLContext  # noqa: PLC0415

    methods = {
        name
        for kind in ssl.SSLContext.__mro__[:2]
        for name, value in vars(kind).items()
        if callable(value) and not name.startswith("__") and not name.endswith("_class")
    }
    assert methods - known <= {name for name in vars(PolicySSLContext) if callable(getattr(PolicySSLContext, name))}


# 11


def test_11_what_libraries_ask_of_an_object(ca: Authority, context: Any) -> None:
    leaf = ca.issue("localhost", "127.0.0.1", "spiffe://test/a")
    with Server(leaf) as server, Pumped(server, context) as pumped:
        tls = pumped.tls
        assert (tls.version(), tls.cipher(), tls.selected_alpn_protocol(), tls.peer) == (None, None, None, None)
        pumped.run(tls.do_handshake)
        assert tls.version() == "TLSv1.3"
        assert tls.cipher()[0].startswith("TLS_")
        assert tls.cipher()[1:] in {("TLSv1.3", 256), ("TLSv1.3", 128)}
        assert (tls.compression(), tls.shared_ciphers(), tls.get_channel_binding(), tls.session) == (None,) * 4
        assert (tls.server_side, tls.server_hostname, tls.session_reused) == (False, "localhost", False)
        assert tls.context is context
        with pytest.raises(uptls.PolicyFrozenError):
            tls.context = context
        der = ssl.PEM_cert_to_DER_cert(leaf.certificate.read_text())
        assert tls.getpeercert(True) == der
        assert tls.get_verified_chain() == [der, ssl.PEM_cert_to_DER_cert(ca.pem.decode())]
        assert tls.get_unverified_chain() == [der]
        assert tls.peer.matched_name == "dns:localhost"
        with pytest.raises(ValueError, match="binding"):
            tls.get_channel_binding("tls-nonsense")
        pumped.run(tls.unwrap)


def test_11_the_dictionary_is_that_of_openssl(ca: Authority, context: Any) -> None:
    leaf = ca.issue("localhost", "127.0.0.1", "spiffe://test/a")
    plain = ssl.create_default_context(cafile=ca.file)
    with Server(leaf) as server, connected(server, context) as ours, connected(server, plain) as theirs:
        assert theirs.getpeercert()
        assert ours.getpeercert() == theirs.getpeercert()


# 12


def test_12_the_name_of_the_policy_wins(ca: Authority) -> None:
    named = policy_of(ca, "serverName: backend.test").ssl_context()
    with Server(ca.issue("backend.test")) as server, connected(server, named):
        assert server.names == ["backend.test"]
    with Server(ca.issue("localhost")) as server:
        with pytest.raises(uptls.NameMismatchError):
            connected(server, named)
        assert server.names == ["backend.test"]
        with connected(server, policy_of(ca).ssl_context()):
            assert server.names == ["backend.test", "localhost"]
    assert "backend.test" in repr(named)
    assert "URL" in repr(named)


def test_12_an_address_is_a_backend_host_and_is_not_sent(ca: Authority, context: Any) -> None:
    with Server(ca.issue("127.0.0.1")) as server, connected(server, context, server_hostname="127.0.0.1"):
        assert server.names == [None]
    with Server(ca.issue("localhost")) as server, pytest.raises(uptls.NameMismatchError):
        connected(server, context, server_hostname="127.0.0.1")


# 13


def test_13_a_refusal_is_logged_once(ca: Authority, wrong: Server, caplog: pytest.LogCaptureFixture) -> None:
    # A connector of its own: another test may have met the same refusal within the minute (R10).
    context = policy_of(ca).ssl_context()
    with caplog.at_level(logging.WARNING, "uptls"), pytest.raises(uptls.UnknownIssuerError):
        connected(wrong, context)
    assert [record.name for record in caplog.records] == ["uptls"]
    assert "cert_unknown_issuer" in caplog.text


def test_13_the_hook_is_called(ca: Authority, wrong: Server) -> None:
    events: list[uptls.Event] = []
    connector = uptls.Connector(policy_of(ca), on_event=events.append)
    with pytest.raises(uptls.UnknownIssuerError):
        connected(wrong, connector.ssl_context())
    assert [(event.kind, event.code) for event in events] == [("refused", "cert_unknown_issuer")]


# Of packages that replace classes of the module ssl.

TRUSTSTORE = """
import aiohttp, ssl, sys
class Theirs(ssl.SSLContext):
    pass
ssl.SSLContext = Theirs
import uptls, uptls.aiohttp
policy = uptls.UpstreamTlsPolicy.from_file(sys.argv[1])
print(isinstance(policy.ssl_context(), Theirs))
uptls.aiohttp.PolicyConnector(policy)
"""


def test_the_socket_of_another_package_is_used_as_it_is(ca: Authority, server: Server) -> None:
    """As under gevent and eventlet, whose sockets are no socket.socket."""

    class Green:
        def __init__(self) -> None:
            self.sock = socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)
            self.calls: list[str] = []

        def __getattr__(self, name: str) -> Any:
            self.calls.append(name)
            return getattr(self.sock, name)

    context: Any = policy_of(ca).ssl_context()
    with context.wrap_socket(green := Green(), server_hostname="localhost") as tls:
        assert over(tls, ["/", "/large"]) == [SMALL, LARGE]
        tls.settimeout(2 * SECONDS)
        assert green.sock.gettimeout() == 2 * SECONDS
    assert green.sock.fileno() == -1
    assert {"recv", "send"} <= set(green.calls)


def test_a_context_beside_one_of_another_package_is_the_standard_librarys(ca: Authority, tmp_path: Path) -> None:
    """aiohttp takes the class that the module ssl has now and no other, so its connector is refused."""
    path = tmp_path / "policy.yaml"
    path.write_text(document(ca.file))
    command = [sys.executable, "-c", TRUSTSTORE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (1, "False\n")
    assert "__main__ has replaced ssl.SSLContext, and aiohttp takes no other class" in done.stderr


# Of connectors.


def test_a_context_follows_its_connector(ca: Authority, other_ca: Authority, server: Server) -> None:
    connector = uptls.Connector(policy_of(ca))
    context = connector.ssl_context()
    with connected(server, context):
        connector.update(policy_of(other_ca))
        with pytest.raises(uptls.UnknownIssuerError):
            connected(server, context)
        connector.withdraw()
        with pytest.raises(uptls.PolicyError) as caught:
            connected(server, context)
        assert caught.value.code == "policy_withdrawn"
        connector.update(policy_of(ca))
        with connected(server, context) as tls:
            assert over(tls, ["/"]) == [SMALL]
