//! A signature over a certificate or a revocation list: what was signed, how, and whether a key made it.

use rustls_pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use webpki::{Error, RawPublicKeyEntity};
use x509_parser::oid_registry::asn1_rs::{Any, FromDer, Tag};

/// The three parts that certificates and lists have in common (RFC 5280 sections 4.1 and 5.1).
pub(crate) struct Signed<'a> {
    /// The content of the AlgorithmIdentifier, as webpki compares it.
    algorithm: &'a [u8],
    message: &'a [u8],
    signature: &'a [u8],
}

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignatureFailure {
    /// No accepted algorithm makes such signatures, or none does with such a key.
    Algorithm,
    /// Another key made it, or other content was signed.
    Invalid,
}

impl<'a> Signed<'a> {
    /// The parts of a DER certificate or list; `None` for anything else.
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        let ([], outer) = Any::from_der(der).ok()? else { return None };
        let (behind, _) = Any::from_der(outer.data).ok()?;
        let message = outer.data.get(..outer.data.len().checked_sub(behind.len())?)?;
        let (behind, algorithm) = Any::from_der(behind).ok()?;
        let ([], bits) = Any::from_der(behind).ok()? else { return None };
        match bits.data {
            [0, signature @ ..] if bits.tag() == Tag::BitString => {
                Some(Self { algorithm: algorithm.data, message, signature })
            }
            _ => None,
        }
    }

    /// Whether one of `algorithms` makes such signatures.
    pub(crate) fn is_by_one_of(&self, algorithms: &[&dyn SignatureVerificationAlgorithm]) -> bool {
        algorithms.iter().any(|known| known.signature_alg_id().as_ref() == self.algorithm)
    }

    /// Whether the key `spki` (DER) made the signature, by one of `algorithms`.
    pub(crate) fn verify(
        &self,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        spki: &[u8],
    ) -> Result<(), SignatureFailure> {
        let spki = SubjectPublicKeyInfoDer::from(spki);
        let key = RawPublicKeyEntity::try_from(&spki).map_err(|_| SignatureFailure::Algorithm)?;
        for algorithm in algorithms.iter().filter(|known| known.signature_alg_id().as_ref() == self.algorithm) {
            match key.verify_signature(*algorithm, self.message, self.signature) {
                Ok(()) => return Ok(()),
                // The same signature algorithm with a key of another kind.
                Err(Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {}
                Err(_) => return Err(SignatureFailure::Invalid),
            }
        }
        Err(SignatureFailure::Algorithm)
    }
}
