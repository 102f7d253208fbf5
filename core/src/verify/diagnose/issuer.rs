//! Who should have issued the certificate at the top of what was sent, and why nothing of that name completes a path (V9).

use super::Views;
use crate::certificate::{CertificateView, same_name};
use crate::error::RejectionKind;
use crate::text::{digest, hex};
use crate::trust::{AnchorFacts, NoIssuer, check_issuer};
use crate::verify::rules::cannot_issue;

impl Views<'_, '_> {
    /// V9, in its order: self-signed; an issuer that may not issue; a rotated CA; a name in another encoding; an intermediate
    /// that was not sent; an issuer that is unknown.
    pub(super) fn unknown_issuer(&self) -> RejectionKind {
        let (Some(leaf), Some(top)) = (self.leaf(), self.walked.last()) else {
            return RejectionKind::UnknownIssuer { issuer: "unreadable".to_owned() };
        };
        if leaf.is_self_issued() {
            return RejectionKind::SelfSigned { subject: leaf.subject() };
        }
        // Below a root, a certificate without basicConstraints may not issue; webpki does not even read versions 1 and 2.
        if let Some(old) = self.walked.iter().skip(1).find(|view| !view.is_v3() && !view.is_self_issued()) {
            return cannot_issue(old.subject(), &NoIssuer::NotCa);
        }
        for facts in self.context.verifier.trust.entries_named(top.issuer_raw()) {
            let (Some(entry), Some(Ok(view))) = (facts.entry(), facts.der().map(CertificateView::parse)) else {
                continue;
            };
            if let Some(reason) = entry.no_issuer() {
                return cannot_issue(entry.subject().to_owned(), reason);
            }
            return match top.is_signed_by(self.context.verifier.algorithms().all, view.spki()) {
                true => self.sound_signatures(),
                false => rotated(top, &view),
            };
        }
        self.other_encoding().unwrap_or_else(|| self.not_sent(top))
    }

    fn not_sent(&self, top: &CertificateView<'_>) -> RejectionKind {
        let issuer = top.issuer();
        if top.is_self_issued() || top.issuer_is_self_issued() {
            RejectionKind::UnknownIssuer { issuer }
        } else if self.intermediate_is_missing(top) {
            RejectionKind::MissingIntermediate { issuer }
        } else if self.is_of_trusted_organization(top) {
            RejectionKind::UnknownSibling { issuer }
        } else {
            RejectionKind::UnknownIssuer { issuer }
        }
    }

    /// A trusted or presented certificate whose subject is the issuer's name but for string type, case or spaces, and whose key
    /// made the signature: names are compared byte by byte (V2).
    fn other_encoding(&self) -> Option<RejectionKind> {
        let top = self.walked.last()?;
        let algorithms = self.context.verifier.algorithms().all;
        let is_alike = |name: &[u8]| name != top.issuer_raw() && same_name(name, top.issuer_raw());
        let presented = self.all.iter().filter(|view| is_alike(view.subject_raw())).map(|view| view.der());
        let entries = self.context.verifier.trust.bundle_entries();
        let alike = |facts: &AnchorFacts<'_>| facts.entry().is_some_and(|entry| is_alike(entry.subject_raw()));
        let trusted = entries.filter(alike).filter_map(|facts| facts.der());
        let mut candidates =
            presented.chain(trusted).take(MAX_NAMESAKES).filter_map(|der| CertificateView::parse(der).ok());
        let issuer = candidates.find(|view| top.is_signed_by(algorithms, view.spki()))?;
        Some(RejectionKind::NameEncoding {
            issuer: top.issuer(),
            sha256: digest(&issuer.sha256()),
            subject: top.subject(),
        })
    }

    /// A self-signed CA certificate is first of all self-signed; openssl's `req -x509` makes such server certificates.
    pub(super) fn ca_as_leaf(&self) -> RejectionKind {
        match self.leaf() {
            Some(leaf) if leaf.is_self_issued() => RejectionKind::SelfSigned { subject: leaf.subject() },
            Some(leaf) => RejectionKind::CaAsLeaf { subject: leaf.subject() },
            None => RejectionKind::CaAsLeaf { subject: "unreadable".to_owned() },
        }
    }

    /// Which certificate above the leaf may not issue, and why.
    pub(super) fn not_a_ca(&self) -> RejectionKind {
        let above = self.walked.iter().skip(1).chain(self.all.iter().skip(1));
        let found = above.clone().find_map(|view| Some(cannot_issue(view.subject(), &check_issuer(view).err()?)));
        found.unwrap_or_else(|| cannot_issue(String::new(), &NoIssuer::NotCa))
    }

    /// What a bundle entry of this issuer's name says, where its key is certainly not the one that signed `lower`.
    pub(super) fn rotated_anchor(&self, lower: &CertificateView<'_>) -> Option<RejectionKind> {
        let other_key = |facts: AnchorFacts<'_>| {
            let view = CertificateView::parse(facts.der()?).ok()?;
            Some(self.is_other_key(lower, &view).then(|| rotated(lower, &view)))
        };
        let entries: Vec<_> =
            self.context.verifier.trust.entries_named(lower.issuer_raw()).filter_map(other_key).collect();
        if entries.iter().all(Option::is_some) { entries.into_iter().flatten().next() } else { None }
    }

    /// Whether `lower` says, or the peer's own copy of the CA shows, that another key than `trusted`'s signed it.
    fn is_other_key(&self, lower: &CertificateView<'_>, trusted: &CertificateView<'_>) -> bool {
        if let Some(same) = lower.names_key_of(trusted) {
            return !same;
        }
        let presented = self.all.iter().find(|view| view.subject_raw() == trusted.subject_raw());
        presented.is_some_and(|view| view.spki_sha256() != trusted.spki_sha256())
    }

    /// Whether there is an intermediate to send, as far as `top` tells: it names a trusted certificate as the issuer of its own
    /// issuer, or says where that can be fetched.
    fn intermediate_is_missing(&self, top: &CertificateView<'_>) -> bool {
        let is_trusted = |name: &[u8]| self.context.verifier.trust.entries_named(name).next().is_some();
        top.issuers_issuer().is_some_and(is_trusted) || top.names_its_issuers_location()
    }

    /// Whether an anchor is of the organization of the issuer that is not there. That is an intermediate which was not sent, or
    /// another root of the same owner, as after a change of the CA: nothing tells which.
    fn is_of_trusted_organization(&self, top: &CertificateView<'_>) -> bool {
        let Some(wanted) = top.issuer_organization() else { return false };
        let mut entries = self.context.verifier.trust.bundle_entries().filter_map(|facts| facts.entry());
        entries.any(|entry| entry.anchor().is_some() && entry.organization() == Some(wanted))
    }
}

/// How many signatures a diagnosis tries (L13).
const MAX_NAMESAKES: usize = 4;

pub(super) fn rotated(lower: &CertificateView<'_>, trusted: &CertificateView<'_>) -> RejectionKind {
    RejectionKind::IssuerKeyChanged {
        issuer: lower.issuer(),
        trusted_sha256: digest(&trusted.sha256()),
        wanted_key_id: lower.authority_key_id().map(hex),
    }
}
