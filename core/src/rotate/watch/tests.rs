//! What a watch does where the system gives no events, and where a source panics.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls_pki_types::UnixTime;
use tempfile::TempDir;
use uptls_testkit::{NOW, Pki};

use super::*;
use crate::danger::DangerPermission;
use crate::policy::{MaterialDraft, PolicyDraft, PolicySpec, TrustDraft, UpstreamTlsPolicy};
use crate::rotate::{Connector, EventKind};
use crate::runtime::Runtime;
use crate::time::Clock;

/// A clock that panics while it is told to.
#[derive(Clone, Default)]
struct Moody(Arc<AtomicBool>);

impl Clock for Moody {
    fn now(&self) -> UnixTime {
        assert!(!self.0.load(Ordering::SeqCst), "told to");
        UnixTime::since_unix_epoch(Duration::from_secs(NOW.try_into().unwrap()))
    }
}

/// A folder with a bundle, and a connector that trusts it.
struct Watched {
    clock: Moody,
    connector: Connector,
    folder: TempDir,
    policy: UpstreamTlsPolicy,
}

impl Watched {
    fn new() -> Watched {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "one");
        let clock = Moody::default();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let runtime = Runtime::builder(provider).clock(clock.clone()).build();
        let bundles = vec![MaterialDraft::file(folder.path().join("ca.crt"))];
        let spec = PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() };
        let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap();
        let connector = Connector::new(&runtime, &policy).unwrap();
        Watched { clock, connector, folder, policy }
    }

    fn source(&self) -> FileSource {
        FileSource::new(&self.connector, &self.policy)
    }

    fn wait_for_update(&self) {
        wait_until(|| self.connector.next_event().is_some_and(|event| event.kind == EventKind::Updated));
    }
}

fn write(folder: &Path, seed: &str) {
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

impl Alarm for Exhaustible {
    fn arm(&mut self, directories: &BTreeSet<PathBuf>) -> Result<WatchState, String> {
        assert_eq!(directories.len(), 1);
        if self.0.load(Ordering::SeqCst) { Err("no watches are left".to_owned()) } else { Ok(WatchState::Events) }
    }
}

#[test]
fn without_watches_files_are_polled_and_the_state_says_why() {
    let watched = Watched::new();
    let exhausted = Arc::new(AtomicBool::new(true));
    let (nudges, woken) = channel();
    let source = watched.source().with_interval(Duration::ZERO);
    let watch = Watch::with_alarm([source], Box::new(Exhaustible(Arc::clone(&exhausted))), nudges, woken).unwrap();
    write(watched.folder.path(), "two");
    watched.wait_for_update();
    let reason = Some("no watches are left".to_owned());
    assert_eq!(watch.state(), WatchState::Polling { reason });
    exhausted.store(false, Ordering::SeqCst);
    wait_until(|| watch.state() == WatchState::Events);
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
struct Lines(Arc<std::sync::atomic::AtomicUsize>);

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

/// R10: a bug that repeats every 10 s is one line, until a step went well.
#[test]
fn a_source_that_goes_on_panicking_is_logged_once() {
    let watched = Watched::new();
    let lines = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut due = Due { next: Instant::now(), panicked: false, source: watched.source() };
    tracing::subscriber::with_default(Lines(Arc::clone(&lines)), || {
        for wanted in [1, 2] {
            write(watched.folder.path(), &format!("panics {wanted}"));
            watched.clock.0.store(true, Ordering::SeqCst);
            (0..20).for_each(|_| due.step(Instant::now()));
            assert_eq!(lines.load(Ordering::SeqCst), wanted, "and once more after it went well");
            watched.clock.0.store(false, Ordering::SeqCst);
            due.step(Instant::now());
        }
    });
}
