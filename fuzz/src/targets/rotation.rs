//! Updates, refusals, withdrawals, polls and torn files in any order: a connector is what the model of it says (L14, R2, R3,
//! R5), and serves what the model serves.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use tempfile::TempDir;
use uptls::danger::DangerPermission::Forbidden;
use uptls::{
    Connector, ConnectorState, FileSource, MaterialDraft, OnInvalid, PolicyDraft, PolicySpec, PollOutcome, Prepared,
    Problems, Runtime, TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::rotation::{Disk, Doc, Flaw, Model, Op, Outcome, SECOND, Seen, Sort, State};
use uptls_testkit::{Key, Template};

use crate::draw::Draw as _;
use crate::provider;

struct Bench {
    contents: [String; 3],
    documents: [UpstreamTlsPolicy; 3],
    folder: TempDir,
    /// Held, so that preparing equal content is cheap.
    prepared: Vec<Arc<Prepared>>,
    problems: Problems,
    runtime: Runtime,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let contents = [1, 2, 3].map(|number| Template::ca("root").self_signed(&Key::feigned(number)).pem());
    let documents = ["one.pem", "two.pem", "never.pem"].map(|name| {
        let bundles = vec![MaterialDraft::file(folder.path().join(name))];
        let spec = PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() };
        UpstreamTlsPolicy::check(PolicyDraft::new(spec), Forbidden).expect("sound")
    });
    let runtime = provider::runtime();
    let problems = runtime.prepare(&documents[2]).map(drop).expect_err("its file never exists");
    let mut bench = Bench { contents, documents, folder, prepared: Vec::new(), problems, runtime };
    for (content, document) in [(0, 0), (1, 0), (2, 1)] {
        fs::write(bench.path(["one.pem", "two.pem"][document]), &bench.contents[content]).expect("written");
        let prepared = bench.runtime.prepare(&bench.documents[document]).expect("sound");
        bench.prepared.push(prepared);
    }
    bench
});

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, disk: Disk) {
        let path = self.path("one.pem");
        let _ = fs::remove_dir(&path).or_else(|_| fs::remove_file(&path));
        match disk {
            Disk::Good(content) => fs::write(path, &self.contents[usize::from(content)]).expect("written"),
            Disk::Bad => fs::create_dir(path).expect("made"),
            Disk::Torn => fs::write(path, &self.contents[0][..100]).expect("written"),
            Disk::Gone => {}
            // Failures of the system are injected in rotate_model alone; what is drawn here can lie on a disk.
            Disk::Failing | Disk::Short => unreachable!("it is not drawn"),
        }
    }

    fn document(&self, document: Doc) -> &UpstreamTlsPolicy {
        match document {
            Doc::One => &self.documents[0],
            Doc::Two => &self.documents[1],
            Doc::Bad => &self.documents[2],
        }
    }
}

/// The real thing, as a face would drive it.
struct Real {
    connector: Connector,
    given: Doc,
    has_second: bool,
    now: Instant,
    sources: Vec<FileSource>,
}

impl Real {
    fn new(fail_closed: bool, is_ready: bool) -> Real {
        BENCH.write(Disk::Good(0));
        fs::write(BENCH.path("two.pem"), &BENCH.contents[2]).expect("written");
        let on_invalid = if fail_closed { OnInvalid::FailClosed } else { OnInvalid::KeepLastGood };
        let connector = match is_ready {
            true => Connector::of_prepared(Arc::clone(&BENCH.prepared[0]), on_invalid),
            false => Connector::not_ready(&BENCH.runtime, BENCH.problems.clone(), on_invalid),
        };
        let sources = if is_ready { vec![FileSource::new(&connector, &BENCH.documents[0])] } else { Vec::new() };
        Real { connector, given: Doc::One, has_second: true, now: Instant::now(), sources }
    }

    fn apply(&mut self, op: Op) -> Seen {
        let mut outcomes = Vec::new();
        match op {
            Op::Update(document) => self.update(document),
            Op::UpdateBad => self.update(Doc::Bad),
            Op::Refuse => self.connector.refuse(BENCH.problems.clone()),
            Op::Withdraw => self.connector.withdraw(),
            Op::Reload => self.update(self.given),
            Op::Publish => {
                self.connector.publish(Arc::clone(&BENCH.prepared[0])).expect("one runtime");
                self.given = Doc::One;
            }
            Op::File(disk) => BENCH.write(disk),
            Op::ToggleSecond => {
                self.has_second = !self.has_second;
                let _ = match self.has_second {
                    true => fs::write(BENCH.path("two.pem"), &BENCH.contents[usize::from(SECOND)]),
                    false => fs::remove_file(BENCH.path("two.pem")),
                };
            }
            Op::Poll => outcomes = self.poll(),
            Op::Wait => self.now += Duration::from_secs(2),
            Op::Add(Sort::Of(document)) => {
                self.sources.push(FileSource::new(&self.connector, BENCH.document(document)));
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
        if self.connector.update(BENCH.document(document)).is_ok() {
            self.given = document;
        }
    }

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
            self.given = if prepared.policy() == &BENCH.documents[1] { Doc::Two } else { Doc::One };
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
            u8::try_from(BENCH.prepared.iter().position(same).expect("a known content")).expect("small")
        });
        Seen { generation: self.connector.generation().number(), outcomes, content, state }
    }
}

pub fn run(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let (fail_closed, is_ready) = (u.maybe(), u.below(5) != 4);
    let mut model = Model::new(fail_closed, is_ready, Flaw::None);
    let mut real = Real::new(fail_closed, is_ready);
    let mut done = Vec::new();
    while !u.is_empty() && done.len() < 40 {
        let op = u.pick(OPS);
        done.push(op);
        let (wanted, seen) = (model.apply(op), real.apply(op));
        assert_eq!(seen, wanted, "closed {fail_closed}, ready {is_ready}: {done:?}");
    }
}

/// Polls are frequent, since most things show in a poll.
const OPS: &[Op] = &[
    Op::Poll,
    Op::Withdraw,
    Op::Refuse,
    Op::Update(Doc::One),
    Op::Update(Doc::Two),
    Op::File(Disk::Good(1)),
    Op::File(Disk::Good(0)),
    Op::Poll,
    Op::File(Disk::Gone),
    Op::File(Disk::Torn),
    Op::File(Disk::Bad),
    Op::UpdateBad,
    Op::Reload,
    Op::Publish,
    Op::Poll,
    Op::Wait,
    Op::ToggleSecond,
    Op::Add(Sort::Of(Doc::One)),
    Op::Add(Sort::Of(Doc::Two)),
    Op::Add(Sort::Following),
    Op::Drop,
];
