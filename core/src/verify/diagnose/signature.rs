//! Which signature of a path does not hold, and what explains it: an algorithm, another key of the same name, or nothing.

use super::Views;
use super::issuer::rotated;
use crate::certificate::{CertificateView, SignatureFailure, Signed};
use crate::error::{AlgorithmFault, RejectionKind};
use crate::text::hex;
use crate::verify::rules::check_key;

impl Views<'_, '_> {
    /// A signature that did not verify. An attack is suspected only where no other certificate explains it: a key that no
    /// signature is checked with, a CA that was rotated under the same name, or the intermediate of another key.
    pub(super) fn signature(&self) -> RejectionKind {
        if let Some(unfit) = self.find_issuer(|issuer| check_key(issuer).err()) {
            return unfit;
        }
        if let Some(rotated) = self.walked.iter().rev().find_map(|lower| self.rotated_anchor(lower)) {
            return rotated;
        }
        let mut pairs = self.walked.iter().zip(self.walked.iter().skip(1));
        let broken = pairs.find_map(|(lower, issuer)| self.broken(lower, issuer));
        broken.or_else(|| self.broken_by_anchor()).unwrap_or_else(|| self.sound_signatures())
    }

    /// The same of the trusted certificate: no other one of its name was sent, it is trusted with another key.
    fn broken_by_anchor(&self) -> Option<RejectionKind> {
        let (top, anchor) = (self.walked.last()?, self.anchor()?);
        match self.broken(top, &anchor)? {
            RejectionKind::OtherIntermediate { .. } => Some(rotated(top, &anchor)),
            broken => Some(broken),
        }
    }

    /// Why the key of `issuer` did not sign `lower`; `None` if it did.
    fn broken(&self, lower: &CertificateView<'_>, issuer: &CertificateView<'_>) -> Option<RejectionKind> {
        let algorithms = self.context.verifier.algorithms().all;
        let failure = match Signed::parse(lower.der()) {
            Some(signed) => signed.verify(algorithms, issuer.spki()).err()?,
            None => SignatureFailure::Invalid,
        };
        Some(match (failure, lower.authority_key_id(), issuer.subject_key_id()) {
            (SignatureFailure::Algorithm, ..) => RejectionKind::AlgorithmUnsupported {
                algorithm: lower.signature_algorithm(),
                fault: AlgorithmFault::OfKey { issuer: issuer.subject(), key: issuer.key_kind() },
                subject: lower.subject(),
            },
            (SignatureFailure::Invalid, Some(wanted), Some(own)) if wanted != own => RejectionKind::OtherIntermediate {
                issuer: issuer.subject(),
                presented_key_id: hex(own),
                subject: lower.subject(),
                wanted_key_id: hex(wanted),
            },
            (SignatureFailure::Invalid, ..) => {
                RejectionKind::BadSignature { issuer: Some(issuer.subject()), subject: lower.subject() }
            }
        })
    }

    /// Every signature of the path holds: what failed is an order that webpki tried beside it, and the path is refused for
    /// what a self-issued certificate may not do there.
    pub(super) fn sound_signatures(&self) -> RejectionKind {
        if self.walked.iter().skip(1).any(|view| view.has_name_constraints()) {
            return self.name_constraint();
        }
        let subject = self.leaf().map(CertificateView::subject).unwrap_or_default();
        RejectionKind::BadSignature { issuer: None, subject }
    }

    /// The signature algorithm that is not accepted, and whose certificate has it.
    pub(super) fn algorithm(&self) -> RejectionKind {
        let algorithms = self.context.verifier.algorithms().all;
        let is_foreign = |view: &&&CertificateView<'_>| !view.has_accepted_signature_algorithm(algorithms);
        let found = self.walked.iter().find(is_foreign).copied().or(self.leaf());
        RejectionKind::AlgorithmUnsupported {
            algorithm: found.map(CertificateView::signature_algorithm).unwrap_or_default(),
            fault: match found.is_some_and(CertificateView::has_odd_signature_parameters) {
                true => AlgorithmFault::Parameters,
                false => AlgorithmFault::Unknown,
            },
            subject: found.map(CertificateView::subject).unwrap_or_default(),
        }
    }
}
