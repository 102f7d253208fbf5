//! The real thing beside the model: a connector, sources, and files on a disk in memory.
#![allow(unreachable_pub, dead_code, reason = "test code, shared by tests that each use a part of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io};

use tempfile::TempDir;
use uptls::{
    Connector, ConnectorState, FileSource, MaterialDraft, OnInvalid, PollOutcome, Prepared, Problems, Runtime,
    TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::Pki;

use crate::support::world::{MovableClock, builder, policy};
use uptls_testkit::rotation::{Disk, Doc, Op, Outcome, SECOND, Seen, Sort, State};

/// Files, documents and contents, made once.
pub struct Bench {
    bad: UpstreamTlsPolicy,
    contents: [String; 3],
    /// Held, so that preparing equal content is cheap.
    prepared: Vec<Arc<Prepared>>,
    documents: [UpstreamTlsPolicy; 2],
    /// What the system says of the first document's file when it is read; 0: its content.
    failure: Arc<AtomicI32>,
    folder: TempDir,
    problems: Problems,
    runtime: Runtime,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::of(&contents())
    }

    /// With the bundles of [`contents`]. The runtime is its own, and so are the runtime's locks.
    pub fn of(contents: &[String; 3]) -> Bench {
        let failure = Arc::new(AtomicI32::new(0));
        let fails = Arc::clone(&failure);
        let before_reading = move |path: &Path| match fails.load(Ordering::SeqCst) {
            number if number != 0 && path.ends_with("one.pem") => Err(io::Error::from_raw_os_error(number)),
            _ => Ok(()),
        };
        let runtime = builder(&MovableClock::default()).before_reading(before_reading).build();
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let of = |name: &str| {
            let bundles = vec![MaterialDraft::file(folder.path().join(name))];
            let trust = TrustDraft { bundles, ..TrustDraft::default() };
            policy(uptls::PolicySpec { trust, ..uptls::PolicySpec::default() })
        };
        let (bad, documents) = (of("never.pem"), [of("one.pem"), of("two.pem")]);
        let problems = runtime.prepare(&bad).unwrap_err();
        let contents = contents.clone();
        let mut bench = Bench { bad, contents, prepared: Vec::new(), documents, failure, folder, problems, runtime };
        for content in [0, 1] {
            bench.write(Disk::Good(content));
            bench.prepared.push(bench.runtime.prepare(&bench.documents[0]).unwrap());
        }
        fs::write(bench.path("two.pem"), &bench.contents[2]).unwrap();
        bench.prepared.push(bench.runtime.prepare(&bench.documents[1]).unwrap());
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, disk: Disk) {
        let path = self.path("one.pem");
        let failure = match disk {
            Disk::Short => EMFILE,
            Disk::Failing => EIO,
            _ => 0,
        };
        self.failure.store(failure, Ordering::SeqCst);
        let _ = fs::remove_dir(&path).or_else(|_| fs::remove_file(&path));
        match disk {
            // It holds what nothing else does, should it be read all the same.
            Disk::Short | Disk::Failing => fs::write(path, &self.contents[usize::from(SECOND)]).unwrap(),
            Disk::Good(content) => fs::write(path, &self.contents[usize::from(content)]).unwrap(),
            Disk::Bad => fs::create_dir(path).unwrap(),
            Disk::Torn => fs::write(path, &self.contents[0][..100]).unwrap(),
            Disk::Gone => {}
        }
    }

    fn document(&self, document: Doc) -> &UpstreamTlsPolicy {
        match document {
            Doc::One => &self.documents[0],
            Doc::Two => &self.documents[1],
            Doc::Bad => &self.bad,
        }
    }
}

/// The real thing.
pub struct Real<'a> {
    bench: &'a Bench,
    connector: Connector,
    /// The document that was published last, as a face would remember it.
    given: Doc,
    now: Instant,
    one: Disk,
    sources: Vec<FileSource>,
    has_second: bool,
}

impl Real<'_> {
    pub fn new(bench: &Bench, fail_closed: bool, is_ready: bool) -> Real<'_> {
        bench.write(Disk::Good(0));
        fs::write(bench.path("two.pem"), &bench.contents[2]).unwrap();
        let on_invalid = if fail_closed { OnInvalid::FailClosed } else { OnInvalid::KeepLastGood };
        let connector = match is_ready {
            true => Connector::of_prepared(Arc::clone(&bench.prepared[0]), on_invalid),
            false => Connector::not_ready(&bench.runtime, bench.problems.clone(), on_invalid),
        };
        let sources = if is_ready { vec![FileSource::new(&connector, &bench.documents[0])] } else { Vec::new() };
        let one = Disk::Good(0);
        Real { bench, connector, given: Doc::One, now: Instant::now(), one, sources, has_second: true }
    }

    /// The same connector and disk for another thread, without the sources.
    pub fn beside(&self) -> Self {
        Real { connector: self.connector.clone(), sources: Vec::new(), ..*self }
    }

    pub fn apply(&mut self, op: Op) -> Seen {
        let mut outcomes = Vec::new();
        match op {
            Op::Update(document) => self.update(document),
            Op::UpdateBad => self.update(Doc::Bad),
            Op::Refuse => self.connector.refuse(self.bench.problems.clone()),
            Op::Withdraw => self.connector.withdraw(),
            Op::Reload => self.update(self.given),
            Op::Publish => {
                // It fails if another thread withdraws meanwhile.
                if self.connector.publish(Arc::clone(&self.bench.prepared[0])).is_ok() {
                    self.given = Doc::One;
                }
            }
            Op::File(disk) => {
                if self.one != disk {
                    self.bench.write(disk);
                }
                self.one = disk;
            }
            Op::ToggleSecond => {
                let path = self.bench.path("two.pem");
                if self.has_second {
                    fs::remove_file(path).unwrap();
                } else {
                    fs::write(path, &self.bench.contents[usize::from(SECOND)]).unwrap();
                }
                self.has_second = !self.has_second;
            }
            Op::Poll => outcomes = self.poll(),
            Op::Wait => self.now += Duration::from_secs(2),
            Op::Add(Sort::Of(document)) => {
                self.sources.push(FileSource::new(&self.connector, self.bench.document(document)));
            }
            Op::Add(Sort::Following) => self.sources.push(FileSource::following(&self.connector)),
            Op::Drop => {
                if !self.sources.is_empty() {
                    self.sources.remove(0);
                }
            }
        }
        self.seen(outcomes)
    }

    fn update(&mut self, document: Doc) {
        if self.connector.update(self.bench.document(document)).is_ok() {
            self.given = document;
        }
    }

    /// A document that was awaited and is published by its source is the last one, too.
    fn poll(&mut self) -> Vec<Outcome> {
        let polled = self.sources.iter_mut().map(|source| match source.poll(self.now).outcome {
            PollOutcome::Invalid(_) => Outcome::Invalid,
            PollOutcome::Superseded => Outcome::Superseded,
            PollOutcome::Unchanged => Outcome::Unchanged,
            PollOutcome::Unsettled => Outcome::Unsettled,
            PollOutcome::Updated(_) => Outcome::Updated,
            PollOutcome::Withdrawn => Outcome::Withdrawn,
            other => panic!("{other:?}"),
        });
        let outcomes = polled.collect();
        if let Some(prepared) = self.connector.prepared() {
            let is_second = prepared.policy() == &self.bench.documents[1];
            self.given = if is_second { Doc::Two } else { Doc::One };
        }
        outcomes
    }

    fn seen(&self, outcomes: Vec<Outcome>) -> Seen {
        let state = match self.connector.state() {
            ConnectorState::Degraded { .. } => State::Degraded,
            ConnectorState::NotReady { .. } => State::NotReady,
            ConnectorState::Ready => State::Ready,
            _ => State::Withdrawn,
        };
        let content = self.connector.prepared().map(|prepared| {
            let same = |known: &Arc<Prepared>| known.fingerprint() == prepared.fingerprint();
            self.bench.prepared.iter().position(same).unwrap().try_into().unwrap()
        });
        Seen { generation: self.connector.generation().number(), outcomes, content, state }
    }
}

/// Three bundles: two contents of the first document's file, and that of the second's.
pub fn contents() -> [String; 3] {
    ["model", "model, renewed", "model, the second"].map(|seed| Pki::new(seed).root.pem())
}

/// Of Linux and the other systems that this runs on.
const EIO: i32 = 5;
const EMFILE: i32 = 24;
