//! Who stopped a connector, and who starts it again (R2, R3): the model that `rotate` keeps to.
//!
//! Two authors speak of one connector, and each has one word, which only that author takes back:
//!
//! - **The caller**, who gives documents: *good* (published), *refused* (a document that cannot be used), *withdrawn*.
//! - **The files** of the published document, as its sources read them: *good*, *refused*, *gone*. Two sources of one
//!   document read the same files, so they are one author: what one of them found ends when another reads better.
//!
//! | what happens | the caller's word | the files' word | published document | awaited document |
//! | --- | --- | --- | --- | --- |
//! | a document is published | good | good | it | none |
//! | a document whose material is bad | refused; withdrawn stays | stays | stays | it |
//! | a document whose files cannot be read for a shortage | stays | stays | stays | it |
//! | `refuse` | refused; withdrawn stays | stays | stays | none |
//! | `withdraw` | withdrawn | good | none | none |
//! | its files are good | stays | good | stays | stays |
//! | its files are bad | stays | refused; gone stays | stays | stays |
//! | its files are gone | stays | gone | stays | stays |
//! | its files cannot be read for a shortage | stays | stays | stays | stays |
//! | files of the awaited document are good | good | good | it | none |
//! | files of the awaited document cannot be read for a shortage | stays | stays | stays | stays |
//! | files of the awaited document are bad or gone | refused, with the newer reason | stays | stays | stays |
//!
//! A source of any other document does nothing ([`Claim::Superseded`]), and none does anything while the caller's word is
//! *withdrawn*. Connections are made while neither word is *withdrawn* or *gone*, and with [`OnInvalid::FailClosed`] while
//! neither is *refused*. Each content has one generation until another is published (R5): what was refused or withdrawn and
//! is published again is the same generation, which is what `is_current` says of its connections.

use super::files;
use super::state::{ConnectorState, OnInvalid};
use crate::error::Problems;
use crate::policy::UpstreamTlsPolicy;

/// What one author says. Times are unix seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Word {
    #[default]
    Good,
    Refused {
        reason: Box<Problems>,
        since: i64,
    },
    /// By the caller, or because a file is gone.
    Withdrawn {
        since: i64,
    },
}

impl Word {
    /// A refusal begins with the first of several, and never ends a withdrawal.
    pub(super) fn refuse(&mut self, reason: Problems, at: i64) {
        match self {
            Self::Good => *self = Self::Refused { reason: Box::new(reason), since: at },
            Self::Refused { reason: known, .. } => **known = reason,
            Self::Withdrawn { .. } => {}
        }
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        matches!(self, Self::Withdrawn { .. })
    }
}

/// What both authors say.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) caller: Word,
    pub(super) files: Word,
}

impl Standing {
    /// Nothing stops the connector.
    pub(super) const GOOD: Self = Self { caller: Word::Good, files: Word::Good };

    /// The stricter word counts; of two refusals the reason of the caller, whose document is the newer.
    pub(super) fn state(&self, on_invalid: OnInvalid, has_content: bool) -> ConnectorState {
        let (reason, since) = match (&self.caller, &self.files) {
            (Word::Withdrawn { since }, _) | (_, Word::Withdrawn { since }) => {
                return ConnectorState::Withdrawn { since: *since };
            }
            (Word::Good, Word::Good) => return ConnectorState::Ready,
            (Word::Refused { reason, since }, Word::Refused { since: other, .. }) => (reason, *since.min(other)),
            (Word::Refused { reason, since }, Word::Good) | (Word::Good, Word::Refused { reason, since }) => {
                (reason, *since)
            }
        };
        let reason = Problems::clone(reason);
        match on_invalid {
            OnInvalid::KeepLastGood if has_content => ConnectorState::Degraded { reason, since },
            OnInvalid::KeepLastGood | OnInvalid::FailClosed => ConnectorState::NotReady { reason, since },
        }
    }
}

/// Which documents sources may speak of.
#[derive(Clone, Debug, Default)]
pub(super) struct Documents {
    pub(super) awaited: Awaited,
    /// How many were published.
    pub(super) count: u64,
    /// The last good one, if the caller did not withdraw it.
    pub(super) published: Option<UpstreamTlsPolicy>,
}

/// The newest document, if its material could not be used.
#[derive(Clone, Debug, Default)]
pub(super) enum Awaited {
    /// The first document that comes: the connector began without one.
    Any,
    #[default]
    Nothing,
    This(UpstreamTlsPolicy),
}

/// What a source may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Claim {
    /// Publish its document, as soon as its files are good.
    Awaited,
    /// Keep the published document in step with its files.
    Published,
    /// Nothing: another document was given since.
    Superseded,
}

impl Documents {
    pub(super) fn claim(&self, policy: &UpstreamTlsPolicy) -> Claim {
        match (&self.published, &self.awaited) {
            (Some(published), _) if is_same(published, policy) => Claim::Published,
            (_, Awaited::Any) => Claim::Awaited,
            (_, Awaited::This(awaited)) if is_same(awaited, policy) => Claim::Awaited,
            _ => Claim::Superseded,
        }
    }

    pub(super) fn publish(&mut self, policy: &UpstreamTlsPolicy) {
        *self = Self { awaited: Awaited::Nothing, count: self.count + 1, published: Some(policy.clone()) };
    }
}

/// By what was written, by where its files are (equal documents of two folders are two), and by the name that errors say.
pub(super) fn is_same(one: &UpstreamTlsPolicy, other: &UpstreamTlsPolicy) -> bool {
    one.is(other) || (one.name() == other.name() && files::in_order(one) == files::in_order(other) && one == other)
}
