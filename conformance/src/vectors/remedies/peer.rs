//! Remedies of the peer: certificates that are issued again, chains that are sent, names.

use uptls::Code;
use uptls_testkit::{
    BasicConstraints, CrlTemplate, Key, KeyUsage, SERVER_AUTH, San, SignatureHash, Template, Version, YEAR, crl_pem,
};

use super::{Remedy, Said, keep_files, send};
use crate::vectors::scenario::{Authority, Minted, Scenario, make};

const FIRST: &str = "to send its own certificate first";
const ISSUED: &str = "certificate issued again";
const SENT: &str = "chain sent by the peer";
const TRUSTED: &str = "CA certificate added to the bundle";
const LISTS: &str = "list fetched";

pub(super) const REMEDIES: &[Remedy] = &[
    Remedy::new(Code::CertAlgorithmUnsupported, ISSUED, &["with another key"], new_keys),
    Remedy::new(Code::CertAlgorithmUnsupported, ISSUED, &["with SHA-256 or better"], |s, said| {
        named(s, said, |certificate, _| certificate.signature_hash = SignatureHash::Default);
    }),
    Remedy::new(Code::CertBadSignature, ISSUED, &["re-issue the certificate"], |s, _| send(s)),
    Remedy::new(Code::CertBudgetExceeded, SENT, &["send only the certificates that are needed"], |s, _| {
        every(s, |certificate| certificate.extra_extensions.clear());
        send(s);
    }),
    Remedy::new(Code::CertCaAsLeaf, SENT, &[FIRST], |s, _| send(s)),
    Remedy::new(Code::CertKeyUsage, SENT, &[FIRST], |s, _| send(s)),
    Remedy::new(Code::CertSelfSigned, SENT, &[FIRST], |s, _| send(s)),
    Remedy::new(Code::CertCaAsLeaf, ISSUED, &["issue a leaf"], |s, _| {
        s.leaf.basic_constraints = Some(BasicConstraints { ca: false, path_len: None });
    }),
    Remedy::new(Code::CertCriticalExtension, ISSUED, &["re-issued without it"], |s, said| {
        named(s, said, |certificate, _| certificate.extra_extensions.retain(|extension| !extension.critical));
    }),
    Remedy::new(Code::CertDistrusted, ISSUED, &["from another CA"], |s, _| {
        every(s, |certificate| certificate.spki_override = None);
    }),
    Remedy::new(Code::CertExpired, ISSUED, &["on the upstream"], |s, said| {
        let now = s.at;
        named(s, said, |certificate, _| certificate.not_after = now + YEAR);
    }),
    Remedy::new(Code::CertIssuerKeyChanged, TRUSTED, &["add a new CA certificate beside"], |s, _| trust_authorities(s)),
    Remedy::new(Code::CertIssuerNotCa, ISSUED, &["issue the certificate from another CA"], |s, _| another_ca(s)),
    Remedy::new(Code::CertKeyTooWeak, ISSUED, &["with another key"], new_keys),
    Remedy::new(Code::CertKeyUsage, ISSUED, &["with digitalSignature"], |s, _| {
        s.leaf.key_usage = Some(vec![KeyUsage::DigitalSignature]);
    }),
    Remedy::new(Code::CertMalformed, ISSUED, &["re-issued without that", "X.509 version 3"], |s, said| {
        every(s, |certificate| {
            certificate.extra_extensions.clear();
            certificate.version = Version::V3;
            certificate.name_constraints = None;
        });
        wanted_names(s, said);
    }),
    Remedy::new(Code::CertMissingIntermediate, SENT, &["to send the certificate of"], |s, _| send(s)),
    Remedy::new(
        Code::CertNameConstraint,
        ISSUED,
        &["from a CA that may issue for this name", "from a CA without name constraints"],
        |s, _| every(s, |certificate| certificate.name_constraints = None),
    ),
    Remedy::new(Code::CertNameConstraint, ISSUED, &["with the subjectAltName"], |s, said| {
        every(s, |certificate| certificate.name_constraints = None);
        wanted_names(s, said);
    }),
    Remedy::new(Code::CertNone, SENT, &["configure a certificate"], |s, _| send(s)),
    Remedy::new(Code::CertNotYetValid, "clock set", &["check the clock"], |s, _| {
        let begins = s.authorities.iter().map(|a| a.template.not_before).chain([s.leaf.not_before]);
        s.at = begins.max().unwrap_or_default();
    }),
    Remedy::new(Code::CertPathTooLong, ISSUED, &["from a CA that is nearer to"], |s, _| {
        s.flat();
        send(s);
    }),
    Remedy::new(Code::CertPinMismatch, "pin added to the policy", &["add the new pin"], |s, said| {
        s.set("spkiPins", format!("['{}']", pin(&said.minted.leaf)));
    }),
    Remedy::new(Code::CertPurpose, ISSUED, &["with serverAuth"], |s, said| {
        named(s, said, |certificate, _| certificate.extended_key_usage = Some(vec![SERVER_AUTH]));
    }),
    Remedy::new(Code::CertRevoked, ISSUED, &["replace it on the upstream"], |s, said| {
        keep_files(s, said);
        s.leaf.serial = Some(vec![0x55; 16]);
        if let Some(issuer) = s.authorities.get_mut(1) {
            issuer.template.serial = Some(vec![0x56; 16]);
        }
    }),
    Remedy::new(Code::CertSelfSigned, ISSUED, &["issue one from a trusted CA"], |s, _| {
        s.file("ca.pem", |m| m.root().pem());
        send(s);
    }),
    Remedy::new(Code::CertUnknownIssuer, ISSUED, &["byte for byte"], |s, _| send(s)),
    Remedy::new(Code::CertUnknownIssuer, TRUSTED, &["add its CA certificate", "add its certificate"], |s, _| {
        trust_authorities(s)
    }),
    Remedy::new(Code::CrlExpired, LISTS, &["fetch the current CRL"], |s, _| fresh_lists(s)),
    Remedy::new(Code::CrlUntrusted, LISTS, &["fetch the CRL", "with SHA-256 or better"], |s, _| fresh_lists(s)),
    Remedy::new(Code::CrlUntrusted, ISSUED, &["with cRLSign"], |s, _| {
        every_authority(s, |authority| authority.key_usage = Some(vec![KeyUsage::KeyCertSign, KeyUsage::CrlSign]));
        s.file("ca.pem", |m| m.root().pem());
    }),
    Remedy::new(Code::RevocationUnknown, ISSUED, &["renew the certificate"], |s, _| s.leaf.not_after = s.at + YEAR),
    Remedy::new(Code::RevocationUnknown, LISTS, &["add a current CRL of"], |s, _| fresh_lists(s)),
    Remedy::new(Code::RevocationUnknown, TRUSTED, &["trust the CA of it"], |s, _| {
        trust_authorities(s);
        fresh_lists(s);
    }),
    Remedy::new(Code::IssuerExpired, TRUSTED, &["replace CN="], |s, _| {
        let now = s.at;
        every_authority(s, |authority| authority.not_after = now + YEAR);
        s.leaf.not_after = now + YEAR;
    }),
    Remedy::new(Code::NameMismatch, ISSUED, &["re-issue it with"], wanted_names),
    Remedy::new(Code::SanMissing, ISSUED, &["with the subjectAltName", "with a subjectAltName"], wanted_names),
    Remedy::new(Code::SanTypeMismatch, ISSUED, &["re-issue it with"], wanted_names),
    Remedy::new(Code::SpiffeIdInvalid, ISSUED, &["a SPIFFE ID with a path"], |s, said| {
        s.leaf.basic_constraints = Some(BasicConstraints { ca: false, path_len: None });
        s.leaf.key_usage = Some(vec![KeyUsage::DigitalSignature]);
        wanted_names(s, said);
    }),
    Remedy::new(
        Code::SpiffeTrustDomain,
        "CA of the trust domain",
        &["belongs into a bundle with trustDomain"],
        vouching_ca,
    ),
];

/// The certificates that the hint names, as `CN=name`.
fn named(s: &mut Scenario, said: &Said<'_>, change: impl Fn(&mut Template, &mut Key)) {
    let is_named = |template: &Template| {
        let name = template.common_name.as_deref().unwrap_or_default();
        said.hint.contains(&format!("CN={name}"))
    };
    for Authority { key, template } in s.authorities.iter_mut().filter(|authority| is_named(&authority.template)) {
        change(template, key);
    }
    if is_named(&s.leaf) {
        change(&mut s.leaf, &mut s.leaf_key);
    }
}

fn every(s: &mut Scenario, change: impl Fn(&mut Template)) {
    every_authority(s, &change);
    change(&mut s.leaf);
}

fn every_authority(s: &mut Scenario, change: impl Fn(&mut Template)) {
    s.authorities.iter_mut().for_each(|authority| change(&mut authority.template));
}

fn new_keys(s: &mut Scenario, said: &Said<'_>) {
    named(s, said, |certificate, key| {
        certificate.spki_override = None;
        *key = Key::p256(certificate.common_name.as_deref().unwrap_or("new"));
    });
}

/// The usual CA, and a leaf as it was.
fn another_ca(s: &mut Scenario) {
    let usual = Scenario::new();
    s.authorities = usual.authorities;
    s.file("ca.pem", |m| m.root().pem());
    send(s);
}

/// The names that the policy wants, as the hint shows them; a SPIFFE ID that a prefix or a trust domain covers.
fn wanted_names(s: &mut Scenario, said: &Said<'_>) {
    let san = |name: &String| {
        let (kind, value) = name.split_once(':')?;
        Some(match kind {
            "dns" => San::dns(value),
            "ip" => San::ip(value),
            "uri" => San::uri(value),
            "spiffePathPrefix" => San::uri(&format!("{value}/x")),
            "spiffeTrustDomain" => San::uri(&format!("spiffe://{value}/x")),
            _ => return None,
        })
    };
    let names: Vec<San> = said.report.expected.iter().filter_map(san).collect();
    // A SPIFFE ID stands alone.
    let is_id = |san: &&San| matches!(san, San::Uri(uri) if uri.starts_with("spiffe:"));
    let names = names.iter().find(is_id).map_or(names.clone(), |id| vec![id.clone()]);
    s.sans(&names);
}

/// The bundle holds every authority, beside what it held.
fn trust_authorities(s: &mut Scenario) {
    let before = s.files.get("ca.pem").cloned();
    s.files.insert(
        "ca.pem",
        make(move |m: &Minted| {
            let own: String = m.authorities.iter().map(uptls_testkit::Certificate::pem).collect();
            let mut content = before.as_ref().map(|before| before(m)).unwrap_or_default();
            content.extend(own.into_bytes());
            content
        }),
    );
    s.set("trust", "{bundles: [{file: ca.pem}]}");
}

/// Every authority has a list that has just begun, signed as lists are.
fn fresh_lists(s: &mut Scenario) {
    let at = s.at;
    let mut names = Vec::new();
    for (index, name) in FRESH.iter().enumerate().take(s.authorities.len()) {
        s.file(name, move |m| {
            let list = CrlTemplate { this_update: at - 1, next_update: Some(at + YEAR), ..CrlTemplate::new(&[]) };
            crl_pem(&list.issued_by(&m.authorities[index]))
        });
        names.push(format!("{{file: {name}}}"));
    }
    s.set("revocation", format!("{{crls: [{}]}}", names.join(", ")));
}

/// A CA of the trust domain is trusted in a bundle of its own, and issues the leaf.
fn vouching_ca(s: &mut Scenario, said: &Said<'_>) {
    let domain = said.hint.rsplit("trustDomain: ").next().unwrap_or_default().to_owned();
    s.authorities = vec![Authority::new("vouching")];
    s.file("vouching.pem", |m| m.root().pem());
    let bundles = s.spec.iter().find(|(field, _)| *field == "trust").map(|(_, yaml)| yaml.clone()).unwrap_or_default();
    let own = format!("{{bundles: [{{file: vouching.pem, trustDomain: {domain}}}");
    let all = match bundles.strip_prefix("{bundles: [") {
        Some(others) => format!("{own}, {others}"),
        None => format!("{own}]}}"),
    };
    s.set("trust", all);
    // Bundles of several domains name theirs each.
    s.unset("revocation");
    send(s);
}

fn pin(leaf: &uptls_testkit::Certificate) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(leaf.spki_sha256())
}

const FRESH: [&str; 4] = ["fresh-0.crl", "fresh-1.crl", "fresh-2.crl", "fresh-3.crl"];
