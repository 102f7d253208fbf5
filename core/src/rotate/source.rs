//! Files as the source of a connector's material: read, compared, and published or withdrawn, one step at a time (R6).

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{Connector, ConnectorState, Generation, Update, files};
use crate::error::{Code, Problem, Problems};
use crate::policy::UpstreamTlsPolicy;

/// Keeps a connector in step with the files that its policy names. It starts no thread and holds nothing open: whoever
/// has an event loop calls [`FileSource::poll`]; [`Watch`](super::Watch) is a thread that does.
///
/// Content decides, never a time of modification (R5). A file that is gone or forbidden withdraws the policy at once (R3),
/// and its return publishes again; what does not parse or belong together is tried again for a little over a second before it
/// counts as an invalid update (R2), because not every writer replaces files at once. After the caller's own
/// [`Connector::withdraw`] a source publishes nothing until the caller has updated the connector.
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
    interval: Duration,
    paths: Vec<PathBuf>,
    policy: UpstreamTlsPolicy,
    /// The files behind the last success.
    published: Option<[u8; 32]>,
    /// Since when the content has not been valid.
    torn_since: Option<Instant>,
    /// The connector's count of withdrawals after our own.
    withdrawal: Option<u64>,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PollOutcome {
    /// The content is invalid, and the connector says so ([`Connector::state`]).
    Invalid(Problems),
    /// The content is what it was, or its files lead to the generation that is published.
    Unchanged,
    /// Somebody is writing: the content is not valid, or was swapped while it was read. Nothing is published.
    Unsettled,
    /// A new generation was published, or the one before is used again.
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
    /// A source for `connector` of the files of `policy`. Nothing is read yet. A source keeps its policy: whoever updates
    /// the connector to another policy drops the source before, and makes a new one.
    pub fn new(connector: &Connector, policy: &UpstreamTlsPolicy) -> Self {
        let paths = files::named_by(policy);
        Self {
            connector: connector.clone(),
            directories: files::directories(&paths),
            interval: MAX_INTERVAL,
            paths,
            policy: policy.clone(),
            published: None,
            torn_since: None,
            withdrawal: None,
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
        let state = connector.state();
        let was = connector.generation();
        let withdrawn = matches!(state, ConnectorState::Withdrawn { .. });
        if withdrawn && self.withdrawal != Some(update.withdrawals) {
            return PollOutcome::Withdrawn;
        }
        let Some(files) = files::read(&self.paths) else {
            self.torn_since.get_or_insert(now);
            return PollOutcome::Unsettled;
        };
        let digest = files.digest();
        if state == ConnectorState::Ready && self.published == Some(digest) {
            self.torn_since = None;
            return PollOutcome::Unchanged;
        }
        let problems = match connector.0.runtime.prepare_of(&self.policy, &files) {
            Ok(prepared) => {
                let result = update.finish(self.policy.name(), Ok(prepared));
                return self.finished(digest, &state, result, was);
            }
            Err(problems) => problems,
        };
        if files.is_withdrawn() && withdrawn {
            return PollOutcome::Withdrawn;
        }
        // What never was there is an error, with its reason (`policy_not_ready`).
        if files.is_withdrawn() && was != Generation::default() {
            return self.withdraw(update, problems);
        }
        let since = *self.torn_since.get_or_insert(now);
        if problems.iter().all(may_be_torn) && RETRIES.last().is_some_and(|last| now < since + *last) {
            return PollOutcome::Unsettled;
        }
        match update.finish(self.policy.name(), Err(problems)) {
            Err(problems) if problems.code() == Code::PolicyWithdrawn => PollOutcome::Withdrawn,
            Err(problems) => PollOutcome::Invalid(problems),
            Ok(_) => PollOutcome::Unchanged,
        }
    }
    fn finished(
        &mut self,
        digest: [u8; 32],
        before: &ConnectorState,
        result: Result<Generation, Problems>,
        was: Generation,
    ) -> PollOutcome {
        let Ok(generation) = result else { return PollOutcome::Withdrawn };
        self.published = Some(digest);
        self.torn_since = None;
        if generation == was && *before == ConnectorState::Ready {
            return PollOutcome::Unchanged;
        }
        PollOutcome::Updated(generation)
    }

    fn withdraw(&mut self, update: Update<'_>, problems: Problems) -> PollOutcome {
        self.torn_since = None;
        // Without a count of ours somebody else withdrew the policy meanwhile, and it stays so.
        self.withdrawal = update.withdraw(problems);
        PollOutcome::Withdrawn
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
