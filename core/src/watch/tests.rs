//! What the events of the system say of files and their writers.
#![allow(clippy::unwrap_used, reason = "test code")]

use notify::Error;
use notify::event::{CreateKind, DataChange, Flag, MetadataKind, RemoveKind, RenameMode};

use super::*;

fn heard(event: notify::Result<Event>) -> Option<(Vec<PathBuf>, Writer)> {
    match signal(event)? {
        Signal::Changed(paths, writer) => Some((paths, writer)),
        _ => Some((Vec::new(), Writer::Unknown)),
    }
}

#[test]
fn events_tell_of_writers_and_of_what_was_lost() {
    let path = PathBuf::from("/folder/file");
    let of = |kind| heard(Ok(Event::new(kind).add_path(path.clone())));
    let told = |writer| Some((vec![path.clone()], writer));
    let busy = if CLOSES_ARE_TOLD { Writer::Busy } else { Writer::Unknown };
    assert_eq!(of(EventKind::Modify(ModifyKind::Data(DataChange::Any))), told(busy));
    for done in [
        EventKind::Access(AccessKind::Close(AccessMode::Write)),
        EventKind::Create(CreateKind::File),
        EventKind::Remove(RemoveKind::File),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)),
    ] {
        assert_eq!(of(done), told(Writer::Done), "{done:?}");
    }
    assert_eq!(of(EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any))), told(Writer::Unknown));
    assert_eq!(of(EventKind::Access(AccessKind::Close(AccessMode::Read))), None, "our own reading is no change");
    assert_eq!(of(EventKind::Access(AccessKind::Open(AccessMode::Any))), None);
    let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
    assert!(matches!(signal(Ok(overflow)), Some(Signal::Rescan)));
    assert!(matches!(signal(Err(Error::generic("lost"))), Some(Signal::Rescan)));
}

/// Of one directory that cannot be watched the state tells, until it can.
#[test]
fn what_cannot_be_watched_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let set = |name: &str| BTreeSet::from([folder.path().join(name)]);
    let (none, one, two) = (BTreeSet::new(), set("one"), set("two"));
    std::fs::create_dir(folder.path().join("one")).unwrap();
    let (signals, _woken) = channel();
    let mut directories = Directories::new(signals);
    assert_eq!(directories.arm(&one, &none), Ok(WatchState::Events));
    let reason = directories.arm(&two, &none).unwrap_err();
    assert!(reason.contains("two: "), "{reason}");
    assert_eq!(directories.arm(&one, &none).unwrap_err(), reason, "that another can says nothing of it");
    std::fs::create_dir(folder.path().join("two")).unwrap();
    assert_eq!(directories.arm(&two, &none), Ok(WatchState::Events));
    assert_eq!(directories.arm(&none, &two), Ok(WatchState::Events));
    assert_eq!(directories.watched, one);
}

/// The next change at `path`. The limit only ends a test that hangs.
#[cfg(target_os = "linux")]
fn next(woken: &std::sync::mpsc::Receiver<Signal>, path: &Path) -> Writer {
    loop {
        match woken.recv_timeout(core::time::Duration::from_secs(120)).expect("a change") {
            Signal::Changed(paths, writer) if paths == [path] => return writer,
            _ => {}
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_writer_is_busy_until_the_file_is_closed() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "content").unwrap();
    let (signals, woken) = channel();
    let mut directories = Directories::new(signals);
    let all = BTreeSet::from([folder.path().to_owned()]);
    directories.arm(&all, &BTreeSet::new()).unwrap();
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(b"half").unwrap();
    assert_eq!(next(&woken, &path), Writer::Busy);
    drop(file);
    while next(&woken, &path) == Writer::Busy {}
    // It was the end of it, and nothing else.
    std::fs::File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
    assert_eq!((next(&woken, &path), next(&woken, &path)), (Writer::Busy, Writer::Done));
}
