//! The one driver: every face moves bytes through it, and nothing else calls rustls.

mod audit;
mod complete;
mod export;

use std::io::{self, BufRead as _, Read, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};
use tracing::Span;
use uptls_process::Process;

use super::closing_alert::ClosingAlert;
use super::evidence::Evidence;
use super::failure::{Answered, Attempt, oversized_message};
use super::fault::{Stage, meaning};
use super::incoming::Incoming;
use super::observation::Observation;
use super::setup::Setup;
use super::tls_io::{Failure, ReadOutcome, Tap, process_new_packets};
use super::{PoolKey, internal};
use crate::error::{ConnectError, Error, Misuse};
use crate::generation::Generation;
use crate::handshake::{Asked, IdentityUse, Noted, Verdict, observe};
use crate::identity::asking::Refusal;
use crate::name::BackendHost;
use crate::prepare::Prepared;
use crate::session::SessionHandle;
use crate::text::printable;
use audit::Audited;

/// One connection: rustls, what was noted of it, and its first error, which is its last.
pub(super) struct Driver {
    attempt: Attempt,
    /// What a shadow judges (R14); `None` without one.
    audited: Option<Box<Audited>>,
    end: End,
    error: Option<Error>,
    evidence: Option<Arc<Evidence>>,
    closing_alert: ClosingAlert,
    generation: Generation,
    /// H7
    logs_keys: bool,
    /// What observers are told; `None` without any.
    observation: Option<Box<Observation>>,
    outgoing: Outgoing,
    pool_key: PoolKey,
    process: Process,
    session: Option<Arc<SessionHandle>>,
    /// Of the handshake.
    span: Span,
    tls: ClientConnection,
    /// Decrypted bytes that were not read yet.
    unread: usize,
    /// See [`Driver::process`].
    window: usize,
}

/// How the peer's data ended (H8).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Clean,
    Open,
    Truncated,
}

/// Whether we still send data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outgoing {
    Closed,
    Open,
}

impl Driver {
    /// A connection of `process` to `endpoint` that has its ClientHello ready.
    pub(super) fn begin(
        setup: &Setup,
        host: &BackendHost,
        endpoint: Option<SocketAddr>,
        process: Process,
        span: Span,
    ) -> Result<Self, Error> {
        let (tls, session) = setup.start(endpoint)?;
        let Setup { audit, generation, key_log, pool_key, prepared, .. } = setup;
        let (generation, pool_key, prepared) = (*generation, pool_key.clone(), Arc::clone(prepared));
        let audited = audit.clone().map(Audited::begin);
        let observation = Observation::begin(&prepared, host, generation, process);
        let attempt = Attempt {
            alpn: pool_key.offer().protocols.clone(),
            answered: Answered::NotYet,
            asked: Asked::default(),
            host: host.clone(),
            identity: IdentityUse::NotRequested,
            first_bytes: Vec::new(),
            server_name: prepared.verifier().server_name(Some(host)),
            prepared,
            verified: None,
        };
        Ok(Self {
            attempt,
            audited,
            end: End::Open,
            error: None,
            evidence: None,
            closing_alert: ClosingAlert::default(),
            generation,
            logs_keys: key_log.is_some(),
            observation,
            outgoing: Outgoing::Open,
            pool_key,
            process,
            session,
            span,
            tls,
            unread: 0,
            window: 0,
        })
    }

    /// L10: in a copy of the process that made it, a connection does nothing: its keys are used there. Nothing is kept of
    /// such a call either.
    pub(super) fn check_process(&self) -> Result<(), Error> {
        match self.process.is_current() {
            true => Ok(()),
            false => Err(Misuse::in_another_process("the connection").into()),
        }
    }

    /// Gives rustls away, for a stream that moves the bytes itself. Sessions stay fenced (H6).
    #[cfg(feature = "tokio-rustls")]
    pub(super) fn into_tls(self) -> Result<ClientConnection, Error> {
        self.check()?;
        if self.outgoing == Outgoing::Closed {
            return Err(Misuse::new("the connection is given away after its close_notify").into());
        }
        if let Some(session) = &self.session {
            // No call counts the bytes of its tickets any more: each is charged as the largest.
            session.expect(usize::MAX);
        }
        Ok(self.tls)
    }

    /// Whether it can go on: why not is one error for ever.
    fn check(&self) -> Result<(), Error> {
        self.check_process()?;
        self.error.clone().map_or(Ok(()), Err)
    }

    /// Takes bytes from the peer. Gives how many; fewer than there are only while decrypted data waits to be read.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<usize, Error> {
        self.check()?;
        let all = bytes.len();
        while !bytes.is_empty() {
            let received = match self.attempt.answered {
                Answered::NotYet => self.receive(&mut bytes),
                Answered::Yes => self.receive_much(&mut bytes),
            };
            match received {
                Ok(ReadOutcome::Full) => break,
                Ok(ReadOutcome::Bytes) => {}
                // RFC 8446 section 6.1: what follows a close_notify is ignored.
                Ok(ReadOutcome::End) => return Ok(all),
                Err(Failure::Tls(error)) => return Err(error),
                Err(Failure::Transport(error)) => return Err(self.fail(internal(error))),
            }
        }
        Ok(all - bytes.len())
    }

    /// Gives rustls all that its buffer takes before it processes: it reads 4 KiB at a time, and a whole record has 16. Not
    /// before the peer's first data: until then the pieces bound what a ticket is charged for (see [`Driver::process`]).
    fn receive_much(&mut self, bytes: &mut &[u8]) -> Result<ReadOutcome, Failure> {
        let before = bytes.len();
        if self.unread == 0 {
            // A slice does not fail: an error says that the buffer is full, a zero that rustls listens no more.
            while !bytes.is_empty() && matches!(self.tls.read_tls(bytes), Ok(1..)) {}
        }
        match before - bytes.len() {
            0 => self.receive(bytes),
            count => self.process(count).map(|()| ReadOutcome::Bytes).map_err(Failure::Tls),
        }
    }

    /// Reads once from `source` and processes what came.
    pub(super) fn receive(&mut self, source: &mut dyn Read) -> Result<ReadOutcome, Failure> {
        self.check().map_err(Failure::Tls)?;
        if self.end == End::Clean {
            return Ok(ReadOutcome::End);
        }
        if self.unread > 0 {
            return Ok(ReadOutcome::Full);
        }
        let mut tap = Tap::new(source, &mut self.attempt.first_bytes);
        let read = self.tls.read_tls(&mut tap);
        match (tap.outcome, read) {
            (Ok(0), Ok(_)) => {
                self.feed_eof().map_err(Failure::Tls)?;
                Ok(ReadOutcome::End)
            }
            (Ok(count), Ok(_)) => {
                self.process(count).map_err(Failure::Tls)?;
                Ok(ReadOutcome::Bytes)
            }
            (Err(error), _) => Err(Failure::Transport(error)),
            // rustls reads nothing when its buffer cannot take another byte of one message.
            (Ok(_), Err(_)) => Err(Failure::Tls(self.fail(oversized_message(&self.tls).into()))),
        }
    }

    /// The transport ended.
    pub(super) fn feed_eof(&mut self) -> Result<(), Error> {
        self.check()?;
        if self.evidence.is_none() {
            let closed = self.attempt.closed(&self.tls);
            return Err(self.fail(closed.into()));
        }
        if self.end == End::Open {
            if let Some(sent) = self.awaits_verdict() {
                return Err(self.fail(ConnectError::PeerClosedAfterRequest { sent }.into()));
            }
            self.end = End::Truncated;
            if let Some(observation) = &mut self.observation {
                observation.truncate();
            }
        }
        Ok(())
    }

    /// I5: whether the peer may still refuse our identity, and then whether one was sent. Some servers, asyncio's among them,
    /// lose the alert and close.
    fn awaits_verdict(&self) -> Option<bool> {
        let evidence = self.evidence.as_ref().filter(|evidence| evidence.verdict_is_due())?;
        let waits = self.attempt.answered == Answered::NotYet && self.outgoing == Outgoing::Open;
        waits.then_some(matches!(evidence.identity, IdentityUse::Sent { .. }))
    }

    /// Clear the slot, process, take the slot; a rejection in it is the reason, whatever rustls says.
    ///
    /// The window is an upper bound for the bytes of a ticket that completes now. Handshake messages are not interleaved
    /// with anything else (RFC 8446 section 5.1), so a ticket's first byte came no earlier than in the last call that
    /// completed something else: a handshake, a ticket, application data.
    fn process(&mut self, count: usize) -> Result<(), Error> {
        let tickets = self.tls.tls13_tickets_received();
        let handshaking = self.tls.is_handshaking();
        self.window = self.window.saturating_add(count);
        if let Some(session) = &self.session {
            session.expect(self.window);
        }
        // Verifier and resolver are called in the handshake alone, and a connection has one (H7).
        let (processed, Noted { asked, refusal, request, verdict }) = match &self.evidence {
            None => observe(|| process_new_packets(&mut self.tls)),
            Some(_) => (process_new_packets(&mut self.tls), Noted::default()),
        };
        self.attempt.identity = request.unwrap_or(self.attempt.identity);
        if let Some(asked) = asked {
            self.attempt.asked = asked;
        }
        match verdict {
            Some(Verdict::Accepted(peer)) => self.attempt.verified = Some(Arc::new(peer)),
            Some(Verdict::Panicked) => return Err(self.fail(internal("the verifier panicked"))),
            Some(Verdict::Rejected(mut rejection)) => {
                // Policies of one fingerprint share a verifier, but not their names.
                rejection.policy = self.attempt.prepared.policy().name().map(printable);
                let error = self.fail(rejection.into());
                self.audit_refused(&error);
                return Err(error);
            }
            None => {}
        }
        if let Some(refusal) = refusal {
            return Err(self.fail(self.unsigned(refusal)));
        }
        let state = match processed {
            Ok(state) => state,
            Err(error) => {
                self.note_data();
                let error = self.attempt.failure(error, &self.tls);
                self.discard_sessions();
                return Err(self.fail(error));
            }
        };
        let unread = state.plaintext_bytes_to_read();
        let completed = handshaking && !self.tls.is_handshaking();
        if completed || unread > self.unread || tickets != self.tls.tls13_tickets_received() {
            self.window = count;
        }
        self.unread = unread;
        self.note_data();
        if state.peer_has_closed() {
            self.end = End::Clean;
        }
        if completed {
            self.complete().map_err(|error| self.fail(error))?;
        }
        Ok(())
    }

    /// Our identity's external key gave no signature (I7).
    fn unsigned(&self, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Ended(error) => error,
            Refusal::Reason(reason) => ConnectError::IdentitySignFailed { reason }.into(),
            Refusal::Late => {
                let phase = "no signature of our client certificate's key came".to_owned();
                ConnectError::HandshakeTimeout { after: "the deadline".to_owned(), phase }.into()
            }
        }
    }

    /// I5: from the peer's first data on, alerts are not about our identity.
    fn note_data(&mut self) {
        if self.attempt.answered == Answered::NotYet && matches!(self.tls.reader().fill_buf(), Ok([_, ..])) {
            self.attempt.answered = Answered::Yes;
        }
    }

    /// Keeps the first error, and has the peer told (H5).
    pub(super) fn fail(&mut self, error: Error) -> Error {
        if let Err(first) = self.check() {
            return first;
        }
        let proven = self.evidence.as_ref().map(|evidence| &evidence.peer).or(self.attempt.verified.as_ref());
        let error = self.attempt.with_known(error, &self.tls, proven);
        // A session that was offered may be what the peer cannot stand.
        if self.evidence.is_none() {
            self.discard_sessions();
        }
        self.closing_alert.queue(&mut self.tls, &error);
        self.log(&error);
        self.tell_failed(error.code());
        self.error = Some(error.clone());
        error
    }

    /// R10
    fn log(&self, error: &Error) {
        let Attempt { host, prepared, .. } = &self.attempt;
        let failures = prepared.runtime().failures();
        let code = error.code();
        let news = failures.failed(Some(prepared.fingerprint()), host, code, Instant::now());
        if let Some(unlogged) = news {
            let (policy, generation) = (prepared.policy().name(), self.generation.number());
            let code = code.as_str();
            tracing::info!(target: "uptls", code, policy, generation, %host, unlogged, "connection failed: {error}");
        }
    }

    /// The transport failed, in a handshake after having `waited` so long. A peer that has said nothing may not have been
    /// reached.
    pub(super) fn lose(&mut self, error: &io::Error, waited: &str) -> Error {
        // The peer, which was there, listens no more.
        if self.evidence.is_none() && error.kind() == io::ErrorKind::BrokenPipe {
            let closed = self.attempt.closed(&self.tls);
            return self.fail(closed.into());
        }
        let target = self.attempt.host.to_string();
        let stage = match (self.attempt.first_bytes.is_empty(), &self.evidence) {
            (true, None) => Stage::Reaching { target: &target, waited },
            _ => Stage::Reached,
        };
        self.fail(meaning(error, stage).into())
    }

    fn discard_sessions(&self) {
        if let Some(session) = &self.session
            && (self.evidence.is_some() || session.offered().is_some())
        {
            session.discard();
        }
    }

    /// Writes bytes for the peer to `sink` until it takes no more, and gives how many; also after an error, which may have
    /// left an alert.
    pub(super) fn drain(&mut self, sink: &mut dyn io::Write) -> usize {
        let mut drained = 0;
        while self.wants_write() {
            match self.send(sink) {
                Ok(count @ 1..) => drained += count,
                _ => break,
            }
        }
        drained
    }

    /// Writes once to `sink`.
    pub(super) fn send(&mut self, sink: &mut dyn io::Write) -> io::Result<usize> {
        self.check_process()?;
        if let Some(observation) = &mut self.observation {
            observation.start();
        }
        match self.closing_alert.is_empty() {
            true => self.tls.write_tls(sink),
            false => self.closing_alert.send(sink),
        }
    }

    /// Decrypted data first, as much as `sink` takes; then how it ended.
    pub(super) fn read(&mut self, sink: &mut dyn io::Write) -> Result<Incoming, Error> {
        self.check_process()?;
        let (mut count, mut full) = (0, false);
        let mut reader = self.tls.reader();
        // Without data rustls gives an end or an error; which one is decided below.
        while self.evidence.is_some()
            && !full
            && let Ok(bytes @ [_, ..]) = reader.fill_buf()
        {
            let taken = sink.write(bytes).unwrap_or(0).min(bytes.len());
            reader.consume(taken);
            (count, full) = (count + taken, taken == 0);
        }
        self.unread = self.unread.saturating_sub(count);
        match count {
            0 if !full => self.without_data(),
            _ => Ok(Incoming::Data(count)),
        }
    }

    /// Decrypted bytes that were not read yet; after an error, those of the next record at least.
    pub(super) fn unread(&mut self) -> usize {
        if !self.process.is_current() {
            return 0;
        }
        let next = self.tls.reader().fill_buf().map_or(0, <[u8]>::len);
        self.unread.max(next)
    }

    fn without_data(&self) -> Result<Incoming, Error> {
        match (&self.error, self.end) {
            (Some(error), _) => Err(error.clone()),
            (None, End::Clean) => Ok(Incoming::Closed),
            (None, End::Open) => Ok(Incoming::WantRead),
            // H8
            (None, End::Truncated) => Err(ConnectError::Truncated.into()),
        }
    }

    /// Takes data for the peer; gives how much, which is less than all while bytes wait to be drained.
    pub(super) fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.check()?;
        match self.outgoing {
            Outgoing::Closed => Err(Misuse::new("data was written after close_notify").into()),
            Outgoing::Open => self.tls.writer().write(data).map_err(internal),
        }
    }

    pub(super) fn close_notify(&mut self) {
        if self.check_process().is_err() {
            return;
        }
        self.outgoing = Outgoing::Closed;
        self.tls.send_close_notify();
    }

    pub(super) fn wants_read(&self) -> bool {
        // During a handshake rustls first wants to write what it has.
        let reads = self.tls.wants_read() || self.tls.wants_write() && self.holds_back();
        self.process.is_current() && self.error.is_none() && self.end == End::Open && reads
    }

    pub(super) fn wants_write(&self) -> bool {
        let waits = self.tls.wants_write() && !self.holds_back();
        self.process.is_current() && (waits || !self.closing_alert.is_empty())
    }

    /// Whether all that rustls has for the peer is the ChangeCipherSpec that it writes after a ServerHello of TLS 1.3 (RFC
    /// 8446 appendix D.4). No peer waits for it, so it leaves with our Finished, in one write and one packet. On its own it
    /// costs a system call, and under Nagle's algorithm the Finished then waits 40 ms for a delayed ACK.
    ///
    /// After a HelloRetryRequest it belongs to the second ClientHello, which the peer waits for.
    fn holds_back(&self) -> bool {
        self.error.is_none()
            && self.tls.is_handshaking()
            && self.tls.protocol_version() == Some(ProtocolVersion::TLSv1_3)
            && self.tls.handshake_kind() != Some(HandshakeKind::FullWithHelloRetryRequest)
    }

    pub(super) fn evidence(&self) -> Option<&Arc<Evidence>> {
        self.evidence.as_ref()
    }

    /// The peer is verified, the handshake is complete, and nothing failed since.
    pub(super) fn is_done(&self) -> bool {
        self.evidence.is_some() && self.error.is_none()
    }

    pub(super) fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    pub(super) fn end(&self) -> End {
        self.end
    }

    /// By what, and for whom, the peer is judged.
    pub(super) fn judged(&self) -> (&Prepared, &BackendHost) {
        (&self.attempt.prepared, &self.attempt.host)
    }

    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    pub(super) fn logs_keys(&self) -> bool {
        self.logs_keys
    }

    pub(super) fn phase(&self) -> String {
        self.attempt.phase(&self.tls)
    }

    pub(super) fn answered(&self) -> Answered {
        self.attempt.answered
    }
}
