//! What a failed search means (V9): the one mapping of webpki's errors, and the diagnosis behind its bare ones.

use webpki::Error;

use super::path::check_key;
use super::steps::Context;
use crate::certificate::CertificateView;
use crate::error::RejectionKind;
use crate::text::{digest, hex};
use crate::time::rfc3339;

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
        Error::CertRevoked => RejectionKind::Revoked { serial: views.revoked_serial(context) },
        Error::UnknownRevocationStatus => RejectionKind::RevocationUnknown { issuer: views.issuers(context) },
        Error::BadDer
        | Error::BadDerTime
        | Error::CertNotValidForName(_)
        | Error::ExtensionValueInvalid
        | Error::InvalidCertValidity
        | Error::InvalidSerialNumber
        | Error::MalformedDnsIdentifier
        | Error::MalformedExtensions
        | Error::TrailingData(_) => RejectionKind::Malformed { index: 0, reason: format!("{error}") },
        other => {
            revocation_list(other).unwrap_or_else(|| RejectionKind::Malformed { index: 0, reason: format!("{other}") })
        }
    }
}

/// The errors of the revocation list itself.
fn revocation_list(error: &Error) -> Option<RejectionKind> {
    #[allow(deprecated, reason = "the older variants may still be constructed by webpki")]
    Some(match error {
        Error::CrlExpired { next_update, .. } => {
            let end = i64::try_from(next_update.as_secs()).unwrap_or(i64::MAX);
            RejectionKind::CrlExpired { next_update: rfc3339(end) }
        }
        Error::InvalidCrlSignatureForPublicKey => untrusted_crl("its signature does not verify"),
        Error::IssuerNotCrlSigner => untrusted_crl("its issuer may not sign revocation lists"),
        Error::UnsupportedCrlSignatureAlgorithm
        | Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKey
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            untrusted_crl("its signature algorithm is not accepted")
        }
        Error::InvalidCrlNumber
        | Error::UnsupportedCrlIssuingDistributionPoint
        | Error::UnsupportedCrlVersion
        | Error::UnsupportedDeltaCrl
        | Error::UnsupportedIndirectCrl
        | Error::UnsupportedRevocationReason
        | Error::UnsupportedRevocationReasonsPartitioning => untrusted_crl(&format!("{error}")),
        _ => return None,
    })
}

fn untrusted_crl(reason: &str) -> RejectionKind {
    RejectionKind::CrlUntrusted { reason: reason.to_owned() }
}

/// The presented certificates that can be read, leaf first, in the order in which they issue each other.
struct Views<'a> {
    all: Vec<CertificateView<'a>>,
    /// Indices into `all`: from the leaf as far up as presented names lead.
    walked: Vec<usize>,
}

impl<'a> Views<'a> {
    fn new(context: &Context<'a>) -> Self {
        let all: Vec<_> = context.chain.iter().filter_map(|der| CertificateView::parse(der).ok()).collect();
        let mut walked: Vec<usize> = if all.is_empty() { Vec::new() } else { vec![0] };
        while let Some(current) = walked.last().and_then(|index| all.get(*index)) {
            let next = (0..all.len()).find(|index| {
                !walked.contains(index) && all.get(*index).is_some_and(|v| v.subject_raw() == current.issuer_raw())
            });
            match next {
                Some(next) if !current.is_self_issued() => walked.push(next),
                _ => break,
            }
        }
        Self { all, walked }
    }

    fn leaf(&self) -> Option<&CertificateView<'a>> {
        self.all.first()
    }

    fn walked(&self) -> impl DoubleEndedIterator<Item = &CertificateView<'a>> {
        self.walked.iter().filter_map(|index| self.all.get(*index))
    }

    /// Those of the presented and of the trusted certificates that are called as the issuers of the path are.
    fn issuers_of_path<'b>(
        &'b self,
        trusted: &'b [CertificateView<'b>],
    ) -> impl Iterator<Item = &'b CertificateView<'b>> {
        let issued = |view: &&CertificateView<'_>| self.walked().any(|lower| lower.issuer_raw() == view.subject_raw());
        self.all.iter().chain(trusted).filter(issued)
    }

    fn top(&self) -> Option<&CertificateView<'a>> {
        self.walked.last().and_then(|index| self.all.get(*index))
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
        for facts in context.verifier.trust.bundle_entries() {
            let (Some(entry), Some(Ok(view))) = (facts.entry(), facts.der.map(CertificateView::parse)) else {
                continue;
            };
            if view.subject_raw() != top.issuer_raw() {
                continue;
            }
            if entry.anchor().is_none() {
                return RejectionKind::IssuerNotCa { subject: entry.subject().to_owned() };
            }
            return rotated(top, &view);
        }
        if !top.is_self_issued() && intermediate_is_missing(context, top) {
            return RejectionKind::MissingIntermediate { issuer: top.issuer() };
        }
        RejectionKind::UnknownIssuer { issuer: top.issuer() }
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
        let trusted = trusted(context);
        let mut issuers = self.issuers_of_path(&trusted);
        if let Some(unfit) = issuers.find_map(|issuer| check_key(issuer).err()) {
            return unfit;
        }
        for lower in self.walked().rev() {
            let same_name = |facts: crate::trust::AnchorFacts<'_>| {
                let view = CertificateView::parse(facts.der?).ok()?;
                (view.subject_raw() == lower.issuer_raw())
                    .then(|| self.is_other_key(lower, &view).then(|| rotated(lower, &view)))
            };
            let entries: Vec<_> = context.verifier.trust.bundle_entries().filter_map(same_name).collect();
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
        let names = |part: &str| self.all.iter().map(CertificateView::signature_algorithm).find(|n| n.contains(part));
        let algorithm = names("sha1").or_else(|| names("SHA1")).or_else(|| names("md5")).or_else(|| names("dsa-"));
        let first = self.leaf().map(CertificateView::signature_algorithm);
        RejectionKind::AlgorithmUnsupported { algorithm: algorithm.or(first).unwrap_or_default() }
    }

    fn purpose(&self) -> RejectionKind {
        let without = |view: &&CertificateView<'_>| view.extended_key_usage().is_some_and(|usage| !usage.server_auth);
        let found = self.all.iter().find(without).or(self.leaf());
        RejectionKind::Purpose {
            presented: found
                .and_then(CertificateView::extended_key_usage)
                .map_or_else(|| "empty".to_owned(), |u| u.text),
            subject: found.map(CertificateView::subject).unwrap_or_default(),
        }
    }

    /// webpki refuses what it cannot evaluate: URI and directory name constraints.
    fn name_constraint(&self, context: &Context<'_>) -> RejectionKind {
        let trusted = trusted(context);
        let reason = if self.issuers_of_path(&trusted).any(|issuer| issuer.has_uri_name_constraint()) {
            "a CA of the path has a URI name constraint, which is not evaluated and therefore refuses every certificate with a URI name"
        } else if self.issuers_of_path(&trusted).any(|issuer| issuer.has_directory_name_constraint()) {
            "a CA of the path has a directory name constraint, which is not evaluated and therefore refuses"
        } else {
            "a name of the certificate is outside the name constraints of its CA"
        };
        RejectionKind::NameConstraint { reason: reason.to_owned() }
    }

    fn critical_extension(&self) -> RejectionKind {
        let found = self.all.iter().find_map(CertificateView::unknown_critical_extension);
        RejectionKind::CriticalExtension { extension: found.unwrap_or_else(|| "of a certificate".to_owned()) }
    }

    /// The serial number that a list names.
    fn revoked_serial(&self, context: &Context<'_>) -> String {
        let named = |view: &&CertificateView<'_>| {
            context.verifier.crls.iter().any(|crl| crl.revokes(view.issuer_raw(), view.serial()))
        };
        self.all.iter().find(named).map(|view| hex(view.serial())).unwrap_or_default()
    }

    /// The issuers of the path that no list is by.
    fn issuers(&self, context: &Context<'_>) -> String {
        let covered = |raw: &[u8]| context.verifier.crls.iter().any(|crl| crl.issuer() == raw);
        let walked = self.walked();
        let missing: Vec<String> =
            walked.filter(|v| !v.is_self_issued() && !covered(v.issuer_raw())).map(CertificateView::issuer).collect();
        if missing.is_empty() { "an issuer whose list is of another scope".to_owned() } else { missing.join(", ") }
    }

    fn subject_where(&self, wanted: impl Fn(&CertificateView<'_>) -> bool) -> String {
        self.all.iter().find(|view| wanted(view)).map(CertificateView::subject).unwrap_or_default()
    }

    fn issuer_where(&self, wanted: impl Fn(&CertificateView<'_>) -> bool) -> String {
        self.all.iter().skip(1).find(|view| wanted(view)).map(CertificateView::subject).unwrap_or_default()
    }
}

/// The entries of the bundles.
fn trusted<'a>(context: &Context<'a>) -> Vec<CertificateView<'a>> {
    let entries = context.verifier.trust.bundle_entries();
    entries.filter_map(|facts| CertificateView::parse(facts.der?).ok()).collect()
}

fn rotated(lower: &CertificateView<'_>, trusted: &CertificateView<'_>) -> RejectionKind {
    RejectionKind::IssuerKeyChanged {
        issuer: lower.issuer(),
        trusted_sha256: digest(&trusted.sha256()),
        wanted_key_id: lower.authority_key_id().map(hex),
    }
}

/// A guess, and only a better text: the certificate says where its issuer can be fetched, or an anchor is of the same
/// organization as the issuer.
fn intermediate_is_missing(context: &Context<'_>, top: &CertificateView<'_>) -> bool {
    let same_organization = |view: &CertificateView<'_>| {
        top.issuer_organization().is_some_and(|wanted| view.subject_organization() == Some(wanted))
    };
    let mut anchors =
        context.verifier.trust.bundle_entries().filter(|facts| facts.entry().is_some_and(|e| e.anchor().is_some()));
    top.names_its_issuers_location()
        || anchors.any(|facts| {
            facts.der.and_then(|der| CertificateView::parse(der).ok()).is_some_and(|v| same_organization(&v))
        })
}
