//! Whose SPIFFE IDs which CA may vouch for in Envoy: its SPIFFE validator, and its default one, which does not ask (T9, L3).

use std::collections::BTreeSet;

use uptls::{MaterialDraft, PolicySpec, SanDraft, SpiffeId, TrustDomain};

use super::finding::{Effect, Findings};
use super::names;
use super::object::Object;
use super::secrets;

/// Judges the validator of `validation`, if it is Envoy's SPIFFE validator. `false`: it is another, or none.
pub(super) fn judge(validation: &Object<'_>, spec: &mut PolicySpec, findings: &mut Findings) -> bool {
    let config = validation.dig(&["custom_validator_config", "typed_config"]);
    let Some(config) = config.filter(|config| config.type_name() == VALIDATOR) else { return false };
    config.strict(&["trust_bundles", "trust_domains"], findings);
    if let Some(map) = config.get("trust_bundles") {
        let reason = "a policy names each bundle, and reads PEM";
        findings.add(map.spot(), Effect::Beyond, "spiffe_bundle_map", reason, "use trust_domains");
    }
    for domain in config.list("trust_domains") {
        spec.trust.bundles.extend(bundle(&domain, findings));
    }
    for field in IGNORED {
        if let Some(found) = validation.get(field).filter(|found| !found.is_empty()) {
            let reason = "Envoy's SPIFFE validator ignores it";
            findings.add(
                found.spot(),
                Effect::Less,
                "ignored_by_spiffe",
                reason,
                "remove it, or use the module of uptls",
            );
        }
    }
    let reason =
        "Envoy also refuses a certificate without a key usage, and takes the trust domain of its first URI name";
    findings.add(config.spot(), Effect::Note, "spiffe_validator", reason, "");
    reference_names(validation, &config, spec, findings);
    true
}

fn bundle(domain: &Object<'_>, findings: &mut Findings) -> Option<MaterialDraft> {
    domain.strict(&["name", "trust_bundle"], findings);
    let name = domain.text("name").unwrap_or_default();
    if TrustDomain::parse(name).is_err() {
        let reason = "it is not the name of a SPIFFE trust domain";
        findings.add(domain.spot(), Effect::Beyond, "trust_domain_invalid", reason, "correct the name");
        return None;
    }
    let Some(source) = domain.get("trust_bundle") else {
        let reason = "a trust domain without a bundle";
        findings.add(domain.spot(), Effect::Unclear, "malformed", reason, "add its trust_bundle");
        return None;
    };
    Some(secrets::material(&source, "trust_bundle", findings)?.of_trust_domain(name))
}

/// The validator takes no certificate without a SPIFFE ID of one of its domains.
fn reference_names(validation: &Object<'_>, config: &Object<'_>, spec: &mut PolicySpec, findings: &mut Findings) {
    let typed = validation.list("match_typed_subject_alt_names");
    if let Some(untyped) = validation.get("match_subject_alt_names").filter(|_| typed.is_empty()) {
        let reason = "names without a type match a SAN of any type";
        let change = "use match_typed_subject_alt_names";
        findings.add(untyped.spot(), Effect::Less, "untyped_names", reason, change);
        return;
    }
    if typed.is_empty() {
        let reason = "every workload of these trust domains is taken";
        let change = "add match_typed_subject_alt_names";
        findings.add(config.spot(), Effect::Less, "no_names", reason, change);
        return;
    }
    let wanted = names::judge(&typed, findings);
    let bundled: BTreeSet<&str> =
        spec.trust.bundles.iter().filter_map(|bundle| bundle.trust_domain.as_deref()).collect();
    for name in &wanted {
        let (reason, change) = match domain_of(name) {
            None => (
                "beside the name Envoy wants a SPIFFE ID of one of the trust domains, and a policy does not",
                "name SPIFFE IDs alone",
            ),
            Some(domain) if !bundled.contains(domain.as_str()) => (
                "no bundle is of the trust domain of a name, which is therefore never taken",
                "add its bundle, or remove the name",
            ),
            Some(_) => continue,
        };
        findings.add(config.spot(), Effect::Beyond, "spiffe_names", reason, change);
    }
    spec.subject_alt_names = wanted;
}

/// Notes names of several trust domains under one set of CAs.
pub(super) fn flat(at: &Object<'_>, names: &[SanDraft], findings: &mut Findings) {
    let domains: BTreeSet<String> = names.iter().filter_map(domain_of).collect();
    if domains.len() > 1 {
        let domains = domains.into_iter().collect::<Vec<_>>().join(", ");
        let reason = format!("each of these CAs can issue the IDs of every wanted SPIFFE trust domain: {domains}");
        let change = "use one cluster per trust domain, or the validator envoy.tls.cert_validator.spiffe";
        findings.add(at.spot(), Effect::Less, "spiffe_domains_mixed", reason, change);
    }
}

/// The trust domain of the IDs that a name takes.
fn domain_of(name: &SanDraft) -> Option<String> {
    let SanDraft { dns: _, ip: _, spiffe, spiffe_trust_domain, uri } = name;
    let of_uri = || SpiffeId::parse(uri.as_deref()?).ok().map(|id| id.trust_domain().to_string());
    let below = || spiffe.as_ref()?.trust_domain.clone();
    spiffe_trust_domain.clone().or_else(below).or_else(of_uri)
}

/// What the validator does not look at.
const IGNORED: &[&str] = &["crl", "trusted_ca", "verify_certificate_hash", "verify_certificate_spki"];
const VALIDATOR: &str = "SPIFFECertValidatorConfig";
