//! One file of one policy: what it replaces, and what it does not.
#![cfg(unix)]

use std::io;
use std::os::unix::fs::symlink;
use std::thread;

use super::super::disk::Step;
use super::*;

#[test]
fn a_policy_replaces_what_it_wrote() {
    let place = Place::new();
    for state in ["one", "two", "two"] {
        place.ca_file("ca.pem", "pay", state).write().unwrap();
        assert_eq!(place.text("ca.pem").as_deref(), Some(state));
        assert_eq!((mode(&place.path("ca.pem")), names(place.dir.path())), (0o644, vec!["ca.pem".to_owned()]));
    }
}

#[test]
fn what_another_policy_wrote_is_not_replaced() {
    let place = Place::new();
    place.ca_file("ca.pem", "pay", "one").write().unwrap();
    // Equal content, too: the next rotation of either would reach the other.
    for state in ["two", "one"] {
        let error = place.ca_file("ca.pem", "ledger", state).write().unwrap_err();
        assert!(matches!(&error, OutputError::Another { owner, .. } if owner == "the policy pay"), "{error}");
        assert!(error.to_string().contains("a file of its own"), "{error}");
    }
    assert_eq!((place.text("ca.pem").as_deref(), names(place.dir.path()).len()), (Some("one"), 1));
    // The hint.
    place.ca_file("ledger.pem", "ledger", "two").write().unwrap();
    fs::remove_file(place.path("ca.pem")).unwrap();
    place.ca_file("ca.pem", "ledger", "two").write().unwrap();
}

#[test]
fn what_no_export_wrote_is_not_replaced() {
    let cases: [(&str, Make); 7] = [
        ("a file", |path| fs::write(path, "-----BEGIN PRIVATE KEY-----\n").unwrap()),
        ("a file", |path| fs::write(path, "").unwrap()),
        ("a file", |path| fs::write(path, "\u{fe}# Written by uptls for the policy pay\n").unwrap()),
        ("a folder", |path| fs::create_dir(path).unwrap()),
        ("a symbolic link", |path| symlink("nowhere", path).unwrap()),
        ("a symbolic link", |path| symlink("/dev/null", path).unwrap()),
        ("a device or pipe", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
    ];
    for (wanted, make) in cases {
        let place = Place::new();
        make(&place.path("ca.pem"));
        let before = fs::read(place.path("ca.pem")).ok();
        let error = place.ca_file("ca.pem", "pay", "one").write().unwrap_err();
        assert!(matches!(&error, OutputError::Foreign { kind, .. } if *kind == wanted), "{error}");
        assert_eq!((fs::read(place.path("ca.pem")).ok(), names(place.dir.path()).len()), (before, 1));
    }
    let error = place_of_null().write().unwrap_err();
    assert!(matches!(&error, OutputError::Foreign { kind: "a device or pipe", .. }), "{error}");
}

fn place_of_null() -> Export {
    let mut export = Place::new().ca_file("ca.pem", "pay", "one");
    export.files[0].path = "/dev/null".into();
    export
}

#[test]
fn what_was_edited_is_not_replaced() {
    let place = Place::new();
    place.ca_file("ca.pem", "pay", "one").write().unwrap();
    let text = fs::read_to_string(place.path("ca.pem")).unwrap();
    fs::write(place.path("ca.pem"), format!("{text}\nmore\n")).unwrap();
    let error = place.ca_file("ca.pem", "pay", "two").write().unwrap_err();
    assert!(matches!(&error, OutputError::Changed { .. }), "{error}");
    fs::write(place.path("ca.pem"), text).unwrap();
    place.ca_file("ca.pem", "pay", "two").write().unwrap();
}

/// What the policy reads is refused before it is looked at whose it is, and by whatever name.
#[test]
fn what_the_policy_reads_is_not_replaced() {
    let place = Place::new();
    place.ca_file("bundle.pem", "pay", "one").write().unwrap();
    fs::hard_link(place.path("bundle.pem"), place.path("hard.pem")).unwrap();
    symlink("bundle.pem", place.path("soft.pem")).unwrap();
    fs::create_dir(place.path("folder")).unwrap();
    symlink("../folder", place.path("folder/again")).unwrap();
    symlink("folder", place.path("manifests")).unwrap();
    fs::write(place.path("folder/one.yaml"), "").unwrap();
    let write = |output: &str, input: &str| {
        let export = place.ca_file(output, "pay", "two");
        Export { reads: vec![place.path("unread"), place.path(input)], ..export }.write()
    };
    for (output, input) in [
        ("bundle.pem", "bundle.pem"),
        ("folder/../bundle.pem", "bundle.pem"),
        ("hard.pem", "bundle.pem"),
        ("soft.pem", "bundle.pem"),
        ("bundle.pem", "soft.pem"),
        ("bundle.pem", "hard.pem"),
        ("folder/one.yaml", "folder"),
        ("folder/one.yaml", "manifests"),
        ("manifests/again/new.yml", "folder"),
        ("folder/new.json", "manifests"),
        ("unread", "bundle.pem"),
    ] {
        let error = write(output, input).unwrap_err();
        assert!(matches!(&error, OutputError::Input { .. }), "{output} {input}: {error}");
        assert!(error.to_string().ends_with("give another path"), "{error}");
    }
    assert_eq!(place.text("bundle.pem").as_deref(), Some("one"));
    // The twins: the next file, and one of the folder that is no manifest.
    for (output, input) in [("new.pem", "bundle.pem"), ("folder/ca.pem", "folder"), ("bundle.pem", "new.pem")] {
        write(output, input).unwrap_or_else(|error| panic!("{output} {input}: {error}"));
    }
}

#[test]
fn no_folder_is_made() {
    let place = Place::new();
    let error = place.ca_file("typo/ca.pem", "pay", "one").write().unwrap_err();
    assert!(matches!(&error, OutputError::MissingFolder { folder } if *folder == place.path("typo")), "{error}");
    assert!(names(place.dir.path()).is_empty());
    fs::write(place.path("file"), "").unwrap();
    let error = place.ca_file("file/ca.pem", "pay", "one").write().unwrap_err();
    assert!(matches!(&error, OutputError::NoFolder { .. }), "{error}");
}

/// Another policy's export comes between the look and the rename.
#[test]
fn what_comes_in_between_is_not_replaced() {
    let place = Place::new();
    let gate = |step: Step, path: &Path| {
        if step == Step::Rename && !path.exists() {
            place.ca_file("ca.pem", "ledger", "theirs").write().unwrap();
        }
        Ok(())
    };
    let error = write(&Disk::gated(&gate), &place.ca_file("ca.pem", "pay", "ours")).unwrap_err();
    assert!(matches!(&error, OutputError::Another { .. }), "{error}");
    assert_eq!((place.text("ca.pem").as_deref(), names(place.dir.path()).len()), (Some("theirs"), 1));
}

#[test]
fn what_stands_at_the_temporary_name_is_not_followed() {
    let place = Place::new();
    let export = place.ca_file("ca.pem", "pay", "one");
    let gate = |step: Step, path: &Path| {
        if step == Step::Lock {
            symlink(place.path("elsewhere"), path).unwrap();
        }
        Ok(())
    };
    let error = write(&Disk::gated(&gate), &export).unwrap_err();
    assert!(matches!(&error, OutputError::Io { source, .. } if source.kind() == io::ErrorKind::Other), "{error}");
    assert!(!place.path("elsewhere").exists() && !place.path("ca.pem").exists());
}

#[test]
fn exports_at_the_same_time_leave_one_whole_file() {
    let place = Place::new();
    for round in 0..50 {
        let file = format!("{round}.pem");
        let written: Vec<bool> = thread::scope(|scope| {
            let write = |owner: &'static str, state: &'static str| {
                let export = place.ca_file(&file, owner, state);
                scope.spawn(move || export.write().is_ok())
            };
            let exports = [write("pay", "one"), write("pay", "two"), write("ledger", "three")];
            exports.map(|export| export.join().unwrap()).to_vec()
        });
        // Whoever comes first has it, and the file is of one that was told so.
        let text = place.text(&file).unwrap();
        match written.as_slice() {
            [true, true, false] => assert!(text == "one" || text == "two", "{text}"),
            [false, false, true] => assert_eq!(text, "three"),
            other => panic!("{other:?} {text}"),
        }
    }
    assert_eq!(names(place.dir.path()).len(), 50);
}
