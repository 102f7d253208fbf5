//! A monotonic end of waiting.

use core::time::Duration;
use std::time::Instant;

/// A monotonic end of waiting (H4), and what it was asked as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) after: Duration,
    /// `None`: beyond what the clock can say.
    pub(crate) at: Option<Instant>,
}

impl Deadline {
    pub(crate) fn after(timeout: Duration) -> Self {
        Self { after: timeout, at: Instant::now().checked_add(timeout) }
    }

    pub(crate) fn has_passed(self) -> bool {
        self.at.is_some_and(|at| Instant::now() >= at)
    }

    /// What remains; never zero, which sockets would take as no limit.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.at.map(|at| at.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)))
    }
}
