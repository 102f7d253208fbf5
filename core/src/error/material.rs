//! What is wrong with certificates, keys and revocation lists: for the operator who provides them.

use core::fmt;

use super::policy::fmt_place;
use super::{Code, Conversion, Origin};
use crate::input::{Cause, Unreadable};
use crate::text::printable;

/// One piece of material that cannot be used.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MaterialError {
    /// The 1-based PEM block, where one is to blame.
    pub block: Option<usize>,
    /// How it becomes material that is read, where another format is all that is wrong.
    pub conversion: Option<Conversion>,
    /// What is wrong.
    pub kind: MaterialErrorKind,
    /// The 1-based line of that block in the material.
    pub line: Option<usize>,
    /// Where the policy names the material, if that is known.
    pub origin: Option<Origin>,
    /// The path of the field that names the material.
    pub path: String,
    /// The file, or `inline`.
    pub source: String,
    /// Why it could not be read; `None`: it was read, or is not known.
    pub(crate) cause: Option<Cause>,
}

/// What is wrong with a piece of material. Times are RFC 3339.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MaterialErrorKind {
    /// The text of a chain that is to be judged cannot be read.
    #[non_exhaustive]
    ChainParse {
        /// What is wrong with it.
        reason: String,
    },
    /// Not a certificate revocation list.
    CrlParse {
        /// What is wrong with it.
        reason: String,
    },
    /// The list cannot be read.
    CrlUnreadable {
        /// What the system says.
        reason: String,
    },
    /// The chain is not leaf first, each followed by its issuer.
    IdentityChainOrder {
        /// The 1-based certificate that does not follow from the one before it.
        position: usize,
    },
    /// The key is encrypted by a scheme that is not read: the legacy PEM form, or PBES1.
    #[non_exhaustive]
    IdentityEncrypted {
        /// Which.
        scheme: String,
    },
    /// The certificate has expired (I4).
    IdentityExpired {
        /// The end of its validity.
        not_after: String,
        /// The clock.
        now: String,
    },
    /// The key belongs to another certificate (I2).
    IdentityKeyMismatch,
    /// The key is of a kind or size that no peer should accept.
    IdentityKeyTooWeak {
        /// What the key is.
        key: String,
    },
    /// The certificate is not valid yet.
    IdentityNotYetValid {
        /// The start of its validity.
        not_before: String,
        /// The clock.
        now: String,
    },
    /// The certificate or key does not parse.
    IdentityParse {
        /// What is wrong with it.
        reason: String,
    },
    /// A passphrase is missing or wrong, or the key derivation is set too high (I3).
    IdentityPassphrase {
        /// Which of these.
        reason: String,
    },
    /// The certificate, key or passphrase cannot be read.
    IdentityUnreadable {
        /// What the system says.
        reason: String,
    },
    /// No certificate in it (T2).
    TrustBundleEmpty,
    /// Every certificate in it has expired, and so has all else that the policy trusts (T4).
    TrustBundleExpired {
        /// The latest end of validity among them.
        not_after: String,
        /// The clock.
        now: String,
    },
    /// Something in it is not a well-formed CERTIFICATE block (T2).
    TrustBundleParse {
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be read.
    TrustUnreadable {
        /// What the system says.
        reason: String,
    },
}

impl MaterialError {
    /// An error of the material `source` that the field at `path` names.
    pub fn new(path: impl Into<String>, source: impl Into<String>, kind: MaterialErrorKind) -> Self {
        let (path, source) = (path.into(), source.into());
        Self { block: None, cause: None, conversion: None, kind, line: None, origin: None, path, source }
    }

    /// An error of material that could not be read.
    pub(crate) fn unreadable(
        path: impl Into<String>,
        source: impl Into<String>,
        failure: Unreadable,
        kind: impl FnOnce(String) -> MaterialErrorKind,
    ) -> Self {
        let Unreadable { cause, reason } = failure;
        Self { cause: Some(cause), ..Self::new(path, source, kind(reason)) }
    }

    /// Adds which PEM block is to blame, and its first line; both count from 1.
    #[must_use]
    pub fn at_block(mut self, block: usize, line: usize) -> Self {
        self.block = Some(block);
        self.line = Some(line);
        self
    }

    /// Adds how it becomes material that is read.
    #[must_use]
    pub fn convertible(mut self, conversion: Option<Conversion>) -> Self {
        self.conversion = conversion.and_then(|conversion| for_use(conversion, &self.kind));
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match &self.kind {
            MaterialErrorKind::ChainParse { .. } => Code::ChainParse,
            MaterialErrorKind::CrlParse { .. } => Code::CrlParse,
            MaterialErrorKind::CrlUnreadable { .. } => Code::CrlUnreadable,
            MaterialErrorKind::IdentityChainOrder { .. } => Code::IdentityChainOrder,
            MaterialErrorKind::IdentityEncrypted { .. } => Code::IdentityEncrypted,
            MaterialErrorKind::IdentityExpired { .. } => Code::IdentityExpired,
            MaterialErrorKind::IdentityKeyMismatch => Code::IdentityKeyMismatch,
            MaterialErrorKind::IdentityKeyTooWeak { .. } => Code::IdentityKeyTooWeak,
            MaterialErrorKind::IdentityNotYetValid { .. } => Code::IdentityNotYetValid,
            MaterialErrorKind::IdentityParse { .. } => Code::IdentityParse,
            MaterialErrorKind::IdentityPassphrase { .. } => Code::IdentityPassphrase,
            MaterialErrorKind::IdentityUnreadable { .. } => Code::IdentityUnreadable,
            MaterialErrorKind::TrustBundleEmpty => Code::TrustBundleEmpty,
            MaterialErrorKind::TrustBundleExpired { .. } => Code::TrustBundleExpired,
            MaterialErrorKind::TrustBundleParse { .. } => Code::TrustBundleParse,
            MaterialErrorKind::TrustUnreadable { .. } => Code::TrustUnreadable,
        }
    }

    /// The one thing to change.
    pub fn hint(&self) -> String {
        if let Some(conversion) = self.conversion {
            return conversion.hint(&self.source);
        }
        match &self.kind {
            MaterialErrorKind::IdentityExpired { not_after, .. } => {
                format!("renew the client certificate; this one ended at {not_after}")
            }
            MaterialErrorKind::TrustBundleExpired { not_after, .. } => {
                format!("replace the bundle; its last certificate ended at {not_after}")
            }
            _ => self.code().hint(),
        }
    }
}

/// What of a container is wanted for this error; nothing where it holds no such thing.
fn for_use(conversion: Conversion, kind: &MaterialErrorKind) -> Option<Conversion> {
    match (conversion, kind) {
        (Conversion::JavaKeyStore | Conversion::Pkcs12, MaterialErrorKind::CrlParse { .. }) => None,
        (Conversion::JavaKeyStore, MaterialErrorKind::IdentityParse { .. }) => Some(Conversion::JavaKeyStoreKey),
        (Conversion::Pkcs12, MaterialErrorKind::IdentityParse { .. }) => Some(conversion),
        (Conversion::Pkcs12, _) => Some(Conversion::Pkcs12Certificates),
        _ => Some(conversion),
    }
}

/// As rustc has it: `policy.yaml:5:12: spec.trust.bundles[0]: ca.pem: ...`.
impl fmt::Display for MaterialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_place(self.origin.as_ref(), f)?;
        self.fmt_message(f)
    }
}

impl MaterialError {
    /// The same without the place.
    pub(super) fn fmt_message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, printable(&self.source))?;
        if let (Some(block), Some(line)) = (self.block, self.line) {
            write!(f, ", block {block} (line {line})")?;
        }
        f.write_str(": ")?;
        match &self.kind {
            MaterialErrorKind::ChainParse { reason }
            | MaterialErrorKind::CrlParse { reason }
            | MaterialErrorKind::IdentityParse { reason }
            | MaterialErrorKind::IdentityPassphrase { reason }
            | MaterialErrorKind::TrustBundleParse { reason } => f.write_str(&printable(reason)),
            MaterialErrorKind::CrlUnreadable { reason }
            | MaterialErrorKind::IdentityUnreadable { reason }
            | MaterialErrorKind::TrustUnreadable { reason } => write!(f, "cannot be read: {}", printable(reason)),
            MaterialErrorKind::IdentityChainOrder { position } => {
                write!(f, "certificate {position} is not the issuer of the one before it")
            }
            MaterialErrorKind::IdentityEncrypted { scheme } => {
                write!(f, "the key's encryption is not supported: {}", printable(scheme))
            }
            MaterialErrorKind::IdentityExpired { not_after, now } => {
                write!(f, "the client certificate expired at {not_after}; it is {now}")
            }
            MaterialErrorKind::IdentityKeyMismatch => f.write_str("the private key does not belong to the certificate"),
            MaterialErrorKind::IdentityKeyTooWeak { key } => {
                write!(f, "the key is {}, which is not accepted", printable(key))
            }
            MaterialErrorKind::IdentityNotYetValid { not_before, now } => {
                write!(f, "the client certificate is valid from {not_before}; it is {now}")
            }
            MaterialErrorKind::TrustBundleEmpty => f.write_str("holds no CERTIFICATE block"),
            MaterialErrorKind::TrustBundleExpired { not_after, now } => {
                write!(f, "every certificate has expired, the last at {not_after}; it is {now}")
            }
        }
    }
}

impl std::error::Error for MaterialError {}
