//! Private keys that stay elsewhere: in a PKCS#11 token, a TPM, a KMS, another process. The library has the certificate and asks for
//! signatures (I7).

use core::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use webpki::RawPublicKeyEntity;

use super::asking::{self, Refusal};
use crate::panic;

/// What makes the signatures of an [`ExternalKey`].
///
/// A function `Fn(SignatureScheme, &[u8]) -> Result<Vec<u8>, String>` is one.
pub trait ExternalSigner: Send + Sync {
    /// Signs `message`, which is not hashed yet, by `scheme` (RFC 8446 section 4.2.3), which says hash and padding. An ECDSA signature is
    /// the DER of `ECDSA-Sig-Value`, an RSA-PSS signature has a salt of the length of the hash.
    ///
    /// It is called in the thread of the handshake, which waits for it, by several threads at once, and cannot be interrupted: bound what
    /// may wait in it below the handshake's deadline. With tokio it holds up a worker; `tokio::task::block_in_place` frees the others.
    ///
    /// # Errors
    /// Why there is no signature, for the error of the connection (`identity_sign_failed`). Never a secret.
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, String>;
}

impl<F: Fn(SignatureScheme, &[u8]) -> Result<Vec<u8>, String> + Send + Sync> ExternalSigner for F {
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, String> {
        self(scheme, message)
    }
}

/// The private key of an identity, which this process does not have. [`SecretDraft::external`](crate::SecretDraft::external) puts it
/// where a key stands.
///
/// The certificate says what kind of key it is, and so which schemes the library offers. It verifies each signature by the public key of
/// the certificate before it sends it: a signer with another key is `identity_sign_failed` in the first handshake that needs it, and
/// nothing of it reaches the peer. A clone is the same key; of two keys made by two calls, even for one certificate, no connection
/// of the one uses a session of the other.
///
/// ```
/// use uptls::rustls::SignatureScheme;
/// use uptls::{ExternalKey, IdentityDraft, MaterialDraft, SecretDraft};
///
/// # fn ask_the_token(_: SignatureScheme, _: &[u8]) -> Result<Vec<u8>, String> { Err(String::new()) }
/// let key = ExternalKey::new(|scheme: SignatureScheme, message: &[u8]| ask_the_token(scheme, message));
/// // A TPM that cannot do PSS:
/// let key = key.with_schemes([SignatureScheme::ECDSA_NISTP256_SHA256]);
/// let identity = IdentityDraft {
///     certificate: Some(MaterialDraft::file("client.crt")),
///     key: Some(SecretDraft::external(key)),
///     passphrase: None,
/// };
/// # let _ = identity;
/// ```
#[derive(Clone)]
pub struct ExternalKey {
    /// What no other key of this process has.
    id: u64,
    schemes: Option<Arc<[SignatureScheme]>>,
    /// `None`: the connection asks.
    signer: Option<Arc<dyn ExternalSigner>>,
}

impl ExternalKey {
    /// A key whose signatures `signer` makes.
    pub fn new(signer: impl ExternalSigner + 'static) -> Self {
        Self { id: next_id(), schemes: None, signer: Some(Arc::new(signer)) }
    }

    /// A key without a function: a handshake that needs a signature stops and asks its driver for it
    /// ([`Handshake::feed_asking`](crate::sans_io::Handshake::feed_asking)). Every other way to connect fails with
    /// `identity_sign_failed` if the peer wants a certificate.
    pub fn asking() -> Self {
        Self { id: next_id(), schemes: None, signer: None }
    }

    /// Offers these schemes alone, the most preferred first, of those that the certificate permits. Default: all that the provider verifies
    /// by such a key, which for RSA are PSS and, in TLS 1.2, PKCS #1.
    #[must_use]
    pub fn with_schemes(mut self, schemes: impl IntoIterator<Item = SignatureScheme>) -> Self {
        self.schemes = Some(schemes.into_iter().collect());
        // Other sessions.
        self.id = next_id();
        self
    }

    pub(crate) fn id(&self) -> [u8; 8] {
        self.id.to_be_bytes()
    }

    pub(crate) fn is_asking(&self) -> bool {
        self.signer.is_none()
    }

    /// As rustls wants it, for a certificate with this SubjectPublicKeyInfo (DER); `None` if no scheme is left.
    pub(super) fn signing_key(
        &self,
        spki: &[u8],
        algorithm: &[u8],
        provider: WebPkiSupportedAlgorithms,
    ) -> Option<Arc<dyn SigningKey>> {
        // The first algorithm of a scheme is that of TLS 1.3.
        let suits = |(scheme, algorithms): &(SignatureScheme, &'static [_])| {
            let algorithms: &[&dyn rustls_pki_types::SignatureVerificationAlgorithm] = algorithms;
            let is_of_key = algorithms.first().is_some_and(|first| &*first.public_key_alg_id() == algorithm);
            is_of_key.then_some(*scheme)
        };
        let possible: Vec<_> = provider.mapping.iter().filter_map(suits).collect();
        let schemes: Vec<_> = match &self.schemes {
            None => possible,
            Some(wanted) => wanted.iter().copied().filter(|scheme| possible.contains(scheme)).collect(),
        };
        let kind = kind_of(*schemes.first()?);
        let key = Key { external: self.clone(), kind, provider, schemes, spki: spki.to_vec() };
        Some(Arc::new(key))
    }
}

/// Names no key.
impl fmt::Debug for ExternalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalKey").field("schemes", &self.schemes).finish_non_exhaustive()
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The kind of key that a scheme is for.
fn kind_of(scheme: SignatureScheme) -> SignatureAlgorithm {
    use SignatureScheme as Scheme;
    match scheme {
        Scheme::RSA_PKCS1_SHA256
        | Scheme::RSA_PKCS1_SHA384
        | Scheme::RSA_PKCS1_SHA512
        | Scheme::RSA_PSS_SHA256
        | Scheme::RSA_PSS_SHA384
        | Scheme::RSA_PSS_SHA512 => SignatureAlgorithm::RSA,
        Scheme::ECDSA_NISTP256_SHA256 | Scheme::ECDSA_NISTP384_SHA384 | Scheme::ECDSA_NISTP521_SHA512 => {
            SignatureAlgorithm::ECDSA
        }
        Scheme::ED25519 => SignatureAlgorithm::ED25519,
        // ML-DSA, which TLS 1.3 alone has: rustls asks for the kind in TLS 1.2.
        other => SignatureAlgorithm::Unknown(u16::from(other).to_be_bytes()[1]),
    }
}

/// A key of one certificate.
#[derive(Clone)]
struct Key {
    external: ExternalKey,
    kind: SignatureAlgorithm,
    provider: WebPkiSupportedAlgorithms,
    schemes: Vec<SignatureScheme>,
    spki: Vec<u8>,
}

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = *self.schemes.iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(ForScheme { key: self.clone(), scheme }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.spki.as_slice()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.kind
    }
}

struct ForScheme {
    key: Key,
    scheme: SignatureScheme,
}

impl ForScheme {
    fn ask(&self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        let Some(signer) = &self.key.external.signer else { return asking::ask(self.scheme, message) };
        panic::catch(|| signer.sign(self.scheme, message))
            .unwrap_or_else(|words| Err(format!("the signer panicked: {words}")))
            .map_err(Refusal::Reason)
    }

    /// What the peer would find, it finds with no connection left; here it has a reason.
    fn is_by_key(&self, message: &[u8], signature: &[u8]) -> bool {
        let spki = SubjectPublicKeyInfoDer::from(self.key.spki.as_slice());
        let Ok(key) = RawPublicKeyEntity::try_from(&spki) else { return false };
        let known = self.key.provider.mapping.iter().find(|(scheme, _)| *scheme == self.scheme);
        let first = known.and_then(|(_, algorithms)| algorithms.first());
        first.is_some_and(|algorithm| key.verify_signature(*algorithm, message, signature).is_ok())
    }
}

impl Signer for ForScheme {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let name = self.scheme.as_str().unwrap_or("an unknown scheme");
        let refusal = match self.ask(message) {
            Ok(signature) if self.is_by_key(message, &signature) => return Ok(signature),
            Ok(signature) => Refusal::Reason(format!(
                "the signer gave {} bytes that are no {name} signature of the message by the certificate's key",
                signature.len()
            )),
            Err(refusal) => refusal,
        };
        asking::refused(refusal);
        Err(rustls::Error::General("the identity's key gave no signature".to_owned()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("schemes", &self.schemes).finish_non_exhaustive()
    }
}

impl fmt::Debug for ForScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForScheme").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}
