//! What a watch does where the system gives no events, and where a source panics.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::fs;
use std::path::Path;
use std::sync::Condvar;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls_pki_types::UnixTime;
use tempfile::TempDir;
use uptls_testkit::{NOW, Pki};

use core::time::Duration;
use std::time::Instant;

use super::*;
use crate::danger::DangerPermission;
use crate::policy::{MaterialDraft, PolicyDraft, PolicySpec, TrustDraft, UpstreamTlsPolicy};
use crate::rotate::{Connector, EventKind};
use crate::runtime::Runtime;
use crate::time::Clock;

/// A clock that panics while it is told to.
#[derive(Clone, Default)]
pub(super) struct PanickingClock(pub(super) Arc<AtomicBool>);

impl Clock for PanickingClock {
    fn now(&self) -> UnixTime {
        assert!(!self.0.load(Ordering::SeqCst), "told to");
        UnixTime::since_unix_epoch(Duration::from_secs(NOW.try_into().unwrap()))
    }
}

/// A folder with a bundle, and a connector that trusts it.
pub(super) struct Watched {
    pub(super) clock: PanickingClock,
    connector: Connector,
    pub(super) folder: TempDir,
    policy: UpstreamTlsPolicy,
}

impl Watched {
    pub(super) fn new() -> Watched {
        Watched::behind(None)
    }

    fn behind(gate: Option<Gate>) -> Watched {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "one");
        let clock = PanickingClock::default();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let wait = move |_: &Path| {
            gate.iter().for_each(Gate::pass);
            Ok(())
        };
        let runtime = Runtime::builder(provider).clock(clock.clone()).before_reading(wait).build();
        let bundles = vec![MaterialDraft::file(folder.path().join("ca.crt"))];
        let spec = PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() };
        let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap();
        let connector = Connector::new(&runtime, &policy).unwrap();
        Watched { clock, connector, folder, policy }
    }

    pub(super) fn source(&self) -> FileSource {
        FileSource::new(&self.connector, &self.policy)
    }

    pub(super) fn generation(&self) -> u64 {
        self.connector.generation().number()
    }

    fn wait_for_update(&self) {
        wait_until(|| self.connector.next_event().is_some_and(|event| event.kind == EventKind::Updated));
    }
}

pub(super) fn write(folder: &Path, seed: &str) {
    fs::write(folder.join("ca.crt"), Pki::new(seed).root.pem()).unwrap();
}

/// The limit only ends a test that hangs.
fn wait_until(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing happened");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Has watches to give, or has not.
struct Exhaustible(Arc<AtomicBool>);

impl Notifier for Exhaustible {
    fn arm(&mut self, anew: &BTreeSet<PathBuf>, gone: &BTreeSet<PathBuf>) -> Result<WatchState, String> {
        assert_eq!((anew.len(), gone.len()), (1, 0));
        if self.0.load(Ordering::SeqCst) { Err("no watches are left".to_owned()) } else { Ok(WatchState::Events) }
    }
}

#[test]
fn without_watches_files_are_polled_and_the_state_says_why() {
    let watched = Watched::new();
    let exhausted = Arc::new(AtomicBool::new(true));
    let (signals, woken) = channel();
    let source = watched.source().with_interval(Duration::ZERO);
    let watch = Watch::with_notifier([source], Box::new(Exhaustible(Arc::clone(&exhausted))), signals, woken).unwrap();
    write(watched.folder.path(), "two");
    watched.wait_for_update();
    let reason = Some("no watches are left".to_owned());
    assert_eq!(watch.state(), WatchState::Polling { reason });
    exhausted.store(false, Ordering::SeqCst);
    wait_until(|| watch.state() == WatchState::Events);
}

/// The system's watcher, which does not answer before its gate is open: under more events than it takes in, or on storage
/// that hangs.
struct Stuck(Gate);

impl Notifier for Stuck {
    fn arm(&mut self, _: &BTreeSet<PathBuf>, _: &BTreeSet<PathBuf>) -> Result<WatchState, String> {
        self.0.pass();
        Ok(WatchState::Events)
    }
}

#[test]
fn a_watcher_that_does_not_answer_delays_no_reading() {
    let gate = Gate::default();
    gate.set(true);
    let watched = Watched::new();
    let source = watched.source().with_interval(Duration::ZERO);
    let (signals, woken) = channel();
    let watch = Watch::with_notifier([source], Box::new(Stuck(gate.clone())), signals, woken).unwrap();
    for seed in ["two", "three", "four"] {
        write(watched.folder.path(), seed);
        watched.wait_for_update();
    }
    assert!(matches!(watch.state(), WatchState::Polling { reason: Some(_) }), "{:?}", watch.state());
    // Its twin: events again, once it answers.
    gate.set(false);
    wait_until(|| watch.state() == WatchState::Events);
    // And a watch ends while its watcher does not answer.
    gate.set(true);
    drop(watch);
    gate.set(false);
}

/// A gate in front of the files of one folder: while it is closed, every reader waits.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn set(&self, closed: bool) {
        *lock(&self.0.0) = closed;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let waited = self.0.1.wait_while(lock(&self.0.0), |closed| *closed);
        drop(waited.unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

/// Storage that does not answer: no other source waits for it, nor does the end of the watch, and what it says in the end
/// counts no more.
#[test]
fn a_source_that_waits_for_its_storage_stops_no_other() {
    let gate = Gate::default();
    let (bad, good) = (Watched::behind(Some(gate.clone())), Watched::new());
    let watch = Watch::polling([bad.source(), good.source()]).unwrap();
    gate.set(true);
    for seed in ["two", "three", "four"] {
        write(bad.folder.path(), seed);
        write(good.folder.path(), seed);
        watch.refresh();
        good.wait_for_update();
    }
    assert_eq!(bad.connector.next_event(), None);
    // Nor does what the caller does with that connector.
    bad.connector.withdraw();
    assert!(matches!(bad.connector.state(), crate::rotate::ConnectorState::Withdrawn { .. }));
    drop(watch);
    gate.set(false);
    // Its twin: what waits and is not ended goes on.
    let (bad, gate) = (Watched::behind(Some(gate.clone())), gate);
    let watch = Watch::polling([bad.source()]).unwrap();
    gate.set(true);
    write(bad.folder.path(), "two");
    watch.refresh();
    gate.set(false);
    bad.wait_for_update();
}

/// The directories that are watched at the moment.
#[derive(Clone, Default)]
struct Known(Arc<Mutex<BTreeSet<PathBuf>>>);

impl Notifier for Known {
    fn arm(&mut self, anew: &BTreeSet<PathBuf>, gone: &BTreeSet<PathBuf>) -> Result<WatchState, String> {
        let mut known = lock(&self.0);
        known.retain(|directory| !gone.contains(directory));
        known.extend(anew.iter().cloned());
        Ok(WatchState::Events)
    }
}

#[test]
fn sources_come_and_go_while_a_watch_lives() {
    let (first, second, known) = (Watched::new(), Watched::new(), Known::default());
    let (signals, woken) = channel();
    let watch = Watch::with_notifier([first.source()], Box::new(known.clone()), signals, woken).unwrap();
    write(second.folder.path(), "two");
    let added = watch.add(second.source());
    second.wait_for_update();
    wait_until(|| lock(&known.0).len() == 2);
    watch.remove(added);
    // Its directories are given back, and those of the other stay.
    wait_until(|| lock(&known.0).len() == 1);
    for seed in ["three", "four"] {
        write(first.folder.path(), seed);
        write(second.folder.path(), seed);
        watch.refresh();
        first.wait_for_update();
    }
    assert_eq!(second.connector.next_event(), None);
    // What is removed can come again, and what was removed twice is nothing.
    watch.remove(added);
    let again = watch.add(second.source());
    assert_ne!(again, added);
    second.wait_for_update();
}

/// A source that is removed while it is read publishes nothing afterwards, and its directories do not stay.
#[test]
fn what_is_removed_while_it_is_read_is_not_published() {
    let gate = Gate::default();
    let (bad, good, known) = (Watched::behind(Some(gate.clone())), Watched::new(), Known::default());
    let (signals, woken) = channel();
    let watch = Watch::with_notifier([good.source()], Box::new(known.clone()), signals, woken).unwrap();
    gate.set(true);
    write(bad.folder.path(), "two");
    let added = watch.add(bad.source());
    wait_until(|| lock(&known.0).len() == 2);
    watch.remove(added);
    write(good.folder.path(), "two");
    watch.refresh();
    good.wait_for_update();
    gate.set(false);
    wait_until(|| lock(&known.0).len() == 1);
    write(good.folder.path(), "three");
    watch.refresh();
    good.wait_for_update();
    assert_eq!((bad.connector.next_event(), bad.connector.generation().number()), (None, 1));
}

#[test]
fn what_is_read_after_the_end_of_a_watch_is_not_published() {
    let gate = Gate::default();
    let watched = Watched::behind(Some(gate.clone()));
    let mut source = watched.source();
    let stopped = Arc::new(AtomicBool::new(false));
    source.stop_with(&stopped);
    write(watched.folder.path(), "two");
    stopped.store(true, Ordering::SeqCst);
    source.poll(Instant::now());
    assert_eq!(watched.connector.generation().number(), 1);
    stopped.store(false, Ordering::SeqCst);
    source.poll(Instant::now());
    assert_eq!(watched.connector.generation().number(), 2);
}

#[test]
fn a_source_that_panics_is_tried_again_and_stops_no_other() {
    let (bad, good) = (Watched::new(), Watched::new());
    let watch = Watch::polling([bad.source(), good.source()]).unwrap();
    bad.clock.0.store(true, Ordering::SeqCst);
    for watched in [&bad, &good] {
        write(watched.folder.path(), "two");
    }
    watch.refresh();
    good.wait_for_update();
    assert_eq!(bad.connector.next_event(), None);
    bad.clock.0.store(false, Ordering::SeqCst);
    watch.refresh();
    bad.wait_for_update();
}

/// Counts the errors of its thread.
pub(super) struct Lines(pub(super) Arc<AtomicUsize>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "uptls" && *metadata.level() == tracing::Level::ERROR
    }

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
