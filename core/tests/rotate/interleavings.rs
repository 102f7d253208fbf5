//! L14 under two threads: shuttle decides which goes on at each lock, and what is seen in the end must be what the model says
//! of some order of the same operations. Built with `--cfg shuttle` alone (`python3 .ci/gate.py interleavings`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "test code")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::model::{Bench, Real, contents};
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, Runner};
use uptls_testkit::rotation::{Disk, Doc, Flaw, Model, Op, Random, Seen, Sort};

/// What two threads do to one connector, and what is done to it afterwards to see what it remembers.
#[derive(Clone, Debug)]
struct Program {
    fail_closed: bool,
    is_ready: bool,
    /// The caller's thread: documents and files.
    caller: Vec<Op>,
    /// The thread that has the sources.
    sources: Vec<Op>,
}

impl Program {
    fn draw(seed: u64) -> Program {
        let mut random = Random(seed);
        let mut ops = |from: &[Op]| (0..LENGTH).map(|_| from[random.below(from.len())]).collect();
        let (caller, sources) = (ops(&CALLER), ops(&SOURCES));
        Program { fail_closed: random.below(2) == 0, is_ready: random.below(5) != 0, caller, sources }
    }

    /// One execution under shuttle: what is seen after both threads, and after each operation of [`AFTERWARDS`].
    fn run(&self, contents: &[String; 3]) -> Vec<Seen> {
        // Its locks belong to one execution.
        let bench = Bench::of(contents);
        let mut real = Real::new(&bench, self.fail_closed, self.is_ready);
        let mut beside = real.beside();
        shuttle::thread::scope(|scope| {
            scope.spawn(|| self.caller.iter().for_each(|op| drop(beside.apply(*op))));
            scope.spawn(|| self.sources.iter().for_each(|op| drop(real.apply(*op))));
        });
        AFTERWARDS.iter().map(|op| Seen { outcomes: Vec::new(), ..real.apply(*op) }).collect()
    }

    /// What the model says of every order of the two threads' operations.
    fn allowed(&self, flaw: Flaw, rules: Rules) -> Vec<Vec<Seen>> {
        let model = Model::new(self.fail_closed, self.is_ready, flaw);
        let mut allowed = Vec::new();
        Orders { rules, allowed: &mut allowed }.follow(&model, None, &self.caller, &self.sources);
        allowed
    }
}

/// Whether what a withdrawal overtakes may be as if it had never been.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rules {
    /// R3: withdrawals are counted before anything is read, and nothing that began before one is published after it.
    Overtaken,
    /// Each operation is one step.
    OneByOne,
}

struct Orders<'a> {
    rules: Rules,
    allowed: &'a mut Vec<Vec<Seen>>,
}

impl Orders<'_> {
    /// `overtaken`: the thread whose operation was under way when the other one withdrew.
    fn follow(&mut self, model: &Model, overtaken: Option<Thread>, caller: &[Op], sources: &[Op]) {
        if caller.is_empty() && sources.is_empty() {
            let mut model = model.clone();
            let seen = AFTERWARDS.iter().map(|op| Seen { outcomes: Vec::new(), ..model.apply(*op) }).collect();
            if !self.allowed.contains(&seen) {
                self.allowed.push(seen);
            }
            return;
        }
        for thread in [Thread::Caller, Thread::Sources] {
            let (mut ours, mut theirs) = (caller, sources);
            let own = if thread == Thread::Caller { &mut ours } else { &mut theirs };
            let Some((op, rest)) = own.split_first() else { continue };
            *own = rest;
            let other = if thread == Thread::Caller { Thread::Sources } else { Thread::Caller };
            let after = (*op == Op::Withdraw && self.rules == Rules::Overtaken).then_some(other);
            let mut next = model.clone();
            next.apply(*op);
            self.follow(&next, after.or(overtaken.filter(|late| *late != thread)), ours, theirs);
            if overtaken == Some(thread) {
                self.follow(model, None, ours, theirs);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Thread {
    Caller,
    Sources,
}

/// Runs each program under many schedules; the first that ends as no order may, and how many ends there were that need
/// more than one order.
fn search(programs: u64, schedules: usize, flaw: Flaw, rules: Rules) -> Result<u64, String> {
    let contents = Arc::new(contents());
    let several = AtomicU64::new(0);
    for seed in 0..programs {
        let program = Program::draw(seed);
        let allowed = program.allowed(flaw, rules);
        several.fetch_add(u64::from(allowed.len() > 1), Ordering::Relaxed);
        let failure = Arc::new(std::sync::Mutex::new(None));
        let (found, contents) = (Arc::clone(&failure), Arc::clone(&contents));
        let mut config = Config::new();
        config.stack_size = 1 << 20;
        Runner::new(RandomScheduler::new_from_seed(seed, schedules), config).run(move || {
            let seen = program.run(&contents);
            if !allowed.contains(&seen) {
                found.lock().unwrap().get_or_insert(format!("seed {seed}: {program:?}: {seen:?}, not in {allowed:?}"));
            }
        });
        if let Some(failure) = failure.lock().unwrap().take() {
            return Err(failure);
        }
    }
    Ok(several.into_inner())
}

#[test]
fn two_threads_are_as_some_order_of_their_operations() {
    #[allow(clippy::disallowed_methods, reason = "test code")]
    let programs = std::env::var("UPTLS_INTERLEAVINGS").map_or(PROGRAMS, |text| text.parse().unwrap());
    let several =
        search(programs, SCHEDULES, Flaw::None, Rules::Overtaken).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{programs} programs, {SCHEDULES} schedules each; {several} may end in more than one way");
    assert!(several > programs / 4, "{several}");
}

/// The negative twin: schedules reach the moment between the reading of files and the publication, and an oracle that
/// knows nothing of it, or has a mistake, does not agree.
#[test]
fn an_oracle_with_a_mistake_is_caught() {
    assert!(search(PROGRAMS, SCHEDULES, Flaw::None, Rules::OneByOne).is_err(), "no schedule reaches the moment");
    for flaw in [Flaw::PollEndsRefusal, Flaw::RefusalEndsWithdrawal, Flaw::OldSourcePublishes] {
        assert!(search(PROGRAMS, SCHEDULES, flaw, Rules::Overtaken).is_err(), "{flaw:?} agrees");
    }
}

const CALLER: [Op; 11] = [
    Op::Update(Doc::One),
    Op::Update(Doc::Two),
    Op::UpdateBad,
    Op::Refuse,
    Op::Withdraw,
    Op::Withdraw,
    Op::Publish,
    Op::File(Disk::Good(1)),
    Op::File(Disk::Bad),
    Op::File(Disk::Gone),
    Op::ToggleSecond,
];
const SOURCES: [Op; 9] = [
    Op::Poll,
    Op::Poll,
    Op::Poll,
    Op::Add(Sort::Of(Doc::Two)),
    Op::Add(Sort::Following),
    Op::Drop,
    Op::Update(Doc::Two),
    Op::Refuse,
    Op::Withdraw,
];
/// A refusal in between would hide what a source remembers, so that polls come first.
const AFTERWARDS: [Op; 4] = [Op::Poll, Op::Refuse, Op::Poll, Op::Publish];
/// Of each thread.
const LENGTH: usize = 3;
/// `make laws` runs more (`UPTLS_INTERLEAVINGS`).
const PROGRAMS: u64 = 200;
const SCHEDULES: usize = 30;
