//! What observers are told of a connector: its events, and what it stood at before and after (R12).

use super::expiry::earliest_ends;
use super::{Connector, Event, EventKind, Published, Shared};
use crate::generation::Generation;
use crate::observe::{
    CertificateExpiring, ConnectorChanged, GenerationPublished, Observer, Observers, PolicyNews, PolicyRecovered,
    PolicyWithdrawn, Standing, UpdateRefused,
};
use crate::time::seconds;

impl Connector {
    /// The policy's name, if it has one, and the generation of now.
    pub(crate) fn name_and_generation(&self) -> (Option<String>, Generation) {
        let current = self.0.current.load();
        (current.name.as_deref().map(str::to_owned), current.generation)
    }

    /// The connector is made.
    pub(super) fn tell_first(&self) {
        let observers = self.0.runtime.observers();
        if observers.is_empty() {
            return;
        }
        let (current, at) = (self.0.current.load(), self.now());
        let kind = match current.state() {
            super::ConnectorState::NotReady { reason, since } => {
                EventKind::NotReady { reason: reason.clone(), since: *since }
            }
            _ => EventKind::Updated,
        };
        let event = Event { at, generation: current.generation, kind, trust_reduced: false };
        tell_events(observers, current.name.as_deref(), &[event]);
        tell_change(observers, None, Some(&current), at);
    }

    /// It was replaced by `after`, with these events.
    pub(super) fn tell_replaced(&self, before: &Published, after: &Published, events: &[Event], at: i64) {
        let observers = self.0.runtime.observers();
        if observers.is_empty() {
            return;
        }
        tell_events(observers, after.name.as_deref(), events);
        tell_change(observers, Some(before), Some(after), at);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let observers = self.runtime.observers();
        if !observers.is_empty() {
            tell_change(observers, Some(&self.current.load()), None, seconds(self.runtime.now()));
        }
    }
}

pub(super) fn tell_events(observers: &Observers, policy: Option<&str>, events: &[Event]) {
    for event in events.iter().filter(|_| !observers.is_empty()) {
        let (policy, event) = (policy.map(str::to_owned), event.clone());
        observers.tell_unlocked(move |observer| tell(observer, policy.as_deref(), &event));
    }
}

fn tell(observer: &dyn Observer, policy: Option<&str>, event: &Event) {
    let news = PolicyNews { policy, generation: event.generation, at: event.at };
    match &event.kind {
        EventKind::Degraded { reason, .. } | EventKind::NotReady { reason, .. } => {
            // A policy that was never loaded has its name in the reason alone.
            let policy = PolicyNews { policy: news.policy.or(reason.policy()), ..news };
            observer.update_refused(&UpdateRefused { policy, state: event.kind.as_str(), reason });
        }
        EventKind::Expiring(certificate) => observer.certificate_expiring(&CertificateExpiring {
            policy: news,
            not_after: certificate.not_after,
            source: &certificate.source,
            subject: &certificate.subject,
        }),
        EventKind::Recovered => observer.policy_recovered(&PolicyRecovered { policy: news }),
        EventKind::Updated => {
            let trust_reduced = event.trust_reduced;
            observer.generation_published(&GenerationPublished { policy: news, trust_reduced });
        }
        EventKind::Withdrawn { reason } => {
            observer.policy_withdrawn(&PolicyWithdrawn { policy: news, reason: reason.as_ref() });
        }
    }
}

fn tell_change(observers: &Observers, before: Option<&Published>, after: Option<&Published>, at: i64) {
    let published = after.or(before);
    let (before, after) = (before.map(standing), after.map(standing));
    if before == after {
        return;
    }
    let policy = published.and_then(|published| published.name.clone());
    let generation = published.map_or_else(Generation::default, |published| published.generation);
    observers.tell_unlocked(move |observer| {
        let policy = PolicyNews { policy: policy.as_deref(), generation, at };
        observer.connector_changed(&ConnectorChanged { policy, before, after });
    });
}

fn standing(published: &Published) -> Standing {
    let terms = published.content.as_ref().map(|content| earliest_ends(&content.prepared)).unwrap_or_default();
    Standing { state: published.state().as_str(), terms }
}
