//! The manifests of the Gateway API and of gateways: `gateway.tar.xz`, and the fixtures that their authors mint.

use std::collections::BTreeMap;
use std::io::Read as _;

use serde_json::{Value, json};
use uptls_testkit::{CLIENT_AUTH, Certificate, Key, Pki, SERVER_AUTH, San, Template, chain_pem};

use crate::suites::unpacked;

/// The namespace of the conformance tests.
pub const NAMESPACE: &str = "gateway-conformance-infra";
/// The ConfigMap with the CA of the conformance tests' backends.
pub const CA: &str = "tls-checks-ca-certificate";
/// The ConfigMap with another CA.
pub const OTHER_CA: &str = "mismatch-ca-certificate";
/// The Secret with the Gateway's client certificate.
pub const CLIENT: &str = "tls-checks-client-certificate";

/// The files of `gateway.tar.xz` by their paths below its one folder: `gateway-api/conformance/tests/...`. `None`, and a
/// visible line, where the suites are absent. They must be there where `UPTLS_REQUIRE_SUITES` is 1.
pub fn files() -> Option<BTreeMap<String, Vec<u8>>> {
    let bytes = unpacked("gateway.tar.xz")?;
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().expect("it is a tar archive") {
        let mut entry = entry.expect("a whole entry");
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().expect("a path").into_owned();
        let path = path.strip_prefix("gateway").expect("everything is below one folder");
        let path = path.to_str().expect("a path in ASCII").to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("a whole file");
        assert!(files.insert(path.clone(), content).is_none(), "{path} stands twice");
    }
    Some(files)
}

/// Every object of a file, by another way than the reader under test. `None` if it is no YAML.
pub fn objects(content: &[u8]) -> Option<Vec<Value>> {
    let text = core::str::from_utf8(content).ok()?;
    let objects: Vec<Value> = serde_saphyr::from_multiple(text).ok()?;
    Some(objects.into_iter().filter(|object| !object.is_null()).collect())
}

/// What the conformance suite makes before it begins: the backend's certificate, and the objects that manifests refer to.
pub struct Fixtures {
    /// A client certificate of the same CA.
    pub client: Certificate,
    /// RSA, for servers and clients, as the suite's own.
    pub leaf: Certificate,
    /// Issued neither.
    pub other: Pki,
    /// Issued both.
    pub pki: Pki,
}

impl Fixtures {
    /// The same at any time.
    pub fn mint() -> Self {
        let (pki, other) = (Pki::new("gateway conformance"), Pki::new("mismatch"));
        let sans = [San::dns("abc.example.com"), San::dns("other.example.com"), San::uri(IDENTITY)];
        let template = Template::leaf("backend").with_sans(&sans);
        let template = Template { extended_key_usage: Some(vec![CLIENT_AUTH, SERVER_AUTH]), ..template };
        let leaf = template.issued_by(&pki.intermediate, &Key::rsa2048(0));
        let client = pki.client(&[San::dns("gateway.example.com")]);
        Self { client, leaf, other, pki }
    }

    /// A certificate of the CA and what a peer needs to verify it, as PEM.
    pub fn chain(&self, certificate: &Certificate) -> String {
        chain_pem(&[certificate, &self.pki.intermediate])
    }

    /// Both ConfigMaps and the Secret.
    pub fn objects(&self) -> Vec<Value> {
        vec![
            config_map(CA, json!({"ca.crt": self.pki.root.pem()})),
            config_map(OTHER_CA, json!({"ca.crt": self.other.root.pem()})),
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": CLIENT, "namespace": NAMESPACE},
                "type": "kubernetes.io/tls",
                "stringData": {"tls.crt": self.chain(&self.client), "tls.key": self.client.key().pkcs8_pem()},
            }),
        ]
    }
}

/// A ConfigMap of the conformance tests' namespace.
pub fn config_map(name: &str, data: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": data,
    })
}

const IDENTITY: &str = "spiffe://abc.example.com/test-identity";
