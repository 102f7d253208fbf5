//! Data of other authors: read in its place, never copied.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use lzma_rust2::XzReader;
use serde::Deserialize;

/// A suite in the schema of x509-limbo.
#[derive(Debug, Deserialize)]
pub struct Limbo {
    /// Its cases.
    pub testcases: Vec<LimboCase>,
}

/// What is used of one case.
#[derive(Debug, Deserialize)]
pub struct LimboCase {
    /// `group::name`.
    pub id: String,
    /// `SERVER` or `CLIENT`.
    pub validation_kind: String,
    /// PEM.
    pub trusted_certs: Vec<String>,
    /// PEM.
    pub untrusted_intermediates: Vec<String>,
    /// PEM.
    pub peer_certificate: String,
    /// RFC 3339; `None`: now.
    pub validation_time: Option<String>,
    /// `SUCCESS` or `FAILURE`.
    pub expected_result: String,
    /// Whom the verifier wants.
    pub expected_peer_name: Option<LimboName>,
    /// PEM.
    #[serde(default)]
    pub crls: Vec<String>,
}

/// A name with its type.
#[derive(Debug, Deserialize)]
pub struct LimboName {
    /// `DNS`, `IP` or `RFC822`.
    pub kind: String,
    /// Its text.
    pub value: String,
}

/// Reads `limbo/limbo-core.json.xz` and the like; `None` where the suites are absent.
pub fn limbo(path: &str) -> Option<Limbo> {
    Some(serde_json::from_slice(&unpacked(path)?).expect("the suite has limbo's schema"))
}

/// What the file holds that is compressed with xz; `None`, and a visible line, where the suites are absent. They must be
/// there where `UPTLS_REQUIRE_SUITES` is 1.
#[allow(clippy::print_stdout, reason = "what is skipped must be seen")]
pub(crate) fn unpacked(path: &str) -> Option<Vec<u8>> {
    let Ok(file) = File::open(folder().join(path)) else {
        assert!(!required(), "{path} is absent and UPTLS_REQUIRE_SUITES=1");
        println!("skipped: suites absent");
        return None;
    };
    let mut bytes = Vec::new();
    XzReader::new(file, true).read_to_end(&mut bytes).expect("the suite is compressed with xz");
    Some(bytes)
}

#[allow(clippy::disallowed_methods, reason = "it says where test data lies, and decides nothing about verification")]
fn folder() -> PathBuf {
    let named = std::env::var_os("UPTLS_SUITES").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"))
}

#[allow(clippy::disallowed_methods, reason = "it decides which tests run, and nothing about verification")]
pub(crate) fn required() -> bool {
    std::env::var_os("UPTLS_REQUIRE_SUITES").is_some_and(|value| value == "1")
}
