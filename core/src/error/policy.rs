//! What is wrong with a policy as written: for its author.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Code;
use super::by_path::around;
use crate::fix::Fix;
use crate::name::NameError;
use crate::text::printable;

/// One field that cannot stand as it is written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PolicyError {
    /// What is wrong.
    pub kind: PolicyErrorKind,
    /// Where it was written, if that is known.
    pub origin: Option<Origin>,
    /// What else has to be changed with it, where only who found it knows.
    pub(super) fix: Option<Fix>,
    /// The path of the field: `spec.subjectAltNames[2].dns`; empty for the document as a whole.
    pub path: String,
}

/// Where a field was written.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Origin {
    /// The 1-based column; 0 if it is not known.
    pub column: u64,
    /// The file or object, shared by all places in it.
    pub document: Arc<str>,
    /// The 1-based line; 0 if it is not known, as in an object that was given as a value.
    pub line: u64,
}

/// `policy.yaml:4:11`; a part that is not known is left out.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.document))?;
        match (self.line, self.column) {
            (0, _) => Ok(()),
            (line, 0) => write!(f, ":{line}"),
            (line, column) => write!(f, ":{line}:{column}"),
        }
    }
}

/// The place, and what separates it from a message; nothing where no document is known.
pub(super) fn fmt_place(origin: Option<&Origin>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match origin {
        Some(Origin { column, document, line }) if document.is_empty() && *line > 0 => {
            write!(f, "line {line}, column {column}: ")
        }
        Some(origin) if !origin.document.is_empty() => write!(f, "{origin}: "),
        _ => Ok(()),
    }
}

impl Origin {
    /// A place in a document; `line` and `column` count from 1.
    pub fn new(document: impl Into<Arc<str>>, line: u64, column: u64) -> Self {
        Self { column, document: document.into(), line }
    }

    /// Where the field at `path`, or the nearest one around it, was written: `spec.trust` for `spec.trust.bundles[0]`.
    ///
    /// ```
    /// let origins = [("spec.trust".to_owned(), uptls::Origin::new("policy.yaml", 5, 3))].into();
    /// assert_eq!(uptls::Origin::nearest(&origins, "spec.trust.bundles[0]").map(|origin| origin.line), Some(5));
    /// assert_eq!(uptls::Origin::nearest(&origins, "spec.trusted"), None);
    /// ```
    pub fn nearest(origins: &BTreeMap<String, Self>, path: &str) -> Option<Self> {
        around(path).find_map(|path| origins.get(path)).cloned()
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PolicyErrorKind {
    /// A bundle that may vouch for any of several SPIFFE trust domains (T9).
    BundleWithoutTrustDomain {
        /// The trust domains of the policy's SPIFFE names.
        domains: Vec<String>,
        /// The bundle as it may be written: `{file: ca.pem, trustDomain: prod}`.
        form: String,
        /// The bundle, as reports call it.
        source: String,
    },
    /// Another policy for the same target takes precedence (M4).
    Conflicted {
        /// The policy that does.
        winner: String,
    },
    /// A weakening that the caller did not permit (D1..D5).
    DangerForbidden,
    /// The document is not well-formed.
    DocumentParse {
        /// What the parser says.
        reason: String,
    },
    /// A budget of the document reader is exhausted.
    DocumentTooLarge {
        /// Which limit.
        limit: String,
    },
    /// The file of the document cannot be read.
    DocumentUnreadable {
        /// Its path.
        document: String,
        /// What the system says.
        reason: String,
    },
    /// One half of a client identity (I1).
    IdentityIncomplete {
        /// The half that is missing: `certificate` or `key`.
        missing: &'static str,
    },
    /// A value outside what the field may hold.
    Invalid {
        /// What was given.
        given: String,
        /// What is wanted.
        wanted: String,
    },
    /// A name that no certificate can be matched with.
    NameInvalid {
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: NameError,
    },
    /// No reference name at all (N3).
    NameMissing,
    /// SPIFFE names of a trust domain for which nothing that is trusted vouches (T9).
    NothingVouches {
        /// The trust domain.
        domain: String,
        /// Whether the system's roots are trusted: they vouch for no SPIFFE ID by themselves.
        system: bool,
    },
    /// The target of an export has no form that gives the same verdict (X1, X2).
    NotExportable {
        /// The one thing to change.
        change: &'static str,
        /// What the policy has, and why the target has nothing for it.
        feature: String,
        /// The rule that it comes from: `T5`.
        rule: &'static str,
    },
    /// No name is written anywhere, and none is guessed (M8).
    NameNotWritten {
        /// Names that the backend is known by; addresses are none.
        candidates: Vec<String>,
    },
    /// There is no usable material yet, or no longer (R2).
    NotReady {
        /// What is wrong with it.
        reason: String,
    },
    /// An object that is referred to does not hold what it must under a key (M3).
    #[non_exhaustive]
    ReferenceContent {
        /// The key: `ca.crt`.
        key: &'static str,
        /// The object: `ConfigMap shop/pay-ca`.
        object: String,
        /// What is wrong with what it holds.
        reason: String,
    },
    /// A reference crosses namespaces without a grant of the other one's owner.
    ReferenceNotPermitted {
        /// The object: `Secret infra/client`.
        object: String,
        /// Who refers to it: `Gateway shop/outer`.
        referrer: String,
    },
    /// An object that is referred to does not exist, or does not hold what it must (M3).
    ReferenceUnresolved {
        /// The object: `ConfigMap shop/pay-ca`.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A Secret that is referred to as a client identity lacks one half of it, or both (I1).
    #[non_exhaustive]
    SecretIncomplete {
        /// The keys that it has, at most five.
        keys: Vec<String>,
        /// The keys that are missing: `tls.crt`.
        missing: &'static str,
        /// The object: `Secret shop/client`.
        object: String,
    },
    /// A weakening beside checks that it would silence (D1, D2).
    Silenced {
        /// The fields that would decide nothing.
        silenced: Vec<&'static str>,
    },
    /// The policy names no trust (T1).
    TrustMissing,
    /// A field that is not known.
    #[non_exhaustive]
    UnknownField {
        /// How it is called, if that may be said.
        field: Option<String>,
        /// The fields that are known there.
        known: Vec<String>,
        /// The known one that was probably meant.
        meant: Option<String>,
        /// Whether the known one is written as well, so that a new name would not mend it.
        taken: bool,
    },
    /// A value that is understood but not supported.
    UnsupportedOption {
        /// What was given.
        given: String,
        /// The values that are supported.
        supported: Vec<String>,
    },
    /// A value of another type than the field holds, or none of its values.
    #[non_exhaustive]
    Value {
        /// What stands there, as far as it may be said, and what is wanted.
        reason: String,
    },
    /// The policy was withdrawn (R3).
    Withdrawn,
}

impl PolicyErrorKind {
    /// An object that does not hold what it must under `key`.
    pub fn reference_content(object: impl Into<String>, key: &'static str, reason: impl Into<String>) -> Self {
        Self::ReferenceContent { key, object: object.into(), reason: reason.into() }
    }

    /// A Secret without `missing`; `keys` are those that it has.
    pub fn secret_incomplete(object: impl Into<String>, missing: &'static str, keys: Vec<String>) -> Self {
        Self::SecretIncomplete { keys, missing, object: object.into() }
    }

    /// A field called `field` (`None`: its name may not be said) where `known` are, and which of those is `meant`; `taken` if
    /// that one is written as well.
    pub fn unknown_field(field: Option<&str>, known: &[&str], meant: Option<&str>, taken: bool) -> Self {
        let known = known.iter().map(|name| (*name).to_owned()).collect();
        Self::UnknownField { field: field.map(str::to_owned), known, meant: meant.map(str::to_owned), taken }
    }

    /// A value that the field cannot hold.
    pub fn value(reason: impl Into<String>) -> Self {
        Self::Value { reason: reason.into() }
    }
}

impl PolicyError {
    /// An error at `path`.
    pub fn new(path: impl Into<String>, kind: PolicyErrorKind) -> Self {
        Self { fix: None, kind, origin: None, path: path.into() }
    }

    /// The same with the change that mends it.
    #[must_use]
    pub(crate) fn mended_by(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match &self.kind {
            PolicyErrorKind::BundleWithoutTrustDomain { .. }
            | PolicyErrorKind::Invalid { .. }
            | PolicyErrorKind::NothingVouches { .. }
            | PolicyErrorKind::Silenced { .. }
            | PolicyErrorKind::Value { .. } => Code::PolicyInvalid,
            PolicyErrorKind::Conflicted { .. } => Code::Conflicted,
            PolicyErrorKind::DangerForbidden => Code::DangerForbidden,
            PolicyErrorKind::DocumentParse { .. } | PolicyErrorKind::UnknownField { .. } => Code::DocumentParse,
            PolicyErrorKind::DocumentUnreadable { .. } => Code::DocumentUnreadable,
            PolicyErrorKind::DocumentTooLarge { .. } => Code::DocumentTooLarge,
            PolicyErrorKind::IdentityIncomplete { .. } | PolicyErrorKind::SecretIncomplete { .. } => {
                Code::IdentityIncomplete
            }
            PolicyErrorKind::NameInvalid { .. } => Code::NameInvalid,
            PolicyErrorKind::NameMissing | PolicyErrorKind::NameNotWritten { .. } => Code::NameMissing,
            PolicyErrorKind::NotExportable { .. } => Code::NotExportable,
            PolicyErrorKind::NotReady { .. } => Code::PolicyNotReady,
            PolicyErrorKind::ReferenceNotPermitted { .. } => Code::ReferenceNotPermitted,
            PolicyErrorKind::ReferenceContent { .. } | PolicyErrorKind::ReferenceUnresolved { .. } => {
                Code::ReferenceUnresolved
            }
            PolicyErrorKind::TrustMissing => Code::TrustMissing,
            PolicyErrorKind::UnsupportedOption { .. } => Code::UnsupportedOption,
            PolicyErrorKind::Withdrawn => Code::PolicyWithdrawn,
        }
    }
}

/// As rustc has it: `policy.yaml:4:11: spec.trust.system: ...`.
impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What cannot be read has no lines, and its message names it.
        if !matches!(self.kind, PolicyErrorKind::DocumentUnreadable { .. }) {
            fmt_place(self.origin.as_ref(), f)?;
        }
        self.fmt_message(f)
    }
}

impl std::error::Error for PolicyError {}
