//! The ordered steps V1..V6, each runnable on its own so that `verify` can stop and `explain` need not.

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;

use super::path::{self, Path};
use super::{VerifiedPeer, Verifier, names, spiffe};
use crate::certificate::{CertificateView, PresentedName, shown};
use crate::danger::{PeerDanger, ToleratedRule};
use crate::error::RejectionKind;
use crate::name::{BackendHost, TrustDomain};
use crate::policy::SanMatcher;
use crate::report::StepName;
use crate::time::seconds;

/// The steps that judge a chain, in their order.
pub(super) const CHAIN_STEPS: &[StepName] =
    &[StepName::Chain, StepName::Revocation, StepName::Usage, StepName::Name, StepName::Pin];

/// One verification on its way through the steps.
pub(super) struct Context<'a> {
    pub(super) backend_host: Option<&'a BackendHost>,
    /// The leaf as webpki reads it.
    pub(super) certificate: Option<Result<EndEntityCert<'a>, webpki::Error>>,
    pub(super) chain: &'a [CertificateDer<'a>],
    /// While a path is looked for whose end vouches for one of them (L3): these; empty: any path will do.
    pub(super) domains: Vec<TrustDomain>,
    /// The leaf, where x509-parser reads it.
    pub(super) leaf: Option<CertificateView<'a>>,
    pub(super) matched_name: Option<String>,
    pub(super) now: UnixTime,
    pub(super) path: Option<Path>,
    pub(super) reference_names: Vec<SanMatcher>,
    pub(super) verifier: &'a Verifier,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        verifier: &'a Verifier,
        chain: &'a [CertificateDer<'a>],
        backend_host: Option<&'a BackendHost>,
        now: UnixTime,
    ) -> Self {
        let certificate = chain.first().map(EndEntityCert::try_from);
        let leaf = chain.first().and_then(|der| CertificateView::parse(der).ok());
        let reference_names = verifier.reference_names(backend_host);
        Self {
            backend_host,
            certificate,
            chain,
            domains: Vec::new(),
            leaf,
            matched_name: None,
            now,
            path: None,
            reference_names,
            verifier,
        }
    }

    /// Runs one step. A later step may be run after an earlier one failed, if [`Context::evaluable`] says so.
    pub(super) fn run(&mut self, step: StepName) -> Result<(), RejectionKind> {
        match step {
            StepName::Chain => self.chain(),
            StepName::Revocation => self.revocation(),
            StepName::Usage => self.usage(),
            StepName::Name => self.name(),
            StepName::Pin => self.pin(),
            _ => Ok(()),
        }
    }

    /// Whether `step` applies at all to this policy; a step that does not is skipped.
    pub(super) fn applies(&self, step: StepName) -> bool {
        let policy = &self.verifier.policy;
        let any_certificate = matches!(policy.danger().peer, PeerDanger::AnyCertificate { .. });
        let any_name = matches!(policy.danger().peer, PeerDanger::AnyName { .. });
        match step {
            StepName::Chain | StepName::Usage => !any_certificate,
            StepName::Revocation => !any_certificate && policy.revocation().is_some(),
            StepName::Name => !any_certificate && !any_name,
            StepName::Pin => !any_certificate && !policy.spki_pins().is_empty(),
            _ => false,
        }
    }

    /// Whether the steps before it gave what it needs.
    pub(super) fn evaluable(&self, step: StepName) -> bool {
        match step {
            StepName::Revocation => self.path.is_some(),
            StepName::Name => self.leaf.is_some() && (self.path.is_some() || !self.name_needs_path()),
            StepName::Usage | StepName::Pin => self.leaf.is_some(),
            _ => true,
        }
    }

    /// V1 and V2. Under D2 a leaf must be there and parse; its signature is checked by the handshake (V7).
    fn chain(&mut self) -> Result<(), RejectionKind> {
        path::check_form(self)?;
        if self.applies(StepName::Chain) {
            self.path = Some(self.bounded(path::find(self)?));
        }
        Ok(())
    }

    /// V3.
    fn revocation(&mut self) -> Result<(), RejectionKind> {
        if self.applies(StepName::Revocation) {
            self.path = Some(self.bounded(path::find_unrevoked(self)?));
        }
        Ok(())
    }

    /// A proof that may rest on a toleration ends with it (D4, H6).
    pub(super) fn bounded(&self, mut path: Path) -> Path {
        let end = self.verifier.policy.danger().first_end(seconds(self.now));
        path.trusted_until = path.trusted_until.min(end.unwrap_or(i64::MAX));
        path
    }

    /// V4.
    fn usage(&mut self) -> Result<(), RejectionKind> {
        if !self.applies(StepName::Usage) || self.tolerates(ToleratedRule::KeyUsage) {
            return Ok(());
        }
        let Some(leaf) = &self.leaf else { return Err(unreadable_leaf()) };
        match leaf.key_usage() {
            Some(usage) if !usage.digital_signature => Err(RejectionKind::KeyUsage { presented: usage.text() }),
            _ => Ok(()),
        }
    }

    /// V5. A SPIFFE ID counts only under an anchor that vouches for it (L3).
    fn name(&mut self) -> Result<(), RejectionKind> {
        if !self.applies(StepName::Name) {
            return Ok(());
        }
        let found = self.matched_names()?;
        self.matched_name = Some(spiffe::vouched(self, &found)?);
        Ok(())
    }

    /// Whether all names that the leaf holds are SPIFFE IDs.
    fn name_needs_path(&self) -> bool {
        self.matched_names().is_ok_and(|found| found.iter().all(|found| found.trust_domain.is_some()))
    }

    fn matched_names(&self) -> Result<Vec<names::Match>, RejectionKind> {
        let (Some(leaf), Some(certificate)) = (&self.leaf, &self.certificate) else { return Err(unreadable_leaf()) };
        let certificate = certificate.as_ref().map_err(|error| path::leaf_error(leaf, error))?;
        let presented = names::Presented { certificate, names: leaf.presented_names(), view: leaf };
        let common_name = if self.tolerates(ToleratedRule::CommonName) {
            names::CommonName::Matched
        } else {
            names::CommonName::NeverRead
        };
        names::find(&self.reference_names, &presented, common_name)
    }

    /// V6.
    fn pin(&mut self) -> Result<(), RejectionKind> {
        if !self.applies(StepName::Pin) {
            return Ok(());
        }
        let Some(leaf) = &self.leaf else { return Err(unreadable_leaf()) };
        if self.verifier.policy.spki_pins().contains(&leaf.spki_sha256()) {
            return Ok(());
        }
        Err(RejectionKind::PinMismatch { presented: leaf.spki_pin() })
    }

    pub(super) fn tolerates(&self, rule: ToleratedRule) -> bool {
        self.verifier.policy.danger().tolerates(rule, seconds(self.now))
    }

    pub(super) fn expected(&self) -> Vec<String> {
        self.reference_names.iter().map(ToString::to_string).collect()
    }

    pub(super) fn presented(&self) -> Vec<String> {
        let names: Vec<PresentedName> =
            self.leaf.as_ref().and_then(CertificateView::presented_names).unwrap_or_default();
        shown(&names)
    }

    pub(super) fn into_peer(self) -> VerifiedPeer {
        let until = self.path.as_ref().map(|path| path.trusted_until);
        let leaf_end = self.leaf.as_ref().map(CertificateView::not_after);
        VerifiedPeer::new(self.chain, self.matched_name, until.or(leaf_end).unwrap_or(i64::MIN))
    }
}

/// The chain step has refused such a leaf already; this keeps the later steps closed whatever happens there.
fn unreadable_leaf() -> RejectionKind {
    RejectionKind::Malformed { index: 0, reason: "the leaf cannot be read completely".to_owned() }
}
