//! Files that cannot be read, and files that a writer has not closed (R2, R3, R6): what counts as an update and what does not.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, io};

use crate::support::rotation::{State, Stepper, named_in, tempdir};
use crate::support::world::{World, host};
use tempfile::TempDir;
use uptls::{Code, ConnectOptions, Connector, ConnectorState, FileSource, OnInvalid, PollOutcome};
use uptls_testkit::Pki;

/// A folder of material in which reading of one file can fail.
struct Failing {
    failure: Arc<Mutex<(String, i32)>>,
    folder: TempDir,
    states: [State; 2],
    world: World,
}

impl Failing {
    fn new(seed: &str) -> Failing {
        let failure = Arc::new(Mutex::new((String::new(), 0)));
        let fails = Arc::clone(&failure);
        let world = World::with_reading(seed, move |path: &Path| {
            let (name, number) = &*fails.lock().unwrap();
            if *number != 0 && path.ends_with(name) { Err(io::Error::from_raw_os_error(*number)) } else { Ok(()) }
        });
        let states = [State::new(&world.pki, "one"), State::new(&Pki::new("another CA"), "two")];
        let folder = tempdir();
        states[0].write(folder.path());
        Failing { failure, folder, states, world }
    }

    /// Reading the file `name` fails with `number`; 0: with nothing.
    fn fail(&self, name: &str, number: i32) {
        *self.failure.lock().unwrap() = (name.to_owned(), number);
    }

    fn stepper(&self, on_invalid: OnInvalid) -> Stepper {
        Stepper::with_on_invalid(&self.world, &named_in(self.folder.path()), on_invalid)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }
}

fn connects(connector: &Connector) -> bool {
    connector.begin(&host(), &ConnectOptions::default()).is_ok()
}

const BOTH: [OnInvalid; 2] = [OnInvalid::FailClosed, OnInvalid::KeepLastGood];
const NAMES: [&str; 3] = ["ca.crt", "tls.crt", "tls.key"];
const EINTR: i32 = 4;
const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EACCES: i32 = 13;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const SHORTAGES: [i32; 4] = [EINTR, ENOMEM, ENFILE, EMFILE];

#[test]
fn a_shortage_of_our_own_ends_nothing_however_long_it_lasts() {
    for on_invalid in BOTH {
        for (name, number) in NAMES.into_iter().flat_map(|name| SHORTAGES.map(|number| (name, number))) {
            let failing = Failing::new("short");
            let mut stepper = failing.stepper(on_invalid);
            failing.fail(name, number);
            for _ in 0..20 {
                assert_eq!(stepper.step(), PollOutcome::Unsettled, "{name} {number}");
                assert_eq!(stepper.connector.state(), ConnectorState::Ready);
                assert!(connects(&stepper.connector));
            }
            assert_eq!(stepper.connector.next_event(), None);
            failing.fail("", 0);
            assert_eq!(stepper.step(), PollOutcome::Unchanged);
            assert_eq!((stepper.generation(), stepper.connector.next_event()), (1, None));
        }
    }
}

#[test]
fn what_was_short_is_read_soon_and_what_changed_meanwhile_is_published() {
    let failing = Failing::new("short, then changed");
    let mut stepper = failing.stepper(OnInvalid::FailClosed);
    failing.fail("ca.crt", EMFILE);
    failing.states[1].write(failing.folder.path());
    let begun = stepper.now;
    for milliseconds in [50, 250, 1250, 2250, 3250] {
        assert_eq!(stepper.step(), PollOutcome::Unsettled);
        assert_eq!(stepper.now, begun + Duration::from_millis(milliseconds));
    }
    failing.fail("", 0);
    assert!(matches!(stepper.step(), PollOutcome::Updated(second) if second.number() == 2));
    // What is known is looked at every 10 s again.
    let before = stepper.now;
    assert_eq!(stepper.step(), PollOutcome::Unchanged);
    assert_eq!(stepper.now, before + Duration::from_secs(10));
}

/// The first step of a source knows nothing either.
#[test]
fn the_first_step_of_a_source_ends_nothing() {
    for on_invalid in BOTH {
        let failing = Failing::new("first");
        let policy = named_in(failing.folder.path());
        let connector = Connector::with_on_invalid(&failing.world.runtime, &policy, on_invalid).unwrap();
        let mut stepper = Stepper::on(connector, &policy);
        failing.fail("tls.key", EMFILE);
        assert_eq!((stepper.step(), stepper.connector.state()), (PollOutcome::Unsettled, ConnectorState::Ready));
    }
}

/// The twins of a shortage: each of these is about the file.
#[test]
fn what_is_gone_forbidden_or_of_another_kind_counts_at_once() {
    let failing = Failing::new("twins");
    let mut stepper = failing.stepper(OnInvalid::FailClosed);
    failing.fail("ca.crt", EACCES);
    assert_eq!(stepper.step(), PollOutcome::Withdrawn);
    failing.fail("", 0);
    assert!(matches!(stepper.step(), PollOutcome::Updated(same) if same.number() == 1));
    // One that is gone withdraws, whatever else cannot be read.
    failing.fail("tls.crt", EMFILE);
    fs::remove_file(failing.folder.path().join("ca.crt")).unwrap();
    assert_eq!(stepper.step(), PollOutcome::Withdrawn);
    failing.write("ca.crt", &failing.states[0].ca);
    assert_eq!(stepper.step(), PollOutcome::Unsettled, "and stays so until all can be read");
    assert!(matches!(stepper.connector.state(), ConnectorState::Withdrawn { .. }));
    failing.fail("", 0);
    assert!(matches!(stepper.step(), PollOutcome::Updated(_)));
}

#[test]
fn a_fifo_or_a_device_is_an_invalid_update_at_once_and_is_not_waited_for() {
    for what in ["fifo", "device"] {
        let failing = Failing::new("special");
        let mut stepper = failing.stepper(OnInvalid::FailClosed);
        let path = failing.folder.path().join("ca.crt");
        fs::remove_file(&path).unwrap();
        if what == "fifo" {
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        } else {
            std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        }
        let PollOutcome::Invalid(problems) = stepper.step() else { panic!("{what}") };
        assert_eq!(problems.code(), Code::TrustUnreadable);
        assert!(problems.to_string().contains("not a regular file"), "{problems}");
        // The caller's updates do not wait either.
        assert_eq!(stepper.connector.update(&named_in(failing.folder.path())).unwrap_err().code(), problems.code());
        fs::remove_file(&path).unwrap();
        failing.write("ca.crt", &failing.states[0].ca);
        assert!(stepper.connector.update(&named_in(failing.folder.path())).is_ok() && connects(&stepper.connector));
    }
}

#[test]
fn failing_storage_is_retried_and_then_counts() {
    for on_invalid in BOTH {
        let failing = Failing::new("storage");
        let mut stepper = failing.stepper(on_invalid);
        failing.fail("ca.crt", EIO);
        for _ in 0..3 {
            assert_eq!((stepper.step(), stepper.connector.state()), (PollOutcome::Unsettled, ConnectorState::Ready));
        }
        assert!(matches!(stepper.step(), PollOutcome::Invalid(_)));
        assert_eq!(connects(&stepper.connector), on_invalid == OnInvalid::KeepLastGood);
        // Looked at every second, and good as soon as it can be read.
        let before = stepper.now;
        assert!(matches!(stepper.step(), PollOutcome::Invalid(_)));
        assert_eq!(stepper.now, before + Duration::from_secs(1));
        failing.fail("", 0);
        assert!(matches!(stepper.step(), PollOutcome::Updated(same) if same.number() == 1));
        assert!(connects(&stepper.connector));
        // Its twin: storage that fails for a moment is nothing.
        failing.fail("ca.crt", EIO);
        assert_eq!(stepper.step(), PollOutcome::Unsettled);
        failing.fail("", 0);
        assert_eq!((stepper.step(), stepper.generation()), (PollOutcome::Unchanged, 1));
    }
}

/// R2: the caller is told, and may refuse.
#[test]
fn an_update_by_the_caller_that_could_not_be_read_changes_nothing() {
    let failing = Failing::new("update");
    let policy = named_in(failing.folder.path());
    let connector = Connector::with_on_invalid(&failing.world.runtime, &policy, OnInvalid::FailClosed).unwrap();
    failing.fail("ca.crt", EMFILE);
    let problems = connector.update(&policy).unwrap_err();
    assert_eq!((problems.code(), connector.state()), (Code::TrustUnreadable, ConnectorState::Ready));
    let other = tempdir();
    failing.states[1].write(other.path());
    assert!(connector.update(&named_in(other.path())).is_err() && connects(&connector));
    // It is awaited all the same: a source of it publishes it.
    let mut source = FileSource::new(&connector, &named_in(other.path()));
    failing.fail("", 0);
    let polled = source.poll(std::time::Instant::now());
    assert!(matches!(polled.outcome, PollOutcome::Updated(second) if second.number() == 2), "{polled:?}");
    connector.refuse(problems);
    assert!(!connects(&connector));
    // The twin: a document that is bad is refused.
    connector.update(&policy).unwrap();
    failing.write("ca.crt", "nonsense");
    assert!(connector.update(&policy).is_err() && !connects(&connector));
}

/// Half of a bundle parses. A writer who has not closed it is waited for, through any pauses within 1.25 s.
#[test]
fn what_a_writer_has_not_closed_is_not_published() {
    let failing = Failing::new("writer");
    let bundle = format!("{}{}", failing.states[0].ca, failing.states[1].ca);
    failing.write("ca.crt", &bundle);
    let mut stepper = failing.stepper(OnInvalid::KeepLastGood);
    let path = failing.folder.path().join("ca.crt");
    failing.write("ca.crt", &failing.states[1].ca);
    stepper.source.writing(&path);
    for _ in 0..3 {
        assert_eq!(stepper.step(), PollOutcome::Unsettled);
    }
    failing.write("ca.crt", &format!("{bundle}\n"));
    stepper.source.written(&path);
    assert_eq!((stepper.step(), stepper.generation()), (PollOutcome::Unchanged, 1));
    assert_eq!(stepper.connector.next_event(), None);
}

/// The twins: without a writer, with one of another file, and with one who never comes to an end.
#[test]
fn a_writer_holds_up_his_own_file_alone_and_not_for_ever() {
    let failing = Failing::new("other writers");
    let bundle = format!("{}{}", failing.states[0].ca, failing.states[1].ca);
    failing.write("ca.crt", &bundle);
    let mut stepper = failing.stepper(OnInvalid::KeepLastGood);
    failing.write("ca.crt", &failing.states[1].ca);
    stepper.source.writing(&failing.folder.path().join("access.log"));
    assert!(matches!(stepper.step(), PollOutcome::Updated(_)));
    let path = failing.folder.path().join("ca.crt");
    failing.write("ca.crt", &bundle);
    stepper.source.writing(&path);
    for _ in 0..3 {
        assert_eq!(stepper.step(), PollOutcome::Unsettled);
        stepper.source.writing(&path);
    }
    assert!(matches!(stepper.step(), PollOutcome::Updated(_)), "after 1.25 s it counts");
    // A file that is gone is gone (R3).
    fs::remove_file(&path).unwrap();
    stepper.source.writing(&path);
    assert_eq!(stepper.step(), PollOutcome::Withdrawn);
}

/// The caller updates while a source reads: what was read before is not published over it.
#[test]
fn what_was_read_before_an_update_is_not_published_after_it() {
    let updates = Arc::new(AtomicI32::new(0));
    let connector: Arc<Mutex<Option<(Connector, uptls::UpstreamTlsPolicy)>>> = Arc::default();
    let (count, meanwhile) = (Arc::clone(&updates), Arc::clone(&connector));
    let world = World::with_reading("meanwhile", move |path: &Path| {
        // The first reading of `ca.crt` by the source has the caller publish another document.
        if path.ends_with("one/ca.crt") && count.swap(0, Ordering::SeqCst) == 1 {
            let (connector, other) = meanwhile.lock().unwrap().take().unwrap();
            connector.update(&other).unwrap();
        }
        Ok(())
    });
    let folder = tempdir();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    [&one, &two].into_iter().for_each(|folder| fs::create_dir(folder).unwrap());
    State::new(&world.pki, "one").write(&one);
    State::new(&Pki::new("another CA"), "two").write(&two);
    let mut stepper = Stepper::new(&world, &named_in(&one));
    *connector.lock().unwrap() = Some((stepper.connector.clone(), named_in(&two)));
    fs::write(one.join("ca.crt"), Pki::new("a third CA").root.pem()).unwrap();
    updates.store(1, Ordering::SeqCst);
    assert_eq!(stepper.step(), PollOutcome::Superseded);
    assert_eq!((stepper.generation(), stepper.connector.state()), (2, ConnectorState::Ready));
}
