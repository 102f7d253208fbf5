//! What one verification may cost (L13): signatures are counted, weighed by the key that checks them.
//!
//! webpki has a budget of its own, but it counts attempts and not what they cost: 63 KiB of certificates that name each
//! other as issuers took it nine seconds. Here the search is ours, and webpki judges one path at a time.

use core::cell::Cell;

use crate::certificate::CertificateView;

/// What is left. Adding trust must not turn an acceptance into a refusal (L2), so that signatures by anchors are counted
/// apart from those by certificates that the peer sent.
pub(super) struct Work {
    anchors: Cell<u32>,
    presented: Cell<u32>,
    steps: Cell<u32>,
}

/// Whose signature is checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signer {
    Anchor,
    Presented,
}

/// There is nothing left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Exhausted;

impl Work {
    pub(super) fn new() -> Self {
        Self { anchors: Cell::new(SIGNATURES), presented: Cell::new(SIGNATURES), steps: Cell::new(STEPS) }
    }

    /// Takes the cost of one signature check: [`cost`] of the key that checks it.
    pub(super) fn spend(&self, signer: Signer, cost: u32) -> Result<(), Exhausted> {
        let left = match signer {
            Signer::Anchor => &self.anchors,
            Signer::Presented => &self.presented,
        };
        take(left, cost)
    }

    /// Takes one step of the search.
    pub(super) fn step(&self) -> Result<(), Exhausted> {
        take(&self.steps, 1)
    }
}

fn take(left: &Cell<u32>, cost: u32) -> Result<(), Exhausted> {
    left.set(left.get().checked_sub(cost).ok_or(Exhausted)?);
    Ok(())
}

/// How much a signature check by this key costs, in units of one by P-256 or RSA 2048, rounded up.
pub(super) fn cost(owner: &CertificateView<'_>) -> u32 {
    owner.key().cost()
}

/// The cost of an anchor's key where only name and key are known, as of the roots that are compiled in: that of P-384, the
/// most expensive key among Mozilla's roots.
pub(super) const ANCHOR_COST: u32 = 4;
/// In the units of [`cost`]: each candidate once, by an ordinary key, and some more.
const SIGNATURES: u32 = 48;
const STEPS: u32 = 1_000;
