//! Client certificates that are there and cannot be used: what the statuses say, and that nothing connects.

use serde_json::json;
use uptls::ConnectorState;
use uptls::danger::DangerPermission::Forbidden;
use uptls_manifest::kubernetes::{BackendKind, BackendRef, Document, ObjectName, Resolution, Scope, import};
use uptls_testkit::{Key, Pki, San, Template, chain_pem};

use crate::common::runtime;

/// `tls.crt` and `tls.key` of a Secret, and whether they are an identity.
fn secrets() -> Vec<(&'static str, String, String, bool)> {
    let pki = Pki::new("client certificates");
    let of =
        |key: &Key| Template::leaf("gateway").with_sans(&[San::dns("a.example")]).issued_by(&pki.intermediate, key);
    let (p256, ed25519, rsa) = (Key::p256("client"), Key::ed25519("client"), Key::rsa2048(0));
    let leaf = of(&p256);
    let pem = leaf.pem();
    vec![
        ("a pair", pem.clone(), p256.pkcs8_pem(), true),
        ("a key as SEC1", pem.clone(), p256.sec1_pem(), true),
        ("Ed25519", of(&ed25519).pem(), ed25519.pkcs8_pem(), true),
        ("RSA as PKCS#1", of(&rsa).pem(), rsa.pkcs1_pem(), true),
        ("a chain", chain_pem(&[&leaf, &pki.intermediate]), p256.pkcs8_pem(), true),
        ("the key of another", pem.clone(), Key::p256("another").pkcs8_pem(), false),
        ("another key of its kind", of(&ed25519).pem(), Key::ed25519("another").pkcs8_pem(), false),
        ("another RSA key", of(&rsa).pem(), Key::rsa2048(1).pkcs1_pem(), false),
        ("the issuer first", chain_pem(&[&pki.intermediate, &leaf]), p256.pkcs8_pem(), false),
        ("an issuer of another", chain_pem(&[&leaf, &Pki::new("other").intermediate]), p256.pkcs8_pem(), false),
        (
            "no certificate",
            "-----BEGIN CERTIFICATE-----\nYg==\n-----END CERTIFICATE-----\n".to_owned(),
            p256.pkcs8_pem(),
            false,
        ),
        ("no key", pem.clone(), "a text".to_owned(), false),
        ("an encrypted key", pem.clone(), p256.encrypted_pkcs8_pem("secret", 10), false),
        ("a certificate as the key", pem.clone(), pem, false),
    ]
}

fn resolved(certificate: &str, key: &str, scope: &Scope) -> Resolution {
    let secret = |namespace: &str| {
        let metadata = json!({"name": "client", "namespace": namespace});
        let data = json!({"tls.crt": certificate, "tls.key": key});
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}).to_string()
    };
    let metadata = json!({"name": "ca", "namespace": "shop"});
    let data = json!({"ca.crt": Pki::new("client certificates").root.pem()});
    let ca = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}).to_string();
    let texts = [OBJECTS.to_owned(), secret("infra"), secret("shop"), ca];
    import(texts.iter().map(|text| Document::new("in", text.as_bytes()))).resolve(scope)
}

/// Status and reason of the condition `ResolvedRefs` of the object, and its message.
fn resolved_refs(resolution: &Resolution, kind: &str) -> (String, String) {
    let status = &resolution.statuses.iter().find(|patch| patch.kind == kind).unwrap().status;
    let all = status["conditions"].as_array().or_else(|| status["parents"][0]["conditions"].as_array()).unwrap();
    let found = all.iter().find(|condition| condition["type"] == "ResolvedRefs").unwrap();
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    (format!("{} {}", text("status"), text("reason")), text("message"))
}

fn scope() -> Scope {
    Scope::new("example.com/own").with_gateway(ObjectName::new("infra", "outer"))
}

#[test]
fn a_status_says_whether_certificate_and_key_belong_together() {
    let backends =
        [BackendRef::new("shop", "pay", None), BackendRef::new("shop", "far", None).with_kind(BackendKind::XBackend)];
    for (what, certificate, key, is_good) in secrets() {
        let resolution = resolved(&certificate, &key, &scope().with_runtime(&runtime()));
        for (kind, bad, path) in [
            ("Gateway", "False InvalidClientCertificateRef", "spec.tls.backend.clientCertificateRef: "),
            ("XBackend", "False InvalidClientCertificateRef", "spec.tls.clientCertificateRef: "),
        ] {
            let (said, message) = resolved_refs(&resolution, kind);
            assert_eq!(said, if is_good { "True ResolvedRefs" } else { bad }, "{what}: {message}");
            assert!(is_good || message.starts_with(path), "{what}: {message}");
            assert!(!message.contains(key.lines().nth(1).unwrap_or(&key)), "{what}: {message}");
        }
        // The same verdict as that of the connector.
        for backend in &backends {
            let state = resolution.policy_of(backend, None).unwrap().connector(&runtime(), Forbidden).state();
            assert_eq!(matches!(state, ConnectorState::Ready), is_good, "{what}: {backend} {state:?}");
        }
    }
}

/// Nobody is there who can tell: that both halves are there is all that is said.
#[test]
fn without_a_runtime_a_status_says_that_they_are_there() {
    for (what, certificate, key, _) in secrets() {
        let resolution = resolved(&certificate, &key, &scope());
        assert_eq!(resolved_refs(&resolution, "Gateway").0, "True ResolvedRefs", "{what}");
        assert_eq!(resolved_refs(&resolution, "XBackend").0, "True ResolvedRefs", "{what}");
    }
    let resolution = resolved("", "", &scope());
    assert_eq!(resolved_refs(&resolution, "Gateway").0, "False InvalidClientCertificateRef");
}

const OBJECTS: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: outer, namespace: infra}
spec: {tls: {backend: {clientCertificateRef: {name: client}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}], hostname: pay.example}
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: far, namespace: shop}
spec:
  type: ExternalHostname
  externalHostname: {hostname: far.example}
  port: {port: 443}
  tls:
    mode: ClientAndServer
    clientCertificateRef: {name: client}
    validation: {hostname: far.example, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}
";
