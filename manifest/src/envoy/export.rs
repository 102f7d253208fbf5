//! From a prepared policy to an `UpstreamTlsContext`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use uptls::danger::PeerDanger;
use uptls::{
    BackendHost, OnInvalid, PolicyError, PolicyErrorKind, Prepared, Problem, Problems, Resumption, RevocationDepth,
    SanMatcher, ServerNameRule, UpstreamTlsPolicy, Warning, interop,
};

use super::difference::Difference;
use super::output::Destination;
use super::owner::Form;
use super::place::{Material, Placement, Target};
use super::{ExportedFile, exportable, matchers, parameters};

/// How a policy is exported.
///
/// ```
/// use uptls::danger::DangerPermission;
/// use uptls::{BackendHost, Runtime};
/// use uptls_manifest::envoy::{self, ExportOptions};
///
/// let runtime = Runtime::new(uptls::aws_lc_rs::provider());
/// let policy = std::path::Path::new("../examples/refused/policy.yaml");
/// let prepared = uptls_manifest::prepare_file(&runtime, policy, DangerPermission::Forbidden)?;
/// let mut options = ExportOptions::default();
/// options.backend_host = Some(BackendHost::parse("payments.internal").expect("a host"));
/// let export = envoy::export(&prepared, &options)?;
/// assert_eq!(export.context["sni"], "payments.internal");
/// assert!(export.files.is_empty(), "the CA stands in the context");
/// # Ok::<(), uptls::Problems>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExportOptions {
    /// The backend host, if the policy's server name is `auto`.
    pub backend_host: Option<BackendHost>,
    /// The folder that relative names of the identity's files start from. Default: the export writes the names as they
    /// are, and Envoy resolves them from its own current folder.
    pub current_folder: Option<PathBuf>,
    /// The effect of a broken file in the module (R2); without the module it has none. Default: the last good file
    /// stays.
    pub on_invalid: OnInvalid,
    /// Where the export puts certificates, lists and keys.
    pub placement: Placement,
}

/// An exported policy. [`Export::write`] writes its files.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Export {
    /// The `UpstreamTlsContext`, with its `@type`.
    pub context: Value,
    /// The files that the context refers to and that do not exist until they are written. They belong together.
    pub files: Vec<ExportedFile>,
    /// `engine_difference` for each class that this export can touch, and the warnings of the policy itself.
    pub warnings: Vec<Warning>,
    pub(super) destination: Destination,
    /// What the policy was made of, which is never written.
    pub(super) reads: Vec<PathBuf>,
}

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
