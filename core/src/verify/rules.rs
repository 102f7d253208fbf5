//! What every certificate of a path must be (V2), whichever step asks.

use super::context::Context;
use crate::certificate::{CertificateView, KeyStrength};
use crate::error::RejectionKind;
use crate::time::{rfc3339, seconds};
use crate::trust::NoIssuer;

/// Whether a presented certificate may issue here: a CA with keyCertSign where keyUsage is present, with serverAuth where
/// extKeyUsage is, with a key of accepted strength, and valid now. A tolerated end of the leaf excuses the leaf alone.
pub(super) fn check_issuer(context: &Context<'_>, view: &CertificateView<'_>) -> Result<(), RejectionKind> {
    let now = seconds(context.now);
    if now > view.not_after() {
        return Err(RejectionKind::Expired { not_after: rfc3339(view.not_after()), subject: view.subject() });
    }
    if now < view.not_before() {
        return Err(RejectionKind::NotYetValid { not_before: rfc3339(view.not_before()), subject: view.subject() });
    }
    check_key(view)?;
    if !view.is_ca() {
        return Err(cannot_issue(view.subject(), &NoIssuer::NotCa));
    }
    if view.key_usage().is_some_and(|usage| !usage.cert_sign) {
        return Err(cannot_issue(view.subject(), &NoIssuer::NoKeyCertSign));
    }
    match view.extended_key_usage() {
        Some(usage) if !usage.server_auth => {
            Err(RejectionKind::Purpose { presented: usage.text, subject: view.subject() })
        }
        _ => Ok(()),
    }
}

/// That `subject` may not issue certificates.
pub(super) fn cannot_issue(subject: String, reason: &NoIssuer) -> RejectionKind {
    RejectionKind::IssuerNotCa { reason: reason.to_string(), subject }
}

pub(super) fn check_key(owner: &CertificateView<'_>) -> Result<(), RejectionKind> {
    let key = owner.key();
    match key.strength {
        KeyStrength::Accepted => Ok(()),
        KeyStrength::TooWeak => Err(RejectionKind::KeyTooWeak { key: key.text(), subject: owner.subject() }),
        KeyStrength::Unsupported => Err(RejectionKind::KeyUnsupported { key: key.text(), subject: owner.subject() }),
    }
}

pub(super) fn critical_extension(owner: &CertificateView<'_>) -> RejectionKind {
    let unknown = owner.unknown_critical_extension_in_path().or_else(|| owner.unknown_critical_extension());
    let extension = unknown.unwrap_or_else(|| "that is not read".to_owned());
    RejectionKind::CriticalExtension { extension, subject: owner.subject() }
}
