//! What an `UpstreamTlsContext` verifies.

use uptls::{AlpnDraft, DnsName, PolicySpec};

use crate::node::{Node, Resolved, Value};

use super::finding::{Effect, Findings};
use super::host_names::{Endpoints, HostNames};
use super::object::Object;
use super::secrets::Secrets;
use super::sent_name::SentName;
use super::{identity, parameters, validation};

/// Judges a context; the policy is good for nothing where a finding stands in its way.
pub(super) fn judge(
    context: &Object<'_>,
    hosts: HostNames,
    secrets: &Secrets<'_>,
    findings: &mut Findings,
) -> Option<PolicySpec> {
    context.strict(CONTEXT, findings);
    let mut spec = PolicySpec::default();
    let sent = server_name(context, hosts, &mut spec, findings);
    if context.is_true("allow_renegotiation") {
        let reason = "a policy never renegotiates (H7)";
        findings.add(context.spot(), Effect::Stricter, "allow_renegotiation", reason, "remove it");
    }
    if context.text("max_session_keys") == Some("0") {
        spec.resumption = Some(false);
    }
    let Some(common) = context.get("common_tls_context") else {
        nothing(context, findings);
        return None;
    };
    common.strict(COMMON, findings);
    foreign(&common, findings);
    spec.alpn = AlpnDraft {
        protocols: common.list("alpn_protocols").iter().filter_map(Object::as_text).map(str::to_owned).collect(),
        required: false,
    };
    parameters::judge(common.get("tls_params"), context, &mut spec, findings);
    identity::judge(&common, secrets, &mut spec, findings);
    let validation = effective(&common, secrets, findings)?;
    let path = format!("{}.validation_context", common.spot().path);
    validation::judge(&Object::new(&validation, path), context, sent, hosts, &mut spec, findings);
    Some(spec)
}

/// What is sent (N2), and where it comes from.
fn server_name(context: &Object<'_>, hosts: HostNames, spec: &mut PolicySpec, findings: &mut Findings) -> SentName {
    let name = context.text("sni");
    // The authority goes before the host name, and that before `sni`.
    let automatic = if hosts.authority_is_sent {
        Some(if name.is_some() { SentName::Several } else { SentName::Authority })
    } else if context.is_true("auto_host_sni") {
        match (hosts.endpoints, name) {
            (Endpoints::Address, _) => Some(SentName::Address),
            (Endpoints::Named, _) => Some(SentName::Auto),
            (Endpoints::Nameless, None) => None,
            (Endpoints::Nameless | Endpoints::Unknown, Some(_)) => Some(SentName::Several),
            (Endpoints::Unknown, None) => Some(SentName::Unknown),
        }
    } else {
        None
    };
    if let Some(automatic) = automatic {
        spec.server_name = Some("auto".to_owned());
        return automatic;
    }
    let Some(name) = name else {
        spec.server_name = Some("none".to_owned());
        return SentName::None;
    };
    let canonical = DnsName::parse(name).ok().filter(|parsed| parsed.as_str() == name.to_ascii_lowercase());
    match canonical {
        Some(parsed) => {
            spec.server_name = Some(parsed.to_string());
            SentName::Fixed(parsed.to_string())
        }
        None => {
            let spot = context.get("sni");
            let spot = spot.as_ref().unwrap_or(context).spot();
            let reason = "Envoy sends it as it is, and no server name may be so (N2)";
            findings.add(spot, Effect::Beyond, "sni_invalid", reason, "write a DNS name without a dot at its end");
            SentName::Fixed(name.to_owned())
        }
    }
}

fn foreign(common: &Object<'_>, findings: &mut Findings) {
    for (field, reason) in [
        ("custom_handshaker", "what a handshaker of its own verifies is not known here"),
        ("custom_tls_certificate_selector", "a selector of its own chooses the client certificate"),
    ] {
        if let Some(found) = common.get(field) {
            findings.add(found.spot(), Effect::Unclear, "custom_extension", reason, "remove it");
        }
    }
    if let Some(found) = common.get("key_log") {
        let reason = "anyone who can read the key log can read the connections";
        findings.add(found.spot(), Effect::Stricter, "key_log", reason, "remove it");
    }
}

/// The validation context that is in force: inline, of a secret, or both merged.
fn effective(common: &Object<'_>, secrets: &Secrets<'_>, findings: &mut Findings) -> Option<Node> {
    if let Some(inline) = common.get("validation_context") {
        return Some(inline.node().clone());
    }
    if let Some(config) = common.get("validation_context_sds_secret_config") {
        return secret(&config, secrets, findings);
    }
    if let Some(combined) = common.get("combined_validation_context") {
        combined.strict(&["default_validation_context", "validation_context_sds_secret_config"], findings);
        let given =
            combined.get("validation_context_sds_secret_config").map(|config| secret(&config, secrets, findings));
        let default = combined.get("default_validation_context").map(|default| default.node().clone());
        return match (default, given) {
            (_, Some(None)) => None,
            (Some(default), Some(Some(given))) => Some(merge(default, given)),
            (Some(one), None) | (None, Some(Some(one))) => Some(one),
            (None, None) => {
                nothing(&combined, findings);
                None
            }
        };
    }
    nothing(common, findings);
    None
}

fn secret(config: &Object<'_>, secrets: &Secrets<'_>, findings: &mut Findings) -> Option<Node> {
    match secrets.find(config, "validation_context", findings) {
        Ok(node) => Some(node),
        Err(reason) => {
            let reason = format!("the secret is not known here: {reason}");
            let change = "read a config dump, which holds the secrets, or the files of SDS beside the document";
            findings.add(config.spot(), Effect::Unclear, "secret_unknown", reason, change);
            None
        }
    }
}

fn nothing(at: &Object<'_>, findings: &mut Findings) {
    let reason = "without a validation context Envoy verifies nothing: every certificate is taken";
    let change = "add a validation_context with trusted_ca and match_typed_subject_alt_names";
    findings.add(at.spot(), Effect::Nothing, "no_validation_context", reason, change);
}

/// As protobuf merges: lists are joined, of other fields the second counts, unless it is false, zero or the first value of its type:
/// then it takes nothing back.
fn merge(default: Node, given: Node) -> Node {
    let place = default.place;
    let (Value::Map(mut entries), Value::Map(others)) = (default.value, given.value.clone()) else { return given };
    for other in others {
        if other.value.is_null() || is_first_value(&other.value) {
            continue;
        }
        let own = entries.iter_mut().find(|entry| entry.key == other.key);
        match own {
            None => entries.push(other),
            Some(own) => match (&mut own.value.value, other.value.value) {
                (Value::List(nodes), Value::List(more)) => nodes.extend(more),
                (value, other) => *value = other,
            },
        }
    }
    Node { place, value: Value::Map(entries) }
}

fn is_first_value(node: &Node) -> bool {
    match &node.value {
        Value::Text(scalar) if scalar.resolve() == Resolved::Bool(false) => true,
        Value::Text(_) => node.text().is_some_and(|text| ["", "0", "VERIFY_TRUST_CHAIN"].contains(&text)),
        Value::List(_) | Value::Map(_) => false,
    }
}

const COMMON: &[&str] = &[
    "alpn_protocols",
    "combined_validation_context",
    "custom_handshaker",
    "custom_tls_certificate_selector",
    "key_log",
    "tls_certificate_provider_instance",
    "tls_certificate_sds_secret_configs",
    "tls_certificates",
    "tls_params",
    "validation_context",
    "validation_context_sds_secret_config",
];
const CONTEXT: &[&str] = &[
    "allow_renegotiation",
    "auto_host_sni",
    "auto_sni_san_validation",
    "common_tls_context",
    "enforce_rsa_key_usage",
    "max_session_keys",
    "sni",
];
