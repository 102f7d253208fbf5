//! Many policies in one folder (L12), and what of them is kept.
#![cfg(unix)]

use std::os::unix::fs::symlink;
use std::thread;

use super::*;

#[test]
fn two_policies_in_one_folder_never_meet() {
    let place = Place::new();
    place.sds("pay", "one").write().unwrap();
    place.sds("ledger", "two").write().unwrap();
    assert_eq!((place.state("pay").as_deref(), place.state("ledger").as_deref()), (Some("one"), Some("two")));
    // Each replaces its own.
    place.sds("pay", "three").write().unwrap();
    assert_eq!((place.state("pay").as_deref(), place.state("ledger").as_deref()), (Some("three"), Some("two")));
}

#[test]
fn equal_material_is_one_state_until_one_of_them_changes() {
    let place = Place::new();
    place.sds("pay", "one").write().unwrap();
    place.sds("ledger", "one").write().unwrap();
    assert_eq!(place.states().len(), 1);
    place.sds("pay", "two").write().unwrap();
    assert_eq!((place.state("pay").as_deref(), place.state("ledger").as_deref()), (Some("two"), Some("one")));
    // The link of the other one keeps it.
    for state in ["three", "four", "five"] {
        place.sds("pay", state).write().unwrap();
    }
    assert_eq!(place.state("ledger").as_deref(), Some("one"));
}

#[test]
fn what_is_replaced_stays_until_the_next_export() {
    let place = Place::new();
    let export = |state: &str| {
        place.sds("pay", state).write().unwrap();
        place.states().len()
    };
    assert_eq!(["one", "two", "three", "four", "five"].map(export), [1, 2, 2, 2, 2]);
    // Back to what was there: the state is found or made again.
    assert_eq!(["four", "five", "four"].map(export), [2, 2, 2]);
    assert_eq!(place.state("pay").as_deref(), Some("four"));
}

/// R5: Envoy is not woken by what is equal.
#[test]
fn an_equal_state_moves_nothing() {
    let place = Place::new();
    let inode = || {
        use std::os::unix::fs::MetadataExt as _;
        fs::symlink_metadata(place.policy("pay").join(CURRENT)).unwrap().ino()
    };
    place.sds("pay", "one").write().unwrap();
    let before = inode();
    place.sds("pay", "one").write().unwrap();
    assert_eq!(inode(), before);
    // Another one keeps it in use.
    place.sds("pay", "two").write().unwrap();
    assert_ne!(inode(), before);
}

#[test]
fn what_others_put_into_the_folder_stays() {
    let place = Place::new();
    fs::create_dir_all(place.path("sds/folder")).unwrap();
    fs::write(place.path("sds/ca.pem"), "theirs").unwrap();
    symlink("nowhere", place.path("sds/folder/current")).unwrap();
    place.sds("pay", "one").write().unwrap();
    fs::write(place.policy("pay").join(CURRENT).join("note"), "theirs").unwrap();
    let state = fs::read_link(place.policy("pay").join(CURRENT)).unwrap();
    for state in ["two", "three", "four"] {
        place.sds("pay", state).write().unwrap();
    }
    assert_eq!(fs::read_to_string(place.path("sds/ca.pem")).unwrap(), "theirs");
    assert_eq!(fs::read_to_string(place.policy("pay").join(state).join("note")).unwrap(), "theirs");
    assert_eq!(fs::read_link(place.path("sds/folder/current")).unwrap(), Path::new("nowhere"));
}

#[test]
fn what_no_export_wrote_is_not_replaced() {
    let current = |place: &Place| place.policy("pay").join(CURRENT);
    let cases: [(&str, Make); 4] = [
        ("a file", |path| fs::write(path, "theirs").unwrap()),
        ("a folder", |path| fs::create_dir(path).unwrap()),
        ("a symbolic link", |path| symlink("../elsewhere", path).unwrap()),
        ("a symbolic link", |path| symlink("../.uptls/x/../../elsewhere", path).unwrap()),
    ];
    for (wanted, make) in cases {
        let place = Place::new();
        fs::create_dir_all(place.policy("pay")).unwrap();
        make(&current(&place));
        let error = place.sds("pay", "one").write().unwrap_err();
        assert!(matches!(&error, OutputError::Foreign { kind, .. } if *kind == wanted), "{error}");
        assert!(error.to_string().contains("remove it first"), "{error}");
        // The twin: what the hint says helps.
        let _ = fs::remove_dir(current(&place)).or_else(|_| fs::remove_file(current(&place)));
        place.sds("pay", "one").write().unwrap();
    }
}

/// From behind a link `..` leads elsewhere.
#[test]
fn what_stands_in_place_of_a_folder_of_ours_is_not_used() {
    let own: [fn(&Place) -> PathBuf; 2] = [|place| place.path("sds/.uptls"), |place| place.policy("pay")];
    let cases: [(&str, Make); 2] = [
        ("a file", |path| fs::write(path, "theirs").unwrap()),
        ("a symbolic link", |path| symlink(path.parent().unwrap().parent().unwrap(), path).unwrap()),
    ];
    for own in own {
        for (wanted, make) in cases {
            let place = Place::new();
            fs::create_dir(place.path("sds")).unwrap();
            make(&own(&place));
            let error = place.sds("pay", "one").write().unwrap_err();
            assert!(matches!(&error, OutputError::Foreign { kind, .. } if *kind == wanted), "{error}");
            fs::remove_file(own(&place)).unwrap();
            place.sds("pay", "one").write().unwrap();
        }
    }
}

#[test]
fn a_state_that_was_changed_is_not_used() {
    let changes: [Make; 4] = [
        |key| fs::write(key, "tls_certificate of owe").unwrap(),
        |key| fs::write(key, "").unwrap(),
        |key| fs::remove_file(key).unwrap(),
        |key| {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
        },
    ];
    for change in changes {
        let place = Place::new();
        place.sds("pay", "one").write().unwrap();
        let state = place.policy("pay").join(CURRENT).canonicalize().unwrap();
        change(&state.join(file_name(CERTIFICATE)));
        for owner in ["pay", "ledger"] {
            let error = place.sds(owner, "one").write().unwrap_err();
            assert!(matches!(&error, OutputError::Changed { path } if path.ends_with(state.file_name().unwrap())));
            assert!(error.to_string().contains("remove it"), "{error}");
        }
        fs::remove_dir_all(state).unwrap();
        place.sds("pay", "one").write().unwrap();
        assert_eq!(place.state("pay").as_deref(), Some("one"));
    }
}

#[test]
fn one_folder_is_made_and_none_above_it() {
    let place = Place::new();
    place.sds("pay", "one").write().unwrap();
    let error = |export: Export, folder: &str| {
        let Destination::Folder { policy, .. } = &export.destination else { panic!("a folder") };
        let policy = place.path(folder).join(policy.file_name().unwrap());
        let destination = Destination::Folder { folder: place.path(folder), policy };
        Export { destination, ..export }.write().unwrap_err()
    };
    let missing = error(place.sds("pay", "one"), "typo/sds");
    assert!(matches!(&missing, OutputError::MissingFolder { folder } if *folder == place.path("typo")), "{missing}");
    assert!(!place.path("typo").exists());
    fs::write(place.path("file"), "").unwrap();
    for name in ["file", "file/sds"] {
        let error = error(place.sds("pay", "one"), name);
        assert!(matches!(&error, OutputError::NoFolder { path } if *path == place.path("file")), "{error}");
    }
}

#[test]
fn exports_at_the_same_time_leave_one_state_each() {
    let place = Place::new();
    for round in 0..50 {
        let (one, two) = (format!("one {round}"), format!("two {round}"));
        thread::scope(|scope| {
            for (owner, state) in [("pay", &one), ("pay", &two), ("ledger", &two)] {
                let place = &place;
                scope.spawn(move || place.sds(owner, state).write().unwrap());
            }
        });
        let state = place.state("pay").unwrap();
        assert!(state == one || state == two, "{state}");
        assert_eq!(place.state("ledger"), Some(two));
    }
    assert!(place.states().len() <= 4, "{:?}", place.states());
}
