//! What is told of one connection, from its first bytes to its end (R12).

use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use uptls_process::Process;

use super::evidence::Evidence;
use crate::error::{Code, Error};
use crate::generation::Generation;
use crate::name::BackendHost;
use crate::observe::{
    ConnectionAbandoned, ConnectionClosed, ConnectionFacts, ConnectionFailed, ConnectionOpened, HandshakeStarted,
    Observers, ShadowRefused,
};
use crate::prepare::Prepared;
use crate::rotate::{Connector, ShadowRefusal};

impl Connector {
    /// Tells the runtime's observers that `host` could not be dialled (R12). For programs that make the transport before
    /// [`Connector::begin`]; whatever dials itself does this.
    pub fn note_undialled(&self, host: &BackendHost, error: &Error) {
        self.tell_failed(host, error, None);
    }

    /// A connection failed before there was a handshake.
    pub(crate) fn tell_failed(&self, host: &BackendHost, error: &Error, dial: Option<Duration>) {
        let observers = self.runtime().observers();
        if observers.is_empty() {
            return;
        }
        let (name, generation) = self.name_and_generation();
        let connection = ConnectionFacts { policy: name.as_deref(), host, address: None, generation };
        let failed = ConnectionFailed { connection, code: error.code(), dial, handshake: None };
        observers.tell(|observer| observer.connection_failed(&failed));
    }
}

/// A connection that observers are told of. There is none without observers.
pub(super) struct Observation {
    address: Option<String>,
    dial: Option<Duration>,
    /// The code that ended it once it was open.
    ended: Option<Code>,
    generation: Generation,
    host: BackendHost,
    observers: Observers,
    phase: Phase,
    /// For the policy's name.
    prepared: Arc<Prepared>,
    /// A child of fork has a copy, and tells nothing of it (L10).
    process: Process,
}

#[derive(Clone, Copy)]
enum Phase {
    /// Nothing was taken for the peer.
    Begun,
    Started(Instant),
    /// It is complete after so long, and not handed out.
    Complete(Duration),
    Open(Instant),
    Over,
}

impl Observation {
    pub(super) fn begin(
        prepared: &Arc<Prepared>,
        host: &BackendHost,
        generation: Generation,
        process: Process,
    ) -> Option<Box<Self>> {
        let observers = prepared.runtime().observers();
        if observers.is_empty() {
            return None;
        }
        Some(Box::new(Self {
            address: None,
            dial: None,
            ended: None,
            generation,
            host: host.clone(),
            observers: observers.clone(),
            phase: Phase::Begun,
            prepared: Arc::clone(prepared),
            process,
        }))
    }

    /// The transport is there, after so long, and goes to that address.
    pub(super) fn dialled(&mut self, dial: Option<Duration>, address: Option<String>) {
        (self.dial, self.address) = (dial, address);
    }

    /// Bytes are taken for the peer.
    pub(super) fn start(&mut self) {
        if let Phase::Begun = self.phase {
            self.phase = Phase::Started(Instant::now());
            let started = HandshakeStarted { connection: self.facts() };
            self.observers.tell(|observer| observer.handshake_started(&started));
        }
    }

    /// The handshake is complete.
    pub(super) fn complete(&mut self) {
        if let Phase::Started(since) = self.phase {
            self.phase = Phase::Complete(since.elapsed());
        }
    }

    /// The connection is handed out.
    pub(super) fn open(&mut self, evidence: &Evidence) {
        let Phase::Complete(handshake) = self.phase else { return };
        self.phase = Phase::Open(Instant::now());
        let opened = ConnectionOpened {
            connection: self.facts(),
            dial: self.dial,
            handshake,
            resumed: evidence.resumed,
            version: evidence.version,
            cipher: &evidence.cipher_suite,
            group: evidence.group.as_deref(),
            alpn: evidence.alpn.as_deref(),
        };
        self.observers.tell(|observer| observer.connection_opened(&opened));
    }

    /// The shadow would have refused it (R14).
    pub(super) fn shadow_refused(&self, refusal: &ShadowRefusal) {
        let ShadowRefusal { code, generation, policy } = refusal;
        let refused = ShadowRefused {
            connection: self.facts(),
            code: *code,
            shadow: policy.as_deref(),
            shadow_generation: *generation,
        };
        self.observers.tell(|observer| observer.shadow_refused(&refused));
    }

    /// The peer's data ended without a close_notify (H8).
    pub(super) fn truncate(&mut self) {
        self.ended = Some(Code::Truncated);
    }

    /// It ended with `code`.
    pub(super) fn fail(&mut self, code: Code) {
        let handshake = match self.phase {
            Phase::Open(_) => {
                self.ended = Some(code);
                return;
            }
            Phase::Over => return,
            Phase::Begun => None,
            Phase::Started(since) => Some(since.elapsed()),
            Phase::Complete(took) => Some(took),
        };
        self.phase = Phase::Over;
        let failed = ConnectionFailed { connection: self.facts(), code, dial: self.dial, handshake };
        self.observers.tell(|observer| observer.connection_failed(&failed));
    }

    fn facts(&self) -> ConnectionFacts<'_> {
        ConnectionFacts {
            policy: self.prepared.policy().name(),
            host: &self.host,
            address: self.address.as_deref(),
            generation: self.generation,
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        if !self.process.is_current() {
            return;
        }
        let connection = self.facts();
        match self.phase {
            Phase::Started(_) | Phase::Complete(_) => {
                let abandoned = ConnectionAbandoned { connection };
                self.observers.tell(|observer| observer.connection_abandoned(&abandoned));
            }
            Phase::Open(since) => {
                let closed = ConnectionClosed { connection, code: self.ended, open: since.elapsed() };
                self.observers.tell(|observer| observer.connection_closed(&closed));
            }
            Phase::Begun | Phase::Over => {}
        }
    }
}
