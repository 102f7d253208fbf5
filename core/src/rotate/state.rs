//! What a connector says of itself: its generation, and whether it makes connections.

use core::fmt;

use crate::error::Problems;

/// What an update with an invalid policy or material does (R2).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum OnInvalid {
    /// New connections fail at once: the rule of the Gateway API.
    FailClosed,
    /// The last good generation stays: a broken file does not become an outage, but a revoked CA stays trusted until the
    /// update is repaired.
    #[default]
    KeepLastGood,
}

impl OnInvalid {
    /// The stable name: `fail_closed` or `keep_last_good`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FailClosed => "fail_closed",
            Self::KeepLastGood => "keep_last_good",
        }
    }
}

/// Whether a connector makes connections. Times are unix seconds.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// # use uptls::danger::DangerPermission;
/// # use uptls::{MaterialDraft, PolicyDraft, PolicySpec, TrustDraft, UpstreamTlsPolicy};
/// # let trust = TrustDraft { bundles: vec![MaterialDraft::file("../examples/refused/ca.pem")], ..TrustDraft::default() };
/// # let spec = PolicySpec { server_name: Some("payments.internal".to_owned()), trust, ..PolicySpec::default() };
/// # let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden)?;
/// # let clock = uptls::FixedClock::at(1_795_392_000);
/// # let runtime = uptls::Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build();
/// use uptls::{Connector, ConnectorState};
/// # let problems = UpstreamTlsPolicy::check(PolicyDraft::default(), DangerPermission::Forbidden).err().unwrap();
///
/// let connector = Connector::new(&runtime, &policy)?;
/// connector.refuse(problems);
/// // The last good generation still connects.
/// assert!(matches!(connector.state(), ConnectorState::Degraded { .. }));
/// assert_eq!(connector.state().reason().unwrap().code().as_str(), "trust_missing");
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
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

impl ConnectorState {
    /// The stable name: `degraded`, `not_ready`, `ready` or `withdrawn`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Degraded { .. } => "degraded",
            Self::NotReady { .. } => "not_ready",
            Self::Ready => "ready",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }

    /// What is wrong with the last update, if it is `degraded` or `not_ready`.
    pub fn reason(&self) -> Option<&Problems> {
        match self {
            Self::Degraded { reason, .. } | Self::NotReady { reason, .. } => Some(reason),
            Self::Ready | Self::Withdrawn { .. } => None,
        }
    }
}

impl fmt::Display for ConnectorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        self.reason().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}
