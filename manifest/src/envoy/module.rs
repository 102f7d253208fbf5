//! From a prepared policy to an `UpstreamTlsContext` that loads this library as a module of Envoy (X4).

use std::path::Path;

use serde_json::{Map, Value, json};
use uptls::danger::{Danger, PeerDanger, Toleration};
use uptls::{
    AlpnSelection, BackendHost, BundleSpec, Material, OnInvalid, PolicyError, PolicyErrorKind, Prepared, Problem,
    Problems, Resumption, RevocationDepth, RevocationSpec, SanMatcher, ServerNameRule, SystemTrust, TrustSpec,
    UnknownRevocation, UpstreamTlsPolicy,
};

use super::export::{context, reads};
use super::mark::marked;
use super::owner::{Form, OwnerKey};
use super::place::{self, Target, located};
use super::{Difference, Export, ExportOptions, ExportedFile, Placement, exportable, parameters};
use crate::document::{API_VERSION, KIND};

/// The `UpstreamTlsContext` that makes Envoy ask `libuptls_envoy.so` for the verdict. It writes nothing.
///
/// The policy document inside it verifies. It has bundles and lists by the absolute names of their files, which the
/// module watches (R6), or as text if the policy has them as text. Server name, versions, suites, groups, protocols and
/// the identity are Envoy's own fields, from the same policy. [`Placement::CaFile`] holds the bundles that are text; of
/// [`Placement::Sds`] only the identity's part counts. Sessions resume only if no file can change (H6).
///
/// Without a backend host, a server name of `auto` is the endpoint's host name (`auto_host_sni`).
///
/// # Errors
/// `not_exportable` for a setting that Envoy's own fields cannot express (H2, H3, I6), and for material that is neither
/// a file whose name is UTF-8 nor text; codes of the identity where its files have changed.
pub fn export_module(prepared: &Prepared, options: &ExportOptions) -> Result<Export, Problems> {
    let policy = prepared.policy();
    exportable::check_beside_module(prepared, options)?;
    let target = Target::of(prepared, options, Form::Module);
    let (document, ca_file) = document(policy, options, &target)?;
    let config = match options.on_invalid {
        OnInvalid::FailClosed => json!({"policy": document, "onInvalid": "failClosed"}),
        _ => document,
    };
    let (identity, mut files) = place::identity(prepared, options, &target)?;
    files.extend(ca_file);
    let mut common = Map::new();
    common.insert("tls_params".to_owned(), parameters::write(prepared));
    common.extend(identity);
    common.insert("validation_context".to_owned(), json!({"custom_validator_config": validator(policy, &config)}));
    let mut context = context(policy, options, common);
    if *policy.server_name() == ServerNameRule::Auto && options.backend_host.is_none() {
        context.insert("auto_host_sni".to_owned(), json!(true));
    }
    if has_files(policy) || matches!(options.placement, Placement::CaFile { .. }) {
        // H6: Envoy keeps a session whose chain the new files refuse, and would offer it again and again.
        context.insert("max_session_keys".to_owned(), json!(0));
    }
    let schemes = Difference::SignatureSchemes;
    let schemes = schemes.touches(prepared, &[]).then(|| schemes.warning(prepared));
    let warnings = schemes.into_iter().chain(prepared.describe().warnings).collect();
    let reads = reads(policy, &options.placement);
    Ok(Export { context: Value::Object(context), files, warnings, destination: target.destination(), reads })
}

/// Whether something in it can change while Envoy runs.
fn has_files(policy: &UpstreamTlsPolicy) -> bool {
    let lists = policy.revocation().map(|revocation| revocation.crls.as_slice()).unwrap_or_default();
    let bundles = policy.trust().bundles.iter().map(|bundle| &bundle.material);
    bundles.chain(lists).any(|material| matches!(material, Material::File { .. }))
}

fn validator(policy: &UpstreamTlsPolicy, config: &Value) -> Value {
    json!({
        "name": EXTENSION,
        "typed_config": {
            "@type": CONFIG_TYPE,
            // Another configuration may still run while this one comes or goes.
            "dynamic_module_config": {"name": MODULE, "do_not_close": true},
            "validator_name": if policy.danger().is_active() { ALLOWS_DANGER } else { FORBIDS_DANGER },
            "validator_config": {"@type": STRING_TYPE, "value": config.to_string()},
        },
    })
}

/// The native document of a policy, without the identity: that is Envoy's, and its configuration can be dumped.
fn document(
    policy: &UpstreamTlsPolicy,
    options: &ExportOptions,
    target: &Target,
) -> Result<(Value, Option<ExportedFile>), Problems> {
    let mut writer = Writer { ca_file: None, options, policy, spec: Map::new(), target };
    writer.names();
    writer.negotiation();
    writer.trust()?;
    writer.revocation()?;
    writer.danger();
    let mut document = json!({"apiVersion": API_VERSION, "kind": KIND, "spec": writer.spec});
    if let Some(name) = policy.name() {
        document["metadata"] = json!({"name": name});
    }
    Ok((document, writer.ca_file))
}

struct Writer<'a> {
    /// What is put into the file of [`Placement::CaFile`].
    ca_file: Option<ExportedFile>,
    options: &'a ExportOptions,
    policy: &'a UpstreamTlsPolicy,
    spec: Map<String, Value>,
    target: &'a Target,
}

impl Writer<'_> {
    fn set(&mut self, field: &str, value: Value) {
        self.spec.insert(field.to_owned(), value);
    }

    fn names(&mut self) {
        let host = self.options.backend_host.as_ref();
        let mut names = self.policy.subject_alt_names().to_vec();
        let sent = match (self.policy.server_name(), host) {
            (ServerNameRule::Dns(name), _) => name.to_string(),
            // No address is ever sent, so that the module would not know it (N2).
            (ServerNameRule::Auto, Some(BackendHost::Ip(ip))) => {
                if names.is_empty() && self.policy.danger().peer == PeerDanger::None {
                    names.push(SanMatcher::Ip(*ip));
                }
                "none".to_owned()
            }
            (ServerNameRule::Auto, _) => "auto".to_owned(),
            _ => "none".to_owned(),
        };
        self.set("serverName", json!(sent));
        if !names.is_empty() {
            let names: Vec<Value> = names.iter().map(name).collect();
            self.set("subjectAltNames", json!(names));
        }
        let pins: Vec<String> = self.policy.spki_pins().iter().map(|pin| parameters::base64(pin)).collect();
        if !pins.is_empty() {
            self.set("spkiPins", json!(pins));
        }
    }

    /// What is Envoy's to do, so that the fingerprint covers it too (R9).
    fn negotiation(&mut self) {
        let policy = self.policy;
        let versions = policy.versions();
        self.set("versions", json!({"min": versions.min.as_str(), "max": versions.max.as_str()}));
        for (field, list) in [("cipherSuites", policy.cipher_suites()), ("groups", policy.groups())] {
            if !list.is_empty() {
                self.set(field, json!(list));
            }
        }
        let alpn = policy.alpn();
        if !alpn.protocols.is_empty() {
            let required = alpn.selection == AlpnSelection::Required;
            self.set("alpn", json!({"protocols": alpn.protocols, "required": required}));
        }
        self.set("resumption", json!(policy.resumption() == Resumption::Enabled));
        self.set("handshakeTimeout", json!(format!("{}ms", policy.handshake_timeout().as_millis())));
    }

    fn trust(&mut self) -> Result<(), Problems> {
        let TrustSpec { bundles, pinned_certificates, pinned_keys, system, system_trust_domain, .. } =
            self.policy.trust();
        let mut trust = Map::new();
        let bundles = match self.target {
            Target::CaFile { file, key } => self.with_texts_in(file, key, bundles),
            _ => bundles.to_vec(),
        };
        trust.insert("bundles".to_owned(), self.bundles(&bundles)?);
        let pinned: Vec<String> = pinned_certificates.iter().map(|digest| hex(digest)).collect();
        trust.insert("pinnedCertificates".to_owned(), json!(pinned));
        let pinned: Vec<String> = pinned_keys.iter().map(|pin| parameters::base64(pin)).collect();
        trust.insert("pinnedKeys".to_owned(), json!(pinned));
        let system = match system {
            SystemTrust::Mozilla => json!("mozilla"),
            SystemTrust::Native => json!("native"),
            SystemTrust::Platform => json!("platform"),
            _ => json!(false),
        };
        trust.insert("system".to_owned(), system);
        if let Some(domain) = system_trust_domain {
            trust.insert("systemTrustDomain".to_owned(), json!(domain.as_str()));
        }
        self.set("trust", Value::Object(trust));
        Ok(())
    }

    fn revocation(&mut self) -> Result<(), Problems> {
        let Some(RevocationSpec { crls, depth, unknown, .. }) = self.policy.revocation() else { return Ok(()) };
        let depth = if *depth == RevocationDepth::Leaf { "leaf" } else { "chain" };
        let unknown = if *unknown == UnknownRevocation::Allow { "allow" } else { "deny" };
        let crls = self.material("spec.revocation.crls", crls)?;
        self.set("revocation", json!({"crls": crls, "depth": depth, "unknown": unknown}));
        Ok(())
    }

    fn danger(&mut self) {
        let Danger { peer, tolerations, .. } = self.policy.danger();
        let mut danger = Map::new();
        match peer {
            PeerDanger::AnyCertificate { reason } => {
                danger.insert("acceptAnyCertificate".to_owned(), json!({"reason": reason}));
            }
            PeerDanger::AnyName { reason } => {
                danger.insert("acceptAnyName".to_owned(), json!({"reason": reason}));
            }
            _ => {}
        }
        if !tolerations.is_empty() {
            danger.insert("tolerate".to_owned(), tolerations.iter().map(toleration).collect());
        }
        if !danger.is_empty() {
            self.set("danger", Value::Object(danger));
        }
    }

    /// The bundles, with all texts among them in one file. Texts that vouch for different trust domains stay where they are:
    /// one file would have each vouch for the other's (T9).
    fn with_texts_in(&mut self, path: &Path, key: &OwnerKey, bundles: &[BundleSpec]) -> Vec<BundleSpec> {
        let is_text = |bundle: &&BundleSpec| matches!(bundle.material, Material::Inline { .. });
        let (texts, mut files): (Vec<&BundleSpec>, Vec<&BundleSpec>) = bundles.iter().partition(is_text);
        let Some(first) = texts.first() else { return bundles.to_vec() };
        if texts.iter().any(|text| text.trust_domain != first.trust_domain) {
            files.extend(texts);
            return files.into_iter().cloned().collect();
        }
        let mut content = Vec::new();
        for text in &texts {
            if let Material::Inline { content: text, .. } = &text.material {
                content.extend_from_slice(text);
                content.push(b'\n');
            }
        }
        self.ca_file = Some(place::public(path.to_owned(), marked(key, &content)));
        let mut one = BundleSpec::clone(first);
        one.material = Material::File { base: None, path: path.to_owned() };
        files.into_iter().cloned().chain([one]).collect()
    }

    fn bundles(&self, bundles: &[BundleSpec]) -> Result<Value, Problems> {
        let materials: Vec<Material> = bundles.iter().map(|bundle| bundle.material.clone()).collect();
        let mut written = self.material("spec.trust.bundles", &materials)?;
        for (entry, bundle) in written.as_array_mut().into_iter().flatten().zip(bundles) {
            if let Some(domain) = &bundle.trust_domain {
                entry["trustDomain"] = json!(domain.as_str());
            }
        }
        Ok(written)
    }

    fn material(&self, path: &str, list: &[Material]) -> Result<Value, Problems> {
        let write = |(index, material): (usize, &Material)| {
            self.entry(material).ok_or_else(|| {
                let feature = format!("{} is neither text nor in a file whose name is UTF-8", material.source());
                let kind = PolicyErrorKind::NotExportable { change: "put it into a PEM file", feature, rule: "X2" };
                let problem = Problem::from(PolicyError::new(format!("{path}[{index}]"), kind));
                Problems::new(self.policy.name().map(str::to_owned), problem, Vec::new())
            })
        };
        list.iter().enumerate().map(write).collect()
    }

    fn entry(&self, material: &Material) -> Option<Value> {
        match material {
            Material::File { base, path } => {
                let path = base.as_ref().map_or_else(|| path.clone(), |base| base.join(path));
                Some(json!({"file": located(self.options, &path).to_str()?}))
            }
            Material::Inline { content, .. } => Some(json!({"pem": core::str::from_utf8(content).ok()?})),
            _ => None,
        }
    }
}

fn name(name: &SanMatcher) -> Value {
    match name {
        SanMatcher::DnsWildcard(name) => json!({"dns": name.as_str()}),
        SanMatcher::Ip(ip) => json!({"ip": ip}),
        SanMatcher::SpiffePrefix(prefix) => {
            json!({"spiffe": {"trustDomain": prefix.trust_domain().as_str(), "pathPrefix": prefix.path()}})
        }
        SanMatcher::SpiffeTrustDomain(domain) => json!({"spiffeTrustDomain": domain.as_str()}),
        SanMatcher::Uri(uri) => json!({"uri": uri.as_str()}),
        SanMatcher::Dns(name) => json!({"dns": name.as_str()}),
        // The document has no other; whatever came here would be refused by the module.
        other => json!({"unknown": other.to_string()}),
    }
}

fn toleration(toleration: &Toleration) -> Value {
    let mut entry = json!({"rule": toleration.rule.as_str(), "reason": toleration.reason});
    if let Some(until) = toleration.until_text() {
        entry["until"] = json!(until);
    }
    entry
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) const ALLOWS_DANGER: &str = "uptls-allow-danger";
pub(super) const CONFIG_TYPE: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.cert_validator.dynamic_modules.v3.DynamicModuleCertValidatorConfig";
const EXTENSION: &str = "envoy.tls.cert_validator.dynamic_modules";
pub(super) const FORBIDS_DANGER: &str = "uptls";
/// Envoy looks for `libuptls_envoy.so` in `ENVOY_DYNAMIC_MODULES_SEARCH_PATH`.
pub(super) const MODULE: &str = "uptls_envoy";
pub(super) const STRING_TYPE: &str = "type.googleapis.com/google.protobuf.StringValue";
