//! The clock: a parameter (V8), and the one line of the tree that reads the system's.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::UnixTime;

/// Where the time of a verification comes from. Deadlines do not use it: they are monotonic.
///
/// ```
/// use std::time::{SystemTime, UNIX_EPOCH};
/// use uptls::Clock;
/// use uptls::rustls_pki_types::UnixTime;
///
/// /// A day ahead: what will have expired by tomorrow?
/// struct Tomorrow;
///
/// impl Clock for Tomorrow {
///     fn now(&self) -> UnixTime {
///         let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
///         UnixTime::since_unix_epoch(now + std::time::Duration::from_secs(86_400))
///     }
/// }
///
/// let runtime = uptls::Runtime::builder(uptls::aws_lc_rs::provider()).clock(Tomorrow).build();
/// # let _ = runtime;
/// ```
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
///
/// ```
/// use uptls::{Clock, FixedClock};
///
/// let clock = FixedClock::parse("2026-11-23T00:00:00Z")?;
/// assert_eq!(clock.now().as_secs(), 1_795_392_000);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
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
    /// What is wanted, for anything else and for times before 1970.
    pub fn parse(text: &str) -> Result<Self, String> {
        let time = parse_rfc3339(text).ok_or("expected an RFC 3339 time: 2026-11-23T00:00:00Z")?;
        u64::try_from(time).map(Self::at).map_err(|_| "it is before 1970".to_owned())
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

/// RFC 3339 UTC. What lies outside the years 0 to 9999 is shown as seconds.
pub(crate) fn rfc3339(seconds: i64) -> String {
    // Not by `Timestamp`, which ends a day before the year 9999 does: certificates without an end say that very second.
    let time = EPOCH.checked_add(SignedDuration::from_secs(seconds)).ok().filter(|time| time.year() >= 0);
    time.map_or_else(|| format!("{seconds} s"), |time| format!("{time}Z"))
}

/// Unix seconds of an RFC 3339 time, to the last second of the year 9999; fractions of a second are dropped.
pub(crate) fn parse_rfc3339(text: &str) -> Option<i64> {
    // A `Timestamp` knows offsets, and ends a day before the calendar does.
    let earlier = || text.parse::<Timestamp>().ok().map(Timestamp::as_second);
    let civil = || {
        let time: DateTime = text.strip_suffix(['Z', 'z'])?.parse().ok()?;
        let since: SignedDuration = time.duration_since(EPOCH);
        text.contains(['T', 't', ' ']).then_some(since.as_secs())
    };
    earlier().or_else(civil)
}

/// Whether a seventh of a life, or less, is left at `now`: the measure of every warning before an end (R8), since lives are
/// minutes, days or decades. What has ended is past it.
pub(crate) fn is_near_end(begin: i64, end: i64, now: i64) -> bool {
    let left = end.saturating_sub(now);
    left >= 0 && left <= end.saturating_sub(begin) / 7
}

/// When the first mark of a life passes (R8), or earlier: a third of it is left, or 30 days if that is more.
pub(crate) fn first_expiry_mark(begin: i64, end: i64) -> i64 {
    let lifetime = end.saturating_sub(begin).max(0);
    end.saturating_sub((lifetime / 3).max(lifetime.min(30 * DAY)))
}

/// In seconds.
pub(crate) const DAY: i64 = 86_400;
/// The end of what has no end: 9999-12-31T23:59:59Z (RFC 5280 section 4.1.2.5).
pub(crate) const NO_END: i64 = 253_402_300_799;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_last_second_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (1_795_392_000, "2026-11-23T00:00:00Z"),
            (NO_END, "9999-12-31T23:59:59Z"),
            (NO_END + 1, "253402300800 s"),
            (i64::MAX, "9223372036854775807 s"),
        ] {
            assert_eq!(rfc3339(seconds), text);
            assert!(seconds > NO_END || parse_rfc3339(text) == Some(seconds), "{text}");
        }
    }

    #[test]
    fn times_are_read_as_they_are_written_and_nothing_else_is() {
        assert_eq!(parse_rfc3339("2026-11-23T01:00:00.5+01:00"), Some(1_795_392_000));
        for text in
            ["", "2026", "2026-11-23", "2026-11-23T00:00:00", "9999-12-31", "10000-01-01T00:00:00Z", "9999-12-31Z"]
        {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn an_end_is_near_in_the_last_seventh_of_any_life() {
        const HOUR: i64 = 3600;
        for (begin, end, now, near) in [
            (0, 7 * HOUR, 6 * HOUR - 1, false),
            (0, 7 * HOUR, 6 * HOUR, true),
            (0, 7 * HOUR, 7 * HOUR, true),
            (0, 7 * HOUR, 7 * HOUR + 1, false),
            // One hour of life is no notifier from its first second on, as thirty days before every end would be.
            (0, HOUR, 0, false),
            (0, NO_END, 1_795_392_000, false),
        ] {
            assert_eq!(is_near_end(begin, end, now), near, "{begin} {end} {now}");
        }
    }
}
