//! What happened to a connector: pulled, bounded, in order (R7, R8).

use std::collections::VecDeque;

use super::expiry::ExpiringCertificate;
use super::reduced::reduces_trust;
use super::{ConnectorState, Published};
use crate::error::Problems;
use crate::generation::Generation;

/// Something that happened to a connector.
///
/// ```
#[doc = include_str!("../../doc/policy.txt")]
/// use uptls::Connector;
///
/// let connector = Connector::new(&runtime, &policy)?;
/// connector.withdraw();
/// let event = connector.next_event().unwrap();
/// assert_eq!(event.kind.as_str(), "withdrawn");
/// assert!(event.trust_reduced, "drain the pool");
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// When, by the runtime's clock (unix seconds).
    pub at: i64,
    /// The generation after it.
    pub generation: Generation,
    /// What happened.
    pub kind: EventKind,
    /// Whether the new policy may refuse a peer that an earlier connection accepted, or our identity has changed: a
    /// pool should drain connections that are not current (R7). An anchor, pin or name was removed, a weakening ended,
    /// revocation became stricter, or the policy was withdrawn. `true` can be too careful: a CA that was renewed under
    /// the same key counts as another.
    pub trust_reduced: bool,
}

/// What happened. Times are unix seconds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// An update was invalid, and the last good generation stays (R2).
    #[non_exhaustive]
    Degraded {
        /// What is wrong with the update.
        reason: Problems,
        /// Since when updates fail.
        since: i64,
    },
    /// A trusted certificate, our own, or a revocation list comes near its end, or has ended (R8).
    Expiring(ExpiringCertificate),
    /// An update was invalid, and no connection is made.
    #[non_exhaustive]
    NotReady {
        /// What is wrong with the update.
        reason: Problems,
        /// Since when.
        since: i64,
    },
    /// The last update is used again, after it was not.
    Recovered,
    /// Other content was published.
    Updated,
    /// The policy or its material is gone, and no connection is made (R3).
    #[non_exhaustive]
    Withdrawn {
        /// Which material; `None`: the caller withdrew the policy.
        reason: Option<Problems>,
    },
}

impl Event {
    /// R10: the one line of a log for it.
    pub(super) fn log(&self, policy: Option<&str>) {
        let generation = self.generation.number();
        match &self.kind {
            EventKind::Degraded { reason, .. } | EventKind::NotReady { reason, .. } => {
                let code = reason.code().as_str();
                tracing::warn!(target: "uptls", code, policy, generation, "update refused: {reason}");
            }
            EventKind::Expiring(certificate) => {
                tracing::warn!(target: "uptls", policy, generation, "{certificate}");
            }
            EventKind::Recovered => {
                tracing::info!(target: "uptls", policy, generation, "the last update is used again");
            }
            EventKind::Updated => {
                let trust_reduced = self.trust_reduced;
                tracing::info!(target: "uptls", policy, generation, trust_reduced, "a generation was published");
            }
            EventKind::Withdrawn { reason: Some(reason) } => {
                let code = reason.code().as_str();
                tracing::warn!(target: "uptls", code, policy, generation, "withdrawn: {reason}");
            }
            EventKind::Withdrawn { reason: None } => {
                tracing::warn!(target: "uptls", policy, generation, "withdrawn by the caller");
            }
        }
    }
}

/// Bounded, and never waits: the oldest event is dropped when a new one does not fit.
#[derive(Default)]
pub(super) struct EventQueue(Option<Box<Events>>);

/// Once there was one.
#[derive(Default)]
struct Events {
    lost: u64,
    waiting: VecDeque<Event>,
}

impl EventQueue {
    pub(super) fn push(&mut self, event: Event) {
        let Events { lost, waiting } = &mut **self.0.get_or_insert_default();
        waiting.push_back(event);
        if waiting.len() <= MAX_EVENTS {
            return;
        }
        *lost += 1;
        let reduced = waiting.pop_front().is_some_and(|lost| lost.trust_reduced);
        if let Some(oldest) = waiting.front_mut() {
            oldest.trust_reduced |= reduced;
        }
    }

    pub(super) fn extend(&mut self, events: impl IntoIterator<Item = Event>) {
        events.into_iter().for_each(|event| self.push(event));
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let events = self.0.as_mut()?;
        let event = events.waiting.pop_front();
        // Of a large gateway each connector has one event at times, and room for four of them is more than all the rest of it.
        if events.waiting.is_empty() && events.lost == 0 {
            self.0 = None;
        }
        event
    }

    pub(super) fn lost(&self) -> u64 {
        self.0.as_ref().map(|events| events.lost).unwrap_or_default()
    }
}

/// The events that lead from one publication to the next. `gone` says what is, of a withdrawal.
pub(super) fn between(before: &Published, after: &Published, at: i64, gone: Option<Problems>) -> Vec<Event> {
    let generation = after.generation;
    let event = |kind, trust_reduced| Event { at, generation, kind, trust_reduced };
    let mut events = Vec::new();
    if before.generation != generation {
        let reduced = match (&before.content, &after.content) {
            (Some(before), Some(after)) => reduces_trust(&before.prepared, &after.prepared),
            _ => false,
        };
        events.push(event(EventKind::Updated, reduced));
    }
    let known = match before.state() {
        ConnectorState::Degraded { reason, .. } | ConnectorState::NotReady { reason, .. } => Some(reason),
        ConnectorState::Ready | ConnectorState::Withdrawn { .. } => None,
    };
    match after.state() {
        ConnectorState::Ready if *before.state() != ConnectorState::Ready => {
            events.push(event(EventKind::Recovered, false));
        }
        ConnectorState::Degraded { reason, since } if !known.is_some_and(|known| known.is_same_as(reason)) => {
            events.push(event(EventKind::Degraded { reason: reason.clone(), since: *since }, false));
        }
        ConnectorState::NotReady { reason, since } if !known.is_some_and(|known| known.is_same_as(reason)) => {
            events.push(event(EventKind::NotReady { reason: reason.clone(), since: *since }, false));
        }
        ConnectorState::Withdrawn { .. } if !matches!(before.state(), ConnectorState::Withdrawn { .. }) => {
            events.push(event(EventKind::Withdrawn { reason: gone }, true));
        }
        _ => {}
    }
    events
}

/// A connector is one of many; a program that pulls once a minute misses nothing.
const MAX_EVENTS: usize = 32;
