//! What a connector says of itself: its generation, and whether it makes connections.

use core::fmt;

use crate::error::Problems;

/// The number of a publication within one connector.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Generation(pub(super) u64);

impl Generation {
    /// 1 for the first; 0 before there was any.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an update with an invalid policy or material does (R2).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum OnInvalid {
    /// New connections fail at once: the rule of the Gateway API.
    FailClosed,
    /// The last good generation stays: a broken file does not become an outage, but a revoked CA stays trusted until the
    /// update is repaired.
    #[default]
    KeepLast,
}

/// Whether a connector makes connections. Times are unix seconds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConnectorState {
    /// The last good generation is used, because a later update was invalid.
    #[non_exhaustive]
    Degraded {
        /// What is wrong with the last update.
        reason: Problems,
        /// Since when updates fail.
        since: i64,
    },
    /// No connection is made, because the policy or its material cannot be used.
    #[non_exhaustive]
    NotReady {
        /// What is wrong with it.
        reason: Problems,
        /// Since when.
        since: i64,
    },
    /// The last update is used.
    Ready,
    /// No connection is made, because the policy was withdrawn (R3).
    #[non_exhaustive]
    Withdrawn {
        /// Since when.
        since: i64,
    },
}
