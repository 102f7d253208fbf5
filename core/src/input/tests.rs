//! What is opened and what is not, and what each failure means.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use super::*;

#[test]
fn a_reader_that_gives_more_than_it_promised_is_read_to_its_end() {
    let content: Vec<u8> = (0..=u8::MAX).cycle().take(20_000).collect();
    for expected in [0, 1, content.len() - 1, content.len(), content.len() + 1] {
        assert_eq!(*read_zeroizing(&*content, expected).expect("a slice"), content, "{expected}");
    }
    assert!(read_zeroizing(&b""[..], 0).expect("a slice").is_empty());
}

#[test]
fn a_file_within_the_limit_is_read_and_a_longer_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "12345").unwrap();
    assert_eq!(**read_file(&path, 5).unwrap(), *b"12345");
    let refused = read_file(&path, 4).unwrap_err();
    assert_eq!((refused.cause, refused.reason.as_str()), (Cause::Unfit, "it has 5 bytes, the limit is 4"));
    assert_eq!(**read_start(&path, 4).unwrap(), *b"1234");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_does_not_say_its_length_is_bounded_too() {
    assert!(!read_file(Path::new("/proc/self/status"), 1 << 20).unwrap().is_empty());
    assert_eq!(read_file(Path::new("/proc/self/status"), 10).unwrap_err().cause, Cause::Unfit);
}

/// None of these is waited for or read: without the look at the kind each of the first three would last for ever.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_by_its_kind() {
    use rustix::fs::{CWD, Mode, mkfifoat};
    let folder = tempfile::tempdir().unwrap();
    let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    std::os::unix::fs::symlink(&fifo, &link).unwrap();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for (path, kind) in [
        (fifo.as_path(), "it is a FIFO or a pipe, "),
        (&link, "it is a FIFO or a pipe, "),
        (Path::new("/dev/zero"), "it is a character device, "),
        (&socket, "it is a socket, "),
        (folder.path(), "it is a directory"),
    ] {
        let refused = read_file(path, 100).unwrap_err();
        assert_eq!(refused.cause, Cause::Unfit, "{path:?}");
        assert!(refused.reason.starts_with(kind), "{path:?}: {refused}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "content").unwrap();
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert_eq!(**read_file(&link, 100).unwrap(), *b"content", "a symlink to a file is a file");
}

/// What comes to stand there between the look and the first_bytes is not waited for either.
#[cfg(unix)]
#[test]
fn opening_never_waits() {
    use rustix::fs::{CWD, Mode, mkfifoat};
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    let file = without_waiting().open(&fifo).unwrap();
    assert!(require_regular(&file.metadata().unwrap()).is_err());
}

#[cfg(unix)]
#[test]
fn the_number_of_a_failure_decides_what_it_means() {
    use rustix::io::Errno;
    for (cause, numbers) in [
        (Cause::Gone, [Errno::NOENT, Errno::NOTDIR, Errno::ACCESS, Errno::PERM].as_slice()),
        (Cause::Shortage, &[Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::AGAIN, Errno::INTR]),
        (Cause::Storage, &[Errno::IO, Errno::STALE, Errno::TIMEDOUT, Errno::LOOP, Errno::NAMETOOLONG]),
    ] {
        for number in numbers {
            let error = io::Error::from_raw_os_error(number.raw_os_error());
            assert_eq!(Cause::of(&error), cause, "{error}");
        }
    }
}

/// A file of the system that opens and does not read.
#[cfg(target_os = "linux")]
#[test]
fn storage_that_fails_is_told_apart() {
    let failed = read_start(Path::new("/proc/self/mem"), 100).unwrap_err();
    assert_eq!(failed.cause, Cause::Storage, "{failed}");
    assert_eq!(read_start(Path::new("/no/such/file"), 100).unwrap_err().cause, Cause::Gone);
}
