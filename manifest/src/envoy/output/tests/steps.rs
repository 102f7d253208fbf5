//! Each step of the writer fails once, and the process stops at each: what is there afterwards is of one state.
#![cfg(unix)]

use std::cell::{Cell, RefCell};
use std::io;

use super::super::disk::Step;
use super::*;

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It fails, and what follows does not.
    Once,
    /// Nothing is done any more, not even what cleans up: the process was killed.
    Killed,
}

/// Writes `export` with a fault at the step of this number; `None` once there are not so many steps.
fn write_with(export: &Export, fault: Fault, number: usize) -> Option<Result<(), OutputError>> {
    let seen = Cell::new(0);
    let gate = |_: Step, _: &Path| {
        seen.set(seen.get() + 1);
        let fails = if fault == Fault::Once { seen.get() == number } else { seen.get() >= number };
        if fails { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    };
    let written = write(&Disk::gated(&gate), export);
    (seen.get() >= number).then_some(written)
}

/// Runs `before`, then `after` with a fault at each of its steps, in a new place each time.
fn at_each_step(
    before: impl Fn(&Place),
    after: impl Fn(&Place) -> Export,
    check: impl Fn(&Place, Fault, &Result<(), OutputError>),
) -> usize {
    let mut steps = 0;
    for fault in [Fault::Once, Fault::Killed] {
        for number in 1.. {
            let place = Place::new();
            before(&place);
            let Some(written) = write_with(&after(&place), fault, number) else { break };
            check(&place, fault, &written);
            // What was left stops no later export.
            after(&place).write().unwrap_or_else(|error| panic!("{fault:?} at {number}: {error}"));
            check(&place, Fault::Once, &Ok(()));
            steps += 1;
        }
    }
    steps
}

#[test]
fn a_state_is_whole_whatever_fails() {
    for before in [None, Some("one")] {
        let begin = |place: &Place| {
            if let Some(before) = before {
                place.sds("pay", before).write().unwrap();
                place.sds("other", "another").write().unwrap();
            }
        };
        let steps = at_each_step(
            begin,
            |place| place.sds("pay", "two"),
            |place, fault, written| {
                let state = place.state("pay");
                if written.is_ok() {
                    assert_eq!(state.as_deref(), Some("two"));
                } else {
                    assert!(state.as_deref() == before || state.as_deref() == Some("two"), "{state:?}");
                }
                if before.is_some() {
                    assert_eq!(place.state("other").as_deref(), Some("another"));
                }
                if fault == Fault::Once {
                    let left = [names(&place.path("sds/.uptls")), names(&place.policy("pay"))].concat();
                    assert!(!left.iter().any(|name| name == "new" || name == "next"), "{left:?}");
                }
            },
        );
        assert!(steps >= 2 * 20, "{steps}");
    }
}

/// What was removed must be gone from the disk only after the link has moved: the state that is replaced stays.
#[test]
fn a_state_that_is_swept_is_one_that_no_link_names() {
    let begin = |place: &Place| {
        for state in ["one", "two", "three"] {
            place.sds("pay", state).write().unwrap();
        }
        assert_eq!(place.states().len(), 2);
    };
    let steps = at_each_step(
        begin,
        |place| place.sds("pay", "four"),
        |place, _, written| {
            let state = place.state("pay").unwrap();
            assert_eq!(state, if written.is_ok() { "four" } else { &state });
            assert!(state == "three" || state == "four", "{state}");
            assert!(place.states().len() <= 3, "{:?}", place.states());
        },
    );
    assert!(steps >= 2 * 20, "{steps}");
}

#[test]
fn a_file_is_whole_whatever_fails() {
    for before in [None, Some("one")] {
        let begin = |place: &Place| {
            if let Some(before) = before {
                place.ca_file("ca.pem", "pay", before).write().unwrap();
            }
        };
        let steps = at_each_step(
            begin,
            |place| place.ca_file("ca.pem", "pay", "two"),
            |place, fault, written| {
                let text = place.text("ca.pem");
                if written.is_ok() {
                    assert_eq!(text.as_deref(), Some("two"));
                } else {
                    assert!(text.as_deref() == before || text.as_deref() == Some("two"), "{text:?}");
                }
                if fault == Fault::Once {
                    let names = names(place.dir.path());
                    assert!(names.is_empty() || names == ["ca.pem"], "{names:?}");
                }
            },
        );
        assert!(steps >= 2 * 6, "{steps}");
    }
}

/// A power loss keeps what was waited for, in any order otherwise: all content and names are waited for before the rename that
/// makes them count.
#[test]
fn what_a_link_leads_to_is_on_the_disk_before_the_link() {
    let place = Place::new();
    place.sds("pay", "one").write().unwrap();
    let steps = RefCell::new(Vec::new());
    let gate = |step: Step, path: &Path| {
        let name = if path == place.dir.path() { "PARENT" } else { path.file_name().unwrap().to_str().unwrap() };
        let name = if name.len() == 64 { "STATE".to_owned() } else { name.replace(&place_name(&place), "POLICY") };
        steps.borrow_mut().push(format!("{step:?} {name}"));
        Ok(())
    };
    write(&Disk::gated(&gate), &place.sds("pay", "two")).unwrap();
    let steps = steps.into_inner();
    let kept: Vec<_> = steps.iter().filter(|step| step.contains("Sync") || step.contains("Rename")).collect();
    let wanted = [
        "SyncFolder PARENT",
        "SyncFolder sds",
        "Sync tls_certificate.json",
        "Sync validation_context.json",
        "SyncFolder new",
        "Rename STATE",
        "SyncFolder .uptls",
        "SyncFolder sds",
        "Rename current",
        "SyncFolder POLICY",
    ];
    assert_eq!(kept, wanted, "{steps:?}");
    for step in ["Lock", "Create", "Write", "SetMode", "MakeFolder", "Link"] {
        assert!(steps.iter().any(|taken| taken.starts_with(step)), "{step}");
    }
}

fn place_name(place: &Place) -> String {
    place.policy("pay").file_name().unwrap().to_str().unwrap().to_owned()
}

/// I6: there is no moment in which another user could read a key.
#[test]
fn a_key_is_never_readable_by_others() {
    let place = Place::new();
    let looks = Cell::new(0);
    let gate = |_: Step, _: &Path| {
        for state in names(&place.path("sds/.uptls")) {
            let folder = place.path("sds/.uptls").join(state);
            let key = folder.join(file_name(CERTIFICATE));
            if key.exists() {
                looks.set(looks.get() + 1);
                assert_eq!((mode(&key), mode(&folder)), (0o600, 0o700));
            }
        }
        Ok(())
    };
    for state in ["one", "two"] {
        write(&Disk::gated(&gate), &place.sds("pay", state)).unwrap();
    }
    assert!(looks.get() > 10, "{}", looks.get());
    assert_eq!(mode(&place.path("sds")), 0o700);
    assert_eq!(mode(&place.policy("pay").join(CURRENT).join(file_name(VALIDATION))), 0o644);
}
