//! The ordered steps V1..V6, each runnable on its own so that `verify` can stop and `report` need not.

use std::sync::OnceLock;

use super::context::Context;
use super::matching::Match;
use super::{VerifiedPeer, Verifier, chain, names, vouched};
use crate::danger::{PeerDanger, ToleratedRule};
use crate::error::{RejectionKind, StepName};
use crate::time::{NO_END, seconds};

/// The steps that judge a chain, in their order.
pub(super) const CHAIN_STEPS: &[StepName] =
    &[StepName::Chain, StepName::Revocation, StepName::Usage, StepName::Name, StepName::Pin];

impl Context<'_> {
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
        chain::check_form(self)?;
        if self.applies(StepName::Chain) {
            self.path = Some(self.bounded(chain::find(self)?));
        }
        Ok(())
    }

    /// V3.
    fn revocation(&mut self) -> Result<(), RejectionKind> {
        if self.applies(StepName::Revocation) {
            self.unrevoked = Some(self.bounded(chain::find_unrevoked(self)?));
        }
        Ok(())
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
        self.matched_name = Some(vouched::vouched(self, &found)?);
        Ok(())
    }

    /// Whether all names that the leaf holds are SPIFFE IDs.
    fn name_needs_path(&self) -> bool {
        self.matched_names().is_ok_and(|found| found.iter().all(|found| found.trust_domain.is_some()))
    }

    fn matched_names(&self) -> Result<Vec<Match>, RejectionKind> {
        let (Some(leaf), Some(certificate)) = (self.leaf(), &self.certificate) else { return Err(unreadable_leaf()) };
        let certificate = certificate.as_ref().map_err(|error| chain::leaf_error(leaf, error))?;
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
            chain_digest: OnceLock::new(),
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
