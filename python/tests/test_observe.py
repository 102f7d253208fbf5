"""Observers and metrics: one scenario as in every other language, and what an observer may not break."""

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import uptls
from conftest import ROOT
from loopback import HOST, Authority, Leaf, Server

OBSERVATIONS = ROOT / "testdata/observations"
NAMES = [name for name in vars(uptls.Observer) if not name.startswith("_")]


def line(observation: uptls.Observation) -> str:
    """As `uptls_testkit::observations::line` has it."""
    parts = [observation.observation]
    for name in ("generation", "code", "state", "trust_reduced", "resumed", "version"):
        value = getattr(observation, name)
        if value is not None:
            parts.append(f"{name}={str(value).lower()}")
    return " ".join(parts)


class Noting(uptls.Observer):
    """Notes all but the changes of connectors, which are for gauges."""

    def __init__(self) -> None:
        self.seen: list[uptls.Observation] = []
        for name in NAMES:
            if name != "connector_changed":
                setattr(self, name, self.seen.append)


def until(condition: Callable[[], bool]) -> None:
    for _ in range(4000):
        if condition():
            return
        time.sleep(0.005)
    pytest.fail("it never came")


def metrics(runtime: uptls.Runtime) -> dict[str, float]:
    """The samples by name and labels, `name{a=b}`, as Prometheus's own parser reads them."""
    samples = {}
    for family in text_string_to_metric_families(runtime.metrics_text()):
        assert family.documentation.endswith("."), family
        assert family.type in {"counter", "gauge", "histogram"}, family
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
            samples[f"{sample.name}{{{labels}}}"] = sample.value
    return samples


@pytest.fixture
def server(leaf: Leaf) -> Iterator[Server]:
    with Server(leaf) as server:
        yield server


def policy_of(ca: Authority, runtime: uptls.Runtime) -> uptls.UpstreamTlsPolicy:
    return uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_pem(ca.pem), name="test", runtime=runtime)


def visit(connector: uptls.Connector, port: int, host: str = HOST) -> None:
    with connector.connect(host, port, connect_to="127.0.0.1") as stream:
        stream.sendall(b"hello")
        assert stream.recv(100) == b"hello"


def test_a_rotation_is_told_and_counted_as_in_every_face(server: Server, ca: Authority, other_ca: Authority) -> None:
    """The rotation of `core/tests/observe/rotation.rs`."""
    noting = Noting()
    runtime = uptls.Runtime(observer=noting)
    first = policy_of(ca, runtime)
    connector = uptls.Connector(first)
    visit(connector, server.port)
    visit(connector, server.port)
    both = uptls.TrustBundle.from_pem(ca.pem + other_ca.pem)
    connector.update(uptls.UpstreamTlsPolicy(ca=both, name="test", runtime=runtime))
    visit(connector, server.port)
    with pytest.raises(uptls.PolicyError) as refused:
        uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_pem(b"no certificate"), name="test", runtime=runtime)
    connector.refuse(refused.value)
    connector.update(first)
    with pytest.raises(uptls.NameMismatchError):
        visit(connector, server.port, "stranger.test")
    with pytest.raises(uptls.UptlsError):
        visit(connector, 1)
    connector.withdraw()
    with pytest.raises(uptls.PolicyError):
        visit(connector, server.port)

    wanted = (OBSERVATIONS / "rotation.txt").read_text()
    until(lambda: len(noting.seen) >= wanted.count("\n"))
    assert "".join(line(observation) + "\n" for observation in noting.seen) == wanted
    opened = noting.seen[2]
    assert (opened.policy, opened.host, opened.address) == ("test", HOST, f"127.0.0.1:{server.port}")
    assert opened.handshake_seconds is not None
    assert opened.handshake_seconds > 0
    assert opened.dial_seconds is not None
    samples = [text for text in runtime.metrics_text().splitlines() if not text.startswith("#")]
    kept = [text for text in samples if "_seconds" not in text and "uptls_session" not in text]
    assert [text for text in kept if not text.endswith(" 0")] == (
        OBSERVATIONS / "rotation.prom"
    ).read_text().splitlines()
    parsed = metrics(runtime)
    assert parsed["uptls_handshake_duration_seconds_count{kind=resumed}"] == 1
    assert parsed["uptls_handshake_failures_total{reason=name_mismatch}"] == 1


def test_an_exception_goes_to_the_hook_and_harms_nothing(
    server: Server, ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", raised.append)

    class Raising:
        """Has one method: the others are not wanted."""

        def connection_opened(self, observation: uptls.Observation) -> None:
            raise ValueError(observation.host)

    observer = Raising()
    runtime = uptls.Runtime(observer=observer)  # type: ignore[arg-type]
    connector = uptls.Connector(policy_of(ca, runtime))
    for _ in range(2):
        visit(connector, server.port)
    until(lambda: len(raised) == 2)
    assert [type(one.exc_value) for one in raised] == [ValueError, ValueError]
    assert raised[0].object is observer
    assert metrics(runtime)["uptls_connections_closed_total{reason=closed}"] == 2


def test_an_observer_may_call_the_library(ca: Authority) -> None:
    done = threading.Event()

    class Calling(uptls.Observer):
        def policy_withdrawn(self, observation: uptls.Observation) -> None:
            assert observation.policy == "test"
            connector.update(policy)
            runtime.metrics_text()
            done.set()

    runtime = uptls.Runtime(observer=Calling())
    policy = policy_of(ca, runtime)
    connector = uptls.Connector(policy)
    connector.withdraw()
    assert done.wait(20)
    assert connector.state == "ready"


def test_the_thread_ends_with_its_runtime(ca: Authority) -> None:
    def threads() -> int:
        return sum(thread.name == "uptls-observer" for thread in threading.enumerate())

    before = threads()
    runtime = uptls.Runtime(observer=uptls.Observer())
    policy = policy_of(ca, runtime)
    assert threads() == before + 1
    del runtime
    assert policy.fingerprint
    assert threads() == before + 1
    del policy
    until(lambda: threads() == before)


def test_what_waits_at_exit_is_delivered_and_a_child_of_fork_has_its_own_thread() -> None:
    program = """
        import os, threading, uptls

        class Noting(uptls.Observer):
            def policy_withdrawn(self, observation):
                os.write(1, f"{observation.observation} {observation.policy}\\n".encode())

        policy = uptls.UpstreamTlsPolicy(
            ca=uptls.TrustBundle.system("mozilla"), name="one", runtime=uptls.Runtime(observer=Noting())
        )
        pid = os.fork()
        connector = uptls.Connector(policy)
        connector.withdraw()
        if pid:
            os.waitpid(pid, 0)
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], capture_output=True, check=True, timeout=60
    )
    assert done.stdout.decode() == "policy_withdrawn one\n" * 2
    assert b"Traceback" not in done.stderr


def test_without_an_observer_there_is_no_thread_and_yet_metrics(ca: Authority) -> None:
    before = threading.active_count()
    runtime = uptls.Runtime()
    connector = uptls.Connector(policy_of(ca, runtime))
    assert threading.active_count() == before
    assert metrics(runtime)["uptls_policies{state=ready}"] == 1
    del connector
    assert metrics(runtime)["uptls_policies{state=ready}"] == 0
