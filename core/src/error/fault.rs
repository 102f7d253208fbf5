//! What exactly does not hold of a signature algorithm or of a revocation list, where each has a remedy of its own.

use core::fmt;

/// Why a signature algorithm is not accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AlgorithmFault {
    /// The issuer's key is for another algorithm.
    OfKey {
        /// The subject of the issuer.
        issuer: String,
        /// What its key is.
        key: String,
    },
    /// The algorithm is accepted with other parameters alone.
    Parameters,
    /// No signature by it is accepted.
    Unknown,
}

/// Why a revocation list by the issuer's name does not count, and refuses (V3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ListDistrust {
    /// No signature by its algorithm is accepted.
    Algorithm,
    /// The issuer's key did not make its signature.
    Signature,
    /// Its issuer has a key usage without cRLSign.
    Signer,
}

impl fmt::Display for ListDistrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Algorithm => "its signature algorithm is not accepted",
            Self::Signature => "its signature does not verify",
            Self::Signer => "its issuer may not sign revocation lists",
        })
    }
}

impl ListDistrust {
    /// The one thing to change.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Algorithm => "have the CA sign its list with SHA-256 or better",
            Self::Signature => {
                "fetch the CRL from its issuer again; if it stays so, do not use it: it is not the issuer's"
            }
            Self::Signer => {
                "have the CA certificate re-issued with cRLSign in its key usage, and replace it where it is trusted or sent"
            }
        }
    }
}
