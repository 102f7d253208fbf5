//! L14, L20: a refusal or a withdrawal ends by its author or by a newer good document; a poll of a source is neither, and one
//! connector has one runtime.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::rotation::{Stepper, tempdir};
use crate::support::world::{Backend, World, host, policy, trusting};
use uptls::danger::DangerPermission;
use uptls::{
    Code, ConnectOptions, Connector, ConnectorState, Error, EventKind, FileSource, MaterialDraft, OnInvalid,
    PolicyDraft, PolicySpec, PollOutcome, Problems, TrustDraft, UpstreamTlsPolicy, Watch,
};
use uptls_testkit::{Pki, Versions};

fn by_file(path: &Path) -> UpstreamTlsPolicy {
    let bundles = vec![MaterialDraft::file(path)];
    policy(PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() })
}

/// What is wrong with a document that does not load.
fn problems(world: &World) -> Problems {
    world.runtime.prepare(&by_file(Path::new("/nonexistent/ca.pem"))).unwrap_err()
}

fn refusal(connector: &Connector) -> Option<Code> {
    connector.begin(&host(), &ConnectOptions::default()).err().map(|error| error.code())
}

#[test]
fn fail_closed_stays_closed_until_a_document_is_good() {
    let (world, folder) = (World::new("closed"), tempdir());
    let path = folder.path().join("ca.pem");
    fs::write(&path, world.pki.root.pem()).unwrap();
    let mut stepper = Stepper::with_on_invalid(&world, &by_file(&path), OnInvalid::FailClosed);
    stepper.connector.refuse(problems(&world));
    for _ in 0..3 {
        assert_eq!(stepper.step(), PollOutcome::Unchanged);
        assert_eq!(refusal(&stepper.connector), Some(Code::PolicyNotReady));
    }
    // Nor does a source that is new, or a file that is written.
    let mut other = FileSource::new(&stepper.connector, &by_file(&path));
    other.poll(stepper.now);
    fs::write(&path, Pki::new("closed, renewed").root.pem()).unwrap();
    assert!(matches!(stepper.step(), PollOutcome::Updated(_)), "it is taken, for later");
    assert_eq!(refusal(&stepper.connector), Some(Code::PolicyNotReady));
    stepper.connector.update(&by_file(&path)).unwrap();
    assert_eq!((refusal(&stepper.connector), stepper.connector.state()), (None, ConnectorState::Ready));
}

/// The twin: what the files stopped, the files start.
#[test]
fn a_source_ends_what_its_files_stopped() {
    let (world, folder) = (World::new("own"), tempdir());
    let path = folder.path().join("ca.pem");
    fs::write(&path, world.pki.root.pem()).unwrap();
    let mut stepper = Stepper::with_on_invalid(&world, &by_file(&path), OnInvalid::FailClosed);
    fs::write(&path, "no certificate").unwrap();
    while stepper.step() == PollOutcome::Unsettled {}
    assert_eq!(refusal(&stepper.connector), Some(Code::PolicyNotReady));
    fs::write(&path, world.pki.root.pem()).unwrap();
    assert!(matches!(stepper.step(), PollOutcome::Updated(same) if same.number() == 1));
    assert_eq!(refusal(&stepper.connector), None);
}

#[test]
fn what_is_withdrawn_stays_so_under_refusals() {
    for on_invalid in [OnInvalid::FailClosed, OnInvalid::KeepLastGood] {
        let (world, folder) = (World::new("withdrawn"), tempdir());
        let path = folder.path().join("ca.pem");
        fs::write(&path, world.pki.root.pem()).unwrap();
        let mut stepper = Stepper::with_on_invalid(&world, &by_file(&path), on_invalid);
        stepper.connector.withdraw();
        stepper.connector.refuse(problems(&world));
        let failed = stepper.connector.update(&by_file(Path::new("/nonexistent/ca.pem"))).unwrap_err();
        assert_eq!(failed.code(), Code::TrustUnreadable, "what is wrong is said all the same");
        assert_eq!(stepper.step(), PollOutcome::Withdrawn);
        assert_eq!(refusal(&stepper.connector), Some(Code::PolicyWithdrawn), "{on_invalid:?}");
        // R5: no pool that asks `is_current` drained it, so it is the same generation again.
        assert_eq!(stepper.connector.update(&by_file(&path)).unwrap().number(), 1);
        assert_eq!(refusal(&stepper.connector), None);
    }
}

/// P: a file that is gone and comes back broken.
#[test]
fn what_a_file_withdrew_stays_so_until_it_is_good() {
    let (world, folder) = (World::new("back, broken"), tempdir());
    let path = folder.path().join("ca.pem");
    fs::write(&path, world.pki.root.pem()).unwrap();
    let mut stepper = Stepper::new(&world, &by_file(&path));
    fs::remove_file(&path).unwrap();
    assert_eq!(stepper.step(), PollOutcome::Withdrawn);
    fs::write(&path, "no certificate").unwrap();
    while stepper.step() == PollOutcome::Unsettled {}
    assert_eq!(refusal(&stepper.connector), Some(Code::PolicyWithdrawn));
    fs::write(&path, world.pki.root.pem()).unwrap();
    assert!(matches!(stepper.step(), PollOutcome::Updated(same) if same.number() == 1));
    assert_eq!(refusal(&stepper.connector), None);
}

/// A CA that an update took away does not come back.
#[test]
fn a_source_of_another_document_does_nothing() {
    let (world, folder) = (World::new("superseded"), tempdir());
    let [old, new] = ["old.pem", "new.pem"].map(|name| folder.path().join(name));
    let other = Pki::new("superseded, the next CA");
    fs::write(&old, format!("{}{}", world.pki.root.pem(), other.root.pem())).unwrap();
    fs::write(&new, other.root.pem()).unwrap();
    let mut stepper = Stepper::new(&world, &by_file(&old));
    let mut following = FileSource::following(&stepper.connector);
    following.poll(stepper.now);
    stepper.connector.update(&by_file(&new)).unwrap();
    let backend = Backend::new(world.server(Versions::Both));
    let refused = |stepper: &Stepper| backend.visit(&stepper.connector).err().map(|error| error.code());
    // Its files are written, forbidden, gone: none of it counts; nor does a refusal give it its policy back.
    for content in [Some(world.pki.root.pem()), Some("no certificate".to_owned()), None] {
        match content {
            Some(content) => fs::write(&old, content).unwrap(),
            None => fs::remove_file(&old).unwrap(),
        }
        stepper.connector.refuse(problems(&world));
        assert_eq!(stepper.step(), PollOutcome::Superseded);
        assert_eq!(refused(&stepper), Some(Code::CertUnknownIssuer));
    }
    assert_eq!(stepper.generation(), 2);
    // The twin: one that follows reads the files of the new policy, and only these.
    assert!(matches!(following.poll(stepper.now).outcome, PollOutcome::Unchanged));
    assert_eq!(following.directories().collect::<Vec<_>>(), [folder.path()]);
    fs::write(&new, world.pki.root.pem()).unwrap();
    assert!(matches!(following.poll(stepper.now).outcome, PollOutcome::Updated(next) if next.number() == 3));
    assert_eq!(refused(&stepper), None);
    fs::remove_file(&new).unwrap();
    assert_eq!(following.poll(stepper.now).outcome, PollOutcome::Withdrawn);
}

/// The same text in two folders is two documents.
#[test]
fn equal_documents_of_two_folders_are_two() {
    let world = World::new("two folders");
    let folders = [tempdir(), tempdir()];
    let of = |folder: &Path| {
        let bundles = vec![MaterialDraft::file("ca.pem")];
        let spec = PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() };
        UpstreamTlsPolicy::check(PolicyDraft::new(spec).with_base(folder), DangerPermission::Forbidden).unwrap()
    };
    for folder in &folders {
        fs::write(folder.path().join("ca.pem"), world.pki.root.pem()).unwrap();
    }
    let mut stepper = Stepper::new(&world, &of(folders[0].path()));
    assert_eq!(stepper.connector.update(&of(folders[1].path())).unwrap().number(), 1, "R5");
    fs::remove_file(folders[0].path().join("ca.pem")).unwrap();
    assert_eq!(stepper.step(), PollOutcome::Superseded);
    assert_eq!(refusal(&stepper.connector), None);
}

/// A document whose files are late is published by its source; one that the caller refused since is not.
#[test]
fn a_document_that_failed_is_published_when_its_files_are_there() {
    for is_refused in [false, true] {
        let (world, folder) = (World::new("late"), tempdir());
        let path = folder.path().join("ca.pem");
        let connector =
            Connector::with_on_invalid(&world.runtime, &policy(trusting(&Pki::new("first"))), OnInvalid::FailClosed)
                .unwrap();
        connector.update(&by_file(&path)).unwrap_err();
        let mut stepper = Stepper::on(connector, &by_file(&path));
        assert!(matches!(stepper.step(), PollOutcome::Invalid(_)));
        if is_refused {
            stepper.connector.refuse(problems(&world));
        }
        fs::write(&path, world.pki.root.pem()).unwrap();
        let outcome = stepper.step();
        if is_refused {
            assert_eq!((outcome, refusal(&stepper.connector)), (PollOutcome::Superseded, Some(Code::PolicyNotReady)));
        } else {
            assert!(matches!(outcome, PollOutcome::Updated(_)), "{outcome:?}");
            assert_eq!(refusal(&stepper.connector), None);
        }
    }
}

/// The thread goes over to the new policy's files, too.
#[test]
fn a_watch_of_a_source_that_follows_goes_over() {
    let (world, folder) = (World::new("watch"), tempdir());
    let [old, new] = ["old.pem", "new.pem"].map(|name| folder.path().join(name));
    let other = Pki::new("watch, the next CA");
    fs::write(&old, world.pki.root.pem()).unwrap();
    fs::write(&new, other.root.pem()).unwrap();
    let connector = Connector::new(&world.runtime, &by_file(&old)).unwrap();
    let source = FileSource::following(&connector).with_interval(Duration::ZERO);
    let watch = Watch::polling([source]).unwrap();
    connector.update(&by_file(&new)).unwrap();
    fs::remove_file(&old).unwrap();
    fs::write(&new, format!("{}{}", other.root.pem(), world.pki.root.pem())).unwrap();
    while connector.generation().number() < 3 {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(watch);
    assert_eq!(connector.state(), ConnectorState::Ready);
    let kinds: Vec<_> = std::iter::from_fn(|| connector.next_event()).map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Updated, EventKind::Updated]);
}

#[test]
fn one_connector_has_one_runtime() {
    let (own, other) = (World::new("runtime"), World::new("runtime"));
    let connector = own.connector(own.spec());
    let mut spec = other.spec();
    spec.handshake_timeout = Some("3s".to_owned());
    let foreign = other.runtime.prepare(&policy(spec.clone())).unwrap();
    let error = connector.publish(foreign).unwrap_err();
    assert!(matches!(error, Error::Misuse(_)), "{error}");
    assert!(error.to_string().contains("Connector::runtime()"), "{error}");
    assert_eq!((connector.generation().number(), connector.state()), (1, ConnectorState::Ready), "nothing happened");
    // As the hint says; a clone of the runtime is the same.
    let prepared = connector.runtime().clone().prepare(&policy(spec)).unwrap();
    assert_eq!(connector.publish(prepared).unwrap().number(), 2);
}
