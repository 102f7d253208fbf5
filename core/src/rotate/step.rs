//! One step of a file source: what was read, what that says, and when to look again (R2, R3, R5, R6).

use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use super::source::{FileSource, PollOutcome, Refused};
use super::standing::{Claim, Word};
use super::update::{Followed, Update};
use super::{Published, files};
use crate::error::{Code, Problem, Problems};
use crate::input::{Cause, RETRIES};
use crate::material::{FileSet, Readings};
use crate::policy::UpstreamTlsPolicy;
use crate::prepare::{Files, Prepared};

/// What a step is about, taken before any file is read for it.
pub(super) struct Begun {
    claim: Claim,
    current: Arc<Published>,
    policy: UpstreamTlsPolicy,
}

/// What is judged in one step.
struct Found<'a> {
    begun: &'a Begun,
    files: &'a FileSet,
    now: Instant,
}

impl FileSource {
    /// Files are read without holding up the caller's updates. What was published meanwhile is newer than what was read, and
    /// has the files read again.
    pub(super) fn step(&mut self, now: Instant) -> PollOutcome {
        for _ in 0..ATTEMPTS {
            let attempt = self.begin().map(|begun| {
                let files = files::read(self.connector.runtime(), &self.paths, &Readings::default());
                self.finish(&begun, files.as_ref(), now)
            });
            match attempt {
                Ok(None) => {}
                Ok(Some(outcome)) | Err(outcome) => return outcome,
            }
        }
        self.torn_since.get_or_insert(now);
        PollOutcome::Unsettled
    }

    /// The same step in two: what is there before the files are read, and what they come to.
    ///
    /// # Errors
    /// The outcome, if there is nothing to read.
    pub(super) fn begin(&mut self) -> Result<Begun, PollOutcome> {
        let current = self.connector.0.current.load_full();
        self.keep_up(&current.documents);
        if current.standing().caller.is_withdrawn() {
            return Err(PollOutcome::Withdrawn);
        }
        let Some(policy) = self.policy.clone() else { return Err(PollOutcome::Superseded) };
        let claim = current.documents.claim(&policy);
        if claim == Claim::Superseded {
            (self.short_since, self.torn_since) = (None, None);
            return Err(PollOutcome::Superseded);
        }
        Ok(Begun { claim, current, policy })
    }

    /// What `files`, which were read after `begun` was taken, come to. `None`: something was published while they were read.
    pub(super) fn finish(&mut self, begun: &Begun, files: Option<&FileSet>, now: Instant) -> Option<PollOutcome> {
        let Some(files) = files else {
            self.torn_since.get_or_insert(now);
            return Some(PollOutcome::Unsettled);
        };
        if self.is_stopped() {
            return Some(PollOutcome::Superseded);
        }
        let connector = self.connector.clone();
        let update = connector.begin_update();
        if !Arc::ptr_eq(&begun.current, &update.current()) {
            return None;
        }
        Some(self.judge(update, &Found { begun, files, now }))
    }

    fn judge(&mut self, update: Update<'_>, found: &Found<'_>) -> PollOutcome {
        let Begun { claim, current, policy } = found.begun;
        let known = Some((found.files.digest(), current.documents.count));
        if *claim == Claim::Published && current.standing().files == Word::Good && self.published == known {
            (self.short_since, self.torn_since) = (None, None);
            return PollOutcome::Unchanged;
        }
        let is_gone = found.files.is_withdrawn() && *claim == Claim::Published;
        if !is_gone && self.is_being_written(found.now) {
            return PollOutcome::Unsettled;
        }
        match self.prepare(found) {
            Ok(prepared) => {
                (self.short_since, self.torn_since) = (None, None);
                let followed = update.files(policy, *claim, Ok(prepared));
                let Some(followed) = followed else { return PollOutcome::Withdrawn };
                self.published = Some((found.files.digest(), followed.documents));
                followed.outcome()
            }
            // What never was there is an error, with its reason (`policy_not_ready`).
            Err(problems) if is_gone => {
                (self.short_since, self.torn_since) = (None, None);
                if !current.standing().files.is_withdrawn() {
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
        let digest = found.files.digest();
        if let Some(Refused { files, judged, problems }) = self.refused.as_deref()
            && *files == digest
            && found.now < *judged + self.interval
        {
            return Err(problems.clone());
        }
        self.refused = None;
        let prepared = self.connector.runtime().prepare_of(&found.begun.policy, Files::AsRead(found.files));
        if let Err(problems) = &prepared
            && !problems.is_shortage()
        {
            self.refused = Some(Box::new(Refused { files: digest, judged: found.now, problems: problems.clone() }));
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
        match update.files(&found.begun.policy, found.begun.claim, Err(problems.clone())) {
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
/// How long files go unread that nothing is known of, or that stopped the connector.
const SOON: Duration = Duration::from_secs(1);
