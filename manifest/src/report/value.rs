//! The value of a field of a policy, for people. Material is called by its name; no key is ever shown.

use uptls::{MaterialDraft, PolicySpec, SanDraft, SpiffeDraft, SystemTrustDraft};

/// What stands at `path`; empty where the path says it all.
pub(super) fn of(spec: &PolicySpec, path: &str) -> String {
    let (field, index) = indexed(path);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match (field, index) {
        ("spec.alpn" | "spec.alpn.protocols", _) => spec.alpn.protocols.join(", "),
        ("spec.cipherSuites", _) => list(&spec.cipher_suites, index),
        ("spec.groups", _) => list(&spec.groups, index),
        ("spec.handshakeTimeout", _) => text(&spec.handshake_timeout),
        ("spec.identity" | "spec.identity.certificate", _) => {
            let certificate = spec.identity.as_ref().and_then(|identity| identity.certificate.as_ref());
            certificate.map(material).unwrap_or_default()
        }
        ("spec.resumption", _) => spec.resumption.map(|resumption| resumption.to_string()).unwrap_or_default(),
        ("spec.serverName", _) => text(&spec.server_name),
        ("spec.spkiPins", _) => list(&spec.spki_pins, index),
        ("spec.subjectAltNames", Some(index)) => spec.subject_alt_names.get(index).map(name).unwrap_or_default(),
        ("spec.trust.bundles", Some(index)) => spec.trust.bundles.get(index).map(material).unwrap_or_default(),
        ("spec.trust.pinnedCertificates", _) => list(&spec.trust.pinned_certificates, index),
        ("spec.trust.pinnedKeys", _) => list(&spec.trust.pinned_keys, index),
        ("spec.trust.systemTrustDomain", _) => text(&spec.trust.system_trust_domain),
        ("spec.trust.system", _) => match spec.trust.system {
            SystemTrustDraft::Mozilla => "mozilla".to_owned(),
            SystemTrustDraft::Native => "native".to_owned(),
            SystemTrustDraft::Platform => "platform".to_owned(),
            _ => "false".to_owned(),
        },
        ("spec.versions.max", _) => text(&spec.versions.max),
        ("spec.versions.min", _) => text(&spec.versions.min),
        _ => String::new(),
    }
}

/// `spec.trust.bundles[1]` is the second of `spec.trust.bundles`.
fn indexed(path: &str) -> (&str, Option<usize>) {
    let indexed = path.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    match indexed.map(|(field, index)| (field, index.parse())) {
        Some((field, Ok(index))) => (field, Some(index)),
        _ => (path, None),
    }
}

fn list(items: &[String], index: Option<usize>) -> String {
    match index {
        Some(index) => items.get(index).cloned().unwrap_or_default(),
        None => items.join(", "),
    }
}

fn material(material: &MaterialDraft) -> String {
    let file = material.file.as_ref().map(|file| file.display().to_string());
    file.or_else(|| material.name.clone()).unwrap_or_else(|| "inline".to_owned())
}

fn name(san: &SanDraft) -> String {
    let kinds =
        [("dns:", &san.dns), ("ip:", &san.ip), ("uri:", &san.uri), ("any SPIFFE ID of ", &san.spiffe_trust_domain)];
    let below = |spiffe: &SpiffeDraft| {
        let [domain, path] =
            [&spiffe.trust_domain, &spiffe.path_prefix].map(|text| text.as_deref().unwrap_or_default());
        format!("any SPIFFE ID of {domain}{path}")
    };
    let simple = kinds.iter().find_map(|(kind, name)| Some(format!("{kind}{}", name.as_ref()?)));
    simple.or_else(|| san.spiffe.as_ref().map(below)).unwrap_or_default()
}
