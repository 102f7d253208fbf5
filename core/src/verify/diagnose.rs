//! What a failed search means (V9): the one mapping of webpki's errors, and the diagnosis behind its bare ones.

use rustls_pki_types::CertificateDer;
use webpki::{EndEntityCert, Error, KeyUsage};

use super::path::{check_key, critical_extension, verification_time};
use super::search::MAX_INTERMEDIATES;
use super::steps::Context;
use crate::certificate::CertificateView;
use crate::error::RejectionKind;
use crate::text::{digest, hex};
use crate::time::rfc3339;
use crate::trust::AnchorFacts;

/// Maps an error of the search, and looks behind those that say little. A fallback for errors that a newer webpki may
/// add refuses too: there is no way from here to an acceptance.
pub(super) fn explain_error(context: &Context<'_>, error: &Error) -> RejectionKind {
    let views = Views::new(context);
    #[allow(deprecated, reason = "the older variants may still be constructed by webpki")]
    match error {
        Error::UnknownIssuer | Error::UnsupportedCertVersion => views.unknown_issuer(context),
        Error::CaUsedAsEndEntity => views.ca_as_leaf(),
        Error::InvalidSignatureForPublicKey
        | Error::SignatureAlgorithmMismatch
        | Error::UnsupportedSignatureAlgorithmForPublicKey
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => views.signature(context),
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
        Error::EndEntityUsedAsCa => RejectionKind::IssuerNotCa { subject: views.issuer_where(|view| !view.is_ca()) },
        Error::NameConstraintViolation
        | Error::MalformedNameConstraint
        | Error::InvalidNetworkMaskConstraint
        | Error::UnsupportedNameType => views.name_constraint(context),
        Error::PathLenConstraintViolated => {
            RejectionKind::PathTooLong { reason: "a CA of the path permits fewer intermediates".to_owned() }
        }
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
        Error::BadDer
        | Error::BadDerTime
        | Error::CertNotValidForName(_)
        | Error::ExtensionValueInvalid
        | Error::InvalidCertValidity
        | Error::InvalidSerialNumber
        | Error::MalformedDnsIdentifier
        | Error::MalformedExtensions
        | Error::TrailingData(_) => RejectionKind::Malformed { index: 0, reason: format!("{error}") },
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
        | Error::UnsupportedRevocationReasonsPartitioning => RejectionKind::CrlUntrusted { reason: format!("{error}") },
        other => RejectionKind::Malformed { index: 0, reason: format!("{other}") },
    }
}

/// No anchor is in sight: what webpki says of the certificates that names lead to, and else what is known of the issuer.
pub(super) fn without_anchor(context: &Context<'_>, leaf: &EndEntityCert<'_>) -> RejectionKind {
    let views = Views::new(context);
    let above = views.walked().skip(1).take(MAX_INTERMEDIATES);
    let intermediates: Vec<CertificateDer<'_>> = above.map(|view| CertificateDer::from(view.der())).collect();
    let found = leaf.verify_for_usage(
        context.verifier.algorithms.all,
        &[],
        &intermediates,
        verification_time(context),
        KeyUsage::server_auth(),
        None,
        None,
    );
    explain_error(context, &found.err().unwrap_or(Error::UnknownIssuer))
}

/// The presented certificates that can be read, leaf first, in the order in which they issue each other.
struct Views<'c, 'a> {
    all: Vec<&'c CertificateView<'a>>,
    /// Indices into `all`: from the leaf as far up as presented names lead.
    walked: Vec<usize>,
}

impl<'c, 'a> Views<'c, 'a> {
    fn new(context: &'c Context<'a>) -> Self {
        let all: Vec<_> = context.views.iter().filter_map(|view| view.as_ref().ok()).collect();
        let mut walked: Vec<usize> = if all.is_empty() { Vec::new() } else { vec![0] };
        while let Some(current) = walked.last().and_then(|index| all.get(*index)) {
            let named = |index: &usize| {
                !walked.contains(index) && all.get(*index).is_some_and(|v| v.subject_raw() == current.issuer_raw())
            };
            // In an order of their own, as the search has it (L4).
            let next = (0..all.len()).filter(named).min_by_key(|index| all.get(*index).map(|view| view.der()));
            match next {
                Some(next) if !current.is_self_issued() => walked.push(next),
                _ => break,
            }
        }
        Self { all, walked }
    }

    fn leaf(&self) -> Option<&'c CertificateView<'a>> {
        self.all.first().copied()
    }

    fn walked(&self) -> impl DoubleEndedIterator<Item = &'c CertificateView<'a>> {
        self.walked.iter().filter_map(|index| self.all.get(*index).copied())
    }

    /// Whether `wanted` holds for any of the presented and of the trusted certificates that are called as the issuers of
    /// the path are.
    fn any_issuer(&self, context: &Context<'_>, wanted: impl Fn(&CertificateView<'_>) -> bool) -> bool {
        self.find_issuer(context, |view| wanted(view).then_some(())).is_some()
    }

    fn find_issuer<T>(&self, context: &Context<'_>, wanted: impl Fn(&CertificateView<'_>) -> Option<T>) -> Option<T> {
        let is_named = |view: &CertificateView<'_>| self.walked().any(|lower| lower.issuer_raw() == view.subject_raw());
        let presented = self.all.iter().filter(|view| is_named(view)).find_map(|view| wanted(view));
        presented.or_else(|| {
            let named = self.walked().flat_map(|lower| context.verifier.trust.entries_named(lower.issuer_raw()));
            named.filter_map(|facts| CertificateView::parse(facts.der()?).ok()).find_map(|view| wanted(&view))
        })
    }

    fn top(&self) -> Option<&'c CertificateView<'a>> {
        self.walked.last().and_then(|index| self.all.get(*index).copied())
    }

    /// V9, in its order: self-signed; an issuer that may not issue; a rotated CA; an intermediate that was not sent;
    /// an issuer that nobody knows.
    fn unknown_issuer(&self, context: &Context<'_>) -> RejectionKind {
        let (Some(leaf), Some(top)) = (self.leaf(), self.top()) else {
            return RejectionKind::UnknownIssuer { issuer: "unreadable".to_owned() };
        };
        if leaf.is_self_issued() {
            return RejectionKind::SelfSigned { subject: leaf.subject() };
        }
        // Below a root, nobody without basicConstraints may issue; webpki does not even read versions 1 and 2.
        if let Some(old) = self.walked().skip(1).find(|view| !view.is_v3() && !view.is_self_issued()) {
            return RejectionKind::IssuerNotCa { subject: old.subject() };
        }
        for facts in context.verifier.trust.entries_named(top.issuer_raw()) {
            let (Some(entry), Some(Ok(view))) = (facts.entry(), facts.der().map(CertificateView::parse)) else {
                continue;
            };
            if entry.anchor().is_none() {
                return RejectionKind::IssuerNotCa { subject: entry.subject().to_owned() };
            }
            return rotated(top, &view);
        }
        let issuer = top.issuer();
        if top.is_self_issued() || top.issuer_is_self_issued() {
            RejectionKind::UnknownIssuer { issuer }
        } else if intermediate_is_missing(context, top) {
            RejectionKind::MissingIntermediate { issuer }
        } else if is_of_trusted_organization(context, top) {
            RejectionKind::UnknownSibling { issuer }
        } else {
            RejectionKind::UnknownIssuer { issuer }
        }
    }

    /// A self-signed CA certificate is first of all self-signed; openssl's `req -x509` makes such server certificates.
    fn ca_as_leaf(&self) -> RejectionKind {
        match self.leaf() {
            Some(leaf) if leaf.is_self_issued() => RejectionKind::SelfSigned { subject: leaf.subject() },
            Some(leaf) => RejectionKind::CaAsLeaf { subject: leaf.subject() },
            None => RejectionKind::CaAsLeaf { subject: "unreadable".to_owned() },
        }
    }

    /// A signature that did not verify: a key that no signature is checked with, a CA that was rotated under the same
    /// name, or a forgery.
    fn signature(&self, context: &Context<'_>) -> RejectionKind {
        if let Some(unfit) = self.find_issuer(context, |issuer| check_key(issuer).err()) {
            return unfit;
        }
        for lower in self.walked().rev() {
            let other_key = |facts: AnchorFacts<'_>| {
                let view = CertificateView::parse(facts.der()?).ok()?;
                Some(self.is_other_key(lower, &view).then(|| rotated(lower, &view)))
            };
            let entries: Vec<_> =
                context.verifier.trust.entries_named(lower.issuer_raw()).filter_map(other_key).collect();
            if !entries.is_empty() && entries.iter().all(Option::is_some) {
                return entries.into_iter().flatten().next().unwrap_or(RejectionKind::Distrusted);
            }
        }
        let subject = self.leaf().map(CertificateView::subject).unwrap_or_default();
        RejectionKind::BadSignature { subject }
    }

    /// Whether `lower` says, or the peer's own copy of the CA shows, that another key than `trusted`'s signed it.
    fn is_other_key(&self, lower: &CertificateView<'_>, trusted: &CertificateView<'_>) -> bool {
        if let Some(same) = lower.names_key_of(trusted) {
            return !same;
        }
        let presented = self.all.iter().find(|view| view.subject_raw() == trusted.subject_raw());
        presented.is_some_and(|view| view.spki_sha256() != trusted.spki_sha256())
    }

    fn algorithm(&self) -> RejectionKind {
        let names = |part: &str| self.all.iter().map(|view| view.signature_algorithm()).find(|n| n.contains(part));
        let algorithm = names("sha1").or_else(|| names("SHA1")).or_else(|| names("md5")).or_else(|| names("dsa-"));
        let first = self.leaf().map(CertificateView::signature_algorithm);
        RejectionKind::AlgorithmUnsupported { algorithm: algorithm.or(first).unwrap_or_default() }
    }

    fn purpose(&self) -> RejectionKind {
        let without = |view: &&CertificateView<'_>| view.extended_key_usage().is_some_and(|usage| !usage.server_auth);
        let found = self.walked().find(without).or(self.leaf());
        RejectionKind::Purpose {
            presented: found
                .and_then(CertificateView::extended_key_usage)
                .map_or_else(|| "empty".to_owned(), |u| u.text),
            subject: found.map(CertificateView::subject).unwrap_or_default(),
        }
    }

    /// webpki refuses what it cannot evaluate: URI and directory name constraints.
    fn name_constraint(&self, context: &Context<'_>) -> RejectionKind {
        let reason = if self.any_issuer(context, |issuer| issuer.has_uri_name_constraint()) {
            "a CA of the path has a URI name constraint, which is not evaluated and therefore refuses every certificate with a URI name"
        } else if self.any_issuer(context, |issuer| issuer.has_directory_name_constraint()) {
            "a CA of the path has a directory name constraint, which is not evaluated and therefore refuses"
        } else {
            let below: Vec<_> = self.walked().collect();
            let violation = below.iter().find_map(|lower| self.find_issuer(context, |issuer| issuer.excludes(lower)));
            return RejectionKind::NameConstraint { reason: violation.unwrap_or_else(|| OUTSIDE.to_owned()) };
        };
        RejectionKind::NameConstraint { reason: reason.to_owned() }
    }

    fn critical_extension(&self) -> RejectionKind {
        let found =
            self.walked().chain(self.all.iter().copied()).find(|v| v.unknown_critical_extension_in_path().is_some());
        match found.or(self.leaf()) {
            Some(owner) => critical_extension(owner),
            None => RejectionKind::Malformed { index: 0, reason: "it has a critical extension".to_owned() },
        }
    }

    fn subject_where(&self, wanted: impl Fn(&CertificateView<'_>) -> bool) -> String {
        self.all.iter().find(|view| wanted(view)).map(|view| view.subject()).unwrap_or_default()
    }

    fn issuer_where(&self, wanted: impl Fn(&CertificateView<'_>) -> bool) -> String {
        self.all.iter().skip(1).find(|view| wanted(view)).map(|view| view.subject()).unwrap_or_default()
    }
}

/// Where no single name can be shown.
const OUTSIDE: &str = "a name of the certificate is outside the name constraints of its CA";

fn rotated(lower: &CertificateView<'_>, trusted: &CertificateView<'_>) -> RejectionKind {
    RejectionKind::IssuerKeyChanged {
        issuer: lower.issuer(),
        trusted_sha256: digest(&trusted.sha256()),
        wanted_key_id: lower.authority_key_id().map(hex),
    }
}

/// Whether there is an intermediate to send, as far as `top` tells: it names a trusted certificate as the issuer of its own
/// issuer, or says where that can be fetched.
fn intermediate_is_missing(context: &Context<'_>, top: &CertificateView<'_>) -> bool {
    let is_trusted = |name: &[u8]| context.verifier.trust.entries_named(name).next().is_some();
    top.issuers_issuer().is_some_and(is_trusted) || top.names_its_issuers_location()
}

/// Whether an anchor is of the organization of the issuer that is not there. That is an intermediate which was not sent, or
/// another root of the same owner, as after a change of the CA: nothing tells which.
fn is_of_trusted_organization(context: &Context<'_>, top: &CertificateView<'_>) -> bool {
    let Some(wanted) = top.issuer_organization() else { return false };
    let mut entries = context.verifier.trust.bundle_entries().filter_map(|facts| facts.entry());
    entries.any(|entry| entry.anchor().is_some() && entry.organization() == Some(wanted))
}
