//! Which failed connections deserve a line in a log (R10): the first of its kind, and not each of ten thousand.

use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::Code;
use crate::name::BackendHost;

/// Decides which failed connections to log, so a log has one line for a change and not one for each call (R10).
///
/// A failure is logged if it is the first of its fingerprint, host and code since a connection to that host succeeded
/// under that fingerprint, and a minute or more after the last such line. Each line can say how many failures were not
/// logged before it. At most 256 kinds of failure are remembered; while all of them are younger than a minute, failures
/// of other hosts are only counted. So the log has at most 256 lines a minute.
///
/// Each [`Runtime`](crate::Runtime) has one for the library's own events (`tracing`, target `uptls`); a program or a
/// binding with its own logger has another one. Locks inside do not poison (T8).
///
/// ```
/// use std::time::{Duration, Instant};
/// use uptls::{BackendHost, Code, FailureLog};
///
/// let (log, host, start) = (FailureLog::default(), BackendHost::parse("payments.internal")?, Instant::now());
/// assert_eq!(log.failed(None, &host, Code::TcpRefused, start), Some(0));
/// assert_eq!(log.failed(None, &host, Code::TcpRefused, start), None);
/// // Another code is news, and says that one failure was not logged.
/// assert_eq!(log.failed(None, &host, Code::TcpTimeout, start), Some(1));
/// // What failed, succeeded and fails again is news, too, but not within a minute.
/// log.succeeded(&[0; 32], &host);
/// assert_eq!(log.failed(None, &host, Code::TcpRefused, start + Duration::from_secs(60)), Some(0));
/// # Ok::<_, uptls::NameError>(())
/// ```
#[derive(Default)]
pub struct FailureLog(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    /// How many kinds there are under all hosts together.
    count: usize,
    kinds: HashMap<BackendHost, Vec<Kind>>,
    /// Failures since the last line.
    unlogged: u64,
}

/// Failures of one host that are one fact.
struct Kind {
    code: Code,
    fingerprint: Option<[u8; 32]>,
    logged: Instant,
    /// Whether a connection succeeded since.
    recovered: bool,
}

impl FailureLog {
    /// A connection to `host` failed with `code` under `fingerprint` (`None`: there was no policy). `Some`: log it; the
    /// number is that of the failures that were not logged since the last line. `now` is monotonic.
    pub fn failed(&self, fingerprint: Option<&[u8; 32]>, host: &BackendHost, code: Code, now: Instant) -> Option<u64> {
        let mut remembered = self.lock();
        if remembered.is_news(fingerprint, host, code, now) {
            return Some(core::mem::take(&mut remembered.unlogged));
        }
        remembered.unlogged = remembered.unlogged.saturating_add(1);
        None
    }

    /// A connection to `host` succeeded under `fingerprint`: its next failure is news, whatever its code.
    pub fn succeeded(&self, fingerprint: &[u8; 32], host: &BackendHost) {
        let mut remembered = self.lock();
        let kinds = remembered.kinds.get_mut(host).into_iter().flatten();
        for kind in kinds.filter(|kind| kind.fingerprint.is_none_or(|of| of == *fingerprint)) {
            kind.recovered = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn is_news(&mut self, fingerprint: Option<&[u8; 32]>, host: &BackendHost, code: Code, now: Instant) -> bool {
        let mut kinds = self.kinds.get_mut(host).into_iter().flatten();
        if let Some(kind) = kinds.find(|kind| kind.code == code && kind.fingerprint.as_ref() == fingerprint) {
            let is_news = kind.recovered && is_old(kind.logged, now);
            if is_news {
                (kind.logged, kind.recovered) = (now, false);
            }
            return is_news;
        }
        if self.count == MOST {
            self.forget_old(now);
        }
        if self.count == MOST {
            return false;
        }
        let kind = Kind { code, fingerprint: fingerprint.copied(), logged: now, recovered: false };
        self.kinds.entry(host.clone()).or_default().push(kind);
        self.count += 1;
        true
    }

    fn forget_old(&mut self, now: Instant) {
        self.kinds.retain(|_, kinds| {
            kinds.retain(|kind| !is_old(kind.logged, now));
            !kinds.is_empty()
        });
        self.count = self.kinds.values().map(Vec::len).sum();
    }
}

fn is_old(logged: Instant, now: Instant) -> bool {
    now.saturating_duration_since(logged) >= QUIET
}

impl fmt::Debug for FailureLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remembered = self.lock();
        f.debug_struct("FailureLog")
            .field("kinds", &remembered.count)
            .field("unlogged", &remembered.unlogged)
            .finish_non_exhaustive()
    }
}

/// How many kinds of failure are remembered.
const MOST: usize = 256;
/// How long the same is not said again, however often it comes and goes.
const QUIET: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [u8; 32] = [1; 32];

    fn host(name: &str) -> BackendHost {
        BackendHost::parse(name).unwrap()
    }

    #[test]
    fn the_same_failure_is_logged_once_and_counted() {
        let (log, a, now) = (FailureLog::default(), host("a.example"), Instant::now());
        let mut lines = 0;
        for round in 0..10_000 {
            let at = now + Duration::from_millis(round);
            lines += u64::from(log.failed(Some(&OURS), &a, Code::CertExpired, at).is_some());
        }
        assert_eq!(lines, 1);
        // The twins: another code, host or policy is another fact.
        assert_eq!(log.failed(Some(&OURS), &a, Code::NameMismatch, now), Some(9_999));
        assert_eq!(log.failed(Some(&OURS), &host("b.example"), Code::CertExpired, now), Some(0));
        assert_eq!(log.failed(Some(&[2; 32]), &a, Code::CertExpired, now), Some(0));
        assert_eq!(log.failed(None, &a, Code::CertExpired, now), Some(0));
    }

    #[test]
    fn what_recovered_is_news_again_but_no_flood() {
        let (log, a, now) = (FailureLog::default(), host("a.example"), Instant::now());
        assert_eq!(log.failed(Some(&OURS), &a, Code::CertExpired, now), Some(0));
        // One of two replicas is broken: success and failure take turns.
        let mut lines = 0;
        for second in 1..=600 {
            log.succeeded(&OURS, &a);
            lines +=
                u64::from(log.failed(Some(&OURS), &a, Code::CertExpired, now + Duration::from_secs(second)).is_some());
        }
        assert_eq!(lines, 10);
        // The twins: it goes on failing, or what succeeded was another host or policy.
        log.succeeded(&OURS, &host("b.example"));
        log.succeeded(&[2; 32], &a);
        assert_eq!(log.failed(Some(&OURS), &a, Code::CertExpired, now + Duration::from_secs(6_000)), None);
    }

    #[test]
    fn hosts_without_end_take_neither_memory_nor_lines() {
        let (log, now) = (FailureLog::default(), Instant::now());
        let failed = |number: usize, at| log.failed(None, &host(&format!("h{number}.example")), Code::TcpRefused, at);
        let lines = (0..10_000).filter(|number| failed(*number, now).is_some()).count();
        assert_eq!((lines, log.lock().kinds.len()), (MOST, MOST));
        // A minute later what is old gives way, and the next line says what was missed.
        assert_eq!(failed(10_000, now + QUIET), Some(10_000 - u64::try_from(MOST).unwrap()));
        assert_eq!(log.lock().kinds.len(), 1);
    }
}
