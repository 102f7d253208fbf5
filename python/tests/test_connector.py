"""Connectors: updates, what is invalid, withdrawal, events, watches."""

import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import uptls
from loopback import HOST, Authority, Leaf, Server, document

ut: Any = uptls  # for calls that a type checker would refuse


@pytest.fixture
def other(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "Third CA")


@pytest.fixture
def bundle(tmp_path: Path, ca: Authority) -> Path:
    """A file that is rotated."""
    path = tmp_path / "ca.pem"
    path.write_bytes(ca.pem)
    return path


@pytest.fixture
def rotating(bundle: Path) -> uptls.UpstreamTlsPolicy:
    return uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(bundle), server_name=HOST, name="rotating")


@pytest.fixture
def server(leaf: Leaf) -> Iterator[Server]:
    with Server(leaf) as server:
        yield server


def kinds(connector: uptls.Connector) -> list[str]:
    return [event.kind for event in connector.events()]


def swap(path: Path, content: bytes) -> None:
    """As a careful writer does it."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.rename(path)


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def test_an_update_is_a_generation(rotating: uptls.UpstreamTlsPolicy, other: Authority, server: Server) -> None:
    connector = uptls.Connector(rotating)
    assert (connector.generation, connector.state, connector.policy, connector.reason) == (1, "ready", rotating, None)
    assert repr(connector) == '<Connector "rotating" ready generation 1>'
    with connector.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
        assert connector.is_current(stream.peer)
        assert connector.update(rotating) == 1
        assert connector.events() == []
        assert connector.update(rotating.replace(ca=uptls.TrustBundle.from_file(other.file))) == 2
        assert not connector.is_current(stream.peer)
        # What exists goes on.
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"
    (event,) = connector.events()
    assert (event.kind, event.generation, event.trust_reduced, event.code, event.report) == (
        "updated",
        2,
        True,
        None,
        None,
    )
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", event.at)
    assert connector.events() == []
    with pytest.raises(uptls.UnknownIssuerError):
        connector.connect(HOST, server.port, connect_to="127.0.0.1")


def test_a_connector_uses_what_was_judged(rotating: uptls.UpstreamTlsPolicy, bundle: Path, server: Server) -> None:
    bundle.unlink()
    for connector in (rotating.connector, uptls.Connector(rotating)):
        with connector.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
            assert stream.peer.fingerprint == rotating.fingerprint


def test_reloading_reads_the_files(rotating: uptls.UpstreamTlsPolicy, bundle: Path, other: Authority) -> None:
    connector = uptls.Connector(rotating)
    assert connector.reload() == 1
    bundle.write_bytes(other.pem)
    assert connector.reload() == 2
    assert connector.policy != rotating
    assert connector.policy is not None
    assert connector.policy.name == "rotating"
    assert connector.policy.describe().trusts.anchors[0].certificate.subject == "CN=Third CA"


@pytest.mark.parametrize(
    ("on_invalid", "state", "works"),
    [(None, "degraded", True), ("keep_last_good", "degraded", True), ("fail_closed", "not_ready", False)],
)
def test_an_invalid_update(  # noqa: PLR0913
    rotating: uptls.UpstreamTlsPolicy, bundle: Path, ca: Authority, on_invalid: Any, state: str, *, works: bool
) -> None:
    connector = uptls.Connector(rotating, on_invalid=on_invalid)
    bundle.write_bytes(b"broken")
    with pytest.raises(uptls.PolicyError) as caught:
        connector.reload()
    assert caught.value.code == "trust_bundle_empty"
    assert (str(connector.state), connector.generation) == (state, 1)
    assert connector.reason is not None
    assert connector.reason.code == "trust_bundle_empty"
    (event,) = connector.events()
    assert (event.kind, event.code) == (state, "trust_bundle_empty")
    assert event.report is not None
    assert event.report.errors[0].path == "spec.trust.bundles[0]"
    if works:
        assert connector.buffer(HOST)
        assert connector.policy == rotating
    else:
        assert connector.policy is None
        with pytest.raises(uptls.PolicyError) as refused:
            connector.buffer(HOST)
        assert refused.value.code == "policy_not_ready"
        report = connector.check(HOST, 1)
        assert (report.verdict, report.code) == ("error", "policy_not_ready")
    bundle.write_bytes(ca.pem)
    assert connector.reload() == 1
    assert str(connector.state) == "ready"
    assert repr(connector.reason) == "None"
    assert kinds(connector)[-1] == "recovered"


def test_an_update_that_could_not_be_made(rotating: uptls.UpstreamTlsPolicy, tmp_path: Path) -> None:
    connector = uptls.Connector(rotating, on_invalid="fail_closed")
    with pytest.raises(uptls.PolicyError) as caught:
        uptls.UpstreamTlsPolicy.from_file(tmp_path / "missing.yaml")
    connector.refuse(caught.value)
    assert str(connector.state) == "not_ready"
    assert connector.reason is not None
    assert connector.reason.code == "document_unreadable"
    assert connector.update(rotating) == 1
    assert str(connector.state) == "ready"
    for wrong in (ValueError("x"), "text", None):
        with pytest.raises(TypeError, match="PolicyError"):
            ut.Connector.refuse(connector, wrong)
    assert connector.state == "ready"


def test_a_policy_that_is_withdrawn(rotating: uptls.UpstreamTlsPolicy, server: Server) -> None:
    connector = uptls.Connector(rotating)
    with connector.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
        connector.withdraw()
        connector.withdraw()
        assert (connector.state, connector.policy) == ("withdrawn", None)
        with pytest.raises(uptls.PolicyError) as caught:
            connector.connect(HOST, server.port, connect_to="127.0.0.1")
        assert caught.value.code == "policy_withdrawn"
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"
        assert not connector.is_current(stream.peer)
        assert kinds(connector) == ["withdrawn"]
        # Equal content is the same generation, by number and for a pool.
        assert connector.update(rotating) == 1
        assert connector.is_current(stream.peer)
    assert connector.state == "ready"
    # The policy's own connector is another.
    assert rotating.connector.state == "ready"


def test_a_connector_of_manifests_fails_closed(tmp_path: Path, rotating: uptls.UpstreamTlsPolicy) -> None:
    manifest = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {name: a, namespace: shop}\n"
        "spec:\n  targetRefs: [{group: '', kind: Service, name: pay}]\n"
        "  validation: {wellKnownCACertificates: System, hostname: pay.example}\n"
    )
    (tmp_path / "pay.yaml").write_text(manifest)
    of_manifests = uptls.UpstreamTlsPolicy.from_manifests(tmp_path / "pay.yaml", "shop/pay")
    with pytest.raises(uptls.PolicyError) as caught:
        uptls.UpstreamTlsPolicy.from_document("")
    for policy, keywords, state in (
        (of_manifests, {}, "not_ready"),
        (of_manifests, {"on_invalid": "keep_last_good"}, "degraded"),
        (rotating, {}, "degraded"),
    ):
        connector = ut.Connector(policy, **keywords)
        connector.refuse(caught.value)
        assert connector.state == state


def test_at_most_32_events_are_kept(rotating: uptls.UpstreamTlsPolicy) -> None:
    connector = uptls.Connector(rotating)
    for _ in range(20):
        connector.withdraw()
        connector.update(rotating)
    events = connector.events()
    assert len(events) == 32
    assert events[-1].generation == connector.generation


@pytest.mark.parametrize(
    "call",
    [
        lambda _: ut.Connector(),
        lambda _: ut.Connector("policy.yaml"),
        lambda p: ut.Connector(p, "keep_last_good"),
        lambda p: ut.Connector(p, on_invalid=1),
        lambda p: ut.Connector(p, on_event="hook"),
        lambda p: ut.Connector(p).update(None),
        lambda p: ut.Connector(p).is_current("peer"),
        lambda p: ut.Connector(p).watch("1"),
        lambda p: setattr(ut.Connector(p), "state", "ready"),
    ],
)
def test_a_wrong_type(rotating: uptls.UpstreamTlsPolicy, call: Callable[[Any], object]) -> None:
    with pytest.raises((TypeError, AttributeError)):
        call(rotating)


def test_a_choice_that_there_is_not(rotating: uptls.UpstreamTlsPolicy) -> None:
    with pytest.raises(uptls.MisuseError, match="keep_last_good or fail_closed"):
        ut.Connector(rotating, on_invalid="ignore")


def test_the_hook_is_told_of_everything(rotating: uptls.UpstreamTlsPolicy, server: Server, caplog: Any) -> None:
    told: list[uptls.Event] = []
    connector = uptls.Connector(rotating, on_event=told.append)
    with caplog.at_level(logging.INFO, "uptls"):
        connector.connect(HOST, server.port, connect_to="127.0.0.1").close()
        assert told == []
        assert caplog.records == []
        connector.update(rotating.replace(server_name="other.test"))
        with pytest.raises(uptls.NameMismatchError):
            connector.connect(HOST, server.port, connect_to="127.0.0.1")
        with pytest.raises(uptls.PeerRefusedError):
            connector.connect(HOST, 1, connect_to="127.0.0.1")
        connector.withdraw()
        with pytest.raises(uptls.PolicyError):
            connector.buffer(HOST)
    assert [(event.kind, event.code) for event in told] == [
        ("updated", None),
        ("refused", "name_mismatch"),
        ("refused", "tcp_refused"),
        ("withdrawn", None),
        ("refused", "policy_withdrawn"),
    ]
    assert told[1].report is not None
    assert told[1].report.expected == ["dns:other.test"]
    levels = [record.levelname for record in caplog.records]
    assert levels == ["INFO", "WARNING", "WARNING", "WARNING", "WARNING"]
    assert "name_mismatch" in caplog.messages[1]
    assert "dns:other.test" in caplog.messages[1]
    # A refusal is no event of the connector.
    assert kinds(connector) == ["updated", "withdrawn"]


def test_an_event_has_the_time_of_its_runtime(ca: Authority) -> None:
    runtime = uptls.Runtime(at="2027-01-02T03:04:05Z")
    connector = uptls.Connector(uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_pem(ca.pem), runtime=runtime))
    connector.withdraw()
    assert [event.at for event in connector.events()] == ["2027-01-02T03:04:05Z"]


def test_a_hook_that_raises_changes_nothing(rotating: uptls.UpstreamTlsPolicy, server: Server, caplog: Any) -> None:
    def hook(event: uptls.Event) -> None:
        raise RuntimeError(event.kind)

    connector = uptls.Connector(rotating.replace(server_name="other.test"), on_event=hook)
    with pytest.raises(uptls.NameMismatchError):
        connector.connect(HOST, server.port, connect_to="127.0.0.1")
    assert "RuntimeError: refused" in caplog.text


def test_a_refusal_that_repeats_is_one_line_of_the_log(
    rotating: uptls.UpstreamTlsPolicy, server: Server, other: Authority, caplog: Any
) -> None:
    told: list[str] = []
    connector = uptls.Connector(
        rotating.replace(server_name="other.test"), on_event=lambda event: told.append(event.kind)
    )

    def refused(port: int) -> list[str]:
        caplog.clear()
        for _ in range(20):
            with pytest.raises(uptls.UptlsError):
                connector.connect(HOST, port, connect_to="127.0.0.1")
        return list(caplog.messages)

    (line,) = refused(server.port)
    assert line.startswith(f"{HOST} (127.0.0.1:{server.port}), policy rotating: name_mismatch: ")
    assert "not logged" not in line
    assert refused(server.port) == []
    # The twins: another code, and another policy.
    (line,) = refused(1)
    assert line.startswith(f"{HOST} (127.0.0.1:1), policy rotating: tcp_refused: ")
    assert line.endswith(" (39 refusals before it were not logged)")
    connector.update(rotating.replace(ca=uptls.TrustBundle.from_file(other.file)))
    (line,) = [line for line in refused(server.port) if "cert_" in line]
    assert line.startswith(f"{HOST} (127.0.0.1:{server.port}), policy rotating: cert_unknown_issuer: ")
    # The hook is told of all.
    assert told.count("refused") == 80


def test_a_hook_that_goes_on_raising_is_logged_once(
    rotating: uptls.UpstreamTlsPolicy, server: Server, caplog: Any
) -> None:
    raising = True

    def hook(event: uptls.Event) -> None:
        if raising:
            raise RuntimeError(event.kind)

    connector = uptls.Connector(rotating.replace(server_name="other.test"), on_event=hook)

    def raised() -> int:
        caplog.clear()
        for _ in range(5):
            with pytest.raises(uptls.NameMismatchError):
                connector.connect(HOST, server.port, connect_to="127.0.0.1")
        return sum("on_event raised" in message for message in caplog.messages)

    assert [raised(), raised()] == [1, 0]
    raising = False
    assert raised() == 0
    raising = True
    assert [raised(), raised()] == [1, 0]


def test_a_hook_may_call_its_connector(rotating: uptls.UpstreamTlsPolicy, other: Authority) -> None:
    seen: list[Any] = []

    def hook(_: uptls.Event) -> None:
        seen.append((connector.state, connector.generation, connector.buffer(HOST).handshake_done))

    connector = uptls.Connector(rotating, on_event=hook)
    connector.update(rotating.replace(ca=uptls.TrustBundle.from_file(other.file)))
    assert seen == [("ready", 2, False)]


def test_a_watch_follows_the_files(
    rotating: uptls.UpstreamTlsPolicy, bundle: Path, ca: Authority, other: Authority, server: Server
) -> None:
    told: list[str] = []
    connector = uptls.Connector(rotating, on_event=lambda event: told.append(event.kind))
    with connector.watch() as watch:
        assert watch.state in ("events", "polling")
        assert repr(watch) == f"<Watch {watch.state}>"
        swap(bundle, other.pem)
        watch.refresh()
        wait_until(lambda: connector.generation == 2)
        with pytest.raises(uptls.UnknownIssuerError):
            connector.connect(HOST, server.port, connect_to="127.0.0.1")
        bundle.unlink()
        watch.changed(bundle)
        wait_until(lambda: connector.state == "withdrawn")
        swap(bundle, ca.pem)
        watch.changed(str(bundle.parent))
        wait_until(lambda: connector.state == "ready")
        wait_until(lambda: "withdrawn" in told)
    assert str(watch.state) == "closed"
    watch.close()
    watch.refresh()
    assert [kind for kind in told if kind != "refused"] == ["updated", "withdrawn", "updated", "recovered"]
    assert kinds(connector) == ["updated", "withdrawn", "updated", "recovered"]
    swap(bundle, other.pem)
    assert connector.generation == 3
    with pytest.raises(TypeError):
        ut.Watch(connector, "1")
    with pytest.raises(uptls.MisuseError):
        connector.watch(interval=-1)


def test_a_process_out_of_descriptors_changes_nothing(bundle: Path, other: Authority) -> None:
    program = """
import os, resource, sys, time, uptls
path, other = sys.argv[1:]
with open(other, "rb") as stream:
    renewed = stream.read()
policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(path), server_name="backend.test")
connector = uptls.Connector(policy, on_invalid="fail_closed")
held = []
def exhaust():
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        pass
with connector.watch(interval=0.1) as watch:
    while watch.state != "events":
        time.sleep(0.01)
    assert watch.reason is None
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    code = None
    while code is None:
        exhaust()
        try:
            connector.reload()
        except uptls.PolicyError as error:
            code = error.code
    os.utime(path)
    for _ in range(5):
        watch.refresh()
        time.sleep(0.15)
        exhaust()
        assert connector.state == "ready", connector.state
    for descriptor in held:
        os.close(descriptor)
    with open(path, "wb") as stream:
        stream.write(renewed)
    while connector.generation == 1:
        time.sleep(0.01)
print(code, *(event.kind for event in connector.events()))
"""
    command = [sys.executable, "-c", program, str(bundle), str(other.file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["trust_unreadable", "updated"]


def test_a_fifo_is_not_waited_for(rotating: uptls.UpstreamTlsPolicy, bundle: Path, ca: Authority) -> None:
    connector = uptls.Connector(rotating)
    bundle.unlink()
    os.mkfifo(bundle)
    with pytest.raises(uptls.PolicyError, match="it is a FIFO or a pipe, not a regular file"):
        connector.reload()
    with connector.watch(interval=0.1):
        bundle.unlink()
        bundle.write_bytes(ca.pem)
        # The update was the caller's, and so is its end.
        connector.reload()
        assert connector.state == "ready"


def unusable(tmp_path: Path) -> uptls.PolicyError:
    with pytest.raises(uptls.PolicyError) as caught:
        uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(tmp_path / "never.pem"), server_name=HOST)
    return caught.value


def polled(watch: uptls.Watch) -> None:
    """Gives the watch time for a few steps."""
    for _ in range(3):
        watch.refresh()
        time.sleep(0.15)


def test_a_watch_starts_nothing_that_the_caller_stopped(
    rotating: uptls.UpstreamTlsPolicy, bundle: Path, other: Authority, tmp_path: Path
) -> None:
    connector = uptls.Connector(rotating, on_invalid="fail_closed")
    error = unusable(tmp_path)
    with connector.watch(interval=0.1) as watch:
        connector.refuse(error)
        polled(watch)
        assert connector.state == "not_ready"
        # Its files go on, and it stays closed.
        swap(bundle, other.pem)
        watch.refresh()
        wait_until(lambda: connector.generation == 2)
        assert connector.state == "not_ready"
        connector.withdraw()
        connector.refuse(error)
        polled(watch)
        assert str(connector.state) == "withdrawn"
        # The twin: a document that is good.
        connector.update(rotating)
        assert str(connector.state) == "ready"


def test_a_watch_goes_over_to_the_policy_of_an_update(
    rotating: uptls.UpstreamTlsPolicy, bundle: Path, ca: Authority, other: Authority, tmp_path: Path
) -> None:
    second = tmp_path / "second.pem"
    second.write_bytes(other.pem)
    policy = rotating.replace(ca=uptls.TrustBundle.from_file(second))
    connector = uptls.Connector(rotating)
    with connector.watch(interval=0.1) as watch:
        assert connector.update(policy) == 2
        connector.refuse(unusable(tmp_path))
        swap(bundle, ca.pem + other.pem)
        polled(watch)
        assert (connector.generation, connector.state) == (2, "degraded")
        connector.update(policy)
        bundle.unlink()
        polled(watch)
        assert (connector.generation, connector.state) == (2, "ready")
        swap(second, ca.pem + other.pem)
        watch.refresh()
        wait_until(lambda: connector.generation == 3)
        second.unlink()
        watch.refresh()
        wait_until(lambda: connector.state == "withdrawn")


@pytest.mark.parametrize(
    "change",
    [
        lambda connector, policy, _: connector.update(policy),
        lambda connector, _, error: connector.refuse(error),
        lambda connector, *_: connector.withdraw(),
        lambda connector, *_: connector.reload(),
        lambda connector, *_: connector.watch(),
    ],
)
def test_the_connector_of_a_policy_never_changes(
    change: Callable[..., object], rotating: uptls.UpstreamTlsPolicy, tmp_path: Path
) -> None:
    error = unusable(tmp_path)
    with pytest.raises(uptls.MisuseError, match=re.escape("uptls.Connector(policy)")):
        change(rotating.connector, rotating, error)
    assert (rotating.connector.generation, rotating.connector.state) == (1, "ready")
    assert kinds(rotating.connector) == []
    # The twin: one of one's own.
    connector = uptls.Connector(rotating)
    made = change(connector, rotating, error)
    if isinstance(made, uptls.Watch):
        made.close()


def test_one_connector_has_one_runtime(rotating: uptls.UpstreamTlsPolicy, bundle: Path) -> None:
    connector = uptls.Connector(rotating)
    trust = uptls.TrustBundle.from_file(bundle)
    elsewhere = uptls.Runtime(at="2001-01-01T00:00:00Z")
    foreign = uptls.UpstreamTlsPolicy(
        ca=[trust, uptls.TrustBundle.system("mozilla")], server_name="other.test", runtime=elsewhere
    )
    # It is prepared anew by the connector's own, and nothing is new when that happens again.
    assert connector.update(foreign) == 2
    assert (connector.policy, connector.reload(), connector.update(foreign)) == (foreign, 2, 2)
    assert connector.update(rotating.replace(server_name="third.test")) == 3


def test_a_document_is_watched_by_its_files(tmp_path: Path, bundle: Path, other: Authority) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(document(Path("ca.pem"), "serverName: backend.test"))
    connector = uptls.Connector(uptls.UpstreamTlsPolicy.from_file(path))
    with connector.watch(interval=0.1):
        swap(bundle, other.pem)
        wait_until(lambda: connector.generation == 2)


def test_an_end_that_comes_near_is_an_event(ca: Authority) -> None:
    soon = ca.issue("client.test", days=3)
    identity = uptls.ClientIdentity.from_files(soon.certificate, soon.key)
    policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca.file), identity=identity)
    connector = uptls.Connector(policy)
    with connector.watch(interval=0.1):
        events: list[uptls.Event] = []

        def told() -> bool:
            events.extend(connector.events())
            return bool(events)

        wait_until(told)
    assert events[0].kind == "expiring"
    assert os.fspath(soon.certificate) in events[0].message


def test_what_has_ended_is_another_event(ca: Authority, tmp_path: Path) -> None:
    gone = ca.issue("server.test", days=-1)
    both = tmp_path / "both.pem"
    both.write_bytes(ca.pem + Path(gone.certificate).read_bytes())
    connector = uptls.Connector(uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(both)))
    with connector.watch(interval=0.1):
        events: list[uptls.Event] = []

        def told() -> bool:
            events.extend(connector.events())
            return any(event.kind == "expired" for event in events)

        wait_until(told)
    message = next(event.message for event in events if event.kind == "expired")
    assert "has ended at" in message
    assert os.fspath(both) in message


def test_an_expired_identity_is_not_sent(ca: Authority) -> None:
    gone = ca.issue("client.test", days=-1)
    identity = uptls.ClientIdentity.from_files(gone.certificate, gone.key)
    with pytest.raises(uptls.PolicyError) as caught:
        uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca.file), identity=identity).buffer(HOST)
    assert caught.value.code == "identity_expired"
