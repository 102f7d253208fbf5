//! A checked, frozen policy: nothing in it is a string that still has to be understood.

mod absent;
mod builder;
mod bundle;
mod check;
mod draft;
mod negotiation;
mod san;

pub use builder::PolicyBuilder;
pub use bundle::BundleSpec;
pub use draft::{
    AlpnDraft, DangerDraft, IdentityDraft, MaterialDraft, PolicyDraft, PolicySpec, ReasonDraft, RevocationDraft,
    SanDraft, SecretDraft, SpiffeDraft, SystemTrustDraft, TolerationDraft, TrustDraft, VersionsDraft,
};
pub use negotiation::{Alpn, AlpnSelection, TlsVersion, Versions};
pub(crate) use negotiation::{CIPHER_SUITES, GROUPS, group_name, scheme_name, suite_name};
pub use san::{SanMatcher, WildcardName};

use core::fmt;
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::danger::{Danger, DangerPermission, NO_DANGER, PeerDanger};
use crate::digest::{CanonicalDigest, sha256};
use crate::error::{ByPath, Origin, Problems};
use crate::identity::{ExternalKey, Secret, on_clean_stack};
use crate::name::{DnsName, TrustDomain};
use crate::text;
use crate::warning::Warning;

/// The requirements on an upstream, and our identity for it: checked, canonical and immutable.
///
/// It names material (files or text) but has not read it: [`crate::Runtime::prepare`] does that. A clone is cheap.
///
/// ```
/// use uptls::danger::DangerPermission;
/// use uptls::{PolicyDraft, PolicySpec, SystemTrustDraft, TrustDraft, UpstreamTlsPolicy};
///
/// // Without trust there is no policy, and the error names the field.
/// let problems = UpstreamTlsPolicy::check(PolicyDraft::default(), DangerPermission::Forbidden).err().unwrap();
/// assert_eq!((problems.code().as_str(), problems.first().unwrap().path()), ("trust_missing", "spec.trust"));
///
/// let trust = TrustDraft { system: SystemTrustDraft::Mozilla, ..TrustDraft::default() };
/// let spec = PolicySpec { trust, ..PolicySpec::default() };
/// let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden)?;
/// assert!(!policy.danger().is_active());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct UpstreamTlsPolicy(Arc<Fields>);

/// A gateway has a hundred thousand of these, so what is rare is behind a pointer.
pub(crate) struct Fields {
    pub(crate) identity: Option<Box<IdentitySpec>>,
    pub(crate) name: Option<Box<str>>,
    /// `None`: the default.
    pub(crate) negotiation: Option<Box<Negotiation>>,
    pub(crate) origins: ByPath<Origin>,
    pub(crate) server_name: ServerNameRule,
    pub(crate) subject_alt_names: Box<[SanMatcher]>,
    pub(crate) trust: TrustSpec,
    /// `None`: nothing of it.
    pub(crate) uncommon: Option<Box<Uncommon>>,
}

/// What few policies say of the peer.
#[derive(Debug)]
pub(crate) struct Uncommon {
    pub(crate) danger: Danger,
    pub(crate) revocation: Option<RevocationSpec>,
    pub(crate) spki_pins: Vec<[u8; 32]>,
}

impl Uncommon {
    pub(crate) const NOTHING: Self = Self { danger: NO_DANGER, revocation: None, spki_pins: Vec::new() };

    pub(crate) fn is_nothing(&self) -> bool {
        !self.danger.is_active() && self.revocation.is_none() && self.spki_pins.is_empty()
    }
}

/// How the handshake is made.
#[derive(Debug, PartialEq)]
pub(crate) struct Negotiation {
    pub(crate) alpn: Alpn,
    pub(crate) cipher_suites: Vec<&'static str>,
    pub(crate) groups: Vec<&'static str>,
    pub(crate) handshake_timeout: Duration,
    pub(crate) resumption: Resumption,
    pub(crate) versions: Versions,
}

impl Negotiation {
    pub(crate) const DEFAULT: Self = Self {
        alpn: Alpn { protocols: Vec::new(), selection: AlpnSelection::Optional },
        cipher_suites: Vec::new(),
        groups: Vec::new(),
        handshake_timeout: Duration::from_secs(10),
        resumption: Resumption::Enabled,
        versions: Versions { max: TlsVersion::V1_3, min: TlsVersion::V1_2 },
    };
}

impl UpstreamTlsPolicy {
    /// Checks a draft: every problem at once, each with its path.
    ///
    /// # Errors
    /// [`Problems`] with codes of the 1xx and 2xx blocks; `danger_forbidden` for a weakening unless `permission` is
    /// [`DangerPermission::Allowed`].
    pub fn check(draft: PolicyDraft, permission: DangerPermission) -> Result<Self, Problems> {
        check::check(draft, permission).map(|fields| Self(Arc::new(fields)))
    }

    /// Whether it is the same object: a clone.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The name for reports.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// What is trusted.
    pub fn trust(&self) -> &TrustSpec {
        &self.0.trust
    }

    /// Which server name is sent.
    pub fn server_name(&self) -> &ServerNameRule {
        &self.0.server_name
    }

    /// The wanted names (any of them); empty: the server name is the identity (N3).
    pub fn subject_alt_names(&self) -> &[SanMatcher] {
        &self.0.subject_alt_names
    }

    /// SHA-256 of the keys of which the leaf must have one (V6).
    pub fn spki_pins(&self) -> &[[u8; 32]] {
        &self.uncommon().spki_pins
    }

    /// Our own certificate and key.
    pub fn identity(&self) -> Option<&IdentitySpec> {
        self.0.identity.as_deref()
    }

    /// The versions that are offered.
    pub fn versions(&self) -> Versions {
        self.negotiation().versions
    }

    /// IANA names of the cipher suites; empty: the provider's.
    pub fn cipher_suites(&self) -> &[&'static str] {
        &self.negotiation().cipher_suites
    }

    /// IANA names of the groups; empty: the default of H2.
    pub fn groups(&self) -> &[&'static str] {
        &self.negotiation().groups
    }

    /// Application protocols.
    pub fn alpn(&self) -> &Alpn {
        &self.negotiation().alpn
    }

    /// Revocation lists and how they are used.
    pub fn revocation(&self) -> Option<&RevocationSpec> {
        self.uncommon().revocation.as_ref()
    }

    /// Whether sessions are resumed.
    pub fn resumption(&self) -> Resumption {
        self.negotiation().resumption
    }

    /// The deadline of a whole connect.
    pub fn handshake_timeout(&self) -> Duration {
        self.negotiation().handshake_timeout
    }

    fn uncommon(&self) -> &Uncommon {
        const NOTHING: &Uncommon = &Uncommon::NOTHING;
        self.0.uncommon.as_deref().unwrap_or(NOTHING)
    }

    fn negotiation(&self) -> &Negotiation {
        const DEFAULT: &Negotiation = &Negotiation::DEFAULT;
        self.0.negotiation.as_deref().unwrap_or(DEFAULT)
    }

    /// The explicit weakenings.
    pub fn danger(&self) -> &Danger {
        &self.uncommon().danger
    }

    /// T9: wanted SPIFFE IDs for which nothing that is trusted vouches, beside names that can match.
    pub(crate) fn unvouched_names(&self) -> impl Iterator<Item = &SanMatcher> {
        let trust = &self.0.trust;
        self.0
            .subject_alt_names
            .iter()
            .filter(|name| name.trust_domain().is_some_and(|domain| !check::may_vouch(trust, &domain)))
    }

    pub(crate) fn group_warning(&self) -> Option<Warning> {
        negotiation::group_warning(self.groups(), self.versions())
    }

    /// Where `path`, or the nearest field around it, was written.
    pub(crate) fn origin(&self, path: &str) -> Option<Origin> {
        self.0.origins.nearest(path).cloned()
    }

    /// The digest of the policy as it was written: names of files, not their content.
    pub fn spec_digest(&self) -> [u8; 32] {
        let mut digest = CanonicalDigest::new("uptls spec v1");
        self.write(&mut digest);
        let Fields { trust, identity, .. } = &*self.0;
        digest.list(trust.bundles.iter().map(BundleSpec::canonical));
        if let Some(IdentitySpec { certificate, key, passphrase }) = identity.as_deref() {
            digest.bytes(&certificate.canonical());
            digest.bytes(&key.canonical());
            digest.optional(passphrase.as_ref().map(SecretMaterial::canonical).as_deref());
        }
        if let Some(RevocationSpec { crls, depth: _, unknown: _ }) = self.revocation() {
            digest.list(crls.iter().map(Material::canonical));
        }
        digest.finish()
    }

    /// Every field that decides a verdict or a handshake and is not material. Exhaustive: a new field that is not
    /// covered here does not compile (R9).
    pub(crate) fn write(&self, digest: &mut CanonicalDigest) {
        let Fields {
            identity,
            name: _,
            negotiation: _,
            origins: _,
            server_name,
            subject_alt_names,
            trust,
            uncommon: _,
        } = &*self.0;
        let Uncommon { danger, revocation, spki_pins } = self.uncommon();
        let Negotiation { alpn, cipher_suites, groups, handshake_timeout, resumption, versions } = self.negotiation();
        let Alpn { protocols, selection } = alpn;
        digest.list(protocols);
        digest.text(&format!("{selection:?}"));
        digest.list(cipher_suites);
        let Danger { peer, tolerations } = danger;
        digest.text(match peer {
            PeerDanger::AnyCertificate { .. } => "any certificate",
            PeerDanger::AnyName { .. } => "any name",
            PeerDanger::None => "none",
        });
        digest.set(tolerations.iter().map(|t| format!("{} {:?}", t.rule, t.until)));
        digest.list(groups);
        digest.bytes(&handshake_timeout.as_nanos().to_be_bytes());
        digest.text(if identity.is_some() { "identity" } else { "anonymous" });
        digest.text(&format!("{resumption:?}"));
        match revocation {
            None => digest.text("no revocation"),
            Some(RevocationSpec { crls: _, depth, unknown }) => digest.text(&format!("{depth:?} {unknown:?}")),
        }
        digest.text(&format!("{server_name:?}"));
        digest.set(spki_pins);
        digest.set(subject_alt_names.iter().map(ToString::to_string));
        // What a bundle vouches for belongs to its content: `TrustStore::digest_of` has both.
        let TrustSpec { bundles: _, pinned_certificates, pinned_keys, system, system_trust_domain } = trust;
        digest.set(&**pinned_certificates);
        digest.set(&**pinned_keys);
        match system_trust_domain {
            None => digest.text(&format!("{system:?}")),
            Some(domain) => digest.text(&format!("{system:?} vouches for {domain}")),
        }
        digest.text(&format!("{versions:?}"));
    }
}

impl fmt::Debug for UpstreamTlsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamTlsPolicy")
            .field("name", &self.0.name)
            .field("server_name", &self.0.server_name)
            .field("subject_alt_names", &self.0.subject_alt_names)
            .field("identity", &self.0.identity.is_some())
            .field("spec_digest", &text::digest(&self.spec_digest()))
            .finish_non_exhaustive()
    }
}

/// Equality of what was written ([`UpstreamTlsPolicy::spec_digest`]); the name does not count.
impl PartialEq for UpstreamTlsPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.spec_digest() == other.spec_digest()
    }
}

impl Eq for UpstreamTlsPolicy {}

/// What is trusted; at least one of the fields is not empty (T1).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TrustSpec {
    /// Bundles of certificates.
    pub bundles: Box<[BundleSpec]>,
    /// SHA-256 of certificates trusted as themselves (T5).
    pub pinned_certificates: Box<[[u8; 32]]>,
    /// SHA-256 of SubjectPublicKeyInfos trusted as themselves (T5).
    pub pinned_keys: Box<[[u8; 32]]>,
    /// Roots of the system (T6).
    pub system: SystemTrust,
    /// The SPIFFE trust domain that they vouch for; `None`: none (T9).
    pub system_trust_domain: Option<TrustDomain>,
}

/// Which roots of the system are trusted (T6).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SystemTrust {
    /// The compiled-in Mozilla roots.
    Mozilla,
    /// The platform's root files.
    Native,
    /// None.
    #[default]
    Off,
    /// The platform's own verifier decides the path, our rules the names; without bundles, lists or resumption.
    Platform,
}

/// Our own certificate and key, not yet read.
#[derive(Clone)]
#[non_exhaustive]
pub struct IdentitySpec {
    /// The chain.
    pub certificate: Material,
    pub(crate) key: SecretMaterial,
    pub(crate) passphrase: Option<SecretMaterial>,
}

/// Revocation lists and how they are used (V3).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RevocationSpec {
    /// The lists.
    pub crls: Vec<Material>,
    /// Which certificates must have one.
    pub depth: RevocationDepth,
    /// What a certificate without one is.
    pub unknown: UnknownRevocation,
}

/// Which certificates of a path are checked.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RevocationDepth {
    /// Every one below the anchor.
    #[default]
    Chain,
    /// The leaf only.
    Leaf,
}

/// What a certificate is that no list covers.
///
/// ```
/// use uptls::{RevocationDepth, UnknownRevocation, UpstreamTlsPolicy};
///
/// let builder = UpstreamTlsPolicy::builder().add_ca_file("ca.pem").add_crl_file("leaf.crl");
/// let policy = builder.revocation(RevocationDepth::Leaf, UnknownRevocation::Deny).build()?;
/// assert_eq!(policy.revocation().unwrap().unknown, UnknownRevocation::Deny);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum UnknownRevocation {
    /// Accepted.
    Allow,
    /// Refused with `revocation_unknown`.
    #[default]
    Deny,
}

/// Whether sessions are resumed (H6).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Resumption {
    /// Every connection is a full handshake.
    Disabled,
    /// Within one fingerprint and one server name.
    #[default]
    Enabled,
}

/// Which server name (SNI) is sent (N2).
///
/// ```
/// use uptls::{DnsName, ServerNameRule, UpstreamTlsPolicy};
///
/// let name = ServerNameRule::Dns(DnsName::parse("payments.internal")?);
/// let policy = UpstreamTlsPolicy::builder().add_ca_file("ca.pem").server_name(name).build()?;
/// // Without one it is the backend host of each connection.
/// let auto = UpstreamTlsPolicy::builder().add_ca_file("ca.pem").build()?;
/// assert!(matches!(auto.server_name(), ServerNameRule::Auto) && policy.server_name() != auto.server_name());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ServerNameRule {
    /// The backend host; nothing for an IP address.
    #[default]
    Auto,
    /// This one.
    Dns(DnsName),
    /// None.
    None,
}

/// Public material that a policy names: not read yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Material {
    /// A file; `path` as written, `base` the folder that a relative path starts from.
    File {
        /// The folder of the document.
        base: Option<PathBuf>,
        /// As written.
        path: PathBuf,
    },
    /// The content itself.
    Inline {
        /// PEM text, or DER where the format permits it.
        content: Arc<[u8]>,
        /// How errors and reports call it: `inline`, or the object that it came from.
        name: String,
    },
}

impl Material {
    /// How errors and reports call it: the path as written, or the name of the text.
    pub fn source(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Inline { name, .. } => name.clone(),
        }
    }

    fn canonical(&self) -> Vec<u8> {
        match self {
            Self::File { path, .. } => [b"file:", path.as_os_str().as_encoded_bytes()].concat(),
            Self::Inline { content, name: _ } => [b"inline:", &**content].concat(),
        }
    }
}

/// Where a relative path leads.
pub(crate) fn resolve(base: Option<&Path>, path: &Path) -> PathBuf {
    base.map_or_else(|| path.to_path_buf(), |base| base.join(path))
}

/// Secret material that a policy names. No `Debug`.
#[derive(Clone)]
pub(crate) enum SecretMaterial {
    External(ExternalKey),
    File { base: Option<PathBuf>, path: PathBuf },
    Inline(Secret),
}

impl SecretMaterial {
    pub(crate) fn source(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::External(_) => "an external key".to_owned(),
            Self::Inline(_) => "inline".to_owned(),
        }
    }

    /// A digest, so that no copy of the secret is made.
    fn canonical(&self) -> Vec<u8> {
        match self {
            Self::File { path, .. } => [b"file:", path.as_os_str().as_encoded_bytes()].concat(),
            Self::External(key) => [&b"external:"[..], &key.id()].concat(),
            Self::Inline(secret) => on_clean_stack(|| sha256(secret.expose())).to_vec(),
        }
    }
}
