//! What the clients of one mode saw, with rotation and without.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::client::{Failure, Mode};

pub(crate) struct Seen {
    pub(crate) mode: Mode,
    calm: Mutex<Part>,
    rotating: Mutex<Part>,
}

/// One part of the run.
#[derive(Default)]
struct Part {
    failures: BTreeMap<Failure, u64>,
    microseconds: Vec<u32>,
}

impl Seen {
    pub(crate) fn new(mode: Mode) -> Self {
        Self { mode, calm: Mutex::default(), rotating: Mutex::default() }
    }

    pub(crate) fn note(&self, is_calm: bool, took: Duration, outcome: Result<(), Failure>) {
        let mut part = if is_calm { lock(&self.calm) } else { lock(&self.rotating) };
        match outcome {
            Ok(()) => part.microseconds.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX)),
            Err(failure) => *part.failures.entry(failure).or_default() += 1,
        }
    }

    pub(crate) fn answered(&self) -> u64 {
        let count = |part: &Mutex<Part>| u64::try_from(lock(part).microseconds.len()).unwrap_or(u64::MAX);
        count(&self.calm) + count(&self.rotating)
    }

    pub(crate) fn failed(&self) -> u64 {
        [&self.calm, &self.rotating].into_iter().map(|part| lock(part).failures.values().sum::<u64>()).sum()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, during] = [&self.calm, &self.rotating].map(|part| lock(part).p99());
        let ratio = during.as_secs_f64() / before.as_secs_f64().max(1e-9);
        let (mode, answered, failed) = (self.mode, self.answered(), self.failed());
        write!(f, "{mode}: {answered} requests, {failed} failed")?;
        for part in [&self.calm, &self.rotating] {
            lock(part).failures.iter().try_for_each(|(failure, count)| write!(f, ", {count} {failure}"))?;
        }
        write!(f, "; p99 {before:.1?} without, {during:.1?} with rotation: {ratio:.2}x")
    }
}

impl Part {
    fn p99(&mut self) -> Duration {
        let place = self.microseconds.len() * 99 / 100;
        self.microseconds.sort_unstable();
        Duration::from_micros(self.microseconds.get(place).copied().unwrap_or_default().into())
    }
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
