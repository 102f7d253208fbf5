//! What a `CertificateValidationContext` verifies, and which of its fields only seem to.

use std::net::IpAddr;

use uptls::{Inspection, MaterialDraft, PolicySpec, RevocationDraft, SanDraft, TrustDraft};

use super::finding::{Effect, Findings};
use super::host_names::HostNames;
use super::module;
use super::names;
use super::object::Object;
use super::secrets;
use super::sent_name::SentName;
use super::spiffe;

/// Judges a context that is there.
pub(super) fn judge(
    validation: &Object<'_>,
    context: &Object<'_>,
    sent: SentName,
    hosts: HostNames,
    spec: &mut PolicySpec,
    findings: &mut Findings,
) {
    validation.strict(KNOWN, findings);
    if module::judge(validation, &sent, spec, findings) {
        return;
    }
    let of_spiffe = spiffe::judge(validation, spec, findings);
    weakenings(validation, of_spiffe, findings);
    if of_spiffe {
        return;
    }
    let Some(trusted) = validation.get("trusted_ca") else {
        without_ca(validation, findings);
        return;
    };
    ignored_roots(validation, findings);
    let bundle = secrets::material(&trusted, "trusted_ca", findings);
    signing_leaves(&trusted, bundle.as_ref(), findings);
    spec.trust = TrustDraft { bundles: bundle.into_iter().collect(), ..TrustDraft::default() };
    pins(validation, spec, findings);
    spec.revocation = revocation(validation, findings);
    let auto = context.is_true("auto_sni_san_validation");
    reference_names(validation, auto, sent, hosts, spec, findings);
}

/// What weakens, or is written and does nothing, whatever else stands there.
fn weakenings(validation: &Object<'_>, of_spiffe: bool, findings: &mut Findings) {
    if validation.text("trust_chain_verification").is_some_and(|value| value != "VERIFY_TRUST_CHAIN") {
        let reason = "every certificate is taken, names included";
        at(validation, "trust_chain_verification", findings, Effect::Nothing, "accept_untrusted", reason, "remove it");
    }
    for (field, name, effect, reason) in WEAKENINGS {
        if validation.is_true(field) {
            at(validation, field, findings, *effect, name, reason, "remove it");
        }
    }
    if validation.get("custom_validator_config").is_some() && !of_spiffe {
        let reason = "what a validator of its own verifies is not known here";
        let (field, change) = ("custom_validator_config", "use trusted_ca and match_typed_subject_alt_names");
        at(validation, field, findings, Effect::Unclear, "custom_validator", reason, change);
    }
}

/// No `trusted_ca`: mostly Envoy then verifies nothing, whatever seems to be there.
fn without_ca(validation: &Object<'_>, findings: &mut Findings) {
    let change = "add trusted_ca and match_typed_subject_alt_names";
    let pinned = !validation.list("verify_certificate_spki").is_empty()
        || !validation.list("verify_certificate_hash").is_empty();
    let named = NAME_LISTS.iter().any(|field| !validation.list(field).is_empty());
    let (name, effect, reason) = if validation.get("custom_validator_config").is_some() {
        return;
    } else if validation.get("system_root_certs").is_some() {
        ("system_root_certs", Effect::Nothing, "Envoy takes the field and verifies nothing by it")
    } else if validation.get("ca_certificate_provider_instance").is_some() {
        ("provider_instance", Effect::Nothing, "Envoy takes the field and verifies nothing by it")
    } else if pinned {
        (
            "pin_without_ca",
            Effect::Less,
            "the certificate must be the pinned one, and may be expired or for another name",
        )
    } else if named {
        ("names_without_ca", Effect::Unclear, "Envoy refuses names without a CA")
    } else if validation.is_empty() {
        ("empty_validation_context", Effect::Nothing, "an empty context verifies nothing: every certificate is taken")
    } else {
        ("no_trusted_ca", Effect::Nothing, "without a CA nothing is verified")
    };
    findings.add(validation.spot(), effect, name, reason, change);
}

/// T3: an anchor of Envoy issues, unless its key usage forbids it. Only what stands in the document is looked at.
fn signing_leaves(at: &Object<'_>, bundle: Option<&MaterialDraft>, findings: &mut Findings) {
    let Some(text) = bundle.and_then(|bundle| bundle.pem.as_deref()) else { return };
    let certificates = Inspection::of_text(text.as_bytes(), "").unwrap_or_default();
    if certificates.iter().any(|certificate| !certificate.ca && certificate.key_usage.is_none()) {
        let reason = "a certificate in it is no CA and has no key usage: Envoy lets its key sign for any name";
        let change = "issue it again with a key usage of digitalSignature, or trust its CA";
        findings.add(at.spot(), Effect::Less, "leaf_as_anchor", reason, change);
    }
}

fn ignored_roots(validation: &Object<'_>, findings: &mut Findings) {
    for field in ["system_root_certs", "ca_certificate_provider_instance"] {
        if validation.get(field).is_some() {
            let reason = "Envoy takes the field and trusts nothing more by it";
            at(validation, field, findings, Effect::Note, "ignored_field", reason, "remove it");
        }
    }
}

/// V6. A hash of the whole certificate beside a CA has no field in a policy.
fn pins(validation: &Object<'_>, spec: &mut PolicySpec, findings: &mut Findings) {
    let texts = |field: &str| -> Vec<String> {
        validation.list(field).iter().filter_map(Object::as_text).map(str::to_owned).collect()
    };
    spec.spki_pins = texts("verify_certificate_spki");
    if !texts("verify_certificate_hash").is_empty() {
        let reason = "a policy has no pin of a certificate that a CA must vouch for as well";
        let (field, change) = ("verify_certificate_hash", "use verify_certificate_spki");
        at(validation, field, findings, Effect::Beyond, "certificate_hash", reason, change);
    }
}

/// V3: Envoy refuses what no list covers.
fn revocation(validation: &Object<'_>, findings: &mut Findings) -> Option<RevocationDraft> {
    let lists: Vec<MaterialDraft> =
        validation.get("crl").and_then(|source| secrets::material(&source, "crl", findings)).into_iter().collect();
    if lists.is_empty() {
        return None;
    }
    let depth = if validation.is_true("only_verify_leaf_cert_crl") { "leaf" } else { "chain" };
    Some(RevocationDraft { crls: lists, depth: Some(depth.to_owned()), unknown: None })
}

/// N3, N4: which names the certificate must hold.
fn reference_names(
    validation: &Object<'_>,
    auto: bool,
    sent: SentName,
    hosts: HostNames,
    spec: &mut PolicySpec,
    findings: &mut Findings,
) {
    let typed = validation.list("match_typed_subject_alt_names");
    let untyped = !validation.list("match_subject_alt_names").is_empty();
    // It takes the place of what `auto_sni_san_validation` looks for too.
    if hosts.authority_is_checked && (auto || (typed.is_empty() && !untyped)) {
        let reason = "the authority of each request may appear in a name of any type, in a URI too";
        let change = "set auto_sni_san_validation and sni in its place, or list match_typed_subject_alt_names";
        findings.add(validation.spot(), Effect::Less, "untyped_authority", reason, change);
        return;
    }
    if auto {
        by_sent_name(validation, &sent, findings);
        if !typed.is_empty() || untyped {
            let reason = "auto_sni_san_validation takes the place of the listed names, which are not looked for";
            findings.add(validation.spot(), Effect::Less, "names_replaced", reason, "remove one of the two");
        }
        return;
    }
    if typed.is_empty() && untyped {
        let reason = "names without a type match a SAN of any type";
        let change = "use match_typed_subject_alt_names";
        let field = "match_subject_alt_names";
        at(validation, field, findings, Effect::Less, "untyped_names", reason, change);
        return;
    }
    if untyped {
        let reason = "it is ignored, since match_typed_subject_alt_names is there";
        let field = "match_subject_alt_names";
        at(validation, field, findings, Effect::Less, "untyped_names_ignored", reason, "remove it");
    }
    if typed.is_empty() {
        let reason = "every certificate of this CA is taken, whatever its names are";
        let change = "add match_typed_subject_alt_names";
        findings.add(validation.spot(), Effect::Less, "no_names", reason, change);
        return;
    }
    if hosts.authority_is_checked {
        let reason = "the authority of each request is looked for too, and a policy has no way to want both";
        findings.add(validation.spot(), Effect::Beyond, "auto_san_validation", reason, "remove one of the two");
    }
    let names = names::judge(&typed, findings);
    spiffe::flat(validation, &names, findings);
    // N3: the server name alone is the identity.
    let alone = matches!((&sent, names.as_slice()), (SentName::Fixed(sent), [SanDraft { dns: Some(name), .. }]) if sent == name);
    if !alone {
        spec.subject_alt_names = names;
    }
}

/// `auto_sni_san_validation`: the name that is sent is looked for, as a dNSName.
fn by_sent_name(validation: &Object<'_>, sent: &SentName, findings: &mut Findings) {
    let (effect, name, reason, change) = match sent {
        SentName::Auto => return,
        SentName::Fixed(name) if name.parse::<IpAddr>().is_ok() => ADDRESS_AS_NAME,
        SentName::Fixed(_) => return,
        SentName::Address => ADDRESS_AS_NAME,
        SentName::Authority => (
            Effect::Less,
            "auto_sni_san_validation_without_sni",
            "a request whose authority is an address, or a connection without HTTP, sends no name, and Envoy then checks none",
            "set sni too",
        ),
        SentName::None => (
            Effect::Less,
            "auto_sni_san_validation_without_sni",
            "no server name is sent, and Envoy then checks no name at all",
            "set sni, or list match_typed_subject_alt_names",
        ),
        SentName::Several => (
            Effect::Beyond,
            "several_server_names",
            "the wanted name is that of the request or of the endpoint, or sni; a policy wants one of them",
            "keep sni alone",
        ),
        SentName::Unknown => (
            Effect::Unclear,
            "auto_host_sni",
            "an endpoint without a host name sends no name, and Envoy then checks none; the endpoints are not in this document",
            "set sni too",
        ),
    };
    findings.add(validation.spot(), effect, name, reason, change);
}

/// Adds a finding at a field.
fn at(
    object: &Object<'_>,
    field: &str,
    findings: &mut Findings,
    effect: Effect,
    name: &'static str,
    reason: &str,
    change: &str,
) {
    let found = object.get(field);
    findings.add(found.as_ref().unwrap_or(object).spot(), effect, name, reason, change);
}

const KNOWN: &[&str] = &[
    "allow_expired_certificate",
    "ca_certificate_provider_instance",
    "crl",
    "custom_validator_config",
    "match_subject_alt_names",
    "match_typed_subject_alt_names",
    "max_verify_depth",
    "only_verify_leaf_cert_crl",
    "require_signed_certificate_timestamp",
    "system_root_certs",
    "trust_chain_verification",
    "trusted_ca",
    "verify_certificate_hash",
    "verify_certificate_spki",
    "watched_directory",
];
const ADDRESS_AS_NAME: (Effect, &str, &str, &str) = (
    Effect::Less,
    "address_as_dns",
    "an address is sent as the server name, and matches a dNSName of this text, also by *.0.0.1",
    "set a DNS name as sni, or list match_typed_subject_alt_names with san_type IP_ADDRESS",
);
const NAME_LISTS: &[&str] = &["match_typed_subject_alt_names", "match_subject_alt_names"];
/// Field, name of the finding, effect, reason.
const WEAKENINGS: &[(&str, &str, Effect, &str)] = &[
    (
        "allow_expired_certificate",
        "allow_expired_certificate",
        Effect::Less,
        "certificates out of their time are taken, those not yet valid and stale lists too",
    ),
    (
        "max_verify_depth",
        "max_verify_depth",
        Effect::Less,
        "Envoy ignores it for upstreams: a chain may have any depth",
    ),
    (
        "require_signed_certificate_timestamp",
        "certificate_timestamp",
        Effect::Less,
        "Envoy ignores it: no timestamp is asked for",
    ),
];
