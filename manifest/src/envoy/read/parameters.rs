//! `TlsParameters` as versions, suites and groups of a policy (H1, H2).

use uptls::PolicySpec;

use crate::envoy::parameters::{GROUPS, SCHEMES, SUITES, TLS13_SUITES};

use super::finding::{Effect, Findings};
use super::object::Object;

/// Without parameters Envoy has defaults, which end at TLS 1.2.
pub(super) fn judge(given: Option<Object<'_>>, context: &Object<'_>, spec: &mut PolicySpec, findings: &mut Findings) {
    let parameters = given.unwrap_or_else(|| context.clone());
    let is_given = parameters.spot().path != context.spot().path;
    if is_given {
        parameters.strict(KNOWN, findings);
    }
    let text = |name: &str| if is_given { parameters.text(name).unwrap_or_default() } else { "" };
    let max = match text("tls_maximum_protocol_version") {
        "TLSv1_3" => "1.3",
        "TLSv1_2" => "1.2",
        "" | "TLS_AUTO" => {
            let reason =
                "TLS 1.2 is the highest version: it is Envoy's default, and a server with TLS 1.3 alone is not reached";
            let change = "set tls_maximum_protocol_version: TLSv1_3";
            findings.add(parameters.spot(), Effect::Note, "default_maximum_version", reason, change);
            "1.2"
        }
        _ => {
            let (reason, change) = ("a policy has TLS 1.2 and 1.3 alone (H1)", "set TLSv1_3");
            findings.add(parameters.spot(), Effect::Beyond, "old_version", reason, change);
            return;
        }
    };
    let min = match text("tls_minimum_protocol_version") {
        "TLSv1_3" => "1.3",
        "" | "TLS_AUTO" | "TLSv1_2" => "1.2",
        _ => {
            let reason = "the lowest version is raised to TLS 1.2 (H1)";
            let change = "set tls_minimum_protocol_version: TLSv1_2";
            findings.add(parameters.spot(), Effect::Stricter, "old_version", reason, change);
            "1.2"
        }
    };
    spec.versions.min = Some(min.to_owned());
    spec.versions.max = Some(max.to_owned());
    if !is_given {
        return;
    }
    spec.cipher_suites = suites(&parameters, (min, max), findings);
    spec.groups = groups(&parameters, findings);
    beyond(&parameters, findings);
}

/// The suites of TLS 1.2 that are named, and all those of TLS 1.3, which cannot be chosen.
fn suites(parameters: &Object<'_>, (min, max): (&str, &str), findings: &mut Findings) -> Vec<String> {
    let named: Vec<&str> = parameters.list("cipher_suites").iter().filter_map(Object::as_text).collect();
    // Equally good ones stand in brackets.
    let named: Vec<&str> = named.iter().flat_map(|entry| entry.trim_matches(['[', ']']).split('|')).collect();
    if named.is_empty() || min == "1.3" {
        return Vec::new();
    }
    let mut suites: Vec<String> = Vec::new();
    let mut dropped = 0;
    for name in &named {
        match SUITES.iter().find(|(iana, openssl)| iana == name || openssl == name) {
            Some((iana, _)) => suites.push((*iana).to_owned()),
            None => dropped += 1,
        }
    }
    let spot = parameters.get("cipher_suites");
    let spot = spot.as_ref().unwrap_or(parameters).spot();
    if suites.is_empty() {
        let reason = "none of the suites is one that a policy may name (H2)";
        findings.add(spot, Effect::Beyond, "cipher_suites", reason, "name ECDHE suites with AES-GCM or ChaCha20");
    } else if dropped > 0 {
        let reason = format!("{dropped} suites are left out, which no policy may name (H2)");
        findings.add(spot, Effect::Stricter, "cipher_suites", reason, "name ECDHE suites with AES-GCM or ChaCha20");
    }
    if max == "1.3" && !suites.is_empty() {
        suites.extend(TLS13_SUITES.iter().map(|suite| (*suite).to_owned()));
    }
    suites
}

fn groups(parameters: &Object<'_>, findings: &mut Findings) -> Vec<String> {
    let named: Vec<&str> = parameters.list("ecdh_curves").iter().filter_map(Object::as_text).collect();
    let known = |name: &&str| GROUPS.iter().find(|(iana, boring)| iana == name || boring == name);
    let groups: Vec<String> = named.iter().filter_map(known).map(|(iana, _)| (*iana).to_owned()).collect();
    let spot = parameters.get("ecdh_curves");
    let spot = spot.as_ref().unwrap_or(parameters).spot();
    if groups.is_empty() && !named.is_empty() {
        let reason = "none of the groups is one that a policy may name (H2)";
        findings.add(spot, Effect::Beyond, "ecdh_curves", reason, "name X25519MLKEM768, X25519, P-256 or P-384");
    } else if groups.len() < named.len() {
        let reason = "groups are left out that no policy may name (H2)";
        findings.add(spot, Effect::Stricter, "ecdh_curves", reason, "name X25519MLKEM768, X25519, P-256 or P-384");
    }
    groups
}

fn beyond(parameters: &Object<'_>, findings: &mut Findings) {
    let algorithms = parameters.list("signature_algorithms");
    let named = |wanted: &&str| algorithms.iter().any(|own| own.as_text() == Some(*wanted));
    let are_ours = algorithms.len() == SCHEMES.len() && SCHEMES.iter().all(named);
    if !algorithms.is_empty() && !are_ours {
        let reason = "a policy verifies handshakes with the algorithms of its provider, and names none";
        findings.add(parameters.spot(), Effect::Note, "signature_algorithms", reason, "");
    }
    if let Some(policies) = parameters.get("compliance_policies").filter(|policies| !policies.is_empty()) {
        let reason = "it takes the place of versions, suites and groups";
        findings.add(
            policies.spot(),
            Effect::Beyond,
            "compliance_policies",
            reason,
            "name versions, suites and groups",
        );
    }
}

const KNOWN: &[&str] = &[
    "cipher_suites",
    "compliance_policies",
    "ecdh_curves",
    "signature_algorithms",
    "tls_maximum_protocol_version",
    "tls_minimum_protocol_version",
];
