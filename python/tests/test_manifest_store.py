"""Kubernetes objects that change one by one, and connectors that follow them."""

import json
import threading
from typing import Any

import pytest

import uptls
from loopback import Authority

ut: Any = uptls  # for calls that a type checker would refuse

CONTROLLER = "example.test/controller"
GATEWAY_API = "gateway.networking.k8s.io/v1"


def named(api_version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}}


def bundle(ca: Authority) -> dict[str, Any]:
    return named("v1", "ConfigMap", "ca") | {"data": {"ca.crt": ca.pem.decode()}}


def policy(name: str, hostname: str | None = None) -> dict[str, Any]:
    references = [{"group": "", "kind": "ConfigMap", "name": "ca"}]
    return named(GATEWAY_API, "BackendTLSPolicy", name) | {
        "spec": {
            "targetRefs": [{"group": "", "kind": "Service", "name": name}],
            "validation": {"hostname": hostname or f"{name}.example", "caCertificateRefs": references},
        }
    }


def route(name: str) -> dict[str, Any]:
    backends = [{"name": name, "port": 443}]
    return named(GATEWAY_API, "HTTPRoute", name) | {
        "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": backends}]}
    }


def changed(store: uptls.ManifestStore) -> list[tuple[str, str | None]]:
    return [(one.backend, one.gateway) for one in store.resolve_changed()]


@pytest.fixture
def store(ca: Authority) -> uptls.ManifestStore:
    found = uptls.ManifestStore()
    for one in (bundle(ca), policy("pay"), policy("ledger")):
        found.upsert(one)
    assert len(found) == 0  # nothing counts before it is resolved
    assert changed(found) == [("Service/shop/ledger", None), ("Service/shop/pay", None)]
    return found


def test_a_store_answers_for_each_backend(store: uptls.ManifestStore, ca: Authority) -> None:
    assert [one.backend for one in store.backends] == ["Service/shop/ledger", "Service/shop/pay"]
    assert store.backends[1].objects == ["BackendTLSPolicy shop/pay"]
    assert len(store) == 2
    assert repr(store) == "<ManifestStore of 2 backends>"
    text = "\n---\n".join(map(json.dumps, (bundle(ca), policy("pay"))))
    assert store.policy("shop/pay") == uptls.ManifestSet.parse(text).policy("shop/pay")
    with pytest.raises(uptls.PolicyError, match="only for shop/ledger, shop/pay"):
        store.policy("shop/other")
    with pytest.raises(uptls.MisuseError, match="backend"):
        store.policy("a/b/c/d")


def test_a_change_names_what_it_concerns(store: uptls.ManifestStore) -> None:
    assert changed(store) == []
    store.upsert(policy("pay", "other.example"))
    (pay,) = store.resolve_changed()
    assert (pay.backend, pay.objects) == ("Service/shop/pay", ["BackendTLSPolicy shop/pay"])
    assert store.policy(pay.backend).server_name == "other.example"
    store.upsert(route("pay"))
    assert changed(store) == [("Service/shop/pay", None), ("Service/shop/pay", "shop/public")]
    store.remove(route("pay"))
    store.remove(policy("pay"))
    gone = store.resolve_changed()
    assert [(one.backend, one.gateway, one.objects) for one in gone] == [("Service/shop/pay", "shop/public", [])]
    with pytest.raises(uptls.PolicyError):
        store.policy("shop/pay")
    # What is not there is not removed.
    store.remove(policy("absent"))
    assert changed(store) == []


def test_a_connector_follows_the_objects(store: uptls.ManifestStore) -> None:
    backend = "Service/shop/pay"
    connector = uptls.Connector(store.policy(backend))

    def publish(one: dict[str, Any] | str | bytes) -> int:
        store.upsert(one)
        assert (backend, None) in changed(store)
        return store.publish(connector, backend)

    assert publish(policy("pay")) == 1
    assert publish(json.dumps(policy("pay", "other.example"))) == 2
    states = [connector.state]
    twice = json.dumps(policy("pay")).replace('"hostname"', '"hostname": "x.example", "hostname"')
    for wrong in (policy("pay", "not a name"), twice, twice.encode()):
        with pytest.raises(uptls.PolicyError):
            publish(wrong)
        states.append(connector.state)
        publish(policy("pay"))
        states.append(connector.state)
    assert states == ["ready"] + 3 * ["not_ready", "ready"]
    store.remove(named(GATEWAY_API, "BackendTLSPolicy", "pay"))
    assert changed(store) == [(backend, None)]
    with pytest.raises(uptls.PolicyError, match="no BackendTLSPolicy is for it"):
        store.publish(connector, backend)
    states = [connector.state]
    # A call that is wrong says nothing of the backend.
    publish(policy("pay"))
    with pytest.raises(uptls.MisuseError):
        store.publish(connector, "a/b/c/d")
    states.append(connector.state)
    assert states == ["not_ready", "ready"]


def test_what_is_not_certainly_one_object_changes_nothing(store: uptls.ManifestStore) -> None:
    items = [policy("pay", "not a name")]
    wrong: tuple[dict[str, Any] | str, ...] = (
        {},
        {"kind": "Secret"},
        "kind: Secret",
        "[]",
        json.dumps(items[0]) * 2,
        {"apiVersion": "v1", "kind": "List", "items": items},
    )
    for one in wrong:
        with pytest.raises(uptls.PolicyError) as raised:
            store.upsert(one)
        assert raised.value.code == "document_parse", one
        with pytest.raises(uptls.PolicyError):
            store.remove(one)
    for no_object in (None, 1, [policy("pay")]):
        with pytest.raises(TypeError, match="dict"):
            ut.ManifestStore.upsert(store, no_object)
    with pytest.raises(TypeError):
        store.upsert({"kind": object()})
    with pytest.raises(ValueError, match="JSON"):
        store.upsert({"kind": float("nan")})
    assert changed(store) == []


def test_options_are_those_of_a_set(ca: Authority) -> None:
    found = uptls.ManifestStore(controller_name=CONTROLLER, complete=True)
    gateway = named(GATEWAY_API, "Gateway", "public") | {"spec": {"gatewayClassName": "ours", "listeners": []}}
    service = named("v1", "Service", "pay") | {"spec": {"ports": [{"port": 443}]}}
    for one in (bundle(ca), policy("pay"), route("pay"), gateway, service):
        found.upsert(one)
    assert changed(found) == [("Service/shop/pay:443", "shop/public")]
    (status,) = [status for status in found.statuses() if status["kind"] == "BackendTLSPolicy"]
    (ancestor,) = status["status"]["ancestors"]
    assert {one["type"]: one["status"] for one in ancestor["conditions"]} == {
        "Accepted": "True",
        "ResolvedRefs": "True",
    }
    report = found.to_dict()
    assert [one["ready"] for one in report["backends"]] == [True]
    assert "line" not in report["backends"][0]["fields"][0]
    # A Gateway that is not there has no policy.
    of_gateway = uptls.ManifestStore(gateway="shop/public")
    of_gateway.upsert(bundle(ca))
    of_gateway.upsert(policy("pay"))
    assert changed(of_gateway) == [("Service/shop/pay", "shop/public")]
    with pytest.raises(uptls.PolicyError, match="Gateway shop/public"):
        of_gateway.policy("shop/pay")
    of_gateway.upsert(gateway)
    assert changed(of_gateway) == [("Service/shop/pay", "shop/public")]
    assert of_gateway.policy("shop/pay").server_name == "pay.example"
    assert of_gateway.statuses() == []
    with pytest.raises(uptls.MisuseError, match="mode"):
        ut.ManifestStore(mode="loose")


def test_threads_wait_for_each_other(store: uptls.ManifestStore) -> None:
    def work(index: int) -> None:
        for turn in range(20):
            store.upsert(policy(f"p{index}", f"p{turn}.example"))
            store.resolve_changed()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.resolve_changed()
    assert [store.policy(f"shop/p{index}").server_name for index in range(4)] == 4 * ["p19.example"]
