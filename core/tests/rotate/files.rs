//! Files as their writers write them: swapped, in place, one after the other, deleted, forbidden (R3, R5, R6).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "test code")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use crate::support::rotation::{State, Stepper, Volume, named_in, tempdir};
use crate::support::world::{Backend, World, host};
use uptls::{Code, ConnectOptions, Connector, ConnectorState, EventKind, MaterialDraft, OnInvalid, PollOutcome};
use uptls_testkit::{Pki, Versions};

/// The world's CA with one client, the same CA with another, and another CA.
fn states(world: &World) -> [State; 3] {
    [State::new(&world.pki, "one"), State::new(&world.pki, "two"), State::new(&Pki::new("another CA"), "three")]
}

#[test]
fn a_kubernetes_swap_is_one_new_generation() {
    let (world, folder) = (World::new("swap"), tempdir());
    let [one, two, foreign] = states(&world);
    let mut volume = Volume::new(folder.path(), &one);
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    let backend = Backend::new(world.server(Versions::Both));
    for (state, generation) in [(&two, 2), (&one, 3), (&two, 4)] {
        volume.swap(state);
        assert!(matches!(stepper.step(), PollOutcome::Updated(new) if new.number() == generation));
        backend.visit(&stepper.connector).unwrap();
        assert_eq!(stepper.step(), PollOutcome::Unchanged);
    }
    volume.swap(&foreign);
    stepper.step();
    assert_eq!(backend.visit(&stepper.connector).err().unwrap().code(), Code::CertUnknownIssuer);
}

/// The chain of the CSI driver: a link to a link to the directory.
#[test]
fn two_hops_are_followed_again_after_each_swap() {
    let (world, folder) = (World::new("two hops"), tempdir());
    let [one, two, _] = states(&world);
    let mut volume = Volume::new(&folder.path().join("mounted"), &one);
    symlink("mounted/..data", folder.path().join("stable")).unwrap();
    let mut stepper = Stepper::new(&world, &named_in(&folder.path().join("stable")));
    let watched = |stepper: &Stepper| stepper.source.directories().map(ToOwned::to_owned).collect::<Vec<_>>();
    for (generation, state) in [(2, &two), (3, &one), (4, &two)] {
        volume.swap(state);
        assert!(matches!(stepper.step(), PollOutcome::Updated(_)));
        assert_eq!(stepper.generation(), generation);
        let real = volume.root.join(fs::read_link(volume.root.join("..data")).unwrap());
        // Where `stable` lies, where `..data` lies, and where the files do.
        for directory in [folder.path(), &volume.root, &real] {
            assert!(watched(&stepper).iter().any(|path| path == directory), "{directory:?}: {:?}", watched(&stepper));
        }
    }
    // The outer hop is swapped, too.
    let other = Volume::new(&folder.path().join("other"), &one);
    symlink("other/..data", folder.path().join("next")).unwrap();
    fs::rename(folder.path().join("next"), folder.path().join("stable")).unwrap();
    assert!(matches!(stepper.step(), PollOutcome::Updated(_)));
    assert!(watched(&stepper).contains(&other.root) && !watched(&stepper).contains(&volume.root));
}

#[test]
fn writing_in_place_is_seen_and_touching_is_nothing() {
    let (world, folder) = (World::new("in place"), tempdir());
    let [one, two, _] = states(&world);
    one.write(folder.path());
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    let prepared = stepper.connector.prepared().unwrap();
    one.write(folder.path());
    assert_eq!(stepper.step(), PollOutcome::Unchanged, "R5");
    assert_eq!((stepper.generation(), stepper.connector.next_event()), (1, None));
    assert!(std::sync::Arc::ptr_eq(&prepared, &stepper.connector.prepared().unwrap()));
    // The same anchors in another text: other files, the same generation.
    fs::write(folder.path().join("ca.crt"), format!("# renewed\n{}", one.ca)).unwrap();
    assert_eq!((stepper.step(), stepper.generation()), (PollOutcome::Unchanged, 1));
    two.write(folder.path());
    assert!(matches!(stepper.step(), PollOutcome::Updated(_)));
    assert_eq!(stepper.generation(), 2);
}

#[test]
fn a_torn_pair_is_retried_and_not_reported_if_the_writer_finishes() {
    let (world, folder) = (World::new("torn"), tempdir());
    let [one, two, _] = states(&world);
    one.write(folder.path());
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    fs::write(folder.path().join("tls.crt"), &two.certificate).unwrap();
    let begun = stepper.now;
    for wait in [50, 250] {
        assert_eq!(stepper.step(), PollOutcome::Unsettled);
        assert_eq!(stepper.now, begun + Duration::from_millis(wait));
        assert_eq!((stepper.connector.state(), stepper.connector.next_event()), (ConnectorState::Ready, None));
    }
    fs::write(folder.path().join("tls.key"), &two.key).unwrap();
    assert!(matches!(stepper.step(), PollOutcome::Updated(_)));
    assert_eq!((stepper.generation(), stepper.connector.state()), (2, ConnectorState::Ready));
}

#[test]
fn a_pair_that_stays_torn_is_reported_once() {
    let (world, folder) = (World::new("torn for good"), tempdir());
    let [one, two, _] = states(&world);
    one.write(folder.path());
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    fs::write(folder.path().join("tls.crt"), &two.certificate).unwrap();
    // A storm of events does not use up the writer's time.
    for _ in 0..100 {
        assert_eq!(stepper.source.poll(stepper.now).outcome, PollOutcome::Unsettled);
    }
    let mut steps = 0;
    let problems = loop {
        steps += 1;
        match stepper.step() {
            PollOutcome::Invalid(problems) => break problems,
            outcome => assert_eq!(outcome, PollOutcome::Unsettled),
        }
    };
    assert_eq!((problems.code(), steps), (Code::IdentityKeyMismatch, 4));
    assert!(matches!(stepper.connector.state(), ConnectorState::Degraded { .. }));
    assert!(matches!(stepper.step(), PollOutcome::Invalid(_)));
    let kinds: Vec<_> = std::iter::from_fn(|| stepper.connector.next_event()).map(|event| event.kind).collect();
    assert!(matches!(kinds.as_slice(), [EventKind::Degraded { reason, .. }] if *reason == problems), "{kinds:?}");
    // R2: the last good one is used until the pair is whole.
    assert!(Backend::new(world.server(Versions::Both)).visit(&stepper.connector).is_ok());
    fs::write(folder.path().join("tls.key"), &two.key).unwrap();
    assert!(matches!(stepper.step(), PollOutcome::Updated(_)));
    assert_eq!(stepper.generation(), 2);
}

/// A CA file that a writer truncates and fills again, at every length: either nothing changes, or what is complete counts.
#[test]
fn half_a_file_is_never_published() {
    let (world, folder) = (World::new("half"), tempdir());
    let [one, _, _] = states(&world);
    one.write(folder.path());
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    for length in 0..one.ca.trim_end().len() {
        fs::write(folder.path().join("ca.crt"), &one.ca[..length]).unwrap();
        assert_eq!(stepper.source.poll(stepper.now).outcome, PollOutcome::Unsettled, "{length}");
    }
    fs::write(folder.path().join("ca.crt"), &one.ca).unwrap();
    assert_eq!((stepper.step(), stepper.generation()), (PollOutcome::Unchanged, 1));
}

#[test]
fn with_fail_closed_what_stays_torn_ends_connections() {
    let (world, folder) = (World::new("torn, closed"), tempdir());
    let [one, two, _] = states(&world);
    one.write(folder.path());
    let mut stepper = Stepper::with_on_invalid(&world, &named_in(folder.path()), OnInvalid::FailClosed);
    fs::write(folder.path().join("tls.crt"), &two.certificate).unwrap();
    while stepper.step() == PollOutcome::Unsettled {}
    let error = stepper.connector.begin(&host(), &ConnectOptions::default()).err().unwrap();
    assert_eq!(error.code(), Code::PolicyNotReady);
    assert!(matches!(stepper.connector.next_event().unwrap().kind, EventKind::NotReady { .. }));
    one.write(folder.path());
    assert!(matches!(stepper.step(), PollOutcome::Updated(same) if same.number() == 1), "R5");
    assert!(stepper.connector.begin(&host(), &ConnectOptions::default()).is_ok());
}

/// R3: no grace, for none of the files.
#[test]
fn a_deleted_file_withdraws_at_once_and_its_return_publishes() {
    let world = World::new("deleted");
    let [one, two, _] = states(&world);
    for name in ["ca.crt", "tls.crt", "tls.key"] {
        let folder = tempdir();
        one.write(folder.path());
        let mut stepper = Stepper::new(&world, &named_in(folder.path()));
        fs::remove_file(folder.path().join(name)).unwrap();
        assert_eq!(stepper.step(), PollOutcome::Withdrawn);
        let error = stepper.connector.begin(&host(), &ConnectOptions::default()).err().unwrap();
        assert_eq!(error.code(), Code::PolicyWithdrawn);
        assert_eq!(stepper.step(), PollOutcome::Withdrawn);
        let event = stepper.connector.next_event().unwrap();
        let EventKind::Withdrawn { reason: Some(reason), .. } = event.kind else { panic!("{event:?}") };
        assert!(event.trust_reduced && reason.to_string().contains(name), "{reason}");
        assert_eq!(stepper.connector.next_event(), None, "once");
        two.write(folder.path());
        assert!(matches!(stepper.step(), PollOutcome::Updated(_)));
        assert!(stepper.connector.begin(&host(), &ConnectOptions::default()).is_ok());
    }
}

#[test]
fn a_directory_can_go_and_come_back() {
    let (world, folder) = (World::new("directory"), tempdir());
    let [one, two, _] = states(&world);
    let inner = folder.path().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    one.write(&inner);
    let mut stepper = Stepper::new(&world, &named_in(&inner));
    fs::remove_dir_all(folder.path().join("a")).unwrap();
    assert_eq!(stepper.step(), PollOutcome::Withdrawn);
    // A change would show where the directory was.
    assert_eq!(stepper.source.directories().collect::<Vec<_>>(), [folder.path()]);
    fs::write(folder.path().join("a"), "not a directory").unwrap();
    assert_eq!(stepper.step(), PollOutcome::Withdrawn);
    fs::remove_file(folder.path().join("a")).unwrap();
    fs::create_dir_all(&inner).unwrap();
    two.write(&inner);
    assert!(matches!(stepper.step(), PollOutcome::Updated(_)));
    assert_eq!(stepper.source.directories().collect::<Vec<_>>(), [inner]);
}

#[test]
fn a_forbidden_file_withdraws() {
    let (world, folder) = (World::new("forbidden"), tempdir());
    let [one, ..] = states(&world);
    one.write(folder.path());
    let key = folder.path().join("tls.key");
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&key).is_ok() {
        return as_nobody("rotate::files::a_forbidden_file_withdraws");
    }
    assert_eq!(stepper.step(), PollOutcome::Withdrawn);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(stepper.step(), PollOutcome::Updated(_)));
}

/// What is there but is no file of ours is a mistake, and not a withdrawal.
#[test]
fn a_directory_in_the_place_of_a_file_is_an_invalid_update() {
    let (world, folder) = (World::new("misplaced"), tempdir());
    let [one, ..] = states(&world);
    one.write(folder.path());
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    fs::remove_file(folder.path().join("ca.crt")).unwrap();
    fs::create_dir(folder.path().join("ca.crt")).unwrap();
    assert!(matches!(stepper.step(), PollOutcome::Invalid(problems) if problems.code() == Code::TrustUnreadable));
    assert!(matches!(stepper.connector.state(), ConnectorState::Degraded { .. }));
}

#[test]
fn files_may_appear_after_the_connector() {
    let (world, folder) = (World::new("late"), tempdir());
    let policy = named_in(folder.path());
    let reason = Connector::new(&world.runtime, &policy).unwrap_err();
    let mut stepper = Stepper::on(Connector::not_ready(&world.runtime, reason, OnInvalid::KeepLastGood), &policy);
    assert!(matches!(stepper.step(), PollOutcome::Invalid(_)));
    let error = stepper.connector.begin(&host(), &ConnectOptions::default()).err().unwrap();
    assert_eq!(error.code(), Code::PolicyNotReady, "it was never there: the reason helps more");
    State::new(&world.pki, "late").write(folder.path());
    assert!(matches!(stepper.step(), PollOutcome::Updated(first) if first.number() == 1));
}

/// A policy that its owner withdrew is not brought back by a file.
#[test]
fn the_callers_withdrawal_stands() {
    let (world, folder) = (World::new("caller"), tempdir());
    let [one, two, foreign] = states(&world);
    one.write(folder.path());
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    stepper.connector.withdraw();
    two.write(folder.path());
    assert_eq!(stepper.step(), PollOutcome::Withdrawn);
    assert!(matches!(stepper.connector.state(), ConnectorState::Withdrawn { .. }));
    // Nor if a file was gone before.
    stepper.connector.update(&named_in(folder.path())).unwrap();
    stepper.step();
    fs::remove_file(folder.path().join("ca.crt")).unwrap();
    assert_eq!(stepper.step(), PollOutcome::Withdrawn);
    stepper.connector.withdraw();
    foreign.write(folder.path());
    assert_eq!(stepper.step(), PollOutcome::Withdrawn);
    // Only its owner brings it back.
    stepper.connector.update(&named_in(folder.path())).unwrap();
    one.write(folder.path());
    assert!(matches!(stepper.step(), PollOutcome::Updated(_)));
}

#[test]
fn inline_material_has_no_directories() {
    let world = World::new("inline");
    let mut stepper = Stepper::new(&world, &crate::support::world::policy(world.spec()));
    assert_eq!((stepper.source.directories().count(), stepper.step()), (0, PollOutcome::Unchanged));
    let draft = MaterialDraft::file("ca.crt");
    let spec = uptls::TrustDraft { bundles: vec![draft], ..uptls::TrustDraft::default() };
    let relative = crate::support::world::policy(uptls::PolicySpec { trust: spec, ..uptls::PolicySpec::default() });
    let source = uptls::FileSource::new(&stepper.connector, &relative);
    assert_eq!(source.directories().collect::<Vec<_>>(), [std::path::Path::new(".")]);
}

/// Nothing is forbidden to root: runs one test of this binary as the user nobody, in a directory of that user.
fn as_nobody(test: &str) {
    let folder = tempdir();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let binary = folder.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    let mut command = Command::new(&binary);
    command.args(["--exact", test]).env("TMPDIR", folder.path()).current_dir(folder.path()).uid(NOBODY).gid(NOBODY);
    match command.output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains("1 passed"), "{text}");
        }
        Err(error) => {
            println!("skipped: nothing is forbidden to this user, and it cannot be nobody: {error}");
            #[allow(clippy::disallowed_methods, reason = "test code")]
            let required = std::env::var_os("UPTLS_REQUIRE_SUITES").is_some_and(|value| value == "1");
            assert!(!required, "UPTLS_REQUIRE_SUITES is set");
        }
    }
}

const NOBODY: u32 = 65534;
