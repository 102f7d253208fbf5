//! The one opener of files that a caller names: regular files alone, bounded, never waited for; and what a failure means.

use core::fmt;
use core::time::Duration;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

/// When a file that may be half-written is read again, after it was first seen so; at the last time it counts as it is, and is
/// reported (R6).
pub const RETRIES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(250), Duration::from_millis(1250)];

/// Why a file has no content.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Unreadable {
    /// The consequence (R2, R3, R6).
    pub cause: Cause,
    /// The system's error, or what the path is instead of a file.
    pub reason: String,
}

/// What a failure to read means for the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// It is gone, or forbidden (R3).
    Gone,
    /// Nothing: this process, or its machine, is short of something for the moment.
    Shortage,
    /// Its storage fails, for the moment or for good.
    Storage,
    /// The path can never be read as a file: a folder, a FIFO, a device, or a file over its limit.
    Unfit,
}

impl Unreadable {
    /// For what can never be read.
    pub(crate) fn unfit(reason: String) -> Self {
        Self { cause: Cause::Unfit, reason }
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self { cause: Cause::of(&error), reason: error.to_string() }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Unreadable {}

impl Cause {
    /// By the system's number; what has no meaning of its own here is the storage's.
    pub(crate) fn of(error: &io::Error) -> Self {
        use io::ErrorKind::{
            FileTooLarge, Interrupted, IsADirectory, NotADirectory, NotFound, OutOfMemory, PermissionDenied, WouldBlock,
        };
        match error.kind() {
            FileTooLarge | IsADirectory => Self::Unfit,
            NotADirectory | NotFound | PermissionDenied => Self::Gone,
            Interrupted | OutOfMemory | WouldBlock => Self::Shortage,
            _ if is_exhausted(error) => Self::Shortage,
            _ => Self::Storage,
        }
    }
}

/// EMFILE, ENFILE and ENOBUFS, for which std has no kind.
#[cfg(unix)]
fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS];
    error.raw_os_error().is_some_and(|number| exhausted.iter().any(|known| known.raw_os_error() == number))
}

#[cfg(not(unix))]
fn is_exhausted(_: &io::Error) -> bool {
    false
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// As [`read_start`]; [`Cause::Unfit`] too for a file that is longer.
pub fn read_file(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let (file, length) = open(path)?;
    if length > limit {
        return Err(Unreadable::unfit(format!("it has {length} bytes, the limit is {limit}")));
    }
    bounded(read_up_to(file, length, limit.saturating_add(1))?, limit)
}

/// `bytes`, if they are at most `limit`.
pub(crate) fn bounded(bytes: Zeroizing<Vec<u8>>, limit: u64) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
        return Err(Unreadable::unfit(format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Reads the first `most` bytes of a file, or all that there are. The buffer is zeroized, because the file may be
/// secret.
///
/// # Errors
/// [`Unreadable`]: the system's error, or that `path` is no regular file.
pub fn read_start(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let (file, length) = open(path)?;
    Ok(read_up_to(file, length, most)?)
}

fn read_up_to(file: File, length: u64, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let expected = usize::try_from(length.min(most)).unwrap_or_default();
    read_zeroizing(file.take(most), expected)
}

/// A regular file, symlinks followed, and how long it says it is. It is looked at before it is opened, since to open a device
/// can do something; it is opened without waiting, and looked at again, since something else can stand there by then.
fn open(path: &Path) -> Result<(File, u64), Unreadable> {
    require_regular(&fs::metadata(path)?)?;
    let file = without_waiting().open(path)?;
    let metadata = file.metadata()?;
    require_regular(&metadata)?;
    Ok((file, metadata.len()))
}

fn require_regular(metadata: &Metadata) -> Result<(), Unreadable> {
    if metadata.is_file() {
        return Ok(());
    }
    let what = kind(metadata.file_type());
    Err(Unreadable::unfit(if metadata.is_dir() {
        format!("it is {what}")
    } else {
        format!("it is {what}, not a regular file")
    }))
}

#[cfg(unix)]
fn without_waiting() -> OpenOptions {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    // Close-on-exec std sets itself.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.read(true).custom_flags(i32::from_ne_bytes(flags.bits().to_ne_bytes()));
    options
}

#[cfg(not(unix))]
fn without_waiting() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    options
}

#[cfg(unix)]
fn kind(file: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    if file.is_dir() {
        "a directory"
    } else if file.is_fifo() {
        "a FIFO or a pipe"
    } else if file.is_socket() {
        "a socket"
    } else if file.is_char_device() {
        "a character device"
    } else if file.is_block_device() {
        "a block device"
    } else {
        "of an unknown kind"
    }
}

#[cfg(not(unix))]
fn kind(file: FileType) -> &'static str {
    if file.is_dir() { "a directory" } else { "of a special kind" }
}

/// Everything that `reader` has, about `expected` bytes. `read_to_end` will not do: it leaves a copy of what it has read
/// wherever its buffer grows, and reads short files by way of the stack (I6).
///
/// # Errors
/// What `reader` says, interruptions apart.
pub fn read_zeroizing(mut reader: impl Read, expected: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    // One byte more, so that the end is met without growing.
    let mut buffer = Zeroizing::new(vec![0; expected.saturating_add(1)]);
    let mut length = 0;
    loop {
        if length == buffer.len() {
            let mut larger = Zeroizing::new(vec![0; buffer.len().saturating_mul(2).max(SMALLEST)]);
            larger.iter_mut().zip(buffer.iter()).for_each(|(to, from)| *to = *from);
            buffer = larger;
        }
        match reader.read(buffer.get_mut(length..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(length);
    Ok(buffer)
}

/// What a file that says nothing of its length begins with, as those of /proc.
const SMALLEST: usize = 4096;

#[cfg(test)]
mod tests;
