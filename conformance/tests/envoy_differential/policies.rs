//! The policies: every feature that can be exported, alone and together.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::SignatureScheme;
use serde_json::{Value, json};
use uptls::danger::DangerPermission;
use uptls::{BackendHost, Connector, Prepared, Problems, Runtime, UpstreamTlsPolicy, WarningCode};
use uptls_manifest::envoy::{self, Difference, Export, ExportOptions, Owner, Placement};
use uptls_testkit::Key;
use uptls_testkit::envoy::cluster;

use crate::certificates::World;
use crate::servers::ED448;

/// One policy, ready for all three ways.
pub(crate) struct Policy {
    pub(crate) connector: Connector,
    context: Value,
    /// Those that the export warned of.
    pub(crate) differences: Vec<Difference>,
    pub(crate) host: BackendHost,
    pub(crate) name: &'static str,
    pub(crate) prepared: Arc<Prepared>,
}

impl Policy {
    /// The cluster of this policy: the request says which server it reaches.
    pub(crate) fn cluster(&self) -> Value {
        cluster(self.name, &self.context)
    }

    pub(crate) fn context(&self) -> &Value {
        &self.context
    }

    /// Whether keys on one of the usual curves are no group of it (E7).
    pub(crate) fn lacks_a_curve(&self) -> bool {
        let groups = self.prepared.describe().sends.groups;
        ["secp256r1", "secp384r1"].iter().any(|curve| !groups.iter().any(|group| group == curve))
    }

    /// The difference that it is the witness of, whatever the server is.
    pub(crate) fn witness(&self) -> Option<Difference> {
        WITNESSES.iter().find(|(name, _)| *name == self.name).map(|(_, difference)| *difference)
    }
}

/// Every policy, exported.
pub(crate) fn all(world: &World) -> Vec<Policy> {
    let mut policies = exported(world, TABLE, envoy::export);
    policies.push(with_another_scheme(world));
    policies
}

/// By a provider that verifies a scheme more, as one that stands on OpenSSL would; its number is all that is new.
pub(crate) fn with_another_scheme(world: &World) -> Policy {
    let mut provider = rustls::crypto::CryptoProvider::clone(&uptls::aws_lc_rs::provider());
    let algorithms = provider.signature_verification_algorithms;
    let mapped = algorithms.mapping.iter().find(|(scheme, _)| *scheme == SignatureScheme::ECDSA_NISTP256_SHA256);
    let more = (SignatureScheme::from(ED448), mapped.unwrap().1);
    // A provider is there for the whole process.
    provider.signature_verification_algorithms.mapping = [algorithms.mapping, &[more]].concat().leak();
    let runtime = Runtime::new(Arc::new(provider));
    policy(world, &runtime, ("another-scheme", "a.example.com", ""), envoy::export)
}

/// Every policy, and those that Envoy has no form for, with the module.
pub(crate) fn all_by_module(world: &World) -> Vec<Policy> {
    let mut policies = exported(world, TABLE, envoy::export_module);
    policies.extend(exported(world, MODULE_ALONE, envoy::export_module));
    policies
}

/// One of the forms of an export.
type Exporter = fn(&Prepared, &ExportOptions) -> Result<Export, Problems>;

fn exported(world: &World, table: &[(&'static str, &str, &str)], export: Exporter) -> Vec<Policy> {
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    table.iter().map(|(name, host, spec)| policy(world, &runtime, (name, host, spec), export)).collect()
}

fn policy(
    world: &World,
    runtime: &Runtime,
    (name, host, spec): (&'static str, &str, &str),
    export: Exporter,
) -> Policy {
    let (checked, prepared) = prepare(world, runtime, spec);
    let host = BackendHost::parse(host).unwrap();
    let mut options = ExportOptions::default();
    options.backend_host = Some(host.clone());
    let export = export(&prepared, &options).unwrap_or_else(|problems| panic!("{name}: {problems}"));
    let warned = |difference: &Difference| {
        let is_it = |warning: &uptls::Warning| {
            warning.code == WarningCode::EngineDifference && warning.detail["difference"] == difference.number()
        };
        export.warnings.iter().any(is_it)
    };
    let differences = Difference::ALL.iter().copied().filter(warned).collect();
    let connector = Connector::new(runtime, &checked).unwrap();
    Policy { connector, context: export.context, differences, host, name, prepared }
}

fn prepare(world: &World, runtime: &Runtime, spec: &str) -> (UpstreamTlsPolicy, Arc<Prepared>) {
    let trust = if spec.contains("trust:") { "" } else { "trust: {bundles: [{file: root.pem}]}, " };
    let pin = |key: Key| BASE64_STANDARD.encode(key.spki_sha256());
    let spec = spec.replace("LEAF", &pin(World::leaf_key())).replace("ANOTHER", &pin(Key::p256("another leaf")));
    let spec = spec.replace("PPP", &"p".repeat(60)).replace("QQQ", &"q".repeat(60));
    let text = format!("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {{{trust}{spec}}}\n");
    let draft = uptls_manifest::parse(text.as_bytes(), "policy", Some(world.folder()));
    let draft = draft.unwrap_or_else(|problems| panic!("{spec}: {problems}"));
    let checked = UpstreamTlsPolicy::check(draft, DangerPermission::Allowed);
    let checked = checked.unwrap_or_else(|problems| panic!("{spec}: {problems}"));
    let prepared = runtime.prepare(&checked).unwrap_or_else(|problems| panic!("{spec}: {problems}"));
    (checked, prepared)
}

/// The cluster `name`, which takes the material of the policy of this name from files in `folder`, as they are exported.
pub(crate) fn by_sds(world: &World, folder: &Path, name: &str, spec: &str) -> Value {
    let (_, prepared) = prepare(world, &Runtime::new(uptls::aws_lc_rs::provider()), spec);
    let mut options = ExportOptions::default();
    options.placement = Placement::Sds { folder: folder.to_owned(), owner: Owner::named(name) };
    let export = envoy::export(&prepared, &options).unwrap();
    export.write().unwrap();
    cluster(name, &export.context)
}

/// The same, judged by the module: of its files there is the identity.
pub(crate) fn by_module_and_sds(world: &World, folder: &Path, name: &str, spec: &str) -> Value {
    let (_, prepared) = prepare(world, &Runtime::new(uptls::aws_lc_rs::provider()), spec);
    let mut options = ExportOptions::default();
    options.placement = Placement::Sds { folder: folder.to_owned(), owner: Owner::named(name) };
    let export = envoy::export_module(&prepared, &options).unwrap();
    export.write().unwrap();
    cluster(name, &export.context)
}

/// The CA in a file.
pub(crate) fn by_file(world: &World, file: &Path, name: &str, spec: &str) -> Value {
    let (_, prepared) = prepare(world, &Runtime::new(uptls::aws_lc_rs::provider()), spec);
    let mut options = ExportOptions::default();
    options.placement = Placement::CaFile { file: file.to_owned(), owner: Owner::named(name) };
    let export = envoy::export(&prepared, &options).unwrap();
    export.write().unwrap();
    cluster(name, &export.context)
}

/// A context with the module.
pub(crate) fn by_module(world: &World, spec: &str) -> Value {
    let (_, prepared) = prepare(world, &Runtime::new(uptls::aws_lc_rs::provider()), spec);
    envoy::export_module(&prepared, &ExportOptions::default()).unwrap().context
}

/// Whole clusters, a CA in a file, and file-based SDS with everything in it, written.
pub(crate) fn other_forms(world: &World) -> Vec<Value> {
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let spec = "serverName: a.example.com, alpn: {protocols: [h2, http/1.1]}, revocation: {crls: [{file: all.crl}]}, identity: {certificate: {file: client.pem}, key: {file: client.key}}";
    let (_, prepared) = prepare(world, &runtime, spec);
    let (file, folder) = (world.folder().join("exported.pem"), world.folder().join("sds"));
    let owner = Owner::named("forms");
    let placements =
        [Placement::Inline, Placement::CaFile { file, owner: owner.clone() }, Placement::Sds { folder, owner }];
    let form = |(index, placement): (usize, Placement)| {
        let mut options = ExportOptions::default();
        options.placement = placement;
        let export = envoy::export(&prepared, &options).unwrap();
        export.write().unwrap();
        let mut cluster = envoy::cluster(&prepared, &export, &BackendHost::parse("a.example.com").unwrap(), 8443);
        cluster["name"] = json!(format!("form {index}"));
        cluster
    };
    placements.into_iter().enumerate().map(form).collect()
}

/// The policies that show a difference.
pub(crate) const WITNESSES: &[(&str, Difference)] =
    &[("lists-old-and-new", Difference::Lists), ("lists-point-names-it", Difference::Lists)];

/// Name, backend host, and the fields of `spec`; the trust is the root unless it is written.
const TABLE: &[(&str, &str, &str)] = &[
    // Names.
    ("name", "x.test", "serverName: a.example.com"),
    ("name-upper", "x.test", "serverName: A.EXAMPLE.COM"),
    ("name-dot", "x.test", "serverName: a.example.com."),
    ("auto", "a.example.com", ""),
    ("auto-other", "b.example.com", ""),
    ("auto-below-wildcard", "c.w.example.com", ""),
    ("auto-ip", "127.0.0.1", ""),
    ("auto-ip6", "[2001:db8::1]", ""),
    ("auto-ip6-dotted", "[::1.2.3.4]", ""),
    ("bare-and-name", "x.test", "serverName: none, subjectAltNames: [{dns: example.com}, {dns: b.example.com}]"),
    ("wildcard-literal", "x.test", "serverName: a.example.com, subjectAltNames: [{dns: '*.w.example.com'}]"),
    ("any-of", "x.test", "serverName: none, subjectAltNames: [{dns: absent.test}, {dns: b.example.com}]"),
    ("front", "x.test", "serverName: front.test, subjectAltNames: [{dns: a.example.com}]"),
    ("ip", "x.test", "serverName: none, subjectAltNames: [{ip: 127.0.0.1}]"),
    ("ip-long-form", "x.test", "serverName: none, subjectAltNames: [{ip: '2001:DB8:0:0::1'}]"),
    ("long", "x.test", "serverName: none, subjectAltNames: [{dns: PPP.QQQ.example.com}, {dns: b.example.com}]"),
    ("spiffe", "x.test", "serverName: none, subjectAltNames: [{uri: 'spiffe://prod/ns/a/sa/b'}]"),
    ("trust-domain", "x.test", "serverName: none, subjectAltNames: [{spiffeTrustDomain: prod}]"),
    ("path-prefix", "x.test", "serverName: none, subjectAltNames: [{spiffe: {trustDomain: prod, pathPrefix: /ns/a}}]"),
    ("trust-domain-and-name", "x.test", "subjectAltNames: [{spiffeTrustDomain: prod}, {dns: c.example.com}]"),
    (
        "https-or-ip",
        "x.test",
        "serverName: none, subjectAltNames: [{uri: 'https://a.example.com/Pay?x=1'}, {ip: '::1.2.3.4'}]",
    ),
    (
        "every-kind",
        "a.example.com",
        "subjectAltNames: [{dns: a.example.com}, {ip: 127.0.0.1}, {uri: 'https://a.example.com/Pay?x=1'}, {spiffeTrustDomain: prod}]",
    ),
    ("any-name", "x.test", "serverName: a.example.com, danger: {acceptAnyName: {reason: a test}}"),
    ("any-name-unsaid", "x.test", "serverName: none, danger: {acceptAnyName: {reason: a test}}"),
    // Negotiation.
    ("tls12", "a.example.com", "versions: {max: '1.2'}"),
    ("tls13", "a.example.com", "versions: {min: '1.3'}"),
    (
        "tls12-ecdsa",
        "a.example.com",
        "versions: {max: '1.2'}, cipherSuites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]",
    ),
    (
        "every-13-rsa-12",
        "a.example.com",
        "cipherSuites: [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]",
    ),
    (
        "every-13-one-12",
        "a.example.com",
        "cipherSuites: [TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]",
    ),
    ("x25519", "a.example.com", "groups: [X25519]"),
    ("x25519-tls12", "a.example.com", "groups: [X25519], versions: {max: '1.2'}"),
    ("p384-p256", "a.example.com", "groups: [secp384r1, secp256r1]"),
    ("p384", "a.example.com", "groups: [secp384r1]"),
    ("p256-tls12", "a.example.com", "groups: [secp256r1], versions: {max: '1.2'}"),
    ("hybrid", "a.example.com", "groups: [X25519MLKEM768], versions: {min: '1.3'}"),
    ("hybrid-first", "a.example.com", "groups: [X25519MLKEM768, secp256r1]"),
    ("h2", "a.example.com", "alpn: {protocols: [h2]}"),
    ("http1", "a.example.com", "alpn: {protocols: [http/1.1]}"),
    ("h2-http1", "a.example.com", "alpn: {protocols: [h2, http/1.1]}"),
    ("no-resumption", "a.example.com", "resumption: false"),
    ("identity", "a.example.com", "identity: {certificate: {file: client.pem}, key: {file: client.key}}"),
    (
        "identity-tls12",
        "a.example.com",
        "versions: {max: '1.2'}, identity: {certificate: {file: client.pem}, key: {file: client.key}}",
    ),
    ("identity-foreign", "a.example.com", "identity: {certificate: {file: foreign.pem}, key: {file: client.key}}"),
    ("identity-p521", "a.example.com", "identity: {certificate: {file: p521.pem}, key: {file: p521.key}}"),
    ("identity-mldsa44", "a.example.com", "identity: {certificate: {file: mldsa44.pem}, key: {file: mldsa44.key}}"),
    ("identity-mldsa87", "a.example.com", "identity: {certificate: {file: mldsa87.pem}, key: {file: mldsa87.key}}"),
    // Pins: LEAF and ANOTHER are filled in.
    ("pin", "a.example.com", "spkiPins: ['LEAF']"),
    ("pin-other", "a.example.com", "spkiPins: ['ANOTHER', 'LEAF'], alpn: {protocols: [http/1.1]}"),
    ("pin-any-name", "x.test", "serverName: none, spkiPins: ['LEAF'], danger: {acceptAnyName: {reason: a test}}"),
    // Lists.
    ("lists", "a.example.com", "revocation: {crls: [{file: all.crl}]}"),
    ("lists-leaf", "a.example.com", "revocation: {crls: [{file: all.crl}], depth: leaf}"),
    ("lists-issuing", "a.example.com", "revocation: {crls: [{file: issuing.crl}], depth: leaf}"),
    (
        "lists-any-name",
        "x.test",
        "serverName: none, danger: {acceptAnyName: {reason: a test}}, revocation: {crls: [{file: all.crl}]}",
    ),
    ("lists-future", "a.example.com", "revocation: {crls: [{file: future.crl}], depth: leaf}"),
    (
        "lists-no-crl-sign",
        "a.example.com",
        "trust: {bundles: [{file: no-crl-sign.pem}]}, revocation: {crls: [{file: all.crl}]}",
    ),
    ("lists-future-too", "a.example.com", "revocation: {crls: [{file: future-too.crl}], depth: leaf}"),
    ("lists-old-and-new", "a.example.com", "revocation: {crls: [{file: old-and-new.crl}], depth: leaf}"),
    ("lists-point-too", "a.example.com", "revocation: {crls: [{file: point-too.crl}], depth: leaf}"),
    ("lists-point-names-it", "a.example.com", "revocation: {crls: [{file: point-names-it.crl}], depth: leaf}"),
    ("lists-bare", "a.example.com", "revocation: {crls: [{file: bare.crl}], depth: leaf}"),
    ("lists-users", "a.example.com", "revocation: {crls: [{file: users.crl}], depth: leaf}"),
    ("lists-spelt", "a.example.com", "revocation: {crls: [{file: spelt.crl}], depth: leaf}"),
    (
        "lists-two-keys",
        "a.example.com",
        "trust: {bundles: [{file: namesake.pem}]}, revocation: {crls: [{file: two-keys.crl}]}",
    ),
    // Anchors.
    ("ml-dsa", "a.example.com", "trust: {bundles: [{file: ml-dsa.pem}]}"),
    ("issuing", "a.example.com", "trust: {bundles: [{file: issuing.pem}]}"),
    ("issuing-none-below", "a.example.com", "trust: {bundles: [{file: none-below.pem}]}"),
    (
        "issuing-spiffe",
        "x.test",
        "serverName: none, trust: {bundles: [{file: issuing.pem}]}, subjectAltNames: [{spiffeTrustDomain: prod}]",
    ),
    (
        "issuing-any-name",
        "x.test",
        "serverName: none, trust: {bundles: [{file: issuing.pem}]}, danger: {acceptAnyName: {reason: a test}}",
    ),
    (
        "issuing-lists",
        "a.example.com",
        "trust: {bundles: [{file: issuing.pem}]}, revocation: {crls: [{file: issuing.crl}], depth: leaf}",
    ),
    ("other-too", "a.example.com", "trust: {bundles: [{file: other.pem}]}"),
    ("itself-too", "a.example.com", "trust: {bundles: [{file: itself.pem}]}"),
    (
        "itself-too-lists",
        "a.example.com",
        "trust: {bundles: [{file: itself.pem}]}, revocation: {crls: [{file: all.crl}]}",
    ),
    ("messy", "a.example.com", "trust: {bundles: [{file: messy.pem}, {file: issuing.pem}]}"),
    ("namesake", "a.example.com", "trust: {bundles: [{file: namesake.pem}]}"),
    ("expired-too", "a.example.com", "trust: {bundles: [{file: expired-too.pem}]}"),
    ("permitted", "a.example.com", "trust: {bundles: [{file: permitted.pem}]}"),
    ("excluded", "a.example.com", "trust: {bundles: [{file: excluded.pem}]}"),
    ("one-below", "a.example.com", "trust: {bundles: [{file: one-below.pem}]}"),
    ("v1", "a.example.com", "trust: {bundles: [{file: v1.pem}]}"),
    ("server-auth", "a.example.com", "trust: {bundles: [{file: server-auth.pem}]}"),
    // These issue nothing (T3): beside the intermediate they change nothing.
    ("may-not-sign", "a.example.com", "trust: {bundles: [{file: may-not-sign.pem}, {file: issuing.pem}]}"),
    ("for-clients", "a.example.com", "trust: {bundles: [{file: for-clients.pem}, {file: issuing.pem}]}"),
    ("server", "a.example.com", "trust: {bundles: [{file: server.pem}, {file: issuing.pem}]}"),
    ("future-first", "a.example.com", "trust: {bundles: [{file: future-first.pem}]}"),
    ("future-last", "a.example.com", "trust: {bundles: [{file: future-last.pem}]}"),
    ("no-usage", "a.example.com", "trust: {bundles: [{file: no-usage.pem}]}"),
];

/// What Envoy itself has no form for (X2).
const MODULE_ALONE: &[(&str, &str, &str)] = &[
    ("pinned-key", "a.example.com", "trust: {pinnedKeys: ['LEAF']}"),
    ("pinned-key-too", "a.example.com", "trust: {pinnedKeys: ['LEAF'], bundles: [{file: other.pem}]}"),
    ("unknown-allowed", "a.example.com", "revocation: {crls: [{file: issuing.crl}], unknown: allow}"),
    (
        "issuing-lists-chain",
        "a.example.com",
        "trust: {bundles: [{file: issuing.pem}]}, revocation: {crls: [{file: all.crl}]}",
    ),
    (
        "tolerated",
        "a.example.com",
        "danger: {tolerate: [{rule: key_usage, reason: a test}, {rule: common_name, reason: a test}, {rule: expired_leaf, reason: a test}]}",
    ),
    (
        "tolerance-over",
        "a.example.com",
        "danger: {tolerate: [{rule: key_usage, reason: a test, until: '2020-01-01T00:00:00Z'}]}",
    ),
    ("no-usage-itself", "a.example.com", "trust: {bundles: [{file: itself.pem}, {file: no-usage.pem}]}"),
];
