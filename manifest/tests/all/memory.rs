//! I6: no byte of a key that stands in a document stays in memory after its last owner is gone. The memory of a process that
//! read the document is searched from outside, on Linux.

use std::fs;
use std::path::Path;

use uptls::danger::DangerPermission;
use uptls_manifest::kubernetes::{self, BackendRef, ObjectName, Scope};
use uptls_testkit::memory::{Needles, PEM_LINE, Subject, base64, script, stage};
use uptls_testkit::{CLIENT_AUTH, Key, Pki, Template};

use crate::common::{document, runtime};

/// The child: `CASE FILE` says what it does. In the parent it is nothing.
#[test]
fn child() {
    let Some(script) = script() else { return };
    let (case, file) = script.split_once(' ').unwrap();
    let runtime = runtime();
    let permission = DangerPermission::Forbidden;
    let planted = if case == "planted" { fs::read(file).unwrap() } else { Vec::new() };
    if case == "native" {
        let prepared = uptls_manifest::prepare_file(&runtime, Path::new(file), permission).unwrap();
        assert!(prepared.identity().is_some());
        stage("held");
    } else {
        let manifests = kubernetes::load(&[file]).unwrap();
        let scope = Scope::new("example.com/own").with_gateway(ObjectName::new("infra", "outer"));
        let resolution = kubernetes::import(manifests.documents()).resolve(&scope.with_runtime(&runtime));
        let policy = resolution.policy_of(&BackendRef::new("shop", "pay", None), None).unwrap();
        let connector = policy.connector(&runtime, permission);
        assert_eq!(connector.state(), uptls::ConnectorState::Ready);
        stage("held");
    }
    drop(runtime);
    stage("dropped");
    drop(planted);
}

/// What a child has of `key` in its memory that reads `text`: while it holds a policy, and afterwards.
fn left(case: &str, text: &str, key: &Key) -> [Vec<String>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.yaml");
    fs::write(&file, text).unwrap();
    let mut needles = Needles::default();
    needles.add_key(key);
    // The base64 of a Secret's `data`, of the lines of the PEM text.
    let pem = key.pkcs8_pem();
    for line in pem.lines().filter(|line| line.len() == PEM_LINE) {
        needles.add_base64("the base64 of the PEM text", pem.as_bytes(), line.as_bytes(), ONE_LINE);
    }
    let mut subject = Subject::start("memory::child", &format!("{case} {}", file.display()));
    let found = ["held", "dropped"].map(|stage| subject.search_at(stage, &needles));
    subject.finish();
    found
}

fn client(key: &Key) -> (Pki, String) {
    let pki = Pki::new("memory of documents");
    let template = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf("client") };
    let pem = template.issued_by(&pki.root, key).pem();
    (pki, pem)
}

/// `text` as a block of YAML below a field that is indented by `depth`.
fn block(text: &str, depth: usize) -> String {
    text.lines().map(|line| format!("\n{}{line}", " ".repeat(depth + 2))).collect()
}

fn native(key: &Key, written: &str) -> String {
    let (pki, certificate) = client(key);
    document(&format!(
        "  trust:\n    bundles:\n    - pem: |{}\n  identity:\n    certificate:\n      pem: |{}\n    key:\n      pem: {written}\n",
        block(&pki.root.pem(), 6),
        block(&certificate, 6),
    ))
}

fn manifests(key: &Key, secret: &str) -> String {
    let (pki, certificate) = client(key);
    let ca = block(&pki.root.pem(), 2);
    let certificate = base64(certificate.as_bytes());
    format!(
        "{OBJECTS}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ca, namespace: shop}}\ndata:\n  ca.crt: |{ca}\n---\n\
         apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata:\n  name: client\n  namespace: infra\n{secret}\ndata:\n  tls.crt: {certificate}\n"
    )
}

#[test]
fn nothing_of_a_key_in_a_document_stays() {
    let mut left_over = Vec::new();
    for (kind, key) in [("P-256", Key::p256("memory of documents")), ("RSA", Key::rsa2048(0))] {
        let pem = key.pkcs8_pem();
        let data = base64(pem.as_bytes());
        let table = [
            ("native", "a block", native(&key, &format!("|{}", block(&pem, 6)))),
            ("native", "in quotes", native(&key, &format!("{pem:?}"))),
            ("secret", "data", manifests(&key, "").replace("  tls.crt:", &format!("  tls.key: {data}\n  tls.crt:"))),
            (
                "secret",
                "data in quotes",
                manifests(&key, "").replace("  tls.crt:", &format!("  tls.key: {data:?}\n  tls.crt:")),
            ),
            ("secret", "stringData", manifests(&key, &format!("stringData:\n  tls.key: |{}", block(&pem, 2)))),
        ];
        for (case, written, text) in table {
            let [held, dropped] = left(case, &text, &key);
            // The policy holds the text, and so the search is known to see it.
            assert!(held.iter().any(|name| name.starts_with("the PEM text")), "{kind}, {case}, {written}: {held:?}");
            left_over.extend(dropped.iter().map(|name| format!("{kind}, {case}, {written}: {name}")));
        }
    }
    assert!(left_over.is_empty(), "{left_over:#?}");
}

#[test]
fn a_copy_that_stays_is_found() {
    let key = Key::p256("memory of documents");
    let data = base64(key.pkcs8_pem().as_bytes());
    let text = manifests(&key, "").replace("  tls.crt:", &format!("  tls.key: {data}\n  tls.crt:"));
    let [_, dropped] = left("planted", &text, &key);
    assert!(dropped.iter().any(|name| name.starts_with("the base64 of the PEM text")), "{dropped:?}");
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
";
/// Longer than any text here.
const ONE_LINE: usize = 1 << 20;
