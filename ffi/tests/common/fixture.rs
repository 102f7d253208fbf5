//! A policy, a chain that it accepts and one for another name, as files.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

use std::fs;
use std::path::{Path, PathBuf};

use uptls::Inspection;
use uptls_testkit::{NOW, Pki, San, chain_pem};

/// Files in a temporary folder.
pub(crate) struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    /// Mints the certificates and writes all files.
    pub(crate) fn new() -> Self {
        let fixture = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let pki = Pki::new("ffi");
        let chain = |name| chain_pem(&[&pki.leaf(&[San::dns(name)]), &pki.intermediate]);
        fixture.write("ca.pem", &pki.root.pem());
        fixture.write("chain.pem", &chain("payments.internal"));
        fixture.write("other.pem", &chain("payments-v2.internal"));
        fixture.write("policy.yaml", POLICY);
        fixture.write("client.yaml", &format!("{POLICY}{CLIENT}"));
        let client = pki.client(&[San::dns("client.internal")]);
        fixture.write("client.pem", &chain_pem(&[&client, &pki.intermediate]));
        fixture.write("client.key", &client.key().pkcs8_pem());
        let another = Pki::new("another").root.pem();
        fixture.write("another-ca.pem", &another);
        fixture.write("both.pem", &format!("{}{another}", pki.root.pem()));
        for folder in ["broken", "manifests", "watched"] {
            fs::create_dir(fixture.path(folder)).expect("a folder");
        }
        fixture.write("broken/all.yaml", "kind: [BackendTLSPolicy");
        fixture.write("manifests/all.yaml", &manifests(&pki.root.pem()));
        fixture.write("watched/ca.pem", &pki.root.pem());
        fixture.write("watched/policy.yaml", POLICY);
        fixture
    }

    /// The SHA-256 of the public key of the good leaf, base64.
    pub(crate) fn pin(&self) -> String {
        let chain = Inspection::of_text(&self.read("chain.pem"), "chain.pem").expect("certificates");
        chain.first().expect("a leaf").spki_pin.clone()
    }

    /// The folder of all files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the file `name` is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The same as text.
    pub(crate) fn text_path(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// What the file `name` holds.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the file can be read")
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the file can be written");
    }

    /// The time of all tests, in unix seconds.
    pub(crate) fn now() -> String {
        NOW.to_string()
    }
}

/// Under valgrind a handshake takes long.
const POLICY: &str = "\
apiVersion: uptls/v1
kind: UpstreamTlsPolicy
metadata: {name: payments}
spec:
  trust: {bundles: [{file: ca.pem}]}
  serverName: payments.internal
  handshakeTimeout: 300s
";

const CLIENT: &str =
    "  alpn: {protocols: [h2, http/1.1]}\n  identity: {certificate: {file: client.pem}, key: {file: client.key}}\n";

/// A Service, its CA and the policy for it.
fn manifests(ca: &str) -> String {
    let indented: String = ca.lines().map(|line| format!("    {line}\n")).collect();
    format!("{MANIFESTS}{indented}")
}

const MANIFESTS: &str = "\
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec: {ports: [{name: https, port: 443}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation:
    hostname: payments.internal
    caCertificateRefs: [{group: '', kind: ConfigMap, name: pay-ca}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: pay-ca, namespace: shop}
data:
  ca.crt: |
";
