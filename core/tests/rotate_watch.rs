//! The thread that keeps connectors in step with their files, by events and without (R6).
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::rotation::{State, Volume, named_in, tempdir};
use crate::support::world::{World, host, policy};
use uptls::{Code, ConnectOptions, Connector, ConnectorState, Event, EventKind, FileSource, Watch, WatchState, watch};

/// Waits for the next event. The limit only ends a test that hangs.
fn next_event(connector: &Connector) -> Event {
    wait_for("an event", || connector.next_event())
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < SAFETY_NET, "no {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// How many threads of this process are watches, or watchers of `notify`.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("uptls-watch") || name.starts_with("notify-rs")).count()
}

/// One after the other in one test: another test's watch would count as a thread of this one.
#[test]
fn a_watch_follows_its_files_until_it_is_dropped() {
    let world = World::new("watched");
    let states = ["one", "two"].map(|seed| State::new(&world.pki, seed));
    if cfg!(target_os = "linux") {
        assert_eq!(threads(), 0, "none is started unasked");
    }
    by_events(&world, &states);
    by_polling(&world, &states);
    one_bad_source_does_not_stop_another(&world, &states);
    without_files(&world);
    if cfg!(target_os = "linux") {
        // The thread of `notify` ends by itself, soon after.
        wait_for("end of the threads", || (threads() == 0).then_some(()));
    }
}

/// Every kind of writer, through two hops. Each change must show by an event: the source alone would look only every 10 s,
/// so that 20 changes would take minutes.
fn by_events(world: &World, [one, two]: &[State; 2]) {
    let folder = tempdir();
    let mut volume = Volume::new(&folder.path().join("mounted"), one);
    symlink("mounted/..data", folder.path().join("stable")).unwrap();
    let stable = folder.path().join("stable");
    let connector = Connector::new(&world.runtime, &named_in(&stable)).unwrap();
    let watch = watch::start([FileSource::new(&connector, &named_in(&stable))]).unwrap();
    wait_for("watches", || (watch.state() == WatchState::Events).then_some(()));
    for round in 0..10 {
        volume.swap(if round % 2 == 0 { two } else { one });
        assert_eq!(next_event(&connector).kind, EventKind::Updated);
    }
    for state in [two, one, two] {
        state.write(&stable);
        assert_eq!(next_event(&connector).kind, EventKind::Updated);
    }
    for _ in 0..3 {
        fs::remove_file(stable.join("tls.key")).unwrap();
        assert!(matches!(next_event(&connector).kind, EventKind::Withdrawn { .. }));
        let error = connector.begin(&host(), &ConnectOptions::default()).err().unwrap();
        assert_eq!(error.code(), Code::PolicyWithdrawn);
        two.write(&stable);
        // R5: the same content is the same generation.
        assert_eq!(next_event(&connector).kind, EventKind::Recovered);
    }
    // The directory itself goes and comes back.
    fs::remove_dir_all(&volume.root).unwrap();
    assert!(matches!(next_event(&connector).kind, EventKind::Withdrawn { .. }));
    Volume::new(&volume.root, one);
    assert_eq!(next_event(&connector).kind, EventKind::Updated);
    drop(watch);
    // Its negative twin: no thread looks any more.
    let before = connector.state();
    fs::remove_dir_all(&volume.root).unwrap();
    assert_eq!((before, connector.state()), (ConnectorState::Ready, ConnectorState::Ready));
}

fn by_polling(world: &World, [one, two]: &[State; 2]) {
    let folder = tempdir();
    one.write(folder.path());
    let connector = Connector::new(&world.runtime, &named_in(folder.path())).unwrap();
    let source = FileSource::new(&connector, &named_in(folder.path()));
    let watch = Watch::polling([source.with_interval(Duration::ZERO)]).unwrap();
    assert!(matches!(watch.state(), WatchState::Polling { reason: None, .. }));
    for state in [two, one, two] {
        state.write(folder.path());
        assert_eq!(next_event(&connector).kind, EventKind::Updated);
    }
    drop(watch);
    // With the interval of 10 s, by what the caller says.
    let watch = Watch::polling([FileSource::new(&connector, &named_in(folder.path()))]).unwrap();
    one.write(folder.path());
    watch.refresh();
    assert_eq!(next_event(&connector).kind, EventKind::Updated);
    two.write(folder.path());
    watch.changed(folder.path().join("tls.key"));
    assert_eq!(next_event(&connector).kind, EventKind::Updated);
}

fn one_bad_source_does_not_stop_another(world: &World, [one, two]: &[State; 2]) {
    let folders = [tempdir(), tempdir(), tempdir()];
    let connectors: Vec<_> = folders
        .iter()
        .map(|folder| {
            one.write(folder.path());
            Connector::new(&world.runtime, &named_in(folder.path())).unwrap()
        })
        .collect();
    let sources = connectors.iter().zip(&folders).map(|(c, folder)| FileSource::new(c, &named_in(folder.path())));
    let watch = watch::start(sources).unwrap();
    wait_for("watches", || (watch.state() == WatchState::Events).then_some(()));
    fs::write(folders[1].path().join("ca.crt"), "nonsense").unwrap();
    two.write(folders[0].path());
    two.write(folders[2].path());
    assert_eq!(next_event(&connectors[0]).kind, EventKind::Updated);
    assert_eq!(next_event(&connectors[2]).kind, EventKind::Updated);
    assert!(matches!(next_event(&connectors[1]).kind, EventKind::Degraded { .. }));
    // An error stops no later update.
    two.write(folders[1].path());
    assert_eq!(next_event(&connectors[1]).kind, EventKind::Updated);
}

/// Material in the policy itself needs no watch, and is no error.
fn without_files(world: &World) {
    let connector = world.connector(world.spec());
    let source = FileSource::new(&connector, &policy(world.spec()));
    drop(watch::start([source]).unwrap());
    assert_eq!(connector.state(), ConnectorState::Ready);
}

const SAFETY_NET: Duration = Duration::from_secs(120);
