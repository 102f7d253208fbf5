"""A shadow that decides nothing, and open connections that the policy of now would refuse."""

import gc
import time
from collections.abc import Iterator

import pytest

import uptls
from loopback import HOST, Authority, Leaf, Server


@pytest.fixture
def server(leaf: Leaf) -> Iterator[Server]:
    with Server(leaf) as server:
        yield server


def policy_of(ca: Authority, runtime: uptls.Runtime, server_name: str | None = None) -> uptls.UpstreamTlsPolicy:
    bundle = uptls.TrustBundle.from_pem(ca.pem)
    return uptls.UpstreamTlsPolicy(ca=bundle, name="test", runtime=runtime, server_name=server_name)


def visit(connector: uptls.Connector, port: int) -> uptls.PeerInfo:
    with connector.connect(HOST, port, connect_to="127.0.0.1") as stream:
        stream.sendall(b"hello")
        assert stream.recv(100) == b"hello"
        return stream.peer


def test_a_shadow_is_counted_and_changes_nothing(server: Server, ca: Authority) -> None:
    runtime = uptls.Runtime()
    shadow = uptls.Connector(policy_of(ca, runtime, server_name="other.example"))
    connector = uptls.Connector(policy_of(ca, runtime), audit=shadow)
    visit(connector, server.port)
    visit(connector, server.port)
    report = connector.audit_report()
    assert report is not None
    assert (report["role"], report["accepted"], report["refused"]) == ("shadow", 0, {"name_mismatch": 2})
    (sample,) = report["samples"]
    assert (sample["host"], sample["expected"], sample["count"]) == (HOST, ["dns:other.example"], 2)
    assert sample["address"] == f"127.0.0.1:{server.port}"
    assert report["unseen"] == ["server_name"]
    assert 'uptls_shadow_refusals_total{reason="name_mismatch"} 2\n' in runtime.metrics_text()
    # The twin: once the shadow has the same policy, it refuses nothing.
    shadow.update(policy_of(ca, runtime))
    visit(connector, server.port)
    report = connector.audit_report()
    assert report is not None
    assert (report["accepted"], report["refused"], report["generation"]) == (1, {"name_mismatch": 2}, 2)
    connector.audit(None)
    assert connector.audit_report() is None


def test_a_laxer_shadow_opens_nothing(server: Server, ca: Authority, other_ca: Authority) -> None:
    runtime = uptls.Runtime()
    connector = uptls.Connector(policy_of(other_ca, runtime), audit=uptls.Connector(policy_of(ca, runtime)))
    with pytest.raises(uptls.UnknownIssuerError):
        visit(connector, server.port)
    report = connector.audit_report()
    assert report is not None
    assert (report["accepted_by_shadow_alone"], report["accepted"], report["refused"]) == (1, 0, {})


def test_observers_are_told_of_shadows_and_condemned_connections(server: Server, ca: Authority) -> None:
    seen: list[uptls.Observation] = []

    class Noting(uptls.Observer):
        def shadow_refused(self, observation: uptls.Observation) -> None:
            seen.append(observation)

        def connection_condemned(self, observation: uptls.Observation) -> None:
            seen.append(observation)

    runtime = uptls.Runtime(observer=Noting())
    stricter = policy_of(ca, runtime, server_name="other.example")
    connector = uptls.Connector(policy_of(ca, runtime), audit=uptls.Connector(stricter))
    number = connector.opened(HOST, visit(connector, server.port))
    connector.update(stricter)
    assert connector.reconsider()
    for _ in range(4000):
        if len(seen) == 2:
            break
        time.sleep(0.005)
    told = [(one.observation, one.code, one.shadow_generation, one.id) for one in seen]
    assert told == [
        ("shadow_refused", "name_mismatch", 1, None),
        ("connection_condemned", "name_mismatch", None, number),
    ]


def test_what_is_no_shadow_is_misuse(ca: Authority) -> None:
    policy = policy_of(ca, uptls.Runtime())
    connector, shadow = uptls.Connector(policy), uptls.Connector(policy)
    with pytest.raises(uptls.MisuseError, match="its own shadow"):
        connector.audit(connector)
    connector.audit(shadow)
    with pytest.raises(uptls.MisuseError, match="has a shadow itself"):
        shadow.audit(connector)
    with pytest.raises(uptls.MisuseError, match="connector of a policy"):
        policy.connector.audit(shadow)
    with pytest.raises(TypeError):
        uptls.Connector(policy, audit=policy)  # type: ignore[arg-type]


def test_open_connections_that_would_be_refused_are_named(server: Server, ca: Authority, other_ca: Authority) -> None:
    runtime = uptls.Runtime()
    connector = uptls.Connector(policy_of(ca, runtime))
    peer = visit(connector, server.port)
    first, second = connector.opened(HOST, peer), connector.opened(HOST, peer)
    assert (first, second, connector.reconsider()) == (1, 2, {})
    connector.update(policy_of(other_ca, runtime))
    refused = connector.reconsider()
    assert refused is not None
    assert {number: type(why) for number, why in refused.items()} == dict.fromkeys(
        (first, second), uptls.UnknownIssuerError
    )
    assert refused[first].hint
    connector.closed(first)
    connector.closed(first)
    assert list(connector.reconsider() or ()) == [second]
    # The twin: accepted again.
    connector.update(policy_of(ca, runtime))
    assert connector.reconsider() == {}
    connector.withdraw()
    assert connector.reconsider() is None
    with pytest.raises(uptls.PolicyError, match="name_invalid"):
        connector.opened("no host", peer)


def test_a_shadow_lives_as_long_as_it_is_needed(server: Server, ca: Authority) -> None:
    runtime = uptls.Runtime()
    connector = uptls.Connector(policy_of(ca, runtime))
    shadow = uptls.Connector(policy_of(ca, runtime, server_name="other.example"))
    connector.audit(shadow)
    del shadow
    gc.collect()
    visit(connector, server.port)
    report = connector.audit_report()
    assert report is not None
    assert report["refused"] == {"name_mismatch": 1}
