//! The manifests of the Gateway API and of gateways: `gateway.tar.xz`, the newest release of the standard, and the fixtures that
//! their authors mint.
#![allow(clippy::print_stdout, reason = "what is skipped must be seen")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use uptls_testkit::{CLIENT_AUTH, Certificate, Key, Pki, SERVER_AUTH, San, Template, chain_pem};

use crate::suites::{required, unpacked};

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
        assert!(files.insert(path.clone(), content).is_none(), "{path} appears twice");
    }
    Some(files)
}

/// The YAML and the Go types of the newest release that is tested (`.ci/gateway-api.sum`), by the same paths as in [`files`]:
/// `gateway-api/conformance/tests/...`. They are where `.ci/gateway_api.py` leaves them, or where `UPTLS_GATEWAY_API` says. `None`,
/// and a visible line, where they are absent. They must be there where `UPTLS_REQUIRE_SUITES` is 1.
#[allow(clippy::disallowed_methods, reason = "it says where test data lies, and decides nothing about verification")]
pub fn newest() -> Option<BTreeMap<String, Vec<u8>>> {
    let named = std::env::var_os("UPTLS_GATEWAY_API").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/gateway-api"));
    if !folder.join("modules.sum").is_file() {
        assert!(
            !required(),
            "the Gateway API is absent and UPTLS_REQUIRE_SUITES=1: python3 .ci/gateway_api.py fetches it"
        );
        println!("skipped: the newest Gateway API is absent (python3 .ci/gateway_api.py fetches it)");
        return None;
    }
    let mut files = BTreeMap::new();
    for (module, at) in [("gateway-api", "gateway-api"), ("conformance", "gateway-api/conformance")] {
        read(&folder.join(module), at, &mut files);
    }
    Some(files)
}

/// The files of a folder and of those in it.
fn read(folder: &Path, at: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder of the module") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in ASCII");
        let at = format!("{at}/{name}");
        if path.is_dir() {
            read(&path, &at, files);
        } else if at.ends_with(".yaml") || at.ends_with("_types.go") {
            files.insert(at, fs::read(&path).expect("a file of the module"));
        }
    }
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
