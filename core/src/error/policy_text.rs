//! What is wrong with a policy, in a sentence: what was given and what is wanted.

use core::fmt;

use super::{PolicyError, PolicyErrorKind};
use crate::text::{listed, printable};

impl PolicyError {
    /// The sentence without the place.
    pub(super) fn fmt_message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        match &self.kind {
            PolicyErrorKind::BundleWithoutTrustDomain { domains, source, .. } => write!(
                f,
                "the bundle {} names no trustDomain, and the SPIFFE names are of several ({}): its CAs could vouch for all",
                printable(source),
                listed(domains)
            ),
            PolicyErrorKind::Contradiction { conflict, .. } => f.write_str(&printable(conflict)),
            PolicyErrorKind::DangerForbidden => f.write_str("weakens verification, which the caller does not allow"),
            PolicyErrorKind::IdentityIncomplete { missing } => write!(f, "the client identity has no {missing}"),
            PolicyErrorKind::Invalid { given, wanted } => write!(f, "{} is not {wanted}", printable(given)),
            PolicyErrorKind::NameInvalid { given, reason } => {
                write!(f, "{} cannot be a name here: {reason}", printable(given))
            }
            PolicyErrorKind::NameMissing => {
                f.write_str("there is neither a server name nor a backend host nor a subjectAltName to look for")
            }
            PolicyErrorKind::NothingVouches { domain, system } => {
                write!(f, "nothing that is trusted vouches for SPIFFE IDs of the trust domain {}", printable(domain))?;
                if *system {
                    f.write_str(
                        "; the system's roots do for the domain that spec.trust.systemTrustDomain names, and no other",
                    )?;
                }
                Ok(())
            }
            PolicyErrorKind::NotExportable { feature, rule, .. } => {
                write!(f, "cannot be exported: {} ({rule})", printable(feature))
            }
            PolicyErrorKind::NotReady { reason } => write!(f, "the policy is not ready: {}", printable(reason)),
            PolicyErrorKind::Silenced { silenced } => write!(f, "it would silence {}", silenced.join(" and ")),
            PolicyErrorKind::TrustMissing => {
                f.write_str("neither bundles, system roots nor pins are given, so nothing is trusted")
            }
            PolicyErrorKind::Value { reason, .. } => f.write_str(&printable(reason)),
            PolicyErrorKind::UnsupportedOption { given, supported } => {
                write!(f, "{} is not supported; supported: {}", printable(given), listed(supported))
            }
            PolicyErrorKind::Withdrawn => f.write_str("the policy was withdrawn"),
            _ => self.fmt_of_documents(f),
        }
    }

    /// The document itself, and the objects that it refers to.
    fn fmt_of_documents(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            PolicyErrorKind::Conflicted { winner } => {
                write!(f, "{} takes precedence for this target", printable(winner))
            }
            PolicyErrorKind::DocumentParse { reason } => write!(f, "cannot parse the document: {}", printable(reason)),
            PolicyErrorKind::DocumentTooLarge { limit } => write!(f, "the document exceeds {limit}"),
            PolicyErrorKind::DocumentUnreadable { document, reason } => {
                write!(f, "cannot read {}: {}", printable(document), printable(reason))
            }
            PolicyErrorKind::NameNotWritten { candidates } => {
                f.write_str("no name is written that the certificate must hold; ")?;
                match candidates.as_slice() {
                    [] => f.write_str("the backend is known by addresses alone, and an address is no identity"),
                    some => write!(f, "candidates: {}", listed(some)),
                }
            }
            PolicyErrorKind::ReferenceNotPermitted { object, referrer } => {
                write!(f, "no ReferenceGrant permits {} to refer to {}", printable(referrer), printable(object))
            }
            PolicyErrorKind::SecretIncomplete { keys, missing, object } if keys.is_empty() => {
                write!(f, "{} has no {missing}", printable(object))
            }
            PolicyErrorKind::SecretIncomplete { keys, missing, object } => {
                write!(f, "{} has no {missing}, only {}", printable(object), listed(keys))
            }
            PolicyErrorKind::ReferenceContent { object, reason, .. }
            | PolicyErrorKind::ReferenceUnresolved { object, reason } => {
                write!(f, "{} cannot be used: {}", printable(object), printable(reason))
            }
            PolicyErrorKind::UnknownField { field, known, meant, .. } => {
                match field {
                    Some(field) => write!(f, "the field \"{}\" is unknown; ", printable(field))?,
                    None => f.write_str("a field is unknown; ")?,
                }
                if let Some(meant) = meant {
                    write!(f, "did you mean {meant}? ")?;
                }
                write!(f, "known are {}", known.join(", "))
            }
            _ => f.write_str(self.code().as_str()),
        }
    }
}
