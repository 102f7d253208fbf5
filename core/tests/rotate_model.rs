//! L14: what stops stays stopped. A real connector with real files against a model, in every short sequence of operations
//! and in many long ones; and models with a mistake, which must not agree.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "test code")]

mod handshake_support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use handshake_support::{World, policy};
use tempfile::TempDir;
use uptls::{
    Connector, ConnectorState, FileSource, MaterialDraft, OnInvalid, PollOutcome, Prepared, Problems, TrustDraft,
    UpstreamTlsPolicy,
};
use uptls_testkit::Pki;
use uptls_testkit::rotation::{Disk, Doc, Flaw, Model, Op, Outcome, SECOND, Seen, Sort, State};

/// Files, documents and contents, made once.
struct Bench {
    bad: UpstreamTlsPolicy,
    contents: [String; 3],
    /// Held, so that preparing equal content is cheap.
    prepared: Vec<Arc<Prepared>>,
    documents: [UpstreamTlsPolicy; 2],
    folder: TempDir,
    problems: Problems,
    world: World,
}

impl Bench {
    fn new() -> Bench {
        let world = World::new("model");
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let contents = ["model", "model, renewed", "model, the second"].map(|seed| Pki::new(seed).root.pem());
        let of = |name: &str| {
            let bundles = vec![MaterialDraft::file(folder.path().join(name))];
            let trust = TrustDraft { bundles, ..TrustDraft::default() };
            policy(uptls::PolicySpec { trust, ..uptls::PolicySpec::default() })
        };
        let (bad, documents) = (of("never.pem"), [of("one.pem"), of("two.pem")]);
        let problems = world.runtime.prepare(&bad).unwrap_err();
        let mut bench = Bench { bad, contents, prepared: Vec::new(), documents, folder, problems, world };
        for content in [0, 1] {
            bench.write(Disk::Good(content));
            bench.prepared.push(bench.world.runtime.prepare(&bench.documents[0]).unwrap());
        }
        fs::write(bench.path("two.pem"), &bench.contents[2]).unwrap();
        bench.prepared.push(bench.world.runtime.prepare(&bench.documents[1]).unwrap());
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, disk: Disk) {
        let path = self.path("one.pem");
        let _ = fs::remove_dir(&path).or_else(|_| fs::remove_file(&path));
        match disk {
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
struct Real<'a> {
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
    fn new(bench: &Bench, fail_closed: bool, is_ready: bool) -> Real<'_> {
        bench.write(Disk::Good(0));
        fs::write(bench.path("two.pem"), &bench.contents[2]).unwrap();
        let on_invalid = if fail_closed { OnInvalid::FailClosed } else { OnInvalid::KeepLast };
        let connector = match is_ready {
            true => Connector::of_prepared(Arc::clone(&bench.prepared[0]), on_invalid),
            false => Connector::not_ready(&bench.world.runtime, bench.problems.clone(), on_invalid),
        };
        let sources = if is_ready { vec![FileSource::new(&connector, &bench.documents[0])] } else { Vec::new() };
        let one = Disk::Good(0);
        Real { bench, connector, given: Doc::One, now: Instant::now(), one, sources, has_second: true }
    }

    fn apply(&mut self, op: Op) -> Seen {
        let mut outcomes = Vec::new();
        match op {
            Op::Update(document) => self.update(document),
            Op::UpdateBad => self.update(Doc::Bad),
            Op::Refuse => self.connector.refuse(self.bench.problems.clone()),
            Op::Withdraw => self.connector.withdraw(),
            Op::Reload => self.update(self.given),
            Op::Publish => {
                self.connector.publish(Arc::clone(&self.bench.prepared[0])).unwrap();
                self.given = Doc::One;
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

/// The first step at which model and connector differ.
fn difference(bench: &Bench, fail_closed: bool, is_ready: bool, flaw: Flaw, ops: &[Op]) -> Option<String> {
    let mut model = Model::new(fail_closed, is_ready, flaw);
    let mut real = Real::new(bench, fail_closed, is_ready);
    for (step, op) in ops.iter().enumerate() {
        let (wanted, seen) = (model.apply(*op), real.apply(*op));
        if wanted != seen {
            let done = &ops[..=step];
            return Some(format!("closed {fail_closed}, ready {is_ready}: {done:?}: wanted {wanted:?}, seen {seen:?}"));
        }
    }
    None
}

/// Every sequence of exactly `length` operations; the first difference, and how many were tried.
fn exhaust(bench: &Bench, is_ready: bool, flaw: Flaw, length: u32) -> Result<u64, String> {
    let mut tried = 0;
    for fail_closed in [false, true] {
        for number in 0..SHORT.len().pow(length) {
            let digits = (0..length).map(|place| SHORT[number / SHORT.len().pow(place) % SHORT.len()]);
            let ops: Vec<Op> = digits.collect();
            tried += 1;
            if let Some(difference) = difference(bench, fail_closed, is_ready, flaw, &ops) {
                return Err(difference);
            }
        }
    }
    Ok(tried)
}

#[test]
fn every_short_sequence_is_as_the_model_says() {
    let bench = Bench::new();
    // A longer sequence looks at each step, and so contains the shorter ones.
    let tried = exhaust(&bench, true, Flaw::None, 4).unwrap_or_else(|difference| panic!("{difference}"));
    let unready = exhaust(&bench, false, Flaw::None, 3).unwrap_or_else(|difference| panic!("{difference}"));
    assert_eq!((tried, unready), (2 * 15_u64.pow(4), 2 * 15_u64.pow(3)));
}

/// One of [`SHARDS`] parts, each on a thread of its own.
fn random_long_sequences(shard: u64) {
    #[allow(clippy::disallowed_methods, reason = "test code")]
    let count = std::env::var("UPTLS_MODEL_SEQUENCES").map_or(SEQUENCES, |text| text.parse().unwrap());
    let bench = Bench::new();
    for seed in (0..count).filter(|seed| seed % SHARDS == shard) {
        let mut random = Random(seed);
        let ops: Vec<Op> = (0..LENGTH).map(|_| LONG[random.below(LONG.len())]).collect();
        let (fail_closed, is_ready) = (random.below(2) == 0, random.below(5) != 0);
        if let Some(difference) = difference(&bench, fail_closed, is_ready, Flaw::None, &ops) {
            panic!("seed {seed}: {difference}");
        }
    }
}

#[test]
fn random_long_sequences_are_as_the_model_says_1() {
    random_long_sequences(0);
}

#[test]
fn random_long_sequences_are_as_the_model_says_2() {
    random_long_sequences(1);
}

#[test]
fn random_long_sequences_are_as_the_model_says_3() {
    random_long_sequences(2);
}

#[test]
fn random_long_sequences_are_as_the_model_says_4() {
    random_long_sequences(3);
}

/// The negative twin: a model with any one mistake differs from the connector within a few operations.
#[test]
fn a_model_with_a_mistake_is_caught() {
    let bench = Bench::new();
    for flaw in [
        Flaw::PollEndsRefusal,
        Flaw::RefusalEndsWithdrawal,
        Flaw::OldSourcePublishes,
        Flaw::PollEndsWithdrawal,
        Flaw::SameContentIsNew,
        Flaw::FilesNeverRecover,
    ] {
        let caught = exhaust(&bench, true, flaw, 4);
        assert!(caught.is_err(), "{flaw:?} agrees with the connector");
    }
    let awaited = [Op::ToggleSecond, Op::Update(Doc::Two), Op::ToggleSecond, Op::Add(Sort::Of(Doc::Two)), Op::Poll];
    assert!(difference(&bench, false, true, Flaw::NothingIsAwaited, &awaited).is_some());
    assert_eq!(difference(&bench, false, true, Flaw::None, &awaited), None);
}

/// The same sequences in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        // Splitmix, so that neighbouring seeds have nothing in common.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    }
}

const SHORT: [Op; 15] = [
    Op::Update(Doc::Two),
    Op::UpdateBad,
    Op::Refuse,
    Op::Withdraw,
    Op::Reload,
    Op::Publish,
    Op::File(Disk::Good(1)),
    Op::File(Disk::Good(0)),
    Op::File(Disk::Bad),
    Op::File(Disk::Torn),
    Op::File(Disk::Gone),
    Op::Poll,
    Op::Wait,
    Op::Add(Sort::Of(Doc::One)),
    Op::Drop,
];
/// Polls are frequent, since most things show in a poll.
const LONG: [Op; 23] = [
    Op::Update(Doc::One),
    Op::Update(Doc::Two),
    Op::UpdateBad,
    Op::Refuse,
    Op::Withdraw,
    Op::Reload,
    Op::Publish,
    Op::File(Disk::Good(1)),
    Op::File(Disk::Good(0)),
    Op::File(Disk::Bad),
    Op::File(Disk::Torn),
    Op::File(Disk::Gone),
    Op::ToggleSecond,
    Op::Poll,
    Op::Poll,
    Op::Poll,
    Op::Wait,
    Op::Add(Sort::Of(Doc::One)),
    Op::Add(Sort::Of(Doc::Two)),
    Op::Add(Sort::Following),
    Op::Drop,
    Op::Drop,
    Op::Drop,
];
const LENGTH: usize = 30;
/// A minute of a debug build; `make laws` runs a million (`UPTLS_MODEL_SEQUENCES`).
const SEQUENCES: u64 = 20_000;
const SHARDS: u64 = 4;
