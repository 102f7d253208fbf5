//! Policies as documents: every field of the native format, drawn from what is usual, odd and wrong.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use serde_json::{Map, Value, json};
use uptls_testkit::{Certificate, CrlTemplate, Key, San, Template, crl_pem};

use crate::draw::Draw as _;

/// Roots, by true keys: what is exported must be what a provider verifies.
static ROOTS: LazyLock<Vec<String>> = LazyLock::new(|| (0..4).map(|number| root(number).pem()).collect());

/// A list of the second of them.
static LIST: LazyLock<String> = LazyLock::new(|| crl_pem(&CrlTemplate::new(&[]).issued_by(&root(1))));

/// A root by its number.
pub fn root(number: usize) -> Certificate {
    Template::ca("root").self_signed(&Key::p256(&format!("document {number}")))
}

fn root_pem(number: usize) -> &'static str {
    &ROOTS[number]
}

const NAMES: &[&str] = &[
    "pay.test",
    "x.pay.test",
    "*.pay.test",
    "PAY.test.",
    "a",
    "a..b",
    "*",
    "-a.test",
    "xn--a",
    "10.0.0.7",
    "auto",
    "none",
    "",
];
const IDS: &[&str] =
    &["spiffe://td.test/ns/pay", "spiffe://td.test", "https://a.test/x", "spiffe://other.test/a", "urn:x", "x"];
const PINS: &[&str] = &["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "AAAA", ""];
const SUITES: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
];
const GROUPS: &[&str] = &["X25519", "secp256r1", "X25519MLKEM768", "secp384r1", "x448"];
const NUMBERS: &[&str] = &[
    "10",
    "1",
    "0",
    "500",
    "00010",
    "18446744073709551615",
    "18446744073709551616",
    "9999999999999999",
    "-1",
    "1.5",
    "",
    "300",
    "301",
    "59",
    "60",
];
const UNITS: &[&str] = &["s", "ms", "m", "h", "", "us", " s", "S"];

/// A `spec`: in most draws a sound one.
pub fn spec(u: &mut Unstructured<'_>) -> Value {
    let mut spec = Map::new();
    spec.insert("trust".to_owned(), trust(u));
    spec.insert("serverName".to_owned(), json!("pay.test"));
    for _ in 0..u.below(6) {
        let (field, value) = field(u);
        spec.insert(field.to_owned(), value);
    }
    Value::Object(spec)
}

fn trust(u: &mut Unstructured<'_>) -> Value {
    let mut bundle = json!({"pem": root_pem(1)});
    if u.below(4) == 3 {
        bundle["trustDomain"] = json!(u.pick(&["td.test", "other.test", "TD", ""]));
    }
    let mut trust = json!({"bundles": [bundle]});
    match u.below(12) {
        8 => trust["pinnedKeys"] = json!([u.pick(PINS)]),
        9 => trust["pinnedCertificates"] = json!(["ab".repeat(u.pick(&[32, 31, 0]))]),
        10 => trust["bundles"]
            .as_array_mut()
            .expect("a list")
            .push(json!({"pem": root_pem(2), "trustDomain": "other.test"})),
        11 => trust["system"] = u.pick(&[json!("mozilla"), json!(false), json!(true), json!("x")]),
        _ => {}
    }
    trust
}

fn field(u: &mut Unstructured<'_>) -> (&'static str, Value) {
    match u.below(14) {
        0 => ("serverName", json!(u.pick(NAMES))),
        1 | 2 => ("subjectAltNames", (0..=u.below(3)).map(|_| san(u)).collect()),
        3 => ("handshakeTimeout", json!(format!("{}{}", u.pick(NUMBERS), u.pick(UNITS)))),
        4 => ("versions", json!({"min": u.pick(&["1.2", "1.3", "1.1"]), "max": u.pick(&["1.3", "1.2", ""])})),
        5 => ("cipherSuites", json!([u.pick(SUITES), u.pick(SUITES)])),
        6 => ("groups", json!([u.pick(GROUPS), u.pick(GROUPS)])),
        7 => ("alpn", json!({"protocols": [u.pick(&["h2", "http/1.1", "", "x\u{e9}"]), "h3"], "required": u.maybe()})),
        8 => ("spkiPins", json!([u.pick(PINS)])),
        9 => ("resumption", json!(u.maybe())),
        10 => {
            let (depth, unknown) = (u.pick(&["chain", "leaf", "x"]), u.pick(&["deny", "allow", "x"]));
            ("revocation", json!({"crls": [{"pem": *LIST}], "depth": depth, "unknown": unknown}))
        }
        11 => ("danger", danger(u)),
        12 => ("identity", json!({"certificate": {"pem": root_pem(3)}})),
        _ => ("serverNames", json!("x")),
    }
}

fn san(u: &mut Unstructured<'_>) -> Value {
    match u.below(6) {
        0 => json!({"dns": u.pick(NAMES)}),
        1 => json!({"ip": u.pick(&["10.0.0.7", "::1", "::ffff:1.2.3.4", "0x7f.1", "1.2.3.4/32"])}),
        2 => json!({"uri": u.pick(IDS)}),
        3 => json!({"spiffeTrustDomain": u.pick(&["td.test", "other.test", ""])}),
        4 => json!({"spiffe": {"trustDomain": "td.test", "pathPrefix": u.pick(&["/ns", "/ns/", "/", "ns", "/a//b"])}}),
        _ => json!({"dns": "pay.test", "ip": "10.0.0.7"}),
    }
}

fn danger(u: &mut Unstructured<'_>) -> Value {
    let reason = json!({"reason": u.pick(&["an old device", "", "x\n\u{202e}"])});
    match u.below(4) {
        0 => json!({"acceptAnyName": reason}),
        1 => json!({"acceptAnyCertificate": reason}),
        _ => {
            let rule = u.pick(&["key_usage", "expired_leaf", "expired_anchor", "common_name", "x"]);
            let until = u.pick(&[
                "2027-01-01T00:00:00Z",
                "2026-01-01T00:00:00Z",
                "9999-12-31T23:59:59.5Z",
                "x",
                "0000-01-01T00:00:00Z",
            ]);
            json!({"tolerate": [{"rule": rule, "reason": "r", "until": until}]})
        }
    }
}

/// The document around a `spec`.
pub fn document(spec: &Value) -> Value {
    json!({"apiVersion": "uptls/v1", "kind": "UpstreamTlsPolicy", "metadata": {"name": "pay"}, "spec": spec})
}

/// The same value in block style: what people write.
pub fn yaml(value: &Value, indent: usize, out: &mut String) {
    let space = " ".repeat(indent);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                out.push_str(&format!("\n{space}{key}:"));
                yaml(value, indent + 2, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("\n{space}-"));
                yaml(item, indent + 2, out);
            }
        }
        other => out.push_str(&format!(" {other}")),
    }
}

/// Leaves for the names that policies want, and others: one SAN each.
pub fn leaves() -> Vec<San> {
    let dns = ["pay.test", "x.pay.test", "*.pay.test", "other.test", "pay.test.evil"].map(San::dns);
    let uris =
        ["spiffe://td.test/ns/pay", "spiffe://td.test/nsx", "https://a.test/x", "spiffe://other.test/a"].map(San::uri);
    dns.into_iter().chain(uris).chain([San::ip("10.0.0.7"), San::ip("::1")]).collect()
}
