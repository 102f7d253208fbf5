//! From a prepared policy to an `UpstreamTlsContext`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use uptls::danger::PeerDanger;
use uptls::{
    BackendHost, PolicyError, PolicyErrorKind, Prepared, Problem, Problems, Resumption, RevocationDepth, SanMatcher,
    ServerNameRule, UpstreamTlsPolicy, Warning, interop,
};

use super::difference::Difference;
use super::exported::Export;
use super::options::{ExportOptions, Placement};
use super::owner::Form;
use super::place::{Material, Target};
use super::{exportable, matchers, parameters};

/// The `UpstreamTlsContext` that gives the same verdict as `prepared` (X1..X3). It writes nothing.
///
/// # Errors
/// `not_exportable` for each feature of the policy that Envoy lacks, naming the rule (X2); codes of the material if a
/// file has changed since it was prepared.
pub fn export(prepared: &Prepared, options: &ExportOptions) -> Result<Export, Problems> {
    let policy = prepared.policy();
    exportable::check(prepared, options)?;
    let names = reference_names(policy, options)?;
    let target = Target::of(prepared, options, Form::Own);
    let material = Material::place(prepared, options, &target)?;
    let mut validation = material.validation;
    matchers::write(&names, &mut validation);
    revocation(policy, &mut validation);
    let mut common = Map::new();
    common.insert("tls_params".to_owned(), parameters::write(prepared));
    common.extend(material.identity);
    let (field, value) = match material.validation_sds {
        None => ("validation_context", Value::Object(validation)),
        Some(sds) => (
            "combined_validation_context",
            json!({"default_validation_context": validation, "validation_context_sds_secret_config": sds}),
        ),
    };
    common.insert(field.to_owned(), value);
    let context = Value::Object(context(policy, options, common));
    Ok(Export {
        context,
        files: material.files,
        warnings: warnings(prepared, &names),
        destination: target.destination(),
        reads: reads(policy, &options.placement),
    })
}

/// Every file that `policy` was made of, and where it stands itself.
pub(super) fn reads(policy: &UpstreamTlsPolicy, placement: &Placement) -> Vec<PathBuf> {
    let mut reads = interop::files(policy);
    if let Placement::CaFile { owner, .. } | Placement::Sds { owner, .. } = placement {
        reads.extend(owner.source().map(Path::to_path_buf));
    }
    reads
}

/// The context around `common`: protocols, server name and resumption are Envoy's own fields in every form.
pub(super) fn context(
    policy: &UpstreamTlsPolicy,
    options: &ExportOptions,
    mut common: Map<String, Value>,
) -> Map<String, Value> {
    if !policy.alpn().protocols.is_empty() {
        common.insert("alpn_protocols".to_owned(), json!(policy.alpn().protocols));
    }
    let mut context = Map::new();
    context.insert("@type".to_owned(), json!(CONTEXT_TYPE));
    if let Some(name) = server_name(policy, options) {
        context.insert("sni".to_owned(), json!(name));
    }
    if policy.resumption() == Resumption::Disabled {
        context.insert("max_session_keys".to_owned(), json!(0));
    }
    context.insert("common_tls_context".to_owned(), Value::Object(common));
    context
}

/// V3 and V6, beside the names.
fn revocation(policy: &UpstreamTlsPolicy, validation: &mut Map<String, Value>) {
    if policy.revocation().is_some_and(|spec| spec.depth == RevocationDepth::Leaf) {
        validation.insert("only_verify_leaf_cert_crl".to_owned(), json!(true));
    }
    let pins: Vec<String> = policy.spki_pins().iter().map(|pin| parameters::base64(pin)).collect();
    if !pins.is_empty() {
        validation.insert("verify_certificate_spki".to_owned(), json!(pins));
    }
}

/// What is sent (N2): nothing for an IP address.
fn server_name(policy: &UpstreamTlsPolicy, options: &ExportOptions) -> Option<String> {
    match (policy.server_name(), &options.backend_host) {
        (ServerNameRule::Dns(name), _) | (ServerNameRule::Auto, Some(BackendHost::Dns(name))) => Some(name.to_string()),
        _ => None,
    }
}

/// What the certificate must hold (N3, N4); empty under D1 alone.
fn reference_names(policy: &UpstreamTlsPolicy, options: &ExportOptions) -> Result<Vec<SanMatcher>, Problems> {
    if matches!(policy.danger().peer, PeerDanger::AnyName { .. }) {
        return Ok(Vec::new());
    }
    if !policy.subject_alt_names().is_empty() {
        return Ok(policy.subject_alt_names().to_vec());
    }
    let name = match (policy.server_name(), &options.backend_host) {
        (ServerNameRule::Dns(name), _) | (ServerNameRule::Auto, Some(BackendHost::Dns(name))) => {
            SanMatcher::Dns(name.clone())
        }
        (ServerNameRule::Auto, Some(BackendHost::Ip(ip))) => SanMatcher::Ip(*ip),
        // A context without a matcher would take every certificate of the CA.
        _ => {
            let problem = Problem::from(PolicyError::new("spec.serverName", PolicyErrorKind::NameMissing));
            return Err(Problems::new(policy.name().map(str::to_owned), problem, Vec::new()));
        }
    };
    Ok(vec![name])
}

fn warnings(prepared: &Prepared, names: &[SanMatcher]) -> Vec<Warning> {
    let differences = Difference::ALL.iter().filter(|difference| difference.touches(prepared, names));
    let differences = differences.map(|difference| difference.warning(prepared));
    differences.chain(prepared.describe().warnings).collect()
}

pub(super) const CONTEXT_TYPE: &str =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
