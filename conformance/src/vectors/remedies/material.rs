//! Remedies of the operator and of the policy's author: files that are replaced, fields that are corrected.

use uptls::Code;
use uptls_testkit::{CLIENT_AUTH, CrlTemplate, Key, San, Template, YEAR, crl_pem};

use super::{Remedy, Said, send};
use crate::vectors::scenario::Scenario;

const FIELD: &str = "field of the policy corrected";
/// The commands that hints name are run by `core/tests/verify/material_encodings.rs`.
const FILE: &str = "file replaced or made readable";

pub(super) const REMEDIES: &[Remedy] = &[
    Remedy::new(Code::ChainParse, "input corrected", &["give the certificates in PEM"], |s, _| send(s)),
    Remedy::new(Code::CrlParse, FILE, &["replace it with a complete X.509 CRL"], lists),
    Remedy::new(Code::CrlUnreadable, FILE, &["make the file readable"], lists),
    Remedy::new(Code::DocumentParse, FIELD, &["correct the line", "remove the field", "write "], |s, _| {
        s.rewrite = None;
        known_fields(s);
    }),
    Remedy::new(Code::DocumentTooLarge, FIELD, &["split it"], |s, _| {
        s.rewrite = None;
        s.unset("groups");
    }),
    Remedy::new(Code::IdentityChainOrder, FILE, &["put the leaf first"], identity),
    Remedy::new(Code::IdentityEncrypted, FILE, &["convert it", "openssl pkcs8 -topk8"], identity),
    Remedy::new(Code::IdentityExpired, FILE, &["renew the client certificate"], identity),
    Remedy::new(Code::IdentityIncomplete, FIELD, &["add spec.identity."], identity),
    Remedy::new(Code::IdentityKeyMismatch, FILE, &["use the key"], identity),
    Remedy::new(Code::IdentityKeyTooWeak, FILE, &["use RSA of 2048"], identity),
    Remedy::new(Code::IdentityNotYetValid, "clock set", &["check the clock"], |s, said| {
        // The message names when it begins.
        let message = said.report.message.as_deref().unwrap_or_default();
        let begins = message.split("valid from ").nth(1).and_then(|rest| rest.split(';').next());
        let clock = begins.and_then(|time| uptls::FixedClock::parse(time).ok());
        let now = clock.map(|clock| uptls::Clock::now(&clock).as_secs());
        s.at = now.and_then(|now| i64::try_from(now).ok()).unwrap_or(s.at);
    }),
    Remedy::new(Code::IdentityParse, FILE, &["give PEM", "convert it"], identity),
    Remedy::new(Code::IdentityPassphrase, FILE, &["right passphrase", "passphrase"], identity),
    Remedy::new(Code::IdentityUnreadable, FILE, &["make the file readable"], identity),
    Remedy::new(Code::NameInvalid, FIELD, &["form", "path of the workload", "subjectAltNames"], corrected),
    Remedy::new(Code::NameMissing, FIELD, &["set serverName"], |s, _| s.set("serverName", "backend.test")),
    Remedy::new(
        Code::PolicyInvalid,
        FIELD,
        &["set ", "remove ", "correct ", "name the trust domain", "by a bundle"],
        corrected,
    ),
    Remedy::new(Code::TrustBundleEmpty, FILE, &["put at least one CERTIFICATE block"], bundle),
    Remedy::new(Code::TrustBundleExpired, FILE, &["replace the bundle"], |s, _| {
        let now = s.at;
        s.authorities.iter_mut().for_each(|authority| authority.template.not_after = now + YEAR);
        s.leaf.not_after = now + YEAR;
        bundles(s);
    }),
    Remedy::new(Code::TrustBundleParse, FILE, &["repair or remove the block", "convert it"], bundle),
    Remedy::new(Code::TrustMissing, FIELD, &["add trust.bundles"], |s, _| {
        s.set("trust", "{bundles: [{file: ca.pem}]}")
    }),
    Remedy::new(Code::TrustUnreadable, FILE, &["make the file readable"], bundle),
    Remedy::new(Code::UnsupportedOption, FIELD, &["replace "], corrected),
];

fn bundle(s: &mut Scenario, _: &Said<'_>) {
    bundles(s);
}

/// Every file that a bundle names holds the root.
fn bundles(s: &mut Scenario) {
    for name in ["ca.pem", "other.pem", "second.pem", "missing.pem", "absent.pem", "old.pem"] {
        s.file(name, |m| m.root().pem());
    }
    s.set("trust", "{bundles: [{file: ca.pem}]}");
}

/// Complete lists of every authority, in the place of those that are not.
fn lists(s: &mut Scenario, _: &Said<'_>) {
    s.file("fresh-0.crl", |m| crl_pem(&CrlTemplate::new(&[]).issued_by(m.root())));
    s.file("fresh-1.crl", |m| crl_pem(&CrlTemplate::new(&[]).issued_by(m.issuer())));
    s.set("revocation", "{crls: [{file: fresh-0.crl}, {file: fresh-1.crl}]}");
}

/// A client certificate that is valid now, with its key.
fn identity(s: &mut Scenario, _: &Said<'_>) {
    let template = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf("client") };
    let template = template.with_sans(&[San::uri("spiffe://prod/gateway")]).with_validity(s.at - YEAR, s.at + YEAR);
    let certificate = template.self_signed(&Key::p256("client of the remedy"));
    let key = certificate.key().clone();
    s.file("proven.crt", move |_| certificate.pem());
    s.file("proven.key", move |_| key.pkcs8_pem());
    s.set("identity", "{certificate: {file: proven.crt}, key: {file: proven.key}}");
}

/// The field that the error names is as it usually is; one that usually is not there is left out.
fn corrected(s: &mut Scenario, said: &Said<'_>) {
    let paths: Vec<&str> = said.report.errors.iter().map(|problem| problem.path.as_str()).collect();
    for path in paths {
        let path = path.strip_prefix("spec.").unwrap_or(path);
        match path.split(['.', '[']).next().unwrap_or_default() {
            "apiVersion" | "kind" | "metadata" => s.rewrite = None,
            "backendHost" => s.host = Some("backend.test"),
            "serverName" => s.set("serverName", "backend.test"),
            "subjectAltNames" => s.wants("[{dns: backend.test}]"),
            "trust" => {
                s.set("trust", "{bundles: [{file: ca.pem}]}");
                s.wants("[{dns: backend.test}]");
            }
            "revocation" => lists(s, said),
            "danger" => s.set("danger", "{}"),
            "versions" => s.set("versions", "{min: '1.2', max: '1.3'}"),
            "handshakeTimeout" => s.set("handshakeTimeout", "10s"),
            field => s.spec.retain(|(known, _)| *known != field),
        }
    }
    s.file("ca.pem", |m| m.root().pem());
}

/// What is no field of a policy goes, and what holds another kind of value is as it usually is.
fn known_fields(s: &mut Scenario) {
    const KNOWN: [&str; 13] = [
        "alpn",
        "cipherSuites",
        "danger",
        "groups",
        "handshakeTimeout",
        "identity",
        "resumption",
        "revocation",
        "serverName",
        "spkiPins",
        "subjectAltNames",
        "trust",
        "versions",
    ];
    s.spec.retain(|(field, _)| KNOWN.contains(field));
    s.unset("groups");
    s.unset("revocation");
    s.set("trust", "{bundles: [{file: ca.pem}]}");
    s.wants("[{dns: backend.test}]");
}
