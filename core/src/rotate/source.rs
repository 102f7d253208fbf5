//! Files as the source of a connector's material: read, compared, and published or withdrawn, one step at a time (R6).

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::standing::{Claim, Documents, Word, is_same};
use super::update::{Followed, Update};
use super::{Connector, Generation, files};
use crate::error::{Code, Problem, Problems};
use crate::policy::UpstreamTlsPolicy;

/// Keeps a connector in step with the files that its policy names. It starts no thread and holds nothing open: whoever
/// has an event loop calls [`FileSource::poll`]; [`Watch`](super::Watch) is a thread that does.
///
/// Content decides, never a time of modification (R5). A file that is gone or forbidden withdraws the policy at once (R3),
/// and its return publishes again; what does not parse or belong together is tried again for a little over a second before it
/// counts as an invalid update (R2), because not every writer replaces files at once.
///
/// A source speaks for the files of one document and for nothing else. What it refused or withdrew ends when the files are
/// good again; what the caller did ([`Connector::refuse`], [`Connector::withdraw`], an update that failed) stays until the
/// caller's next update succeeds. Once the caller has updated the connector to another policy, a source of the policy before
/// does nothing ([`PollOutcome::Superseded`]); [`FileSource::following`] goes over to the new one.
///
/// ```
/// # fn run(runtime: &uptls::Runtime, policy: &uptls::UpstreamTlsPolicy) -> Result<(), Box<dyn std::error::Error>> {
/// let connector = uptls::Connector::new(runtime, policy)?;
/// let mut source = uptls::FileSource::new(&connector, policy);
/// // In an event loop: when a timer for `polled.next` fires, or a directory of `source.directories()` changed.
/// let polled = source.poll(std::time::Instant::now());
/// // Or on a thread of its own, until the handle is dropped.
/// let watch = uptls::Watch::polling([source])?;
/// while let Some(event) = connector.next_event() {
///     if event.trust_reduced {
///         // An anchor, a pin, a name or the identity is gone: drain the pool.
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct FileSource {
    connector: Connector,
    directories: BTreeSet<PathBuf>,
    /// Whether it goes over to what the connector is updated to.
    follows: bool,
    interval: Duration,
    paths: Vec<PathBuf>,
    /// `None`: it follows a connector that has none.
    policy: Option<UpstreamTlsPolicy>,
    /// The files behind the last success, and how many documents the connector had published by then.
    published: Option<([u8; 32], u64)>,
    /// Since when the content has not been valid.
    torn_since: Option<Instant>,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PollOutcome {
    /// The content is invalid. The connector says so ([`Connector::state`]), unless a refusal of the caller's or a withdrawal
    /// says more.
    Invalid(Problems),
    /// The connector has another policy by now, or none: nothing was read, and nothing is published. Make a source of the new
    /// policy, or use [`FileSource::following`].
    Superseded,
    /// The content is what it was, or its files lead to the generation that is published.
    Unchanged,
    /// Somebody is writing: the content is not valid, or was swapped while it was read. Nothing is published.
    Unsettled,
    /// A new generation was published, or what the files stopped goes on.
    Updated(Generation),
    /// A file is gone or forbidden, or the caller withdrew the policy: no connection is made.
    Withdrawn,
}

/// What a step did, and when the next one is due.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Polled {
    /// When to call again, if nothing says before that a file changed.
    pub next: Instant,
    /// What it did.
    pub outcome: PollOutcome,
}

impl FileSource {
    /// A source for `connector` of the files of `policy`: the one that the connector has, or that its last update failed by.
    /// Nothing is read yet.
    pub fn new(connector: &Connector, policy: &UpstreamTlsPolicy) -> Self {
        let mut source = Self::without_policy(connector, false);
        source.turn_to(Some(policy.clone()));
        source
    }

    /// A source of the files of whatever policy `connector` has: after an update it goes on with those of the new one. A
    /// policy by which an update failed is not followed until an update by it succeeds.
    pub fn following(connector: &Connector) -> Self {
        let mut source = Self::without_policy(connector, true);
        source.find_directories();
        source
    }

    fn without_policy(connector: &Connector, follows: bool) -> Self {
        Self {
            connector: connector.clone(),
            directories: BTreeSet::new(),
            follows,
            interval: MAX_INTERVAL,
            paths: Vec::new(),
            policy: None,
            published: None,
            torn_since: None,
        }
    }

    fn turn_to(&mut self, policy: Option<UpstreamTlsPolicy>) {
        self.paths = policy.as_ref().map(files::named_by).unwrap_or_default();
        self.directories = files::directories(&self.paths);
        self.policy = policy;
        self.published = None;
        self.torn_since = None;
    }

    /// Goes over to the connector's policy, if it is another.
    fn keep_up(&mut self, documents: &Documents) {
        if !self.follows {
            return;
        }
        let is_known = match (&documents.published, &self.policy) {
            (Some(now), Some(policy)) => is_same(now, policy),
            (now, policy) => now.is_none() && policy.is_none(),
        };
        if !is_known {
            self.turn_to(documents.published.clone());
        }
    }

    /// How long files go unread if nobody says that they changed. Default and limit: 10 s (R6); at least 100 ms.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.clamp(MIN_INTERVAL, MAX_INTERVAL);
        self
    }

    /// The connector.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// The directories in which a change shows: those of the files and of every symlink on the way to them, as of the last
    /// step. For callers that watch by means of their own; they watch first, and poll afterwards.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories.iter().map(PathBuf::as_path)
    }

    /// Looks for the directories again, before they are watched.
    pub(super) fn find_directories(&mut self) {
        let current = self.connector.0.current.load_full();
        self.keep_up(&current.documents);
        self.directories = files::directories(&self.paths);
    }

    /// One step: reads the files, and publishes or withdraws if they are not what they were; notes what expires (R8).
    /// `now` is monotonic and only says how long a writer has had. It blocks as long as reading the files does.
    pub fn poll(&mut self, now: Instant) -> Polled {
        let outcome = self.step(now);
        self.find_directories();
        self.connector.check_expiry();
        let next = match (&outcome, self.torn_since) {
            (PollOutcome::Unsettled, Some(since)) => {
                let retry = RETRIES.iter().map(|wait| since + *wait).find(|retry| *retry > now);
                retry.unwrap_or(now + MIN_INTERVAL)
            }
            _ => now + self.interval,
        };
        Polled { next, outcome }
    }

    fn step(&mut self, now: Instant) -> PollOutcome {
        let connector = self.connector.clone();
        let update = connector.begin_update();
        let current = update.current();
        self.keep_up(&current.documents);
        if current.standing.caller.is_withdrawn() {
            return PollOutcome::Withdrawn;
        }
        let Some(policy) = self.policy.clone() else { return PollOutcome::Superseded };
        let claim = current.documents.claim(&policy);
        if claim == Claim::Superseded {
            self.torn_since = None;
            return PollOutcome::Superseded;
        }
        let Some(files) = files::read(connector.runtime(), &self.paths) else {
            self.torn_since.get_or_insert(now);
            return PollOutcome::Unsettled;
        };
        let known = Some((files.digest(), current.documents.count));
        if claim == Claim::Published && current.standing.files == Word::Good && self.published == known {
            self.torn_since = None;
            return PollOutcome::Unchanged;
        }
        match connector.0.runtime.prepare_of(&policy, &files) {
            Ok(prepared) => {
                self.torn_since = None;
                let Some(followed) = update.files(&policy, claim, Ok(prepared)) else { return PollOutcome::Withdrawn };
                self.published = Some((files.digest(), followed.documents));
                followed.outcome()
            }
            // What never was there is an error, with its reason (`policy_not_ready`).
            Err(problems) if files.is_withdrawn() && claim == Claim::Published => {
                self.torn_since = None;
                if !current.standing.files.is_withdrawn() {
                    update.files_are_gone(problems);
                }
                PollOutcome::Withdrawn
            }
            Err(problems) => self.invalid(update, &policy, claim, problems, now),
        }
    }

    /// A writer gets a moment to finish what it began.
    fn invalid(
        &mut self,
        update: Update<'_>,
        policy: &UpstreamTlsPolicy,
        claim: Claim,
        problems: Problems,
        now: Instant,
    ) -> PollOutcome {
        let since = *self.torn_since.get_or_insert(now);
        if problems.iter().all(may_be_torn) && RETRIES.last().is_some_and(|last| now < since + *last) {
            return PollOutcome::Unsettled;
        }
        match update.files(policy, claim, Err(problems.clone())) {
            Some(_) => PollOutcome::Invalid(problems),
            None => PollOutcome::Withdrawn,
        }
    }
}

impl Followed {
    fn outcome(self) -> PollOutcome {
        if self.before == self.after { PollOutcome::Unchanged } else { PollOutcome::Updated(self.after.0) }
    }
}

impl fmt::Debug for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSource")
            .field("connector", &self.connector)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
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

const MAX_INTERVAL: Duration = Duration::from_secs(10);
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// When torn content is tried again, after it was first seen; the last is when it is reported.
const RETRIES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(250), Duration::from_millis(1250)];
