//! One session, with the proof that it rests on and the bytes that it is charged for.

use std::sync::Arc;

use rustls::client::Tls12ClientSessionValue;

use super::Proof;

/// A session that may be resumed until `usable_until`.
#[derive(Clone)]
pub(super) struct Stored<T> {
    bytes: usize,
    pub(super) proof: Arc<Proof>,
    usable_until: i64,
    pub(super) value: T,
}

impl<T> Stored<T> {
    /// `None` for a session that could not be resumed even now.
    pub(super) fn new(value: T, proof: &Arc<Proof>, window: usize, usable_until: i64, now: i64) -> Option<Self> {
        let chain = proof.chain_bytes.saturating_mul(2);
        let bytes = window.min(LARGEST_TICKET).saturating_add(chain).saturating_add(SESSION_BYTES);
        let stored = Self { bytes, proof: proof.clone(), usable_until, value };
        stored.is_usable(now).then_some(stored)
    }

    /// What it is charged for.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// From the proof's beginning to the session's end.
    pub(super) fn is_usable(&self, now: i64) -> bool {
        (self.proof.usable_from..self.usable_until).contains(&now)
    }
}

impl Stored<Tls12ClientSessionValue> {
    /// rustls stores a lifetime of 0, "for ever", where the peer gives no hint, and stores anew after each resumption: the
    /// day counts from the full handshake (RFC 5246 section F.1.4).
    pub(super) fn new_tls12(
        value: Tls12ClientSessionValue,
        proof: &Arc<Proof>,
        window: usize,
        now: i64,
    ) -> Option<Self> {
        let usable_until = proof.usable_until.min(proof.proven_at.saturating_add(TLS12_LIFETIME));
        Self::new(value, proof, window, usable_until, now)
    }
}

/// A ticket's length has two bytes (RFC 8446 section 4.6.1).
const LARGEST_TICKET: usize = 65_535;
/// What a session takes besides ticket and chain: rustls's value, its secret, its endpoint and the allocations around them.
const SESSION_BYTES: usize = 832;
/// 24 hours.
const TLS12_LIFETIME: i64 = 86_400;
