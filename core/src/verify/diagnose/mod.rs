//! What a failed search means (V9): the one mapping of webpki's errors, each read beside the path that it was about.

mod form;
mod issuer;
mod signature;

pub(super) use form::words;

use rustls_pki_types::CertificateDer;
use webpki::{EndEntityCert, Error, KeyUsage};

use super::context::Context;
use super::route::{MAX_INTERMEDIATES, Route};
use super::rules::critical_extension;
use crate::certificate::CertificateView;
use crate::error::{ListDistrust, RejectionKind};
use crate::time::rfc3339;

/// Maps an error of the search, and looks behind those that say little. A fallback for errors that a newer webpki may
/// add refuses too: there is no way from here to an acceptance.
pub(super) fn explain_error(context: &Context<'_>, error: &Error, route: Option<&Route>) -> RejectionKind {
    let views = Views::new(context, route);
    #[allow(deprecated, reason = "the older variants may still be constructed by webpki")]
    match error {
        Error::UnknownIssuer | Error::UnsupportedCertVersion => views.unknown_issuer(),
        Error::CaUsedAsEndEntity => views.ca_as_leaf(),
        Error::InvalidSignatureForPublicKey
        | Error::SignatureAlgorithmMismatch
        | Error::UnsupportedSignatureAlgorithmForPublicKey
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => views.signature(),
        Error::UnsupportedSignatureAlgorithm | Error::UnsupportedSignatureAlgorithmContext(_) => views.algorithm(),
        Error::CertExpired { not_after, .. } => {
            let end = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
            let subject = views.subject_where(|view| view.not_after() == end);
            RejectionKind::Expired { not_after: rfc3339(end), subject }
        }
        Error::CertNotValidYet { not_before, .. } => {
            let start = i64::try_from(not_before.as_secs()).unwrap_or(i64::MAX);
            let subject = views.subject_where(|view| view.not_before() == start);
            RejectionKind::NotYetValid { not_before: rfc3339(start), subject }
        }
        Error::RequiredEkuNotFound | Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => views.purpose(),
        Error::EndEntityUsedAsCa => views.not_a_ca(),
        Error::NameConstraintViolation
        | Error::MalformedNameConstraint
        | Error::InvalidNetworkMaskConstraint
        | Error::UnsupportedNameType => views.name_constraint(),
        Error::PathLenConstraintViolated => views.path_length(),
        Error::MaximumPathDepthExceeded => {
            RejectionKind::PathTooLong { reason: "the path has more than 6 intermediates".to_owned() }
        }
        Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => {
            RejectionKind::BudgetExceeded { limit: "the work that a verification may take".to_owned() }
        }
        Error::CertDistrusted => RejectionKind::Distrusted,
        Error::UnsupportedCriticalExtension => views.critical_extension(),
        // Lists are never given to webpki (V3).
        Error::CertRevoked
        | Error::CrlExpired { .. }
        | Error::InvalidCrlNumber
        | Error::InvalidCrlSignatureForPublicKey
        | Error::IssuerNotCrlSigner
        | Error::UnknownRevocationStatus
        | Error::UnsupportedCrlIssuingDistributionPoint
        | Error::UnsupportedCrlSignatureAlgorithm
        | Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKey
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_)
        | Error::UnsupportedCrlVersion
        | Error::UnsupportedDeltaCrl
        | Error::UnsupportedIndirectCrl
        | Error::UnsupportedRevocationReason
        | Error::UnsupportedRevocationReasonsPartitioning => {
            RejectionKind::CrlUntrusted { reason: ListDistrust::Signature }
        }
        Error::BadDer
        | Error::BadDerTime
        | Error::CertNotValidForName(_)
        | Error::ExtensionValueInvalid
        | Error::InvalidCertValidity
        | Error::InvalidSerialNumber
        | Error::MalformedDnsIdentifier
        | Error::MalformedExtensions
        | Error::TrailingData(_)
        | _ => views.malformed(error),
    }
}

/// No anchor is in sight: what webpki says of the certificates that names lead to, and else what is known of the issuer.
pub(super) fn without_anchor(context: &Context<'_>, leaf: &EndEntityCert<'_>) -> RejectionKind {
    let views = Views::new(context, None);
    let above = views.walked.iter().skip(1).take(MAX_INTERMEDIATES);
    let intermediates: Vec<CertificateDer<'_>> = above.map(|view| CertificateDer::from(view.der())).collect();
    let found = leaf.verify_for_usage(
        context.verifier.algorithms().all,
        &[],
        &intermediates,
        context.verification_time(),
        KeyUsage::server_auth(),
        None,
        None,
    );
    explain_error(context, &found.err().unwrap_or(Error::UnknownIssuer), None)
}

/// The certificates that an error is about.
struct Views<'c, 'a> {
    /// The presented ones that can be read, leaf first.
    all: Vec<&'c CertificateView<'a>>,
    context: &'c Context<'a>,
    /// Where the path that was judged ends, if one was.
    route: Option<&'c Route>,
    /// From the leaf as far up as the path goes; where none was judged, as presented names lead.
    walked: Vec<&'c CertificateView<'a>>,
}

impl<'c, 'a> Views<'c, 'a> {
    fn new(context: &'c Context<'a>, route: Option<&'c Route>) -> Self {
        let all: Vec<_> = context.views.iter().filter_map(|view| view.as_ref().ok()).collect();
        let walked = match route {
            Some(route) => {
                let places = core::iter::once(0).chain(route.path.iter().copied());
                places.filter_map(|place| context.view(place)).collect()
            }
            None => walk(&all),
        };
        Self { all, context, route, walked }
    }

    fn leaf(&self) -> Option<&'c CertificateView<'a>> {
        self.all.first().copied()
    }

    /// Looks at the presented and then at the trusted certificates that are called as the issuers of the path are.
    fn find_issuer<T>(&self, wanted: impl Fn(&CertificateView<'_>) -> Option<T>) -> Option<T> {
        let is_named =
            |view: &CertificateView<'_>| self.walked.iter().any(|lower| lower.issuer_raw() == view.subject_raw());
        let presented = self.all.iter().filter(|view| is_named(view)).find_map(|view| wanted(view));
        presented.or_else(|| {
            let named =
                self.walked.iter().flat_map(|lower| self.context.verifier.trust.entries_named(lower.issuer_raw()));
            named.filter_map(|facts| CertificateView::parse(facts.der()?).ok()).find_map(|view| wanted(&view))
        })
    }

    /// Looks at what stands above the certificate at `place` of the path: its issuer, theirs, and the trusted certificate.
    fn find_above<T>(&self, place: usize, wanted: impl Fn(&CertificateView<'_>) -> Option<T>) -> Option<T> {
        let presented = self.walked.iter().skip(place + 1).find_map(|view| wanted(view));
        presented.or_else(|| match self.route {
            Some(_) => self.anchor().and_then(|anchor| wanted(&anchor)),
            None => {
                let named = self.context.verifier.trust.entries_named(self.walked.last()?.issuer_raw());
                named.filter_map(|facts| CertificateView::parse(facts.der()?).ok()).find_map(|view| wanted(&view))
            }
        })
    }

    /// The certificate of the anchor of the path that was judged.
    fn anchor(&self) -> Option<CertificateView<'c>> {
        let facts = self.context.verifier.trust.anchor_facts(self.route?.anchor)?;
        CertificateView::parse(facts.der()?).ok()
    }

    fn purpose(&self) -> RejectionKind {
        let without = |view: &&&CertificateView<'_>| view.extended_key_usage().is_some_and(|usage| !usage.server_auth);
        let found = self.walked.iter().find(without).copied().or(self.leaf());
        RejectionKind::Purpose {
            presented: found
                .and_then(CertificateView::extended_key_usage)
                .map_or_else(|| "empty".to_owned(), |u| u.text),
            subject: found.map(CertificateView::subject).unwrap_or_default(),
        }
    }

    /// The name and the constraint that it violates, with their certificates; or the constraint that uptls cannot
    /// evaluate.
    fn name_constraint(&self) -> RejectionKind {
        let unreadable =
            |issuer: &CertificateView<'_>| issuer.has_unreadable_name_constraints().then(|| issuer.subject());
        if let Some(subject) = self.find_above(0, unreadable) {
            let reason = format!("the name constraints of {subject} cannot be read");
            return RejectionKind::NameConstraint { reason, unevaluated: None };
        }
        let lowers = || self.walked.iter().enumerate();
        let violation = lowers().find_map(|(place, lower)| self.find_above(place, |issuer| issuer.excludes(lower)));
        let unevaluated =
            || lowers().find_map(|(place, lower)| self.find_above(place, |issuer| issuer.unevaluated(lower)));
        if let (None, Some((kind, reason))) = (&violation, unevaluated()) {
            return RejectionKind::NameConstraint { reason, unevaluated: Some(kind.to_owned()) };
        }
        let reason = violation.unwrap_or_else(|| OUTSIDE.to_owned());
        RejectionKind::NameConstraint { reason, unevaluated: None }
    }

    /// Which CA permits fewer intermediates below it than there are.
    fn path_length(&self) -> RejectionKind {
        let exceeded = self.walked.iter().enumerate().skip(1).find_map(|(place, view)| {
            let (limit, below) = (view.path_length()?, place - 1);
            usize::try_from(limit).is_ok_and(|limit| below > limit).then(|| RejectionKind::PathLengthExceeded {
                below,
                limit,
                subject: view.subject(),
            })
        });
        exceeded.unwrap_or_else(|| RejectionKind::PathTooLong {
            reason: "a CA of the path permits fewer intermediates".to_owned(),
        })
    }

    fn critical_extension(&self) -> RejectionKind {
        let candidates = self.walked.iter().chain(&self.all).copied();
        let found = candidates.clone().find(|view| view.unknown_critical_extension_in_path().is_some());
        match found.or(self.leaf()) {
            Some(owner) => critical_extension(owner),
            None => RejectionKind::Malformed { index: 0, reason: "it has a critical extension".to_owned() },
        }
    }

    fn subject_where(&self, wanted: impl Fn(&CertificateView<'_>) -> bool) -> String {
        let mut candidates = self.walked.iter().chain(&self.all);
        candidates.find(|view| wanted(view)).map(|view| view.subject()).unwrap_or_default()
    }
}

/// From the leaf as far up as presented names lead.
fn walk<'c, 'a>(all: &[&'c CertificateView<'a>]) -> Vec<&'c CertificateView<'a>> {
    let mut walked: Vec<&'c CertificateView<'a>> = all.first().copied().into_iter().collect();
    while let Some(current) = walked.last().filter(|current| !current.is_self_issued()) {
        let is_new = |view: &&&'c CertificateView<'a>| !walked.iter().any(|known| core::ptr::eq(*known, **view));
        let named = all.iter().filter(is_new).filter(|view| view.subject_raw() == current.issuer_raw());
        // In an order of their own, as the search has it (L4).
        match named.min_by_key(|view| view.der()).copied() {
            Some(next) => walked.push(next),
            None => break,
        }
    }
    walked
}

/// Where no single name can be shown.
const OUTSIDE: &str = "a name of the certificate is outside the name constraints of its CA";
