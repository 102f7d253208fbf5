//! The committed seeds of `fuzz` are those of the testkit: whoever changes the format of a target changes them here.

mod flights;
mod manifests;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use uptls::danger::DangerPermission;
use uptls::{BackendHost, ConnectOptions, Connector, Prepared, UpstreamTlsPolicy};
use uptls_manifest::envoy::{self, Standing};
use uptls_manifest::kubernetes::{Document, Scope, import};
use uptls_testkit::{Certificate, CrlTemplate, Key, NOW, Pki, San, Template, YEAR, crl_pem};

use crate::common::{document, runtime};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The policy that `verify_chain` judges by: every step of a verification has something to do.
fn policy(pki: &Pki) -> String {
    let revoked = pki.leaf(&[San::dns("revoked.example")]);
    let crl = |revoked: &[&Certificate], issuer| json!({"pem": crl_pem(&CrlTemplate::new(revoked).issued_by(issuer))});
    let crls = [crl(&[], &pki.root), crl(&[&revoked], &pki.intermediate)];
    let pinned = itself().sha256().map(|byte| format!("{byte:02x}")).concat();
    let policy = json!({
        "apiVersion": "uptls/v1",
        "kind": "UpstreamTlsPolicy",
        "spec": {
            "trust": {"bundles": [{"pem": pki.root.pem(), "trustDomain": "domain"}], "pinnedCertificates": [pinned]},
            "serverName": "fuzz.example",
            "subjectAltNames": [
                {"dns": "fuzz.example"},
                {"uri": "spiffe://fuzz/a"},
                {"ip": "10.0.0.7"},
                {"spiffeTrustDomain": "domain"},
                {"spiffe": {"trustDomain": "fuzz", "pathPrefix": "/ns"}},
            ],
            "revocation": {"crls": crls, "unknown": "allow"},
        },
    });
    format!("{policy:#}\n")
}

/// A certificate that is pinned, and trusted as itself.
fn itself() -> Certificate {
    Template::leaf("itself").with_sans(&[San::dns("fuzz.example")]).self_signed(&Key::ed25519("fuzz itself"))
}

/// Chains of every sort, with the code that each gets.
fn chains(pki: &Pki) -> Vec<(&'static str, &'static str, Vec<Certificate>)> {
    let chain = |leaf: Certificate| vec![leaf, pki.intermediate.clone()];
    let leaf = pki.leaf(&[San::dns("fuzz.example"), San::ip("10.0.0.7")]);
    let expired = Template::leaf("old").with_sans(&[San::dns("fuzz.example")]).with_validity(NOW - YEAR, NOW - 1);
    let other = Pki::new("fuzz other");
    let stranger = vec![other.leaf(&[San::dns("fuzz.example")]), other.intermediate.clone()];
    vec![
        ("accepted", "", chain(leaf.clone())),
        ("accepted_spiffe", "", chain(pki.leaf(&[San::uri("spiffe://domain/x")]))),
        ("other_trust_domain", "spiffe_trust_domain", chain(pki.leaf(&[San::uri("spiffe://fuzz/ns/x")]))),
        ("accepted_itself", "", vec![itself()]),
        ("bad_signature", "cert_bad_signature", chain(leaf.with_tampered_signature())),
        ("ca_as_leaf", "cert_ca_as_leaf", vec![pki.intermediate.clone(), pki.root.clone()]),
        ("expired", "cert_expired", chain(pki.issue(&expired))),
        ("without_intermediate", "cert_unknown_issuer", vec![leaf]),
        ("name_mismatch", "name_mismatch", chain(pki.leaf(&[San::dns("other.example")]))),
        ("revoked", "cert_revoked", chain(pki.leaf(&[San::dns("revoked.example")]))),
        ("unknown_issuer", "cert_unknown_issuer", stranger),
    ]
}

/// As `verify_chain` reads them: each certificate behind its length.
fn framed(chain: &[Certificate]) -> Vec<u8> {
    let frame = |certificate: &Certificate| {
        let length = u16::try_from(certificate.der().len()).unwrap();
        [&length.to_be_bytes(), certificate.der()].concat()
    };
    chain.iter().flat_map(frame).collect()
}

fn documents() -> Vec<(&'static str, String)> {
    let sample = concat!(
        "  trust:\n    system: mozilla\n    systemTrustDomain: prod\n    bundles: [{file: ca.pem, trustDomain: prod}, {pem: \"-----BEGIN\"}]\n",
        "  serverName: payments.internal\n",
        "  subjectAltNames:\n    - dns: payments.internal\n    - uri: spiffe://prod/ns/pay/sa/api\n",
        "    - ip: 10.0.0.7\n    - spiffeTrustDomain: prod\n    - spiffe: {trustDomain: prod, pathPrefix: /ns}\n",
        "  identity: {certificate: {file: tls.crt}, key: {file: tls.key}, passphrase: {file: pass}}\n",
        "  versions: {min: 1.2, max: \"1.3\"}\n",
        "  cipherSuites: [TLS_AES_128_GCM_SHA256]\n  groups: [X25519, secp256r1]\n",
        "  alpn: {protocols: [h2, http/1.1], required: true}\n",
        "  revocation: {crls: [{file: ca.crl}], depth: leaf, unknown: allow}\n",
        "  resumption: false\n  handshakeTimeout: 1m 30s\n",
    );
    let danger = concat!(
        "  trust: {pinnedKeys: [AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=]}\n",
        "  danger:\n    acceptAnyName: {reason: lab}\n",
        "    tolerate: [{rule: key_usage, reason: old, until: 2027-01-01T00:00:00Z}]\n",
    );
    let aliases = "  trust: {bundles: [&a {file: ca.pem}, *a]}\n  alpn: &b {protocols: [\"h2\\u0041\", 'it''s']}\n";
    let block = "  trust:\n    bundles:\n      - pem: |-\n          text\n          more\n      - pem: >+\n          folded\n\n";
    vec![
        ("sample.yaml", document(sample)),
        ("danger.yaml", document(danger)),
        ("aliases.yaml", document(aliases)),
        ("block.yaml", document(block)),
        ("minimal.json", policy(&Pki::new("fuzz")).replace("-----", "-").chars().take(600).collect()),
        ("two.yaml", format!("---\n{}---\n{}", document(danger), document(danger))),
    ]
}

fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let pki = Pki::new("fuzz");
    let mut files = vec![(folder().join("policy.json"), policy(&pki).into_bytes())];
    let chains = chains(&pki);
    files.extend(
        chains.iter().map(|(name, _, chain)| (folder().join("corpora/verify_chain").join(name), framed(chain))),
    );
    let mut add = |target: &str, name: &str, seed: Vec<u8>| {
        files.push((folder().join("corpora").join(target).join(name), seed));
    };
    documents().into_iter().for_each(|(name, text)| add("native_document", name, text.into_bytes()));
    manifests::objects(&pki).into_iter().for_each(|(name, text)| add("manifests", name, text.into_bytes()));
    manifests::envoy(&pki).into_iter().for_each(|(name, text)| add("envoy_document", name, text.into_bytes()));
    flights::all(&pki).into_iter().for_each(|(name, _, flight)| add("handshake", name, flight));
    files
}

#[test]
#[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS=1 writes the files")]
fn the_committed_seeds_are_those_of_the_testkit() {
    let bless = std::env::var("UPTLS_BLESS").is_ok_and(|value| value == "1");
    for (path, content) in files() {
        if bless {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &content).unwrap();
        }
        assert!(fs::read(&path).unwrap() == content, "{}: UPTLS_BLESS=1 rewrites it", path.display());
    }
}

#[test]
fn every_seed_reaches_the_verdict_that_it_is_there_for() {
    let pki = Pki::new("fuzz");
    let text = policy(&pki);
    let prepared = uptls_manifest::prepare(&runtime(), text.as_bytes(), "", None, DangerPermission::Forbidden).unwrap();
    let code = |prepared: &Prepared, chain: &[Certificate]| {
        let pem: String = chain.iter().map(Certificate::pem).collect();
        prepared.report_pem(pem.as_bytes(), None).code.map_or("", |code| code.as_str())
    };
    for (name, wanted, chain) in chains(&pki) {
        assert_eq!(code(&prepared, &chain), wanted, "{name}");
    }
}

#[test]
fn the_seeds_of_manifests_reach_policies_and_the_seeds_of_envoy_every_standing() {
    let pki = Pki::new("fuzz");
    for (name, text) in manifests::objects(&pki) {
        let resolution = import([Document::new(name, text.as_bytes())]).resolve(&Scope::default());
        let usable =
            |draft| UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).and_then(|p| runtime().prepare(&p));
        let ready = resolution.policies.iter().filter(|policy| policy.draft.clone().and_then(usable).is_ok()).count();
        assert_eq!(ready > 0, name != "broken.yaml", "{name}");
    }
    let mut standings = Vec::new();
    for (name, text) in manifests::envoy(&pki) {
        let reading = envoy::read(text.as_bytes(), name, &|_| Err("no file".to_owned())).unwrap();
        standings.extend(reading.clusters.iter().map(|cluster| cluster.standing));
    }
    for wanted in [Standing::Verified, Standing::VerifiesNothing, Standing::PlainText, Standing::Unclear] {
        assert!(standings.contains(&wanted), "{wanted:?}: {standings:?}");
    }
}

#[test]
fn the_seeds_of_handshakes_end_as_they_should() {
    let pki = Pki::new("fuzz");
    let draft = uptls_manifest::parse(policy(&pki).as_bytes(), "", None).unwrap();
    let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap();
    let connector = Connector::new(&runtime(), &policy).unwrap();
    for (name, wanted, flight) in flights::all(&pki) {
        let host = BackendHost::parse("fuzz.example").unwrap();
        let mut handshake = connector.begin(&host, &ConnectOptions::default()).unwrap();
        let fed = handshake.feed(&flight[3..]);
        let error = fed.err().or_else(|| handshake.feed_eof().err());
        assert_eq!(error.map(|error| error.code().as_str()), Some(wanted), "{name}");
    }
}
