//! The path by the platform's verifier (T6): the name is chosen first, then the platform is asked once.

use rustls::{CertificateError, Error};
use rustls_pki_types::ServerName;

use super::path::{Path, PathEnd, check_key};
use super::steps::Context;
use crate::certificate::{CertificateView, PresentedName};
use crate::error::RejectionKind;
use crate::name::{BackendHost, DnsName};
use crate::policy::SanMatcher;
use crate::text::hex;
use crate::time::rfc3339;
use crate::trust::PlatformTrust;

/// Whether the platform trusts the chain. Whose it is is not decided here: the names are a step of their own.
pub(super) fn find(context: &Context<'_>, platform: &PlatformTrust) -> Result<Path, RejectionKind> {
    let Some((first, rest)) = context.chain.split_first() else { return Err(RejectionKind::NoCertificate) };
    let Some(leaf) = &context.leaf else { return Err(RejectionKind::NoCertificate) };
    check_key(leaf.key(), leaf)?;
    let name = name_for_platform(context, leaf)?;
    match platform.verify(first, rest, &name, context.now) {
        Ok(()) => Ok(Path { end: PathEnd::Platform, intermediates: rest.len(), trusted_until: leaf.not_after() }),
        Err(error) => Err(explain_error(leaf, &error)),
    }
}

/// The platform judges no certificate without a name. It gets a wanted name that the leaf holds, or else one of the leaf's
/// own, so that its verdict on the path is its verdict on the path alone.
fn name_for_platform(context: &Context<'_>, leaf: &CertificateView<'_>) -> Result<ServerName<'static>, RejectionKind> {
    let presented = leaf.presented_names().unwrap_or_default();
    let wanted = context.reference_names.iter().find_map(|matcher| match matcher {
        SanMatcher::Dns(name) if presented.iter().any(|own| covers(own, name)) => name.to_server_name(),
        SanMatcher::Ip(ip) if presented.contains(&PresentedName::Ip(*ip)) => BackendHost::Ip(*ip).to_server_name(),
        _ => None,
    });
    let own = || presented.iter().find_map(instance);
    wanted.or_else(own).ok_or_else(|| RejectionKind::UnknownIssuer { issuer: leaf.issuer() })
}

/// Only chooses the name to ask with; the match itself is webpki's.
fn covers(presented: &PresentedName, name: &DnsName) -> bool {
    match presented {
        PresentedName::Dns(text) => match text.strip_prefix("*.") {
            None => text.eq_ignore_ascii_case(name.as_str()),
            Some(rest) => name.as_str().split_once('.').is_some_and(|(_, parent)| rest.eq_ignore_ascii_case(parent)),
        },
        _ => false,
    }
}

/// A name that the leaf itself covers.
fn instance(presented: &PresentedName) -> Option<ServerName<'static>> {
    match presented {
        PresentedName::Dns(text) => DnsName::parse(&text.replacen('*', "a", 1)).ok()?.to_server_name(),
        PresentedName::Ip(ip) => BackendHost::Ip(*ip).to_server_name(),
        _ => None,
    }
}

/// One code for all systems.
fn explain_error(leaf: &CertificateView<'_>, error: &Error) -> RejectionKind {
    let Error::InvalidCertificate(error) = error else {
        return RejectionKind::UnknownIssuer { issuer: leaf.issuer() };
    };
    let subject = leaf.subject();
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            RejectionKind::Expired { not_after: rfc3339(leaf.not_after()), subject }
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            RejectionKind::NotYetValid { not_before: rfc3339(leaf.not_before()), subject }
        }
        CertificateError::Revoked => RejectionKind::Revoked { serial: hex(leaf.serial()) },
        CertificateError::UnknownRevocationStatus => RejectionKind::RevocationUnknown { issuer: leaf.issuer() },
        CertificateError::BadSignature => RejectionKind::BadSignature { subject },
        CertificateError::BadEncoding => {
            RejectionKind::Malformed { index: 0, reason: "the platform cannot read it".to_owned() }
        }
        CertificateError::UnhandledCriticalExtension => RejectionKind::CriticalExtension {
            extension: leaf.unknown_critical_extension().unwrap_or_else(|| "of a certificate".to_owned()),
        },
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            RejectionKind::AlgorithmUnsupported { algorithm: leaf.signature_algorithm() }
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => purpose(leaf),
        // The platform verifier wraps its own type around a wrong purpose.
        CertificateError::Other(_) if leaf.extended_key_usage().is_some_and(|usage| !usage.server_auth) => purpose(leaf),
        CertificateError::Other(_) if leaf.is_ca() => RejectionKind::CaAsLeaf { subject },
        _ if leaf.is_self_issued() => RejectionKind::SelfSigned { subject },
        _ => RejectionKind::UnknownIssuer { issuer: leaf.issuer() },
    }
}

fn purpose(leaf: &CertificateView<'_>) -> RejectionKind {
    let presented = leaf.extended_key_usage().map(|usage| usage.text).unwrap_or_default();
    RejectionKind::Purpose { presented, subject: leaf.subject() }
}
