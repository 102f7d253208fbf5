//! What a shadow is told of a connection, after the enforced policy has judged it (R14).

use std::sync::Arc;

use super::Driver;
use crate::error::Error;
use crate::rotate::{Audit, Presented, ShadowRefusal};
use crate::verify::chain_digest;

/// A connection that a shadow judges.
pub(super) struct Audited {
    address: Option<String>,
    audit: Arc<Audit>,
}

impl Audited {
    pub(super) fn begin(audit: Arc<Audit>) -> Box<Self> {
        Box::new(Self { address: None, audit })
    }

    /// The transport goes to that address.
    pub(super) fn dialled(&mut self, address: Option<String>) {
        self.address = address;
    }
}

impl Driver {
    /// The connection is handed out: the peer is accepted, and has proved that it holds its key.
    pub(super) fn audit_opened(&self) {
        let Some(evidence) = &self.evidence else { return };
        let refusal = self.audit(evidence.peer.chain_der(), evidence.peer.chain_digest(), true);
        if let (Some(refusal), Some(observation)) = (refusal, &self.observation) {
            observation.shadow_refused(&refusal);
        }
    }

    /// The enforced policy refused the peer's certificates, with `error`.
    pub(super) fn audit_refused(&self, error: &Error) {
        if let Error::Rejected(rejection) = error {
            self.audit(&rejection.chain, &chain_digest(&rejection.chain), false);
        }
    }

    fn audit(&self, chain: &[Vec<u8>], chain_digest: &[u8; 32], is_accepted: bool) -> Option<ShadowRefusal> {
        let Audited { address, audit } = self.audited.as_deref()?;
        let host = &self.attempt.host;
        let presented = Presented { address: address.as_deref(), chain, chain_digest, host, is_accepted };
        audit.judge(&presented, self.attempt.prepared.runtime().now())
    }
}
