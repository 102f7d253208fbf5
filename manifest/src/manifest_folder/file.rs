//! One file of a followed folder: what counts of it, and whether its writer still has time.

use core::time::Duration;
use std::time::Instant;

use uptls::Problems;
use uptls::input::{Cause, RETRIES, Unreadable};
use zeroize::Zeroizing;

use crate::kubernetes;

/// A file, as it last could be read.
#[derive(Default)]
pub(super) struct File {
    /// What counts; `None`: it never could be read.
    pub(super) good: Option<Zeroizing<Vec<u8>>>,
    /// Why what is there does not count.
    pub(super) problems: Option<Problems>,
    /// Since when it has not been what counts.
    torn_since: Option<Instant>,
}

/// What reading came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    /// Another text counts.
    Changed,
    /// It is gone, or forbidden (R3).
    Gone,
    /// What counted still does. It is read again soon, if it is unsettled.
    Same,
}

impl File {
    /// Takes in what was read of the file `name` at `now`; `is_busy`: a writer has not closed it (R6).
    pub(super) fn take(
        &mut self,
        name: &str,
        read: Result<Zeroizing<Vec<u8>>, Unreadable>,
        is_busy: bool,
        now: Instant,
    ) -> Seen {
        let checked = match read {
            Err(failure) if failure.cause == Cause::Gone => return Seen::Gone,
            // Nothing is known of it.
            Err(failure) if failure.cause == Cause::Shortage => return self.wait(now),
            Err(failure) => Err(kubernetes::unreadable(name, &failure)),
            Ok(text) if self.good.as_ref() == Some(&text) => {
                (self.problems, self.torn_since) = (None, None);
                return Seen::Same;
            }
            // A file is truncated before it is written anew, and what a writer has not closed may be half.
            Ok(text) if (is_busy || (is_blank(&text) && self.has_text())) && self.has_time(now) => {
                return self.wait(now);
            }
            Ok(text) => kubernetes::check_text(name, &text).map(|()| text),
        };
        match checked {
            Ok(text) => {
                *self = Self { good: Some(text), ..Self::default() };
                Seen::Changed
            }
            Err(_) if self.has_time(now) => self.wait(now),
            Err(problems) => {
                self.problems = Some(problems);
                Seen::Same
            }
        }
    }

    fn wait(&mut self, now: Instant) -> Seen {
        self.torn_since.get_or_insert(now);
        Seen::Same
    }

    fn has_text(&self) -> bool {
        self.good.as_ref().is_some_and(|good| !is_blank(good))
    }

    fn has_time(&self, now: Instant) -> bool {
        RETRIES.last().is_some_and(|last| now < self.torn_since.unwrap_or(now) + *last)
    }

    /// When it is read again, if that is not known from elsewhere.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let since = self.torn_since?;
        let retries = RETRIES.iter().map(|wait| since + *wait);
        Some(retries.filter(|retry| *retry > now).min().unwrap_or(now + SOON))
    }
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

/// How long what cannot be read goes unread.
const SOON: Duration = Duration::from_secs(1);
