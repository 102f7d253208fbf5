//! L14: what stops stays stopped. A real connector with real files against a model, in every short sequence of operations
//! and in many long ones; and models with a mistake, which must not agree.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "test code")]

use crate::support::model::{Bench, Real};
use uptls_testkit::rotation::{Disk, Doc, Flaw, Model, Op, Random, Sort};

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
    assert_eq!((tried, unready), (2 * 17_u64.pow(4), 2 * 17_u64.pow(3)));
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
        Flaw::ShortageIsBad,
        Flaw::LastingShortageIsBad,
        Flaw::ShortageIsGone,
        Flaw::ShortDocumentIsBad,
        Flaw::FailingStorageIsNothing,
        Flaw::FailingStorageIsBad,
    ] {
        let caught = exhaust(&bench, true, flaw, 4);
        assert!(caught.is_err(), "{flaw:?} agrees with the connector");
    }
    let awaited = [Op::ToggleSecond, Op::Update(Doc::Two), Op::ToggleSecond, Op::Add(Sort::Of(Doc::Two)), Op::Poll];
    assert!(difference(&bench, false, true, Flaw::NothingIsAwaited, &awaited).is_some());
    assert_eq!(difference(&bench, false, true, Flaw::None, &awaited), None);
}

const SHORT: [Op; 17] = [
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
    Op::File(Disk::Short),
    Op::File(Disk::Failing),
    Op::Poll,
    Op::Wait,
    Op::Add(Sort::Of(Doc::One)),
    Op::Drop,
];
/// Polls are frequent, since most things show in a poll.
const LONG: [Op; 25] = [
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
    Op::File(Disk::Short),
    Op::File(Disk::Failing),
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
