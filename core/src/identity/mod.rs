//! Our own identity towards the peer: chain and key, proven to belong together.

pub(crate) mod asking;
#[cfg(feature = "encrypted-keys")]
mod decrypt;
#[cfg(not(feature = "encrypted-keys"))]
mod decrypt_absent;
mod external;
mod key;
mod secret;

pub use external::{ExternalKey, ExternalSigner};
pub use secret::Secret;
pub(crate) use secret::on_clean_stack;

#[cfg(not(feature = "encrypted-keys"))]
use decrypt_absent as decrypt;

use core::fmt;
use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::certificate::{CertificateView, KeyStrength, facts_or_digest};
use crate::digest::CanonicalDigest;
use crate::encoding;
use crate::error::{MaterialError, MaterialErrorKind};
use crate::facts::CertificateFacts;
use crate::time::{is_near_end, rfc3339};
use crate::warning::{Warning, WarningCode};

/// A client certificate chain and its private key. It never shows the key (I6).
pub struct ClientIdentity {
    certified_key: Arc<CertifiedKey>,
    digest: [u8; 32],
    /// Its signatures are asked for (I7).
    is_asking: bool,
    /// Read anew from the leaf when it is asked for: a gateway has a hundred thousand identities, and shows few.
    facts: OnceLock<Box<CertificateFacts>>,
    is_v1: bool,
    not_after: i64,
    not_before: i64,
    permits_client_auth: bool,
}

/// The bytes of an identity and how errors call them.
pub(crate) struct IdentitySource<'a> {
    pub(crate) certificate: &'a [u8],
    pub(crate) certificate_source: &'a str,
    pub(crate) key: KeySource<'a>,
    pub(crate) key_source: &'a str,
    pub(crate) passphrase: Option<&'a [u8]>,
}

/// What makes its signatures.
#[derive(Clone, Copy)]
pub(crate) enum KeySource<'a> {
    Bytes(&'a [u8]),
    External(&'a ExternalKey),
}

impl IdentitySource<'_> {
    /// What decides whether two identities are the same object (T7).
    pub(crate) fn digest(&self) -> [u8; 32] {
        on_clean_stack(|| {
            let mut digest = CanonicalDigest::new("uptls identity v1");
            digest.bytes(self.certificate);
            match self.key {
                KeySource::Bytes(bytes) => digest.bytes(bytes),
                KeySource::External(key) => digest.list([&b"external"[..], &key.id()]),
            }
            digest.optional(self.passphrase);
            digest.finish()
        })
    }
}

impl ClientIdentity {
    /// Parses both, and proves that they belong together (I2).
    pub(crate) fn load(source: &IdentitySource<'_>, provider: &CryptoProvider) -> Result<Self, MaterialError> {
        on_clean_stack(|| Self::read(source, provider))
    }

    fn read(source: &IdentitySource<'_>, provider: &CryptoProvider) -> Result<Self, MaterialError> {
        let chain = read_chain(source)?;
        let leaf = chain.first().map(|der| der.to_vec()).unwrap_or_default();
        let fail = |kind| MaterialError::new(CERTIFICATE_PATH, source.certificate_source, kind);
        let view = CertificateView::parse(&leaf)
            .map_err(|reason| fail(MaterialErrorKind::IdentityParse { reason: format!("certificate 1: {reason}") }))?;
        if view.key().strength != KeyStrength::Accepted {
            return Err(fail(MaterialErrorKind::IdentityKeyTooWeak { key: view.key().text() }));
        }
        let signing_key = signing_key(source, &view, provider)?;
        check_order(&chain).map_err(fail)?;
        let certified_key = CertifiedKey::new(chain, signing_key);
        // A provider that does not tell the public key leaves nothing to compare.
        if certified_key.key.public_key().is_some_and(|spki| view.has_other_key(&spki)) {
            return Err(MaterialError::new(KEY_PATH, source.key_source, MaterialErrorKind::IdentityKeyMismatch));
        }
        let mut digest = CanonicalDigest::new("uptls identity content v1");
        digest.list(certified_key.cert.iter());
        let external = match source.key {
            KeySource::Bytes(_) => None,
            KeySource::External(key) => {
                digest.bytes(&key.id());
                Some(key)
            }
        };
        Ok(Self {
            certified_key: Arc::new(certified_key),
            digest: digest.finish(),
            is_asking: external.is_some_and(ExternalKey::is_asking),
            facts: OnceLock::new(),
            is_v1: view.is_v1(),
            not_after: view.not_after(),
            not_before: view.not_before(),
            permits_client_auth: view.extended_key_usage().is_none_or(|usage| usage.client_auth),
        })
    }

    /// That the key of `source`, which was read again, still belongs to this chain (I2): files may have been replaced since.
    pub(crate) fn check_key(
        &self,
        source: &IdentitySource<'_>,
        provider: &CryptoProvider,
    ) -> Result<(), MaterialError> {
        let mismatch = || MaterialError::new(KEY_PATH, source.key_source, MaterialErrorKind::IdentityKeyMismatch);
        on_clean_stack(|| {
            let key = provider.key_provider.load_private_key(key::read(source)?).map_err(|_| mismatch())?;
            match CertifiedKey::new(self.certified_key.cert.clone(), key).keys_match() {
                Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(()),
                Err(_) => Err(mismatch()),
            }
        })
    }

    /// Whether its signatures are asked for, from whoever drives the handshake (I7).
    pub(crate) fn is_asking(&self) -> bool {
        self.is_asking
    }

    pub(crate) fn certified_key(&self) -> &Arc<CertifiedKey> {
        &self.certified_key
    }

    /// The digest of the chain, and so of the key that belongs to its leaf; and of which external key makes its signatures.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    fn leaf(&self) -> &[u8] {
        self.certified_key.cert.first().map(|der| &**der).unwrap_or_default()
    }

    /// The kind and size of its key: `RSA of 2048 bits`.
    pub(crate) fn key(&self) -> String {
        CertificateView::parse(self.leaf()).map(|view| view.key().text()).unwrap_or_default()
    }

    /// Unix seconds.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Unix seconds.
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// What the leaf says.
    pub fn facts(&self) -> &CertificateFacts {
        self.facts.get_or_init(|| Box::new(facts_or_digest(self.leaf(), "identity")))
    }

    /// I4: an identity that is not valid now fails here, not with an opaque alert from the peer.
    pub(crate) fn check_validity(&self, source: &str, now: i64) -> Result<(), MaterialError> {
        let kind = if now > self.not_after {
            MaterialErrorKind::IdentityExpired { not_after: rfc3339(self.not_after), now: rfc3339(now) }
        } else if now < self.not_before {
            MaterialErrorKind::IdentityNotYetValid { not_before: rfc3339(self.not_before), now: rfc3339(now) }
        } else {
            return Ok(());
        };
        Err(MaterialError::new(CERTIFICATE_PATH, source, kind))
    }

    pub(crate) fn warnings(&self, source: &str, now: i64) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if is_near_end(self.not_before, self.not_after, now) {
            let detail = [("source", source.to_owned()), ("not_after", rfc3339(self.not_after))];
            warnings.push(Warning::new(WarningCode::IdentityExpiring, detail));
        }
        if !self.permits_client_auth {
            let detail = [("source", source.to_owned()), ("subject", self.facts().subject.clone())];
            warnings.push(Warning::new(WarningCode::IdentityPurpose, detail));
        }
        if self.is_v1 {
            let detail = [("source", source.to_owned()), ("subject", self.facts().subject.clone())];
            warnings.push(Warning::new(WarningCode::IdentityV1, detail));
        }
        warnings
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").field("leaf", self.facts()).finish_non_exhaustive()
    }
}

/// Whether the PEM texts of `source`, which the field at `path` names, are a chain and the key of its leaf (I2), whatever the
/// clock says; `provider` reads the key.
///
/// # Errors
/// `identity_parse`, `identity_key_mismatch`, `identity_chain_order`, `identity_key_too_weak`, `identity_encrypted`, or
/// `identity_passphrase`, since none is given.
pub fn check_identity(
    path: &str,
    source: &str,
    certificate: &[u8],
    key: &Secret,
    provider: &CryptoProvider,
) -> Result<(), MaterialError> {
    let (certificate_source, key_source) = (source, source);
    let source = IdentitySource {
        certificate,
        certificate_source,
        key: KeySource::Bytes(key.expose()),
        key_source,
        passphrase: None,
    };
    let loaded = ClientIdentity::load(&source, provider).map(drop);
    loaded.map_err(|error| MaterialError { path: path.to_owned(), ..error })
}

/// What signs for the leaf `view`, by the key in `source`.
fn signing_key(
    source: &IdentitySource<'_>,
    view: &CertificateView<'_>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, MaterialError> {
    let algorithms = provider.signature_verification_algorithms;
    let facts = view.key();
    let too_weak = || {
        let kind = MaterialErrorKind::IdentityKeyTooWeak { key: facts.text() };
        MaterialError::new(CERTIFICATE_PATH, source.certificate_source, kind)
    };
    let parse = |reason| MaterialError::new(KEY_PATH, source.key_source, MaterialErrorKind::IdentityParse { reason });
    match source.key {
        KeySource::Bytes(_) => provider.key_provider.load_private_key(key::read(source)?).map_err(|error| match facts
            .is_verified_by(&algorithms)
        {
            true => parse(format!("the key is not accepted: {error}")),
            false => too_weak(),
        }),
        KeySource::External(_) if !facts.is_verified_by(&algorithms) => Err(too_weak()),
        KeySource::External(key) => key.signing_key(view.spki(), facts.algorithm(), algorithms).ok_or_else(|| {
            parse(format!(
                "none of the schemes of the external key is one of {}, which the certificate has",
                facts.text()
            ))
        }),
    }
}

/// The certificates of `source`. Keys may stand in the same file; any other block is an error.
fn read_chain(source: &IdentitySource<'_>) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
    let parse = |reason: String| {
        let kind = MaterialErrorKind::IdentityParse { reason };
        MaterialError::new(CERTIFICATE_PATH, source.certificate_source, kind)
    };
    let blocks = encoding::blocks(source.certificate).map_err(|error| error.of(parse))?;
    let mut chain = Vec::new();
    for block in &blocks {
        match block.label.as_str() {
            "CERTIFICATE" => {
                CertificateView::parse(&block.der).map_err(|e| parse(e).at_block(block.index, block.line))?;
                chain.push(CertificateDer::from(block.der.to_vec()));
            }
            label if key::LABELS.contains(&label) => {}
            label => {
                let (reason, conversion) = encoding::misplaced(label, "a client certificate");
                return Err(parse(reason).at_block(block.index, block.line).convertible(conversion));
            }
        }
    }
    if chain.is_empty() {
        return Err(parse("it holds no CERTIFICATE block".to_owned()));
    }
    // Of a list there may be room for three more, in each of a hundred thousand identities.
    chain.shrink_to_fit();
    Ok(chain)
}

/// Leaf first, each certificate followed by its issuer.
fn check_order(chain: &[CertificateDer<'static>]) -> Result<(), MaterialErrorKind> {
    for (index, pair) in chain.windows(2).enumerate() {
        let [lower, upper] = pair else { continue };
        let follows = match (CertificateView::parse(lower), CertificateView::parse(upper)) {
            (Ok(lower), Ok(upper)) => lower.issuer_raw() == upper.subject_raw(),
            _ => false,
        };
        if !follows {
            return Err(MaterialErrorKind::IdentityChainOrder { position: index + 2 });
        }
    }
    Ok(())
}

/// A passphrase from a file usually ends in a line end that is not part of it.
pub(crate) fn trim_passphrase(mut passphrase: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    if passphrase.last() == Some(&b'\n') {
        passphrase.pop();
        if passphrase.last() == Some(&b'\r') {
            passphrase.pop();
        }
    }
    passphrase
}

/// A key that is encrypted by a scheme that is not read.
fn encrypted(scheme: &str) -> MaterialErrorKind {
    MaterialErrorKind::IdentityEncrypted { scheme: scheme.to_owned() }
}

pub(crate) const CERTIFICATE_PATH: &str = "spec.identity.certificate";
pub(crate) const KEY_PATH: &str = "spec.identity.key";
