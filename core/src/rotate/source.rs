//! Files as the source of a connector's material: read, compared, and published or withdrawn, one step at a time (R6).

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::Connector;
use super::files::{self, Ways};
use super::standing::{Documents, is_same};
use crate::error::Problems;
use crate::generation::Generation;
use crate::policy::UpstreamTlsPolicy;

/// Keeps a connector in step with the files that its policy names. It starts no thread and holds nothing open: a
/// program with an event loop calls [`FileSource::poll`]; [`Watch`](super::Watch) is a thread that does.
///
/// Content decides, never a time of modification (R5). A file that is gone or forbidden withdraws the policy at once
/// (R3), and its return publishes again. If files do not parse or do not belong together, or a writer has not closed
/// one ([`FileSource::writing`]), the source tries again for a little over a second before it calls the update invalid
/// (R2), because not every writer replaces files at once. A shortage of descriptors or memory says nothing of a file,
/// and changes nothing (R6).
///
/// A source speaks for the files of one document only. A stop by the source ends when the files are good again. A stop
/// by the caller ([`Connector::refuse`], [`Connector::withdraw`], a failed update) lasts until the caller's next update
/// succeeds. After the caller has updated the connector to another policy, a source of the earlier policy does nothing
/// ([`PollOutcome::Superseded`]); [`FileSource::following`] switches to the new one.
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
    pub(super) connector: Connector,
    /// Whether it goes over to what the connector is updated to.
    follows: bool,
    pub(super) interval: Duration,
    /// The files that the policy names, once each, in order.
    pub(super) paths: Arc<[PathBuf]>,
    /// `None`: it follows a connector that has none.
    pub(super) policy: Option<UpstreamTlsPolicy>,
    /// The files behind the last success, and how many documents the connector had published by then.
    pub(super) published: Option<([u8; 32], u64)>,
    pub(super) refused: Option<Box<Refused>>,
    /// Since when files could not be read for a shortage.
    pub(super) short_since: Option<Instant>,
    /// Whether the watch that it belonged to has ended.
    stopped: Arc<AtomicBool>,
    /// Since when the content has not been valid.
    pub(super) torn_since: Option<Instant>,
    pub(super) ways: Arc<Ways>,
    /// The places that a writer has changed and not closed.
    pub(super) writers: BTreeSet<Arc<Path>>,
    /// Since when that holds up what the files hold.
    pub(super) writing_since: Option<Instant>,
}

/// What was found wrong with some files. They need not be judged again every second.
pub(super) struct Refused {
    pub(super) files: [u8; 32],
    pub(super) judged: Instant,
    pub(super) problems: Problems,
}

/// What a step did.
///
/// ```
#[doc = include_str!("../../doc/policy.txt")]
/// use uptls::{Connector, FileSource, PollOutcome};
///
/// let connector = Connector::new(&runtime, &policy)?;
/// let mut source = FileSource::new(&connector, &policy);
/// let polled = source.poll(std::time::Instant::now());
/// assert!(matches!(polled.outcome, PollOutcome::Unchanged));
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
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
    /// Nothing is known for now, and nothing is published: a writer is under way (the content is not valid, was swapped while
    /// it was read, or is not closed), or this process is short of descriptors or memory.
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
    /// A source for `connector` of the files of `policy`: the connector's policy, or the one of its last failed update.
    /// It reads nothing yet.
    pub fn new(connector: &Connector, policy: &UpstreamTlsPolicy) -> Self {
        let mut source = Self::without_policy(connector, false);
        source.turn_to(Some(policy.clone()));
        source.ways = Arc::new(Ways::to(&source.paths));
        source
    }

    /// A source of the files of the current policy of `connector`: after an update it follows those of the new one. It
    /// does not follow the policy of a failed update until an update with it succeeds.
    pub fn following(connector: &Connector) -> Self {
        let mut source = Self::without_policy(connector, true);
        source.find_directories();
        source
    }

    fn without_policy(connector: &Connector, follows: bool) -> Self {
        Self {
            connector: connector.clone(),
            follows,
            interval: MAX_INTERVAL,
            paths: Arc::default(),
            policy: None,
            published: None,
            refused: None,
            short_since: None,
            stopped: Arc::default(),
            torn_since: None,
            ways: Arc::default(),
            writers: BTreeSet::new(),
            writing_since: None,
        }
    }

    fn turn_to(&mut self, policy: Option<UpstreamTlsPolicy>) {
        self.paths = policy.as_ref().map(files::named_by).unwrap_or_default().into();
        self.ways = Arc::default();
        self.policy = policy;
        self.published = None;
        self.refused = None;
        self.short_since = None;
        self.torn_since = None;
        self.writers.clear();
        self.writing_since = None;
    }

    /// Goes over to the connector's policy, if it is another.
    pub(super) fn keep_up(&mut self, documents: &Documents) {
        if !self.follows {
            return;
        }
        let is_known = match (&documents.published, &self.policy) {
            (Some(now), Some(policy)) => is_same(now, policy),
            (now, policy) => now.is_none() && policy.is_none(),
        };
        if is_known {
            self.policy.clone_from(&documents.published);
        } else {
            self.turn_to(documents.published.clone());
        }
    }

    /// Whether it follows a connector that was given another document since, or the same again.
    #[cfg(unix)]
    pub(super) fn is_behind(&self) -> bool {
        let is_same = |now: Option<&UpstreamTlsPolicy>| match (now, &self.policy) {
            (Some(now), Some(policy)) => now.is(policy),
            (now, policy) => now.is_none() && policy.is_none(),
        };
        self.follows && !is_same(self.connector.0.current.load().documents.published.as_ref())
    }

    /// The longest time between two readings of the files if no change is reported. Default and limit: 10 s (R6); at
    /// least 100 ms.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.clamp(MIN_INTERVAL, MAX_INTERVAL);
        self
    }

    /// The connector.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// The directories in which a change shows: those of the files and of every symlink on the way to them, as of the
    /// last step. For callers with their own watcher: watch first, and poll afterwards.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.ways.directories.iter().map(PathBuf::as_path)
    }

    /// Reports that a writer has changed the file at `path` and has not closed it: inotify's IN_MODIFY. `path` is a
    /// directory of [`FileSource::directories`] and a name in it. The file then counts as torn until
    /// [`FileSource::written`], for 1.25 s at most: half of a bundle parses, and would be published. The source ignores
    /// other files. For callers with their own watcher; without it, half a file is published if a writer pauses for
    /// longer than the caller waits.
    pub fn writing(&mut self, path: &Path) {
        self.is_writing(&files::absolute(path).into());
    }

    /// The same of an absolute path.
    pub(super) fn is_writing(&mut self, place: &Arc<Path>) {
        if self.ways.places.contains(&**place) {
            self.writers.insert(Arc::clone(place));
        }
    }

    /// Takes [`FileSource::writing`] back: the writer of `path` has closed it, or another file is there by now (IN_CLOSE_WRITE,
    /// IN_MOVED_TO, IN_CREATE, IN_DELETE).
    pub fn written(&mut self, path: &Path) {
        self.has_written(&files::absolute(path));
    }

    /// The same of an absolute path.
    pub(super) fn has_written(&mut self, place: &Path) {
        self.writers.remove(place);
    }

    /// Takes [`FileSource::writing`] back for every file: events were lost, and the end of a write may be among them.
    pub fn forget_writers(&mut self) {
        self.writers.clear();
    }

    /// From when on it publishes nothing any more: the watch that it belongs to has ended.
    pub(super) fn stop_with(&mut self, stopped: &Arc<AtomicBool>) {
        self.stopped = Arc::clone(stopped);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Looks for the directories again, before they are watched.
    pub(super) fn find_directories(&mut self) {
        let current = self.connector.0.current.load_full();
        self.keep_up(&current.documents);
        self.go_by(&Arc::new(Ways::to(&self.paths)));
    }

    /// Its files are where `ways` lead.
    pub(super) fn go_by(&mut self, ways: &Arc<Ways>) {
        self.ways = Arc::clone(ways);
        self.writers.retain(|place| ways.places.contains(&**place));
    }

    /// One step: reads the files, publishes or withdraws if they have changed, and notes what expires (R8). `now` is
    /// monotonic and only measures how long a writer has had. It blocks as long as reading the files does; updates by
    /// the caller do not wait for it.
    pub fn poll(&mut self, now: Instant) -> Polled {
        let outcome = self.step(now);
        self.find_directories();
        self.polled(outcome, now)
    }

    /// The end of a step.
    pub(super) fn polled(&self, outcome: PollOutcome, now: Instant) -> Polled {
        self.connector.check_expiry();
        let next = self.next(&outcome, now);
        Polled { next, outcome }
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

const MAX_INTERVAL: Duration = Duration::from_secs(10);
const MIN_INTERVAL: Duration = Duration::from_millis(100);
