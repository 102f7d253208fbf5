//! A policy as it was written: strings, with the origin of every field. Nothing here is checked yet.
//!
//! The shape is that of `spec` in the native document (`apiVersion: uptls/v1`), and what builders, C and Python fill.
#![allow(clippy::exhaustive_structs, reason = "drafts are written as literals, with ..Default::default()")]

mod bundle;
mod from_bytes;

use core::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::error::{ByPath, Origin};
use crate::identity::Secret;

/// A policy as its author wrote it, not yet checked: [`crate::UpstreamTlsPolicy::check`] makes a policy of it.
///
/// ```
/// use uptls::danger::DangerPermission;
/// use uptls::{MaterialDraft, PolicyDraft, PolicySpec, SanDraft, TrustDraft, UpstreamTlsPolicy};
///
/// let spec = PolicySpec {
///     subject_alt_names: vec![SanDraft::dns("payments.internal"), SanDraft::spiffe("prod", "/ns/pay")],
///     trust: TrustDraft { bundles: vec![MaterialDraft::file("ca.pem")], ..TrustDraft::default() },
///     ..PolicySpec::default()
/// };
/// let draft = PolicyDraft::new(spec).with_name("payments").with_base("/etc/uptls");
/// let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden)?;
/// assert_eq!(policy.name(), Some("payments"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct PolicyDraft {
    /// The folder that relative `file:` paths start from; `None`: the current one.
    pub base: Option<PathBuf>,
    /// The name of the policy, for reports.
    pub name: Option<String>,
    /// Where each field was written, by its path (`spec.trust.bundles[0]`).
    pub origins: ByPath<Origin>,
    /// The fields.
    pub spec: PolicySpec,
}

impl PolicyDraft {
    /// A draft of `spec`, without a name or origins.
    pub fn new(spec: PolicySpec) -> Self {
        Self { spec, ..Self::default() }
    }

    /// Sets the name for reports.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the folder that relative paths start from.
    #[must_use]
    pub fn with_base(mut self, base: impl Into<PathBuf>) -> Self {
        self.base = Some(base.into());
        self
    }
}

/// The fields of a policy.
#[derive(Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicySpec {
    /// Application protocols to offer (RFC 7301). Default: none.
    pub alpn: AlpnDraft,
    /// TLS 1.2 and 1.3 cipher suites by their IANA names, in order of preference. Default: the provider's.
    pub cipher_suites: Vec<String>,
    /// The explicit weakenings. Each lets an attacker impersonate the backend who otherwise could not. Default: none.
    pub danger: DangerDraft,
    /// Key exchange groups by their IANA names, in order of preference. Default: X25519MLKEM768, X25519, secp256r1,
    /// secp384r1, as far as the provider has them.
    pub groups: Vec<String>,
    /// The deadline of the whole connect: a number with a unit, `10s` or `500ms`. Default: 10s.
    pub handshake_timeout: Option<String>,
    /// Our own certificate and key, for peers that ask for one. Default: none.
    pub identity: Option<IdentityDraft>,
    /// Resumes sessions, within one fingerprint and server name. Default: true.
    pub resumption: Option<bool>,
    /// Revocation lists. Default: none, and revocation is then not checked.
    pub revocation: Option<RevocationDraft>,
    /// The name that is sent (SNI): a DNS name, `auto` (the backend host) or `none`. Default: auto.
    pub server_name: Option<String>,
    /// SHA-256 of public keys, base64. The leaf must have one of these keys, besides everything else. Default: none.
    pub spki_pins: Vec<String>,
    /// The accepted names. The certificate must hold one of them. Default: none, and the server name is then the identity.
    pub subject_alt_names: Vec<SanDraft>,
    /// The trust anchors. Required.
    pub trust: TrustDraft,
    /// The TLS versions. Default: 1.2 to 1.3.
    pub versions: VersionsDraft,
}

/// What is trusted: at least one of these.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TrustDraft {
    /// Bundles of CA certificates; a certificate in them that may not issue is trusted as itself.
    #[serde(deserialize_with = "bundle::list")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<bundle::BundleDraft>"))]
    pub bundles: Vec<MaterialDraft>,
    /// SHA-256 of leaf certificates that are trusted as themselves, hexadecimal.
    pub pinned_certificates: Vec<String>,
    /// SHA-256 of leaf public keys that are trusted as themselves, base64.
    pub pinned_keys: Vec<String>,
    /// The system's roots. Default: false.
    pub system: SystemTrustDraft,
    /// The one SPIFFE trust domain that the system's roots vouch for. Default: none, and they then vouch for no SPIFFE ID:
    /// any public CA could else issue one.
    pub system_trust_domain: Option<String>,
}

/// Which roots of the system are trusted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SystemTrustDraft {
    /// Those that are compiled in.
    Mozilla,
    /// The platform's root files.
    Native,
    /// None.
    #[default]
    Off,
    /// The platform's own verifier.
    Platform,
}

impl<'de> Deserialize<'de> for SystemTrustDraft {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = SystemTrustDraft;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("false, native, platform or mozilla")
            }

            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
                if value {
                    Err(E::invalid_value(serde::de::Unexpected::Bool(true), &self))
                } else {
                    Ok(SystemTrustDraft::Off)
                }
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
                match value {
                    "false" => Ok(SystemTrustDraft::Off),
                    "mozilla" => Ok(SystemTrustDraft::Mozilla),
                    "native" => Ok(SystemTrustDraft::Native),
                    "platform" => Ok(SystemTrustDraft::Platform),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for SystemTrustDraft {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SystemTrust".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"enum": [false, "native", "platform", "mozilla"]})
    }
}

/// Public material: a file, or the PEM text itself; exactly one of the two.
///
/// ```
/// use uptls::MaterialDraft;
///
/// // A file can change, and a watch follows it. A text cannot; its name stands for it in errors.
/// let file = MaterialDraft::file("/etc/uptls/ca.pem").of_trust_domain("prod.example");
/// let text = MaterialDraft::pem("-----BEGIN CERTIFICATE-----...").named("ConfigMap shop/ca");
/// # let _ = (file, text);
/// ```
#[derive(Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MaterialDraft {
    /// A file, relative to the document.
    pub file: Option<PathBuf>,
    /// How errors and reports call a text; `inline` without it. Not a field of the document: readers of other kinds of
    /// documents set it to the object that the text came from.
    #[serde(skip)]
    pub name: Option<String>,
    /// The text itself. It counts as public and is not zeroized: a key in it stays in memory.
    pub pem: Option<Arc<str>>,
    /// Of a trust bundle alone: the SPIFFE trust domain that its certificates vouch for. In a document it is a field of
    /// `trust.bundles` and of no other material; set on other material it is `policy_invalid`.
    #[serde(skip)]
    pub trust_domain: Option<String>,
}

impl MaterialDraft {
    /// Material in a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), ..Self::default() }
    }

    /// Material given as text. Give the same `Arc<str>` to drafts that hold the same text, as thousands of policies of one
    /// bundle do, and there is one copy.
    pub fn pem(text: impl Into<Arc<str>>) -> Self {
        Self { pem: Some(text.into()), ..Self::default() }
    }

    /// The same under a name for errors and reports.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same as a trust bundle whose certificates vouch for the SPIFFE IDs of this trust domain and of no other.
    #[must_use]
    pub fn of_trust_domain(mut self, domain: impl Into<String>) -> Self {
        self.trust_domain = Some(domain.into());
        self
    }
}

/// Of a text its length alone: a bundle of a system has 200 KiB, and what was pasted in its place may be a key.
impl fmt::Debug for MaterialDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, name, pem, trust_domain } = self;
        let pem = pem.as_ref().map(|text| format!("{} bytes", text.len()));
        f.debug_struct("MaterialDraft")
            .field("file", file)
            .field("name", name)
            .field("pem", &pem)
            .field("trust_domain", trust_domain)
            .finish()
    }
}

/// Secret material: a file, or the text itself; exactly one of the two. It has no `Debug`.
#[derive(Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SecretDraft {
    /// A file, relative to the document.
    pub file: Option<PathBuf>,
    /// The text itself.
    pub pem: Option<Secret>,
}

impl SecretDraft {
    /// A secret in a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), pem: None }
    }

    /// A secret given as text.
    pub fn pem(secret: Secret) -> Self {
        Self { file: None, pem: Some(secret) }
    }
}

/// Our own certificate and key.
///
/// ```
/// use uptls::{IdentityDraft, MaterialDraft, SecretDraft};
///
/// let identity = IdentityDraft {
///     certificate: Some(MaterialDraft::file("tls.crt")),
///     key: Some(SecretDraft::file("tls.key")),
///     passphrase: None,
/// };
/// # let _ = identity;
/// ```
#[derive(Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IdentityDraft {
    /// The chain, leaf first.
    pub certificate: Option<MaterialDraft>,
    /// The private key: PKCS#8 (encrypted or not), PKCS#1 or SEC1.
    pub key: Option<SecretDraft>,
    /// The passphrase of an encrypted PKCS#8 key; one trailing line end is removed.
    pub passphrase: Option<SecretDraft>,
}

/// One wanted name: exactly one of the fields.
///
/// ```
/// use uptls::SanDraft;
///
/// let names = [SanDraft::dns("payments.internal"), SanDraft::ip("10.0.0.7"), SanDraft::spiffe("prod.example", "/ns/pay")];
/// # let _ = names;
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SanDraft {
    /// A dNSName.
    pub dns: Option<String>,
    /// An iPAddress.
    pub ip: Option<String>,
    /// Any SPIFFE ID of a trust domain whose path begins with whole segments.
    pub spiffe: Option<SpiffeDraft>,
    /// Any SPIFFE ID of this trust domain.
    pub spiffe_trust_domain: Option<String>,
    /// A uniformResourceIdentifier, byte for byte.
    pub uri: Option<String>,
}

impl SanDraft {
    /// A dNSName.
    pub fn dns(name: impl Into<String>) -> Self {
        Self { dns: Some(name.into()), ..Self::default() }
    }

    /// An iPAddress.
    pub fn ip(address: impl Into<String>) -> Self {
        Self { ip: Some(address.into()), ..Self::default() }
    }

    /// Any SPIFFE ID of a trust domain whose path begins with the segments of `path_prefix`.
    pub fn spiffe(trust_domain: impl Into<String>, path_prefix: impl Into<String>) -> Self {
        let spiffe = SpiffeDraft { path_prefix: Some(path_prefix.into()), trust_domain: Some(trust_domain.into()) };
        Self { spiffe: Some(spiffe), ..Self::default() }
    }

    /// Any SPIFFE ID of a trust domain.
    pub fn spiffe_trust_domain(domain: impl Into<String>) -> Self {
        Self { spiffe_trust_domain: Some(domain.into()), ..Self::default() }
    }

    /// A uniformResourceIdentifier.
    pub fn uri(uri: impl Into<String>) -> Self {
        Self { uri: Some(uri.into()), ..Self::default() }
    }
}

/// SPIFFE IDs of one trust domain.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SpiffeDraft {
    /// The first segments of the path, `/ns/pay`, which also covers what is below it, `/ns/pay/sa/api`, and never `/ns/payroll`.
    /// Default: any path.
    pub path_prefix: Option<String>,
    /// The trust domain. Required.
    pub trust_domain: Option<String>,
}

/// The TLS versions: `"1.2"` or `"1.3"`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VersionsDraft {
    /// The highest. Default: 1.3.
    pub max: Option<String>,
    /// The lowest. Default: 1.2.
    pub min: Option<String>,
}

/// Application protocols.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AlpnDraft {
    /// Their names, in order of preference.
    pub protocols: Vec<String>,
    /// Whether a peer that selects none is refused. Default: false.
    pub required: bool,
}

/// Revocation lists.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RevocationDraft {
    /// The lists, PEM or DER.
    pub crls: Vec<MaterialDraft>,
    /// `chain` (every certificate) or `leaf`. Default: chain.
    pub depth: Option<String>,
    /// What a certificate without a list is: `deny` or `allow`. Default: deny. With `allow`, an attacker who can keep a list
    /// from being delivered can use a revoked certificate.
    pub unknown: Option<String>,
}

/// The explicit weakenings (see `danger`).
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DangerDraft {
    /// Nothing but the handshake signature is verified.
    pub accept_any_certificate: Option<ReasonDraft>,
    /// The path is verified, names are not.
    pub accept_any_name: Option<ReasonDraft>,
    /// Single rules that are not enforced.
    pub tolerate: Vec<TolerationDraft>,
}

/// Why a weakening is needed.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReasonDraft {
    /// For the readers of the report.
    pub reason: String,
}

/// One rule that is not enforced.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TolerationDraft {
    /// For the readers of the report.
    pub reason: String,
    /// `key_usage`, `expired_anchor`, `expired_leaf` or `common_name`.
    pub rule: String,
    /// RFC 3339; afterwards the rule holds again. Default: without end.
    #[serde(default)]
    pub until: Option<String>,
}
