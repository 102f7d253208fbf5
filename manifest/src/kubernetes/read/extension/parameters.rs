//! The vendors' words for versions, cipher suites, groups and signature algorithms, and ours (H1, H2).

use uptls::{PolicyErrorKind, Warning, WarningCode};

use super::ExtensionTls;
use super::fields::{unsupported, word};
use crate::kubernetes::model::provenance::Written;
use crate::position::Notes;

/// How a vendor spells no version, and TLS 1.0 to 1.3.
pub(super) struct Spelling([&'static str; 5]);

/// Sets the range of versions. A lower minimum than 1.2 is raised (H1); a lower maximum leaves nothing.
pub(super) fn versions(
    spelling: &Spelling,
    min: Option<Written<String>>,
    max: Option<Written<String>>,
    tls: &mut ExtensionTls,
    notes: &Notes<'_>,
) {
    let rank = |written: &Option<Written<String>>| written.as_ref().map_or(Some(0), |w| version(spelling, w, notes));
    let (Some(low), Some(high)) = (rank(&min), rank(&max)) else { return };
    if let Some(max) = max.as_ref().filter(|_| high > 0 && low > high) {
        let given = format!("{} below the minimum", word(&max.value));
        let wanted = "a version that is not below the minimum".to_owned();
        notes.near(&max.field, PolicyErrorKind::Invalid { given, wanted });
        return;
    }
    if let Some(max) = max.filter(|_| high > 0) {
        match native(high) {
            Some(version) => tls.max_version = Some(Written { value: version.to_owned(), ..max }),
            None => notes.near(&max.field, unsupported(word(&max.value), &spelling.0[3..])),
        }
    }
    if let Some(min) = min.filter(|_| low > 0) {
        if native(low).is_none() {
            let reason = format!("{} is raised to 1.2: nothing older is spoken", word(&min.value));
            tls.strengthened.push(strengthened(&min.field, &reason));
        }
        tls.min_version = Some(Written { value: native(low).unwrap_or("1.2").to_owned(), ..min });
    }
}

/// Sets the cipher suites. The vendors' engine leaves those of TLS 1.3 as they are, unless one is named.
pub(super) fn cipher_suites(list: Option<Written<Vec<Written<String>>>>, tls: &mut ExtensionTls, notes: &Notes<'_>) {
    let Some(list) = list else { return };
    let mut suites: Vec<String> = Vec::new();
    for item in &list.value {
        let text = item.value.trim();
        let group = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        for name in group.split('|') {
            suites.extend(named(&CIPHER_SUITES, name, &item.field, notes));
        }
    }
    let speaks_13 = tls.max_version.as_ref().is_none_or(|version| version.value == "1.3");
    if speaks_13 && !suites.iter().any(|suite| TLS13.contains(&suite.as_str())) {
        suites.extend(TLS13.map(str::to_owned));
    }
    tls.cipher_suites = Some(Written { field: list.field, origin: list.origin, value: suites });
}

/// Sets the groups.
pub(super) fn groups(list: Option<Written<Vec<Written<String>>>>, tls: &mut ExtensionTls, notes: &Notes<'_>) {
    let Some(Written { field, origin, value }) = list else { return };
    let value = value.iter().filter_map(|item| named(&GROUPS, &item.value, &item.field, notes)).collect();
    tls.groups = Some(Written { field, origin, value });
}

/// A list that permits all that is offered changes nothing. A narrower one cannot be held, and without it more would
/// be accepted.
pub(super) fn signature_algorithms(list: Option<Written<Vec<Written<String>>>>, notes: &Notes<'_>) {
    let Some(list) = list else { return };
    let missing = SIGNATURES.iter().find(|name| !list.value.iter().any(|item| item.value.trim() == **name));
    if let Some(missing) = missing {
        let given = format!("a list of signature algorithms without {missing}");
        notes.near(&list.field, unsupported(&given, &["no list at all: signature algorithms cannot be narrowed"]));
    }
}

/// Sets the protocols of a list.
pub(super) fn alpn(list: Option<Written<Vec<Written<String>>>>, tls: &mut ExtensionTls) {
    let Some(Written { field, origin, value }) = list else { return };
    let value = value.into_iter().map(|item| item.value).collect();
    tls.alpn = Some(Written { field, origin, value });
}

/// Says that nothing is ever renegotiated.
pub(super) fn renegotiation(flag: Option<Written<()>>, tls: &mut ExtensionTls) {
    let reason = "renegotiation does not exist here; the connection goes on without it";
    tls.strengthened.extend(flag.map(|flag| strengthened(&flag.field, reason)));
}

/// The merge adds the object.
fn strengthened(field: &str, what: &str) -> Warning {
    Warning::new(WarningCode::Strengthened, [("field", field.to_owned()), ("what", what.to_owned())])
}

/// 0 for no version, 1 to 4 for TLS 1.0 to 1.3.
fn version(spelling: &Spelling, written: &Written<String>, notes: &Notes<'_>) -> Option<usize> {
    let found = spelling.0.iter().position(|name| *name == written.value.trim());
    if found.is_none() {
        notes.near(&written.field, unsupported(word(&written.value), &spelling.0));
    }
    found
}

fn native(rank: usize) -> Option<&'static str> {
    match rank {
        3 => Some("1.2"),
        4 => Some("1.3"),
        _ => None,
    }
}

/// The IANA name of what has one of the names of a row.
fn named(table: &[(&str, &str)], name: &str, field: &str, notes: &Notes<'_>) -> Option<String> {
    let name = name.trim();
    let found = table.iter().find(|row| row.0 == name || row.1 == name).map(|row| row.1.to_owned());
    if found.is_none() {
        let known: Vec<&str> = table.iter().map(|row| row.0).collect();
        notes.near(field, unsupported(word(name), &known));
    }
    found
}

pub(super) const GLOO: Spelling = Spelling(["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"]);
pub(super) const KGATEWAY: Spelling = Spelling(["AUTO", "1.0", "1.1", "1.2", "1.3"]);
/// OpenSSL's name and IANA's.
const CIPHER_SUITES: [(&str, &str); 9] = [
    ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
    ("TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
    ("TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    ("ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    ("ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
];
const GROUPS: [(&str, &str); 4] =
    [("X25519MLKEM768", "X25519MLKEM768"), ("X25519", "X25519"), ("P-256", "secp256r1"), ("P-384", "secp384r1")];
/// What a handshake offers, in the names of RFC 8446.
const SIGNATURES: [&str; 10] = [
    "ecdsa_secp256r1_sha256",
    "ecdsa_secp384r1_sha384",
    "ecdsa_secp521r1_sha512",
    "ed25519",
    "rsa_pss_rsae_sha256",
    "rsa_pss_rsae_sha384",
    "rsa_pss_rsae_sha512",
    "rsa_pkcs1_sha256",
    "rsa_pkcs1_sha384",
    "rsa_pkcs1_sha512",
];
const TLS13: [&str; 3] = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
