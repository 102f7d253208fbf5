"""Kubernetes objects that are read once: backends, policies, statuses, and connectors that follow them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import uptls
from loopback import Authority

if TYPE_CHECKING:
    from collections.abc import Callable

ut: Any = uptls  # for calls that a type checker would refuse

CONTROLLER = "example.test/controller"


def objects(ca: Authority, *names: str, **validation: Any) -> str:
    """A ConfigMap with the CA, and a policy for each Service, as one stream of JSON documents in YAML."""
    bundle = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "shop"}}
    found: list[dict[str, Any]] = [bundle | {"data": {"ca.crt": ca.pem.decode()}}]
    for name in names:
        reference = {"group": "", "kind": "ConfigMap", "name": "ca"}
        found.append(
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "BackendTLSPolicy",
                "metadata": {"name": f"{name}-tls", "namespace": "shop"},
                "spec": {
                    "targetRefs": [{"group": "", "kind": "Service", "name": name}],
                    "validation": {"hostname": f"{name}.example", "caCertificateRefs": [reference], **validation},
                },
            }
        )
    return "\n---\n".join(map(json.dumps, found))


@pytest.fixture
def folder(tmp_path: Path, ca: Authority) -> Path:
    (tmp_path / "shop.yaml").write_text(objects(ca, "pay", "ledger"))
    return tmp_path


def test_a_set_answers_for_each_backend(folder: Path) -> None:
    found = uptls.ManifestSet.load(folder)
    assert [(one.backend, one.gateway) for one in found.backends] == [
        ("Service/shop/ledger", None),
        ("Service/shop/pay", None),
    ]
    assert found.backends[1].objects == ["BackendTLSPolicy shop/pay-tls"]
    assert len(found) == 2
    assert repr(found) == "<ManifestSet of 2 backends>"
    for backend in found.backends:
        name = backend.backend.rpartition("/")[2]
        policy = found.policy(backend.backend)
        assert policy.server_name == f"{name}.example"
        assert policy == uptls.UpstreamTlsPolicy.from_manifests(folder, f"shop/{name}")


def test_what_is_wrong_concerns_its_own_backend(folder: Path) -> None:
    text = (folder / "shop.yaml").read_text()
    found = uptls.ManifestSet.parse(text.replace("ledger.example", "not a name"), name="shop.yaml")
    assert found.policy("shop/pay").server_name == "pay.example"
    with pytest.raises(uptls.PolicyError, match="what the CRD permits"):
        found.policy("shop/ledger")
    with pytest.raises(uptls.PolicyError, match="only for shop/ledger, shop/pay"):
        found.policy("shop/other")
    with pytest.raises(uptls.MisuseError, match="backend"):
        found.policy("a/b/c/d")
    with pytest.raises(uptls.PolicyError, match="Gateway"):
        found.policy("shop/pay", gateway="edge/public")


def test_a_set_refuses_what_it_cannot_read(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(uptls.PolicyError) as raised:
        uptls.ManifestSet.load(tmp_path / "absent")
    assert raised.value.code == "document_unreadable"
    with pytest.raises(uptls.PolicyError, match="Gateway edge/public"):
        uptls.ManifestSet.load(folder, gateway="edge/public")
    no_paths: list[str] = []
    with pytest.raises(uptls.MisuseError):
        uptls.ManifestSet.load(no_paths)
    with pytest.raises(uptls.MisuseError, match="mode"):
        ut.ManifestSet.load(folder, mode="loose")
    with pytest.raises(TypeError):
        ut.ManifestSet.load(b"folder")


def test_options_widen_what_is_read(tmp_path: Path, ca: Authority) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pay.yaml").write_text(objects(ca, "pay"))
    (tmp_path / "ledger.yaml").write_text(objects(ca, "ledger"))
    assert len(uptls.ManifestSet.load(tmp_path)) == 1
    assert len(uptls.ManifestSet.load(tmp_path, recursive=True)) == 2

    reference = {"group": "certificates.k8s.io", "kind": "ClusterTrustBundle", "name": "pool"}
    bundle = {"apiVersion": "certificates.k8s.io/v1beta1", "kind": "ClusterTrustBundle", "metadata": {"name": "pool"}}
    text = objects(ca, "pay", caCertificateRefs=[reference])
    text += "\n---\n" + json.dumps(bundle | {"spec": {"trustBundle": ca.pem.decode()}})
    assert uptls.ManifestSet.parse(text, cluster_trust_bundles=True).policy("shop/pay").server_name == "pay.example"
    with pytest.raises(uptls.PolicyError, match="ClusterTrustBundle"):
        uptls.ManifestSet.parse(text).policy("shop/pay")


FILES = {
    "apiVersion": "gateway.kgateway.dev/v1alpha1",
    "kind": "BackendConfigPolicy",
    "metadata": {"name": "pay", "namespace": "shop"},
    "spec": {
        "targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
        "tls": {"sni": "pay.example", "verifySubjectAltNames": ["pay.example"], "files": {"rootCA": "/etc/ca.pem"}},
    },
}


def test_files_of_the_proxy_need_a_root(tmp_path: Path, ca: Authority) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "ca.pem").write_bytes(ca.pem)
    text = json.dumps(FILES)
    assert uptls.ManifestSet.parse(text, files_root=tmp_path).policy("shop/pay").server_name == "pay.example"
    with pytest.raises(uptls.PolicyError, match="rootCA"):
        uptls.ManifestSet.parse(text).policy("shop/pay")


def test_statuses_are_those_of_the_controller(folder: Path) -> None:
    assert uptls.ManifestSet.load(folder).statuses() == []
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "public", "namespace": "shop"},
        "spec": {"gatewayClassName": "ours", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "pay", "namespace": "shop"},
        "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [{"name": "pay", "port": 443}]}]},
    }
    gateway_class = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "ours"},
        "spec": {"controllerName": CONTROLLER},
    }
    (folder / "edge.yaml").write_text("\n---\n".join(map(json.dumps, (gateway, route, gateway_class))))
    statuses = uptls.ManifestSet.load(folder, controller_name=CONTROLLER).statuses()
    (pay,) = [status for status in statuses if status["metadata"] == {"name": "pay-tls", "namespace": "shop"}]
    (ancestor,) = pay["status"]["ancestors"]
    assert ancestor["controllerName"] == CONTROLLER
    assert {one["type"]: one["status"] for one in ancestor["conditions"]} == {
        "Accepted": "True",
        "ResolvedRefs": "True",
    }


def test_the_report_is_that_of_the_command(folder: Path) -> None:
    runtime = uptls.Runtime(at="2026-11-30T00:00:00Z")
    found = uptls.ManifestSet.load(folder, runtime=runtime)
    command = [sys.executable, "-m", "uptls", "import", "--json", "--at", "2026-11-30T00:00:00Z", str(folder)]
    printed = subprocess.run(command, capture_output=True, check=True, text=True)
    assert found.to_json() == printed.stdout.rstrip("\n")
    assert [one["ready"] for one in found.to_dict()["backends"]] == [True, True]


def test_a_connector_follows_the_next_set(folder: Path, ca: Authority) -> None:
    backend = "shop/pay"
    found = uptls.ManifestSet.load(folder)
    connector = uptls.Connector(found.policy(backend))

    def publish(text: str) -> int:
        (folder / "shop.yaml").write_text(text)
        return uptls.ManifestSet.load(folder).publish(connector, backend)

    assert publish(objects(ca, "pay", "ledger")) == 1
    assert publish(objects(ca, "pay", hostname="other.example")) == 2
    states = [connector.state]
    refusals: tuple[tuple[str, Callable[[], int]], ...] = (
        ("it is not a name", lambda: publish(objects(ca, "pay", hostname="not a name"))),
        ("it is gone", lambda: publish(objects(ca, "ledger"))),
    )
    for what, refused in refusals:
        with pytest.raises(uptls.PolicyError):
            refused()
        states.append(connector.state)
        assert publish(objects(ca, "pay")) >= 2, what
        states.append(connector.state)
    assert states == ["ready", "not_ready", "ready", "not_ready", "ready"]
    # A call that is wrong says nothing of the backend.
    with pytest.raises(uptls.MisuseError):
        found.publish(connector, "a/b/c/d")
    assert connector.state == "ready"
    with pytest.raises(uptls.MisuseError):
        found.publish(found.policy(backend).connector, backend)
