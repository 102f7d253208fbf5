//! A policy made in code: every value has its type, so that only what several values come to can still be wrong.

use core::ops::RangeInclusive;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{
    IdentityDraft, MaterialDraft, PolicyDraft, Resumption, RevocationDepth, RevocationDraft, SanDraft, SanMatcher,
    SecretDraft, ServerNameRule, SystemTrust, SystemTrustDraft, TlsVersion, UnknownRevocation, UpstreamTlsPolicy,
};
use crate::danger::DangerPermission;
use crate::error::Problems;
use crate::identity::Secret;
use crate::name::TrustDomain;
use crate::text::hex;

/// Builds an [`UpstreamTlsPolicy`]. Each method that begins with `add` may be called several times; the others replace what
/// they set before. Files are named here, and read by [`crate::Runtime::prepare`].
///
/// It cannot weaken verification. For `danger`, change the `spec` of [`PolicyBuilder::into_draft`], and check that with the
/// caller's permission.
///
/// ```
/// use std::time::Duration;
/// use uptls::{DnsName, SanMatcher, ServerNameRule, TlsVersion, UpstreamTlsPolicy};
///
/// let name = DnsName::parse("payments.internal")?;
/// let policy = UpstreamTlsPolicy::builder()
///     .name("payments")
///     .add_ca_file("/etc/pki/ca.pem")
///     .server_name(ServerNameRule::Dns(name.clone()))
///     .add_subject_alt_name(SanMatcher::Dns(name))
///     .identity_files("/etc/pki/tls.crt", "/etc/pki/tls.key")
///     .versions(TlsVersion::V1_3..=TlsVersion::V1_3)
///     .alpn(["h2"])
///     .handshake_timeout(Duration::from_millis(2500))
///     .build()?;
/// assert_eq!(policy.handshake_timeout(), Duration::from_millis(2500));
///
/// // Without trust there is no policy.
/// let refused = UpstreamTlsPolicy::builder().build().unwrap_err();
/// assert_eq!(refused.code(), uptls::Code::TrustMissing);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct PolicyBuilder(PolicyDraft);

impl UpstreamTlsPolicy {
    /// Begins a policy that trusts nothing yet.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }
}

impl PolicyBuilder {
    /// The name for reports and logs. Default: none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = Some(name.into());
        self
    }

    /// The folder that relative paths start from. Default: the working directory.
    pub fn base(mut self, folder: impl Into<PathBuf>) -> Self {
        self.0.base = Some(folder.into());
        self
    }

    /// Trusts the CA certificates in a file (T2): PEM, one certificate in DER, or PKCS#7.
    pub fn add_ca_file(self, path: impl Into<PathBuf>) -> Self {
        self.add_ca(MaterialDraft::file(path))
    }

    /// Trusts the CA certificates in a PEM text.
    pub fn add_ca_pem(self, text: impl Into<Arc<str>>) -> Self {
        self.add_ca(MaterialDraft::pem(text))
    }

    /// Trusts a bundle with all that can be said of one: a name for errors, and the SPIFFE trust domain that it vouches for (T9).
    pub fn add_ca(mut self, bundle: MaterialDraft) -> Self {
        self.0.spec.trust.bundles.push(bundle);
        self
    }

    /// Trusts roots of the system (T6). Default: none of them.
    pub fn system_roots(mut self, roots: SystemTrust) -> Self {
        self.0.spec.trust.system = match roots {
            SystemTrust::Mozilla => SystemTrustDraft::Mozilla,
            SystemTrust::Native => SystemTrustDraft::Native,
            SystemTrust::Off => SystemTrustDraft::Off,
            SystemTrust::Platform => SystemTrustDraft::Platform,
        };
        self
    }

    /// The one SPIFFE trust domain that the system's roots vouch for (T9). Default: none. With one, any of the system's CAs can
    /// issue an identity of that domain.
    pub fn system_trust_domain(mut self, domain: &TrustDomain) -> Self {
        self.0.spec.trust.system_trust_domain = Some(domain.to_string());
        self
    }

    /// Trusts the one leaf certificate whose DER has this SHA-256 as itself (T5). It is out of use when it is renewed.
    pub fn add_pinned_certificate(mut self, sha256: [u8; 32]) -> Self {
        self.0.spec.trust.pinned_certificates.push(hex(&sha256));
        self
    }

    /// Trusts any leaf whose SubjectPublicKeyInfo has this SHA-256 as itself (T5).
    pub fn add_pinned_key(mut self, sha256: [u8; 32]) -> Self {
        self.0.spec.trust.pinned_keys.push(BASE64_STANDARD.encode(sha256));
        self
    }

    /// The server name that is sent (N2). Default: the backend host of each connection.
    pub fn server_name(mut self, rule: ServerNameRule) -> Self {
        self.0.spec.server_name = Some(match rule {
            ServerNameRule::Auto => "auto".to_owned(),
            ServerNameRule::Dns(name) => name.to_string(),
            ServerNameRule::None => "none".to_owned(),
        });
        self
    }

    /// One more name of which the certificate must hold one (N3). Default: none, and the server name is then the identity.
    pub fn add_subject_alt_name(mut self, name: SanMatcher) -> Self {
        self.0.spec.subject_alt_names.push(match name {
            SanMatcher::Dns(name) => SanDraft::dns(name.to_string()),
            SanMatcher::DnsWildcard(name) => SanDraft::dns(name.as_str()),
            SanMatcher::Ip(address) => SanDraft::ip(address.to_string()),
            SanMatcher::SpiffePrefix(prefix) => SanDraft::spiffe(prefix.trust_domain().to_string(), prefix.path()),
            SanMatcher::SpiffeTrustDomain(domain) => SanDraft::spiffe_trust_domain(domain.to_string()),
            SanMatcher::Uri(uri) => SanDraft::uri(uri.to_string()),
        });
        self
    }

    /// One more SHA-256 of a SubjectPublicKeyInfo of which the leaf must have one, with all the rest (V6). Default: none. Have a
    /// second one for the next key: a pin whose key is gone is an outage.
    pub fn add_spki_pin(mut self, sha256: [u8; 32]) -> Self {
        self.0.spec.spki_pins.push(BASE64_STANDARD.encode(sha256));
        self
    }

    /// Our own certificate chain, leaf first, and its key in files (I1, I2). Default: no client certificate.
    pub fn identity_files(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity(IdentityDraft {
            certificate: Some(MaterialDraft::file(certificate)),
            key: Some(SecretDraft::file(key)),
            passphrase: None,
        })
    }

    /// Our own certificate chain in a PEM text, and its key.
    pub fn identity_pem(self, certificate: impl Into<Arc<str>>, key: Secret) -> Self {
        self.identity(IdentityDraft {
            certificate: Some(MaterialDraft::pem(certificate)),
            key: Some(SecretDraft::pem(key)),
            passphrase: None,
        })
    }

    /// Our own certificate and key with all that can be said of them, a passphrase too.
    pub fn identity(mut self, identity: IdentityDraft) -> Self {
        self.0.spec.identity = Some(identity);
        self
    }

    /// The application protocols that are offered, in order of preference (H3). Default: none.
    pub fn alpn<T: Into<String>>(mut self, protocols: impl IntoIterator<Item = T>) -> Self {
        self.0.spec.alpn.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Refuses a peer that selects none of them. Default: it may.
    pub fn alpn_required(mut self, required: bool) -> Self {
        self.0.spec.alpn.required = required;
        self
    }

    /// The TLS versions (H1). Default: 1.2 and 1.3.
    pub fn versions(mut self, versions: RangeInclusive<TlsVersion>) -> Self {
        self.0.spec.versions.min = Some(versions.start().as_str().to_owned());
        self.0.spec.versions.max = Some(versions.end().as_str().to_owned());
        self
    }

    /// The cipher suites by their IANA names, in order of preference (H2). Default: the provider's.
    pub fn cipher_suites<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.0.spec.cipher_suites = names.into_iter().map(Into::into).collect();
        self
    }

    /// The key exchange groups by their IANA names, in order of preference (H2). Default: the hybrid group of ML-KEM first.
    pub fn groups<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.0.spec.groups = names.into_iter().map(Into::into).collect();
        self
    }

    /// One more revocation list, PEM or DER, in a file (V3). Default: none, and revocation is not checked.
    pub fn add_crl_file(self, path: impl Into<PathBuf>) -> Self {
        self.add_crl(MaterialDraft::file(path))
    }

    /// One more revocation list.
    pub fn add_crl(mut self, list: MaterialDraft) -> Self {
        self.revocation_draft().crls.push(list);
        self
    }

    /// How revocation lists are used (V3). Default: every certificate below the anchor needs a list that covers it. With
    /// [`UnknownRevocation::Allow`] an attacker who keeps a list from being delivered can use a revoked certificate.
    pub fn revocation(mut self, depth: RevocationDepth, unknown: UnknownRevocation) -> Self {
        let depth = match depth {
            RevocationDepth::Chain => "chain",
            RevocationDepth::Leaf => "leaf",
        };
        let unknown = match unknown {
            UnknownRevocation::Allow => "allow",
            UnknownRevocation::Deny => "deny",
        };
        let draft = self.revocation_draft();
        (draft.depth, draft.unknown) = (Some(depth.to_owned()), Some(unknown.to_owned()));
        self
    }

    fn revocation_draft(&mut self) -> &mut RevocationDraft {
        self.0.spec.revocation.get_or_insert_default()
    }

    /// Whether sessions are resumed (H6). Default: within one fingerprint and server name.
    pub fn resumption(mut self, resumption: Resumption) -> Self {
        self.0.spec.resumption = Some(resumption == Resumption::Enabled);
        self
    }

    /// The deadline of the whole connect (H4), 1 ms to 1 h. Default: 10 s.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        // As documents have it: `10s`, `2.5s`, `500ms`.
        self.0.spec.handshake_timeout = Some(format!("{timeout:?}"));
        self
    }

    /// The policy.
    ///
    /// # Errors
    /// Everything that is wrong with it at once, as [`UpstreamTlsPolicy::check`] says; the paths are those of a document.
    pub fn build(self) -> Result<UpstreamTlsPolicy, Problems> {
        UpstreamTlsPolicy::check(self.0, DangerPermission::Forbidden)
    }

    /// The same, not checked yet: a draft has fields for whatever a document can say.
    #[must_use]
    pub fn into_draft(self) -> PolicyDraft {
        self.0
    }
}
