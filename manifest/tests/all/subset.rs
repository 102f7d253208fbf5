//! M5 as a property: whatever stands beside a standard policy, the merged one accepts nothing that the standard alone
//! does not accept.

use proptest::prelude::*;
use serde_json::{Value, json};
use uptls::danger::DangerPermission::Allowed;
use uptls::{Prepared, Problems, UpstreamTlsPolicy};
use uptls_manifest::kubernetes::{BackendRef, Document, Mode, ObjectName, Scope, import};
use uptls_testkit::{Certificate, Pki, San, chain_pem};

use crate::common::runtime;

/// What certificates and policies are made of.
struct World {
    client: Certificate,
    honest: Pki,
    leaves: Vec<String>,
    other: Pki,
}

impl World {
    fn new() -> Self {
        let (honest, other) = (Pki::new("honest"), Pki::new("other"));
        let mut leaves = Vec::new();
        for pki in [&honest, &other] {
            for sans in [
                vec![San::dns("a.example")],
                vec![San::dns("b.example")],
                vec![San::dns("a.example"), San::uri("spiffe://example/pay")],
                vec![San::uri("spiffe://example/pay")],
                vec![San::dns("*.example")],
            ] {
                leaves.push(chain_pem(&[&pki.leaf(&sans), &pki.intermediate]));
            }
        }
        Self { client: honest.client(&[San::dns("client")]), honest, leaves, other }
    }

    /// Which of the leaves a policy accepts.
    fn accepted(&self, prepared: &Prepared) -> Vec<bool> {
        let accepts = |leaf: &String| prepared.report_pem(leaf.as_bytes(), None).accepted();
        self.leaves.iter().map(accepts).collect()
    }

    fn ca(&self, which: bool) -> String {
        if which { self.honest.root.pem() } else { self.other.root.pem() }
    }

    fn config_map(&self, ca: bool) -> Value {
        let metadata = json!({"name": "pay-ca", "namespace": "shop"});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": self.ca(ca)}})
    }

    fn secret(&self, ca: Option<bool>) -> Value {
        let mut data = json!({"tls.crt": self.client.pem(), "tls.key": self.client.key().pkcs8_pem()});
        if let Some(ca) = ca {
            data["ca.crt"] = self.ca(ca).into();
        }
        let metadata = json!({"name": "pay-client", "namespace": "shop"});
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
    }
}

/// The policy of the one backend, as these objects have it.
fn prepared(objects: &[Value], mode: Mode) -> Result<std::sync::Arc<Prepared>, Problems> {
    let metadata = json!({"name": "outer", "namespace": "infra"});
    let gateway = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": metadata});
    // Unless the case has one of its own.
    let own = objects.iter().any(|object| object["kind"] == "Gateway");
    let texts: Vec<_> = objects.iter().chain((!own).then_some(&gateway)).map(Value::to_string).collect();
    let imported = import(texts.iter().map(|text| Document::new("in", text.as_bytes())));
    let scope = Scope::default().with_mode(mode).with_gateway(ObjectName::new("infra", "outer"));
    let resolution = imported.resolve(&scope);
    let draft = resolution.policy_of(&BackendRef::new("shop", "pay", None), None)?.draft.clone()?;
    // A caller who permits every weakening still gets none.
    runtime().prepare(&UpstreamTlsPolicy::check(draft, Allowed)?)
}

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a.example"), Just("b.example"), Just("c.example")]
}

fn san() -> impl Strategy<Value = Value> {
    prop_oneof![
        name().prop_map(|name| json!({"type": "Hostname", "hostname": name})),
        Just(json!({"type": "URI", "uri": "spiffe://example/pay"})),
    ]
}

fn standard() -> impl Strategy<Value = Value> {
    (name(), proptest::collection::vec(san(), 0..3), proptest::option::of(Just("1.3"))).prop_map(|(host, sans, min)| {
        let mut spec = json!({
            "targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
            "validation": {
                "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "pay-ca"}],
                "hostname": host,
                "subjectAltNames": sans,
            },
        });
        if let Some(min) = min {
            spec["options"] = json!({"kgateway.dev/min-tls-version": min});
        }
        let metadata = json!({"name": "pay-tls", "namespace": "shop"});
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": metadata, "spec": spec})
    })
}

/// Everything that an extension can say, the attacks included.
fn extension(index: usize) -> impl Strategy<Value = Value> {
    let source = prop_oneof![
        Just(json!({"secretRef": {"name": "pay-client"}})),
        Just(json!({"insecureSkipVerify": true})),
        Just(json!({"wellKnownCACertificates": "System"})),
        Just(json!({})),
    ];
    let names = proptest::collection::vec(name(), 0..3);
    (source, names, name(), any::<bool>(), any::<bool>(), 0..3_u32).prop_map(
        move |(mut tls, names, sni, one_way, alpn, age)| {
            tls["sni"] = sni.into();
            if !names.is_empty() {
                tls["verifySubjectAltNames"] = names.into();
            }
            if one_way {
                tls["simpleTLS"] = true.into();
            }
            if alpn {
                tls["alpnProtocols"] = json!(["h2"]);
            }
            let created = format!("2026-01-0{}T00:00:00Z", age + 1);
            json!({
                "apiVersion": "gateway.kgateway.dev/v1alpha1",
                "kind": "BackendConfigPolicy",
                "metadata": {"name": format!("extension-{index}"), "namespace": "shop", "creationTimestamp": created},
                "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "pay"}], "tls": tls},
            })
        },
    )
}

fn gateway() -> impl Strategy<Value = Option<Value>> {
    proptest::option::of(Just(json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "outer", "namespace": "infra"},
        "spec": {"tls": {"backend": {"clientCertificateRef": {"name": "pay-client", "namespace": "shop"}}}},
    })))
}

fn grant() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "outer", "namespace": "shop"},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "infra"}],
            "to": [{"group": "", "kind": "Secret"}],
        },
    })
}

#[test]
fn a_merged_policy_accepts_nothing_that_the_standard_does_not() {
    let world = World::new();
    let ready = std::cell::Cell::new(0);
    let accepted = std::cell::Cell::new(0);
    let inputs =
        (standard(), extension(0), proptest::option::of(extension(1)), gateway(), any::<bool>(), any::<Option<bool>>());
    proptest!(ProptestConfig::with_cases(192), |((standard, first, second, gateway, ca, secret_ca) in inputs, faithful: bool)| {
        let alone = [standard, world.config_map(ca)];
        let mode = if faithful { Mode::Faithful } else { Mode::Strict };
        let reference = world.accepted(&prepared(&alone, mode).unwrap());
        let mut all = alone.to_vec();
        all.extend([first, world.secret(secret_ca), grant()]);
        all.extend(second);
        all.extend(gateway);
        // What is not ready accepts nothing.
        if let Ok(merged) = prepared(&all, mode) {
            ready.set(ready.get() + 1);
            for (merged, reference) in world.accepted(&merged).into_iter().zip(reference) {
                prop_assert!(!merged || reference);
                accepted.set(accepted.get() + u32::from(merged));
            }
        }
    });
    assert!(ready.get() > 100, "only {} merges are ready: nothing was tried", ready.get());
    assert!(accepted.get() > 50, "only {} leaves are accepted: the property is empty", accepted.get());
}

/// The twin: alone, the same extension accepts what the standard would not.
#[test]
fn the_attack_of_the_property_is_one_without_a_standard() {
    let world = World::new();
    let attack = json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1",
        "kind": "BackendConfigPolicy",
        "metadata": {"name": "attack", "namespace": "shop"},
        "spec": {
            "targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
            "tls": {"insecureSkipVerify": true, "sni": "a.example"},
        },
    });
    let accepted = world.accepted(&prepared(&[attack], Mode::Faithful).unwrap());
    assert!(accepted.iter().all(|accepted| *accepted), "{accepted:?}");
}
