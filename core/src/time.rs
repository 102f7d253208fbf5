//! The clock: a parameter (V8), and the one line of the tree that reads the system's.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use rustls_pki_types::UnixTime;

/// Where the time of a verification comes from. Deadlines do not use it: they are monotonic.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> UnixTime;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

/// A clock that stands still: for offline verification and tests.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(UnixTime);

impl FixedClock {
    /// Stands at `seconds` after 1970-01-01T00:00:00Z.
    pub fn at(seconds: u64) -> Self {
        Self(UnixTime::since_unix_epoch(core::time::Duration::from_secs(seconds)))
    }

    /// Stands at an RFC 3339 time, `2026-11-23T00:00:00Z`; fractions of a second are dropped.
    ///
    /// # Errors
    /// The parser's reason, for anything else and for times before 1970.
    pub fn parse(text: &str) -> Result<Self, String> {
        let time: Timestamp = text.parse().map_err(|error| format!("{error}"))?;
        u64::try_from(time.as_second()).map(Self::at).map_err(|_| "it is before 1970".to_owned())
    }
}

impl Clock for FixedClock {
    fn now(&self) -> UnixTime {
        self.0
    }
}

/// Unix seconds of `time`.
pub(crate) fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// RFC 3339 UTC. Years outside -9999..=9999 are shown as seconds.
pub(crate) fn rfc3339(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| format!("{seconds} s"), |time| time.to_string())
}
