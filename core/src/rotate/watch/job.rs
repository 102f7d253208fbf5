//! One reading of files, for all sources of a watch that name them (R6).

use core::time::Duration;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::super::files::{self, Ways};
use super::super::step::Begun;
use super::super::{FileSource, Mark, PollOutcome};
use super::followed::Followed;
use crate::material::{FileSet, Readings};
use crate::panic;

/// Sources that are read by one thread: those of one runtime that name the same files, or one of another kind.
pub(crate) struct Job {
    id: usize,
    members: Vec<Member>,
    readings: Arc<Readings>,
}

/// One source that is due.
pub(super) struct Member {
    /// Before the job.
    #[cfg_attr(not(unix), expect(dead_code, reason = "dispatched watches count changes, and they are for Unix"))]
    before: Option<Mark>,
    /// Before any file is read: what is published from then on is newer than what is read. `None`: it panicked.
    begun: Option<Result<Begun, PollOutcome>>,
    pub(super) directories: Arc<BTreeSet<PathBuf>>,
    pub(super) id: usize,
    pub(super) next: Instant,
    pub(super) panicked: bool,
    pub(super) source: Followed,
}

/// What a job gives back.
pub(crate) struct Done {
    pub(super) job: usize,
    pub(super) members: Vec<Member>,
}

/// Has directories watched for the sources of these numbers.
pub(super) type Arm<'a> = &'a mut dyn FnMut(&[usize], &Arc<BTreeSet<PathBuf>>);

impl Member {
    pub(super) fn new(id: usize, source: Followed, panicked: bool) -> Self {
        let (before, directories, next) = (source.standing(), Arc::default(), Instant::now());
        let mut member = Self { before, begun: None, directories, id, next, panicked, source };
        member.begin();
        member
    }

    fn begin(&mut self) {
        let Followed::Files(source) = &mut self.source else { return };
        self.begun = panic::catch(|| source.begin()).ok();
    }

    /// One source that panics is a bug, and must not end the rotation of the others (R4, T8).
    fn step(&mut self, step: impl FnOnce(&mut Followed, Option<Result<Begun, PollOutcome>>) -> Instant) {
        let begun = self.begun.take();
        let polled = panic::catch(|| step(&mut self.source, begun));
        match polled {
            Ok(next) => (self.next, self.panicked) = (next, false),
            Err(words) => {
                if !self.panicked {
                    panic::log("a source of files", &words);
                }
                (self.next, self.panicked) = (Instant::now() + AFTER_PANIC, true);
            }
        }
    }
}

#[cfg(unix)]
impl Done {
    /// How many connectors have another generation or state than before.
    pub(super) fn changed(&self) -> usize {
        self.members.iter().filter(|member| member.source.standing() != member.before).count()
    }
}

impl Job {
    /// Puts sources of the same files together. `next` is the number of the next job.
    pub(super) fn of(members: impl Iterator<Item = Member>, next: &mut usize) -> Vec<Self> {
        let readings = Arc::new(Readings::default());
        let mut jobs: Vec<Self> = Vec::new();
        let mut of_files = HashMap::new();
        for member in members {
            let key = match &member.source {
                Followed::Files(source) => Some((source.connector.runtime().address(), Arc::clone(&source.paths))),
                Followed::Other(..) => None,
            };
            let place = key.map_or(jobs.len(), |key| *of_files.entry(key).or_insert(jobs.len()));
            match jobs.get_mut(place) {
                Some(job) => job.members.push(member),
                None => {
                    jobs.push(Self { id: *next, members: vec![member], readings: Arc::clone(&readings) });
                    *next += 1;
                }
            }
        }
        jobs
    }

    pub(super) fn id(&self) -> usize {
        self.id
    }

    /// Watched first and read afterwards: what changes in between is seen. Where reading finds other directories, they are
    /// watched, and read again.
    pub(super) fn run(mut self, arm: Arm<'_>) -> Done {
        let kind = self.members.first().map(|member| &member.source);
        match kind {
            Some(Followed::Files(source)) => {
                let paths = Arc::clone(&source.paths);
                self.read_files(&paths, arm);
            }
            Some(Followed::Other(..)) => self.members.iter_mut().for_each(|member| member.poll(arm)),
            None => {}
        }
        Done { job: self.id, members: self.members }
    }

    fn read_files(&mut self, paths: &Arc<[PathBuf]>, arm: Arm<'_>) {
        let ids: Vec<usize> = self.members.iter().map(|member| member.id).collect();
        let mut ways = Arc::new(Ways::to(paths));
        for round in 1..=ROUNDS {
            arm(&ids, &ways.watched);
            self.members.iter_mut().for_each(|member| member.go_by(paths, &ways));
            self.step(paths);
            let after = Ways::to(paths);
            if after == *ways {
                break;
            }
            let is_known = after.watched == ways.watched;
            ways = Arc::new(after);
            self.members.iter_mut().for_each(|member| member.go_by(paths, &ways));
            if is_known || round == ROUNDS {
                break;
            }
            self.readings = Arc::default();
            self.members.iter_mut().for_each(Member::begin);
        }
        self.members.iter_mut().for_each(|member| member.settle(paths, &ways));
    }

    /// Reads once, and has each source judge what was read by its own state.
    fn step(&mut self, paths: &[PathBuf]) {
        let now = Instant::now();
        let runtime = self.members.iter().find_map(|member| match (&member.source, &member.begun) {
            (Followed::Files(source), Some(Ok(_))) => Some(source.connector.runtime().clone()),
            _ => None,
        });
        let read = runtime.map(|runtime| panic::catch(|| files::read(&runtime, paths, &self.readings)));
        for member in &mut self.members {
            member.step(|source, begun| match source {
                Followed::Files(source) => judge(source, begun, read.as_ref(), now),
                Followed::Other(..) => source.poll(now),
            });
        }
    }
}

type Read = Result<Option<FileSet>, String>;

/// The rest of the step of one source. When it is due again.
fn judge(
    source: &mut FileSource,
    begun: Option<Result<Begun, PollOutcome>>,
    read: Option<&Read>,
    now: Instant,
) -> Instant {
    let outcome = match (begun, read) {
        (Some(Err(outcome)), _) => outcome,
        (Some(Ok(begun)), Some(Ok(files))) => match source.finish(&begun, files.as_ref(), now) {
            Some(outcome) => outcome,
            None => source.step(now),
        },
        // Something panicked on the way. It does so again, in the step of this source, or it was passing.
        _ => source.step(now),
    };
    source.polled(outcome, now).next
}

impl Member {
    /// The files of the source are at `paths`, and where `ways` lead.
    fn go_by(&mut self, paths: &Arc<[PathBuf]>, ways: &Arc<Ways>) {
        if let Followed::Files(source) = &mut self.source
            && source.paths == *paths
        {
            source.paths = Arc::clone(paths);
            source.go_by(ways);
        }
    }

    /// A source that went over to another policy meanwhile has other files: they are watched by its next job, which is due.
    fn settle(&mut self, paths: &Arc<[PathBuf]>, ways: &Arc<Ways>) {
        self.directories = Arc::clone(&ways.watched);
        if let Followed::Files(source) = &mut self.source
            && source.paths != *paths
        {
            source.find_directories();
            self.next = Instant::now();
        }
    }

    fn poll(&mut self, arm: Arm<'_>) {
        for _ in 0..ROUNDS {
            let Followed::Other(source, _) = &self.source else { return };
            let Ok(before) = panic::catch(|| absolute(source.directories())) else { break };
            arm(&[self.id], &before);
            let now = Instant::now();
            self.step(|source, _| source.poll(now));
            let Followed::Other(source, _) = &self.source else { return };
            let after = panic::catch(|| absolute(source.directories()));
            self.directories = after.unwrap_or_else(|_| Arc::clone(&before));
            if self.directories == before {
                return;
            }
        }
    }
}

fn absolute(directories: BTreeSet<PathBuf>) -> Arc<BTreeSet<PathBuf>> {
    Arc::new(directories.iter().map(|directory| files::absolute(directory)).collect())
}

/// Directories that move all the time are read again when they are due.
const ROUNDS: u32 = 3;
/// When a source that panicked is tried again.
const AFTER_PANIC: Duration = Duration::from_secs(10);
