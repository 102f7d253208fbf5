//! One step of a file source: what was read, what that says, and when to look again (R2, R3, R5, R6).

use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use super::source::{FileSource, PollOutcome, Refused};
use super::standing::{Claim, Word};
use super::update::{Followed, Update};
use super::{Published, files};
use crate::error::{Code, Problem, Problems};
use crate::input::Cause;
use crate::material::FileSet;
use crate::policy::UpstreamTlsPolicy;
use crate::prepare::{Files, Prepared};

/// What is judged in one step.
struct Found<'a> {
    claim: Claim,
    /// Of the files.
    digest: [u8; 32],
    files: &'a FileSet,
    now: Instant,
    policy: &'a UpstreamTlsPolicy,
}

impl FileSource {
    /// Files are read without holding up the caller's updates. What was published meanwhile is newer than what was read, and
    /// has the files read again.
    pub(super) fn step(&mut self, now: Instant) -> PollOutcome {
        for _ in 0..ATTEMPTS {
            if let Some(outcome) = self.attempt(now) {
                return outcome;
            }
        }
        self.torn_since.get_or_insert(now);
        PollOutcome::Unsettled
    }

    /// `None`: something was published while files were read.
    fn attempt(&mut self, now: Instant) -> Option<PollOutcome> {
        let connector = self.connector.clone();
        let current = connector.0.current.load_full();
        self.keep_up(&current.documents);
        if current.standing.caller.is_withdrawn() {
            return Some(PollOutcome::Withdrawn);
        }
        let Some(policy) = self.policy.clone() else { return Some(PollOutcome::Superseded) };
        let claim = current.documents.claim(&policy);
        if claim == Claim::Superseded {
            (self.short_since, self.torn_since) = (None, None);
            return Some(PollOutcome::Superseded);
        }
        let Some(files) = files::read(connector.runtime(), &self.paths) else {
            self.torn_since.get_or_insert(now);
            return Some(PollOutcome::Unsettled);
        };
        if self.is_stopped() {
            return Some(PollOutcome::Superseded);
        }
        let update = connector.begin_update();
        if !Arc::ptr_eq(&current, &update.current()) {
            return None;
        }
        let found = Found { claim, digest: files.digest(), files: &files, now, policy: &policy };
        Some(self.judge(update, &current, &found))
    }

    fn judge(&mut self, update: Update<'_>, current: &Published, found: &Found<'_>) -> PollOutcome {
        let known = Some((found.digest, current.documents.count));
        if found.claim == Claim::Published && current.standing.files == Word::Good && self.published == known {
            (self.short_since, self.torn_since) = (None, None);
            return PollOutcome::Unchanged;
        }
        let is_gone = found.files.is_withdrawn() && found.claim == Claim::Published;
        if !is_gone && self.is_being_written(found.now) {
            return PollOutcome::Unsettled;
        }
        match self.prepare(found) {
            Ok(prepared) => {
                (self.short_since, self.torn_since) = (None, None);
                let followed = update.files(found.policy, found.claim, Ok(prepared));
                let Some(followed) = followed else { return PollOutcome::Withdrawn };
                self.published = Some((found.digest, followed.documents));
                followed.outcome()
            }
            // What never was there is an error, with its reason (`policy_not_ready`).
            Err(problems) if is_gone => {
                (self.short_since, self.torn_since) = (None, None);
                if !current.standing.files.is_withdrawn() {
                    update.files_are_gone(problems);
                }
                PollOutcome::Withdrawn
            }
            Err(problems) if problems.is_shortage() => self.short(&problems, found.now),
            Err(problems) => self.invalid(update, found, problems),
        }
    }

    /// What was refused and is as it was is judged again after an interval: the clock may have made it good.
    fn prepare(&mut self, found: &Found<'_>) -> Result<Arc<Prepared>, Problems> {
        if let Some(Refused { files, judged, problems }) = &self.refused
            && *files == found.digest
            && found.now < *judged + self.interval
        {
            return Err(problems.clone());
        }
        self.refused = None;
        let prepared = self.connector.runtime().prepare_of(found.policy, Files::AsRead(found.files));
        if let Err(problems) = &prepared
            && !problems.is_shortage()
        {
            self.refused = Some(Refused { files: found.digest, judged: found.now, problems: problems.clone() });
        }
        prepared
    }

    /// Nothing is known of the files, for as long as it takes.
    fn short(&mut self, problems: &Problems, now: Instant) -> PollOutcome {
        if self.short_since.is_none() {
            tracing::warn!(target: "uptls", code = problems.code().as_str(), "files are left as they were: {problems}");
        }
        self.short_since.get_or_insert(now);
        PollOutcome::Unsettled
    }

    /// A writer gets a moment to finish what it began, and so does storage.
    fn invalid(&mut self, update: Update<'_>, found: &Found<'_>, problems: Problems) -> PollOutcome {
        self.short_since = None;
        let is_passing =
            problems.iter().all(may_be_torn) || problems.iter().any(|problem| problem.cause() == Some(Cause::Storage));
        // Since when is noted in any case: what follows does not begin anew.
        if self.is_torn(found.now) && is_passing {
            return PollOutcome::Unsettled;
        }
        match update.files(found.policy, found.claim, Err(problems.clone())) {
            Some(_) => PollOutcome::Invalid(problems),
            None => PollOutcome::Withdrawn,
        }
    }

    /// Whether what does not hold together still has time.
    fn is_torn(&mut self, now: Instant) -> bool {
        is_young(*self.torn_since.get_or_insert(now), now)
    }

    /// Whether a writer has not closed what it changed, and still has time.
    fn is_being_written(&mut self, now: Instant) -> bool {
        if !self.writers.is_empty() && is_young(*self.writing_since.get_or_insert(now), now) {
            return true;
        }
        self.writers.clear();
        self.writing_since = None;
        false
    }

    /// When to look again.
    pub(super) fn next(&self, outcome: &PollOutcome, now: Instant) -> Instant {
        let soon = now + SOON.min(self.interval);
        match outcome {
            PollOutcome::Unsettled => {
                let begun = [self.short_since, self.torn_since, self.writing_since].into_iter().flatten();
                let retries = begun.flat_map(|since| RETRIES.map(|wait| since + wait));
                retries.filter(|retry| *retry > now).min().unwrap_or(soon)
            }
            PollOutcome::Invalid(_) => soon,
            PollOutcome::Withdrawn if !self.connector.is_withdrawn_by_caller() => soon,
            _ => now + self.interval,
        }
    }
}

impl Followed {
    fn outcome(self) -> PollOutcome {
        if self.before == self.after { PollOutcome::Unchanged } else { PollOutcome::Updated(self.after.0) }
    }
}

fn is_young(since: Instant, now: Instant) -> bool {
    RETRIES.last().is_some_and(|last| now < since + *last)
}

/// Whether a writer who is half done could be the reason.
fn may_be_torn(problem: &Problem) -> bool {
    matches!(
        problem.code(),
        Code::CrlParse
            | Code::IdentityChainOrder
            | Code::IdentityKeyMismatch
            | Code::IdentityParse
            | Code::IdentityPassphrase
            | Code::TrustBundleEmpty
            | Code::TrustBundleParse
    )
}

/// How often files are read that something is published over meanwhile.
const ATTEMPTS: usize = 5;
/// When what may pass is tried again, after it was first seen; the last is when it is reported.
const RETRIES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(250), Duration::from_millis(1250)];
/// How long files go unread that nothing is known of, or that stopped the connector.
const SOON: Duration = Duration::from_secs(1);
