//! The ordered steps V1..V6, each runnable on its own so that `verify` can stop and `report` need not.

use core::cell::RefCell;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;

use super::path::{self, Path};
use super::report::Found;
use super::{VerifiedPeer, Verifier, names, spiffe};
use crate::certificate::{CertificateView, PresentedName, shown};
use crate::danger::{PeerDanger, ToleratedRule};
use crate::error::RejectionKind;
use crate::name::{BackendHost, TrustDomain};
use crate::policy::SanMatcher;
use crate::report::StepName;
use crate::time::{NO_END, seconds};

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
    pub(super) matched_name: Option<String>,
    pub(super) now: UnixTime,
    /// The path that the chain step found.
    pub(super) path: Option<Path>,
    pub(super) reference_names: Vec<SanMatcher>,
    /// Signatures that were checked by the way.
    signatures: RefCell<Vec<Signature>>,
    /// The path that the revocation step found.
    pub(super) unrevoked: Option<Path>,
    pub(super) verifier: &'a Verifier,
    /// Every certificate of the chain, read once; of a chain that is too large, the leaf alone.
    pub(super) views: Vec<Result<CertificateView<'a>, String>>,
}

/// Whether a key signed a certificate.
struct Signature {
    holds: bool,
    /// The certificate's place in the chain.
    of: usize,
    spki: Box<[u8]>,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        verifier: &'a Verifier,
        chain: &'a [CertificateDer<'a>],
        backend_host: Option<&'a BackendHost>,
        now: UnixTime,
    ) -> Self {
        let certificate = chain.first().map(EndEntityCert::try_from);
        let is_readable = path::is_readable(chain.len(), chain.iter().map(|der| der.len()));
        let read = if is_readable { chain.len() } else { 1 };
        Self {
            backend_host,
            certificate,
            chain,
            domains: Vec::new(),
            matched_name: None,
            now,
            path: None,
            reference_names: verifier.reference_names(backend_host),
            signatures: RefCell::default(),
            unrevoked: None,
            verifier,
            views: chain.iter().take(read).map(|der| CertificateView::parse(der)).collect(),
        }
    }

    /// The leaf, where x509-parser reads it.
    pub(super) fn leaf(&self) -> Option<&CertificateView<'a>> {
        self.view(0)
    }

    /// The certificate at `index` of the chain, where x509-parser reads it.
    pub(super) fn view(&self, index: usize) -> Option<&CertificateView<'a>> {
        self.views.get(index)?.as_ref().ok()
    }

    /// Whether the key `spki` signed the certificate at `index`, if that was checked before.
    pub(super) fn known_signature(&self, index: usize, spki: &[u8]) -> Option<bool> {
        let known = self.signatures.borrow();
        known.iter().find(|known| known.of == index && *known.spki == *spki).map(|known| known.holds)
    }

    pub(super) fn remember_signature(&self, index: usize, spki: &[u8], holds: bool) {
        self.signatures.borrow_mut().push(Signature { holds, of: index, spki: spki.into() });
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

    fn applies(&self, step: StepName) -> bool {
        self.verifier.applies(step)
    }

    /// Whether the steps before it gave what it needs.
    pub(super) fn evaluable(&self, step: StepName) -> bool {
        match step {
            StepName::Revocation => self.path.is_some(),
            StepName::Name => self.leaf().is_some() && (self.path.is_some() || !self.name_needs_path()),
            StepName::Usage | StepName::Pin => self.leaf().is_some(),
            _ => true,
        }
    }

    /// Whether there is no name to look for (N3): the policy takes the backend host, and none is given.
    pub(super) fn is_nameless(&self) -> bool {
        self.applies(StepName::Name) && self.reference_names.is_empty()
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
            self.unrevoked = Some(self.bounded(path::find_unrevoked(self)?));
        }
        Ok(())
    }

    /// A proof that may rest on a toleration ends with it (D4, H6).
    pub(super) fn bounded(&self, mut path: Path) -> Path {
        let end = self.verifier.policy.danger().first_end(seconds(self.now));
        path.narrow(i64::MIN, end.unwrap_or(i64::MAX));
        path
    }

    pub(super) fn found(&self) -> Found<'_> {
        let (path, unrevoked) = (self.path.as_ref(), self.unrevoked.as_ref());
        Found { matched_name: self.matched_name.as_deref(), path, unrevoked }
    }

    /// The path that everything rests on.
    pub(super) fn proven(&self) -> Option<&Path> {
        self.unrevoked.as_ref().or(self.path.as_ref())
    }

    /// V4.
    fn usage(&mut self) -> Result<(), RejectionKind> {
        if !self.applies(StepName::Usage) || self.tolerates(ToleratedRule::KeyUsage) {
            return Ok(());
        }
        let Some(leaf) = self.leaf() else { return Err(unreadable_leaf()) };
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
        let (Some(leaf), Some(certificate)) = (self.leaf(), &self.certificate) else { return Err(unreadable_leaf()) };
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
        let Some(leaf) = self.leaf() else { return Err(unreadable_leaf()) };
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
        let names: Vec<PresentedName> = self.leaf().and_then(CertificateView::presented_names).unwrap_or_default();
        shown(&names)
    }

    pub(super) fn into_peer(self) -> VerifiedPeer {
        let leaf = self.leaf();
        let now = seconds(self.now);
        let (from, until) = match (self.proven(), leaf) {
            (Some(path), _) => (path.trusted_from, path.trusted_until),
            // D2: no verdict rests on the leaf's validity.
            (None, Some(leaf)) if (leaf.not_before()..=leaf.not_after()).contains(&now) => {
                (leaf.not_before(), leaf.not_after())
            }
            (None, Some(_)) => (i64::MIN, NO_END),
            (None, None) => (i64::MIN, i64::MIN),
        };
        let chain = self.chain.iter().map(|certificate| certificate.to_vec()).collect();
        VerifiedPeer {
            chain,
            matched_name: self.matched_name,
            path: self.path,
            trust: self.verifier.trust.clone(),
            trusted_from: from,
            trusted_until: until,
            unrevoked: self.unrevoked,
        }
    }
}

impl Verifier {
    /// Whether `step` applies at all to this policy; a step that does not is skipped.
    pub(super) fn applies(&self, step: StepName) -> bool {
        let policy = &self.policy;
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
}

/// The chain step has refused such a leaf already; this keeps the later steps closed whatever happens there.
fn unreadable_leaf() -> RejectionKind {
    RejectionKind::Malformed { index: 0, reason: "the leaf cannot be read completely".to_owned() }
}
