"""Bytes in, bytes out: a Buffer against a server of the standard library, both in memory."""

import contextlib
import gc
import pickle
import ssl
import threading
import weakref
from typing import Any

import pytest

import uptls
from conftest import cannot_run
from loopback import HOST, Authority, Leaf

ut: Any = uptls  # for calls that a type checker would refuse


class Peer:
    """A server in memory."""

    def __init__(self, leaf: Leaf, version: ssl.TLSVersion | None = None) -> None:
        self.leaf = leaf
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf.certificate, leaf.key)
        if version:
            context.minimum_version = context.maximum_version = version
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def exchange(self, buffer: uptls.Buffer) -> None:
        """Moves what both have for each other."""
        self.incoming.write(buffer.data_to_send())
        raw = memoryview(self.outgoing.read())
        while raw:
            taken = buffer.receive_data(raw)
            assert taken > 0, "there is plaintext that nobody reads"
            raw = raw[taken:]

    def shake(self, buffer: uptls.Buffer) -> None:
        """The handshake."""
        for _ in range(4):
            self.exchange(buffer)
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                continue
            self.exchange(buffer)
            return
        raise AssertionError("no handshake")


@pytest.fixture
def buffer(policy: uptls.UpstreamTlsPolicy) -> uptls.Buffer:
    return policy.buffer(HOST)


@pytest.fixture
def peer(leaf: Leaf) -> Peer:
    return Peer(leaf)


@pytest.fixture
def established(buffer: uptls.Buffer, peer: Peer) -> uptls.Buffer:
    peer.shake(buffer)
    return buffer


def test_a_handshake_in_memory(buffer: uptls.Buffer, peer: Peer) -> None:
    assert (buffer.handshake_done, buffer.peer, buffer.report(), buffer.error) == (False, None, None, None)
    assert buffer.wants_write
    assert buffer.read(10) is None
    assert buffer.deadline is not None
    assert 0 < buffer.deadline <= 10
    assert repr(buffer) == f"<Buffer {HOST} handshaking>"
    peer.shake(buffer)
    assert buffer.handshake_done
    assert buffer.deadline is None
    assert buffer.expire() is None
    assert repr(buffer) == f"<Buffer {HOST} established>"
    report = buffer.report()
    assert report is not None
    assert report.accepted
    assert report.tls is not None
    assert report.tls.version == "1.3"
    assert [step.outcome for step in report.steps if step.step == "name"] == ["pass"]


def test_the_peer_is_known(established: uptls.Buffer, leaf: Leaf, policy: uptls.UpstreamTlsPolicy) -> None:
    peer = established.peer
    assert peer is not None
    assert (peer.version, peer.matched_name, peer.server_name) == ("1.3", f"dns:{HOST}", HOST)
    assert peer.cipher.startswith("TLS_")
    assert peer.group
    assert peer.alpn is None
    assert peer.chain == [ssl.PEM_cert_to_DER_cert(leaf.certificate.read_text())]
    assert peer.certificates[0].sans == [f"dns:{HOST}"]
    assert peer.certificates[0] == peer.certificates[0]
    assert "CertificateFacts(subject='CN=backend.test'" in repr(peer.certificates)
    assert peer.not_before < peer.not_after
    assert (peer.resumed, peer.identity, peer.identity_sent, peer.identity_unused) == (
        False,
        "not_requested",
        False,
        False,
    )
    assert (peer.generation, peer.fingerprint) == (1, policy.fingerprint)
    assert peer.trusted_until > 1_700_000_000
    assert policy.connector.is_current(peer)
    assert not policy.replace(alpn=["h2"]).connector.is_current(peer)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_data_of_every_kind(established: uptls.Buffer, peer: Peer, kind: Any) -> None:
    assert established.write(kind(b"to the peer")) == 11
    peer.exchange(established)
    assert peer.tls.read() == b"to the peer"
    peer.tls.write(b"from the peer")
    raw = peer.outgoing.read()
    assert established.receive_data(kind(raw)) == len(raw)
    assert established.pending == 13
    assert established.read(4) == b"from"
    assert established.pending == 9
    target = kind(b"." * 20) if kind is bytearray else bytearray(20)
    assert established.read_into(target) == 9
    assert target[:10] == b" the peer."[:9] + target[9:10]
    assert established.read(1) is None
    assert established.read_into(bytearray(1)) is None


def test_read_into_a_part_of_a_buffer(established: uptls.Buffer, peer: Peer) -> None:
    peer.tls.write(b"0123456789")
    peer.exchange(established)
    target = bytearray(b"." * 8)
    assert established.read_into(memoryview(target)[2:5]) == 3
    assert target == b"..012..."
    assert established.read_into(memoryview(target).cast("H")[:1]) == 2
    assert target == b"34012..."
    assert established.read(100) == b"56789"


def test_bytes_one_at_a_time(buffer: uptls.Buffer, peer: Peer) -> None:
    peer.incoming.write(b"".join(iter(lambda: buffer.data_to_send(1), b"")))
    with pytest.raises(ssl.SSLWantReadError):
        peer.tls.do_handshake()
    for byte in peer.outgoing.read():
        assert buffer.receive_data(bytes([byte])) == 1
    assert buffer.handshake_done


def test_a_peer_for_another_name_is_refused_once(policy: uptls.UpstreamTlsPolicy, peer: Peer) -> None:
    buffer = policy.buffer("other.test")
    with pytest.raises(uptls.NameMismatchError) as caught:
        peer.shake(buffer)
    assert caught.value.expected == ["dns:other.test"]
    assert caught.value.presented == [f"dns:{HOST}"]
    assert caught.value.report.verdict == "rejected"
    assert caught.value.report.tls is not None
    assert len(caught.value.chain) == 1
    # The alert, and then the same for ever.
    peer.incoming.write(buffer.data_to_send())
    with pytest.raises(ssl.SSLError, match=r"(?i)bad.certificate"):
        peer.tls.do_handshake()
    for call in (
        lambda: buffer.receive_data(b"x"),
        lambda: buffer.read(1),
        lambda: buffer.write(b"x"),
        buffer.close_notify,
    ):
        with pytest.raises(uptls.NameMismatchError) as again:
            call()
        assert again.value.report == caught.value.report
    assert isinstance(buffer.error, uptls.NameMismatchError)
    assert buffer.report() == caught.value.report
    assert not buffer.handshake_done
    assert buffer.peer is None


def test_another_ca_is_refused(peer: Peer, tmp_path: Any) -> None:
    other = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(Authority(tmp_path, "Other CA").file))
    with pytest.raises(uptls.UnknownIssuerError):
        peer.shake(other.buffer(HOST))


def test_no_data_before_the_handshake(buffer: uptls.Buffer) -> None:
    with pytest.raises(uptls.MisuseError, match="before the handshake"):
        buffer.write(b"early")
    with pytest.raises(uptls.MisuseError, match="before the handshake"):
        buffer.close_notify()
    assert buffer.error is None


def test_a_clean_end_and_a_truncation(established: uptls.Buffer, peer: Peer) -> None:
    peer.tls.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        peer.tls.unwrap()
    peer.exchange(established)
    assert established.read(10) == b"last"
    assert established.read(10) == b""
    assert established.read_into(bytearray(3)) == 0
    assert established.closed_cleanly
    established.receive_eof()
    assert established.read(10) == b""


def test_an_end_without_close_notify(established: uptls.Buffer, peer: Peer) -> None:
    peer.tls.write(b"not all")
    peer.exchange(established)
    established.receive_eof()
    assert established.read(100) == b"not all"
    with pytest.raises(uptls.UnexpectedEofError) as caught:
        established.read(100)
    assert isinstance(caught.value, ssl.SSLEOFError)
    assert caught.value.errno == ssl.SSL_ERROR_EOF
    assert caught.value.code == "truncated"
    assert not established.closed_cleanly


def test_an_end_in_the_handshake(buffer: uptls.Buffer) -> None:
    with pytest.raises(uptls.UnexpectedEofError) as caught:
        buffer.receive_eof()
    assert caught.value.code == "peer_closed"


def test_a_transport_that_failed(established: uptls.Buffer, buffer: uptls.Buffer) -> None:
    error = established.receive_error(ConnectionResetError(104, "Connection reset by peer"))
    assert isinstance(error, uptls.PeerResetError)
    assert isinstance(error, ConnectionResetError)
    assert "Connection reset by peer" in str(error)
    with pytest.raises(uptls.PeerResetError):
        established.read(1)
    assert isinstance(buffer.receive_error("cable cut"), uptls.PeerResetError)


def test_a_deadline_passes(policy: uptls.UpstreamTlsPolicy, peer: Peer) -> None:
    buffer = policy.buffer(HOST, timeout=0.000001)
    assert buffer.deadline == 0
    with pytest.raises(uptls.ConnectTimeoutError) as caught:
        peer.shake(buffer)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.code == "handshake_timeout"
    silent = policy.buffer(HOST)
    assert isinstance(silent.expire(), uptls.ConnectTimeoutError)
    assert isinstance(silent.error, uptls.ConnectTimeoutError)


def test_a_connection_that_goes_away_is_no_refusal(
    established: uptls.Buffer, peer: Peer, policy: uptls.UpstreamTlsPolicy, caplog: pytest.LogCaptureFixture
) -> None:
    established.receive_error("reset")
    with pytest.raises(uptls.PeerResetError):
        established.read(1)
    assert caplog.records == []
    broken = policy.buffer(HOST)
    peer = Peer(peer.leaf)
    peer.shake(broken)
    with pytest.raises(uptls.HandshakeError):
        broken.receive_data(b"this is no record of TLS" * 10)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_what_is_counted_has_a_bound(established: uptls.Buffer, peer: Peer) -> None:
    raw, total = b"", 100 * 16384
    for _ in range(100):
        peer.tls.write(b"x" * 16384)
    raw = peer.outgoing.read()
    taken = 0
    for _ in range(1000):
        taken += established.receive_data(memoryview(raw)[taken:])
        assert established.pending < 512 * 1024
    assert taken < len(raw)
    got = 0
    while got < total:
        got += len(established.read(1 << 20) or b"")
        taken += established.receive_data(memoryview(raw)[taken:])
    assert (got, taken) == (total, len(raw))


def test_what_is_not_tls(policy: uptls.UpstreamTlsPolicy) -> None:
    with pytest.raises(uptls.HandshakeError) as caught:
        policy.buffer(HOST).receive_data(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert caught.value.code == "peer_not_tls"
    assert "plain HTTP" in caught.value.hint


def test_a_huge_write_is_taken_bit_by_bit(established: uptls.Buffer, peer: Peer) -> None:
    data = bytes(range(256)) * 40_000
    taken, got = 0, bytearray()
    view = memoryview(data)
    for _ in range(1000):
        count = established.write(view[taken:])
        assert count <= 128 * 1024
        taken += count
        peer.exchange(established)
        while True:
            try:
                got += peer.tls.read(65536)
            except ssl.SSLWantReadError:
                break
        if taken == len(data):
            break
    assert got == data
    assert established.write(data) < len(data)


def test_data_that_nobody_reads_stops_the_peer(established: uptls.Buffer, peer: Peer) -> None:
    for _ in range(20):
        peer.tls.write(b"x" * 16384)
    raw = memoryview(peer.outgoing.read())
    got, taken = 0, established.receive_data(raw)
    assert taken < len(raw)
    assert established.receive_data(raw[taken:]) == 0
    while got < 20 * 16384:
        while data := established.read(1 << 30):
            got += len(data)
        taken += established.receive_data(raw[taken:])
    assert taken == len(raw)


def test_writing_after_the_end_is_misuse(established: uptls.Buffer, peer: Peer) -> None:
    established.close_notify()
    established.close_notify()
    with pytest.raises(uptls.MisuseError, match="close_notify"):
        established.write(b"late")
    peer.exchange(established)
    assert peer.tls.read() == b""
    peer.tls.write(b"still heard")
    peer.exchange(established)
    assert established.read(100) == b"still heard"


@pytest.mark.parametrize(
    "call",
    [
        lambda b: b.receive_data("text"),
        lambda b: b.receive_data(None),
        lambda b: b.receive_data(7),
        lambda b: b.receive_data(memoryview(b"abcd")[::2]),
        lambda b: b.write("text"),
        lambda b: b.write([1, 2]),
        lambda b: b.read("7"),
        lambda b: b.read(None),
        lambda b: b.read_into(b"read-only"),
        lambda b: b.read_into("text"),
        lambda b: b.read_into(memoryview(bytearray(8))[::2]),
        lambda b: b.data_to_send("all"),
        lambda _: ut.Buffer(),
        lambda b: setattr(b, "peer", None),
    ],
)
def test_a_wrong_type_changes_nothing(established: uptls.Buffer, peer: Peer, call: Any) -> None:
    peer.tls.write(b"data")
    peer.exchange(established)
    with pytest.raises((TypeError, AttributeError)):
        call(established)
    assert established.read(100) == b"data"


def test_negative_sizes_are_refused(established: uptls.Buffer) -> None:
    with pytest.raises(OverflowError):
        established.read(-1)
    with pytest.raises(OverflowError):
        established.data_to_send(-1)
    assert established.read(0) == b""
    assert established.write(b"") == 0
    assert established.receive_data(b"") == 0


def test_arguments_of_a_connection(policy: uptls.UpstreamTlsPolicy) -> None:
    for host in ("", "not a host", "ä.test", "a" * 300, "*.test"):
        with pytest.raises(uptls.PolicyError):
            policy.buffer(host)
    for timeout in (0, -1, float("nan"), float("inf")):
        with pytest.raises(uptls.MisuseError, match="timeout"):
            policy.buffer(HOST, timeout=timeout)
    assert policy.buffer(HOST, timeout=None).deadline is not None
    with pytest.raises(uptls.MisuseError):
        policy.buffer(HOST, alpn=["h2"])
    assert policy.replace(alpn=["h2", "http/1.1"]).buffer(HOST, alpn=["h2"])
    for wrong in (lambda: ut.Connector.buffer(policy.connector, b"a.test"), lambda: policy.buffer(HOST, alpn="h2")):
        with pytest.raises(TypeError):
            wrong()


def test_a_panic_ends_the_connection_and_nothing_else(
    established: uptls.Buffer, policy: uptls.UpstreamTlsPolicy, capfd: pytest.CaptureFixture[str]
) -> None:
    panic = getattr(established, "_panic", None)
    if panic is None:
        cannot_run("only debug builds can panic at will")
    with pytest.raises(uptls.UptlsError) as caught:
        panic()
    assert caught.value.code == "panic"
    assert "on purpose" in capfd.readouterr().err
    for call in (lambda: established.read(1), lambda: established.write(b"x"), lambda: established.receive_data(b"x")):
        with pytest.raises(uptls.UptlsError) as later:
            call()
        assert later.value.code == "internal"
    assert (established.handshake_done, established.peer, established.wants_read) == (False, None, False)
    assert policy.buffer(HOST).wants_write


def test_two_threads_in_one_buffer(established: uptls.Buffer, peer: Peer) -> None:
    """Both directions at once, and what each gives is whole."""
    lock, done = threading.Lock(), threading.Event()
    sent = b"0123456789abcdef" * 4096
    got = bytearray()

    def write() -> None:
        view = memoryview(sent)
        while view:
            view = view[established.write(view) :]
            with lock:
                peer.incoming.write(established.data_to_send())
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not done.is_set() or len(got) < len(sent):
        with lock, contextlib.suppress(ssl.SSLWantReadError):
            got += peer.tls.read(65536)
        assert established.read(10) is None
        assert established.handshake_done
    thread.join()
    assert got == sent


def test_a_cycle_is_collected(ca: Authority) -> None:
    class Holder:
        def __init__(self) -> None:
            policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca.file))
            self.connector = uptls.Connector(policy, on_event=self.hook)
            self.buffer = self.connector.buffer(HOST)

        def hook(self, event: uptls.Event) -> None: ...

    reference = weakref.ref(Holder())
    gc.collect()
    assert reference() is None


def test_exceptions_of_a_connection_pickle(policy: uptls.UpstreamTlsPolicy, peer: Peer) -> None:
    with pytest.raises(uptls.NameMismatchError) as caught:
        peer.shake(policy.buffer("other.test"))
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert type(copy) is uptls.NameMismatchError
    assert (copy.report, copy.chain, str(copy)) == (caught.value.report, caught.value.chain, str(caught.value))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(ca: Authority, leaf: Leaf, version: ssl.TLSVersion) -> None:
    policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_pem(ca.pem))
    context = Peer(leaf, version)
    resumed = []
    for _ in range(2):
        peer = Peer(leaf, version)
        # Tickets are of one context.
        peer.tls = context.tls.context.wrap_bio(peer.incoming, peer.outgoing, server_side=True)
        buffer = policy.buffer(HOST)
        peer.shake(buffer)
        peer.exchange(buffer)
        assert buffer.peer is not None
        resumed.append(buffer.peer.resumed)
    assert resumed == [False, True]
