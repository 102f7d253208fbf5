//! Versions, suites, groups and signature schemes: the two spellings of each (H1, H2, H9).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use uptls::{Inspection, Prepared, TlsVersion, interop};

/// The `TlsParameters`, every one of them written: Envoy's own defaults end at TLS 1.2 (X3).
pub(super) fn write(prepared: &Prepared) -> Value {
    let versions = prepared.policy().versions();
    // What the provider has and the policy names, in the order of both.
    let offered = prepared.describe().sends;
    let mut parameters = Map::new();
    parameters.insert("tls_minimum_protocol_version".to_owned(), json!(version(versions.min)));
    parameters.insert("tls_maximum_protocol_version".to_owned(), json!(version(versions.max)));
    let suites: Vec<&str> = offered.cipher_suites.iter().filter_map(|name| openssl(SUITES, name)).collect();
    if versions.contains(TlsVersion::V1_2) {
        parameters.insert("cipher_suites".to_owned(), json!(suites));
    }
    let groups: Vec<&str> = offered.groups.iter().filter_map(|name| openssl(GROUPS, name)).collect();
    parameters.insert("ecdh_curves".to_owned(), json!(groups));
    // H9: what a handshake offers; what Envoy has no name for would refuse the whole configuration.
    let schemes: Vec<String> =
        interop::signature_schemes(prepared).into_iter().filter(|scheme| is_known(scheme)).collect();
    parameters.insert("signature_algorithms".to_owned(), json!(schemes));
    Value::Object(parameters)
}

/// The schemes that handshakes of this library offer, and Envoy cannot.
pub(super) fn unknown_schemes(prepared: &Prepared) -> Vec<String> {
    interop::signature_schemes(prepared).into_iter().filter(|scheme| !is_known(scheme)).collect()
}

/// Whether Envoy can offer any of them: an empty list would be its default, which is another one.
pub(super) fn has_known_scheme(prepared: &Prepared) -> bool {
    interop::signature_schemes(prepared).iter().any(|scheme| is_known(scheme))
}

/// Whether BoringSSL has the scheme, under its IANA name.
fn is_known(scheme: &str) -> bool {
    SCHEMES.contains(&scheme) || OLD_SCHEMES.contains(&scheme)
}

/// Base64 with padding, as in pins.
pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// Whether somebody else issued a certificate; one that cannot be read counts as such.
pub(super) fn is_issued_by_another(der: &[u8]) -> bool {
    let facts = Inspection::of_der(der, "");
    facts.map_or(true, |facts| facts.certificate.subject != facts.certificate.issuer)
}

fn version(version: TlsVersion) -> &'static str {
    VERSIONS.iter().find(|(_, known)| *known == version).map_or("TLSv1_3", |(name, _)| name)
}

fn openssl(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == name).map(|(_, openssl)| *openssl)
}

/// The names of Envoy.
pub(super) const VERSIONS: &[(&str, TlsVersion)] = &[("TLSv1_2", TlsVersion::V1_2), ("TLSv1_3", TlsVersion::V1_3)];

/// IANA name and OpenSSL name. Those of TLS 1.3 cannot be chosen in Envoy.
pub(super) const SUITES: &[(&str, &str)] = &[
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
];

/// The suites of TLS 1.3.
pub(super) const TLS13_SUITES: &[&str] =
    &["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// IANA name and the name in BoringSSL.
pub(super) const GROUPS: &[(&str, &str)] =
    &[("X25519MLKEM768", "X25519MLKEM768"), ("X25519", "X25519"), ("secp256r1", "P-256"), ("secp384r1", "P-384")];

/// The signature schemes of Envoy 1.39 and later that are sound today. BoringSSL writes them as IANA does. Which of them are exported is
/// for the provider to say.
pub(super) const SCHEMES: &[&str] = &[
    "ecdsa_secp256r1_sha256",
    "ecdsa_secp384r1_sha384",
    "ecdsa_secp521r1_sha512",
    "ed25519",
    "mldsa44",
    "mldsa65",
    "mldsa87",
    "rsa_pkcs1_sha256",
    "rsa_pkcs1_sha384",
    "rsa_pkcs1_sha512",
    "rsa_pss_rsae_sha256",
    "rsa_pss_rsae_sha384",
    "rsa_pss_rsae_sha512",
];

/// And the others.
const OLD_SCHEMES: &[&str] = &["ecdsa_sha1", "rsa_pkcs1_sha1"];
