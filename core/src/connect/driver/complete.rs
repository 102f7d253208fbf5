//! The end of a handshake: what was proven and negotiated becomes evidence, sessions are kept, and observers are told.

use core::mem;
use core::time::Duration;
use std::sync::Arc;

use rustls::HandshakeKind;
use tracing::Span;

use super::Driver;
use crate::connect::evidence::{Evidence, Negotiated};
use crate::connect::{internal, span};
use crate::error::{Code, Error};
use crate::handshake::IdentityUse;
use crate::session::Proof;
use crate::time::seconds;
use crate::verify::VerifiedPeer;

impl Driver {
    /// The handshake is complete: only now a connection exists, and sessions are kept (H6).
    pub(super) fn complete(&mut self) -> Result<(), Error> {
        let negotiated = Negotiated::of(&self.tls).ok_or_else(|| internal("the handshake is not complete"))?;
        // H3
        if negotiated.alpn.is_none() && self.pool_key.offer().required {
            return Err(self.attempt.alpn_mismatch(&self.tls).into());
        }
        let resumed = self.tls.handshake_kind() == Some(HandshakeKind::Resumed);
        let proof = match (resumed, self.attempt.verified.clone()) {
            (false, Some(peer)) => Arc::new(self.prove(peer)),
            (true, None) => {
                let offered = self.session.as_ref().and_then(|session| session.offered());
                offered.ok_or_else(|| internal("a session was resumed that was not offered"))?
            }
            _ => return Err(internal("the handshake completed without a verdict")),
        };
        if let Some(session) = &self.session {
            session.commit(&proof);
        }
        let prepared = &self.attempt.prepared;
        prepared.runtime().failures().succeeded(prepared.fingerprint(), &self.attempt.host);
        let configured = prepared.identity().is_some();
        self.attempt.identity = proof.identity;
        let evidence = Evidence {
            alpn: negotiated.alpn,
            cipher_suite: negotiated.cipher_suite,
            fingerprint: *self.attempt.prepared.fingerprint(),
            generation: self.generation,
            group: negotiated.group,
            identity: proof.identity,
            identity_unused: configured && !matches!(proof.identity, IdentityUse::Sent { .. }),
            peer: proof.peer.clone(),
            pool_key: self.pool_key.clone(),
            resumed,
            server_name: self.attempt.server_name.clone(),
            version: negotiated.version,
        };
        span::complete(mem::replace(&mut self.span, Span::none()), &evidence);
        self.evidence = Some(Arc::new(evidence));
        if let Some(observation) = &mut self.observation {
            observation.complete();
        }
        Ok(())
    }

    /// H6: nothing that descends from this handshake outlives what it proved.
    fn prove(&self, peer: Arc<VerifiedPeer>) -> Proof {
        let prepared = &self.attempt.prepared;
        let identity = prepared.identity();
        let identity_start = identity.map_or(i64::MIN, |identity| identity.not_before());
        let identity_end = identity.map_or(i64::MAX, |identity| identity.not_after());
        let chain = self.tls.peer_certificates().unwrap_or_default();
        Proof {
            chain_bytes: chain.iter().map(|certificate| certificate.len()).sum(),
            identity: self.attempt.identity,
            proven_at: seconds(prepared.runtime().now()),
            usable_from: peer.trusted_from().max(identity_start),
            usable_until: peer.trusted_until().min(identity_end),
            peer,
        }
    }

    /// R12
    pub(super) fn tell_failed(&mut self, code: Code) {
        span::fail(mem::replace(&mut self.span, Span::none()), code);
        if let Some(observation) = &mut self.observation {
            observation.fail(code);
        }
    }

    /// The connection is handed out.
    pub(in crate::connect) fn open(&mut self) {
        if let (Some(observation), Some(evidence)) = (&mut self.observation, &self.evidence) {
            observation.open(evidence);
        }
        self.audit_opened();
    }

    /// The transport is there, after so long, and goes to that address.
    pub(in crate::connect) fn dialled(&mut self, dial: Option<Duration>, address: impl FnOnce() -> Option<String>) {
        if self.observation.is_none() && self.audited.is_none() {
            return;
        }
        let address = address();
        if let Some(audited) = &mut self.audited {
            audited.dialled(address.clone());
        }
        if let Some(observation) = &mut self.observation {
            observation.dialled(dial, address);
        }
    }
}
