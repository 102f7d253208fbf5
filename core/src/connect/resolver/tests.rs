//! A resolver that answers when the test says so: who shares a look-up, who waits for a place, and what is left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Condvar;

use super::*;

/// Holds look-ups back until it is opened, and counts them.
struct Gate {
    asked: AtomicUsize,
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    const fn new() -> Self {
        Self { asked: AtomicUsize::new(0), is_open: Mutex::new(false), opened: Condvar::new() }
    }

    fn pass(&self) -> Answer {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _open = self.opened.wait_while(lock(&self.is_open), |open| !*open);
        Ok(vec![SocketAddr::from(([192, 0, 2, 7], 443))])
    }

    fn open(&self) {
        *lock(&self.is_open) = true;
        self.opened.notify_all();
    }
}

fn table(look_up: fn(&str, u16) -> Answer) -> Arc<Table> {
    Arc::new(Table { look_up, open: Mutex::default(), process: Process::current().ok() })
}

fn soon() -> Option<Instant> {
    Instant::now().checked_add(Duration::from_millis(20))
}

fn late() -> Option<Instant> {
    Instant::now().checked_add(Duration::from_secs(60))
}

fn under_way(table: &Table) -> usize {
    lock(&table.open).lookups.len()
}

#[test]
fn all_who_want_a_name_wait_for_one_look_up() {
    static GATE: Gate = Gate::new();
    let table = table(|_, _| GATE.pass());
    let waiting: Vec<_> = (0..40)
        .map(|_| {
            let mut resolving = Resolving::by(Arc::clone(&table), "shared.example", 443);
            assert!(resolving.wait(soon()).is_none());
            thread::spawn(move || resolving.wait(late()).unwrap())
        })
        .collect();
    assert_eq!(under_way(&table), 1);
    // The twin: another port is another question.
    let mut other = Resolving::by(Arc::clone(&table), "shared.example", 8443);
    assert!(other.wait(soon()).is_none());
    assert_eq!(under_way(&table), 2);
    GATE.open();
    for waiting in waiting {
        assert!(waiting.join().unwrap().is_ok());
    }
    assert!(other.wait(late()).unwrap().is_ok());
    assert_eq!(GATE.asked.load(Ordering::SeqCst), 2);
    assert_eq!(under_way(&table), 0, "an answer is for those who waited for it");
}

#[test]
fn so_many_names_at_once_and_no_more() {
    static GATE: Gate = Gate::new();
    let table = table(|_, _| GATE.pass());
    let mut first: Vec<_> =
        (0..MOST).map(|number| Resolving::by(Arc::clone(&table), &format!("{number}.example"), 443)).collect();
    for resolving in &mut first {
        assert!(resolving.wait(soon()).is_none());
        assert!(resolving.late("1s").to_string().contains("no answer within 1s"));
    }
    let mut next = Resolving::by(Arc::clone(&table), "next.example", 443);
    assert!(next.wait(soon()).is_none());
    assert_eq!(under_way(&table), MOST);
    let told = next.late("1s");
    assert!(told.to_string().contains("the resolver is busy"), "{told}");
    // Who waits for a name that is under way needs no place.
    let mut same = Resolving::by(Arc::clone(&table), "0.example", 443);
    assert!(same.wait(soon()).is_none());
    assert!(same.late("1s").to_string().contains("no answer"));
    let waiting = thread::spawn(move || next.wait(late()).unwrap());
    GATE.open();
    assert!(waiting.join().unwrap().is_ok(), "a place became free");
}

#[test]
fn who_gives_up_leaves_nothing_behind() {
    static GATE: Gate = Gate::new();
    let table = table(|_, _| GATE.pass());
    for _ in 0..100 {
        assert!(Resolving::by(Arc::clone(&table), "silent.example", 443).wait(soon()).is_none());
    }
    let lookup = Arc::clone(lock(&table.open).lookups.values().next().unwrap());
    assert_eq!(GATE.asked.load(Ordering::SeqCst), 1, "one thread for a hundred callers");
    assert!(lock(&lookup.progress).waiting.is_empty());
    GATE.open();
    let mut again = Resolving::by(Arc::clone(&table), "silent.example", 443);
    assert!(again.wait(late()).unwrap().is_ok());
}

#[test]
fn a_resolver_that_panics_is_an_answer() {
    let table = table(|_, _| panic!("on purpose"));
    let answer = Resolving::by(Arc::clone(&table), "panics.example", 443).wait(late()).unwrap();
    assert!(matches!(answer, Err(ConnectError::Internal { .. })), "{answer:?}");
    assert_eq!(under_way(&table), 0);
}

/// As a child of fork meets its parent's: the lock is held by a thread that it has not.
#[test]
fn the_table_of_another_process_is_left_alone() {
    static HELD: Gate = Gate::new();
    let parents = Arc::new(Table { look_up: |_, _| HELD.pass(), open: Mutex::default(), process: None });
    let _held = lock(&parents.open);
    let before = TABLE.swap(Some(Arc::clone(&parents)));
    let answer = Resolving::new("127.0.0.1", 443).wait(late()).unwrap();
    assert!(answer.is_ok());
    assert_eq!(HELD.asked.load(Ordering::SeqCst), 0);
    if let Some(before) = before {
        TABLE.store(Some(before));
    }
}
