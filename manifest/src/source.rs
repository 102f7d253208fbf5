//! Where documents come from: octets within limits, from a file or from the caller.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::position::{Fault, Place};

/// The octets of the file at `path`, and no more of them than a document may have and one. The buffer is zeroized,
/// since a document may hold a key.
pub(crate) fn load_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let unreadable = |error: io::Error| Fault::unreadable(path, error);
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Fault::unreadable(path, "it is a directory"));
    }
    let limit = u64::try_from(MAX_DOCUMENT).unwrap_or(u64::MAX).saturating_add(1);
    let expected = usize::try_from(metadata.len().min(limit)).unwrap_or(MAX_DOCUMENT);
    read_zeroizing(file.take(limit), expected).map_err(unreadable)
}

/// Everything that `reader` has, about `expected` bytes. `read_to_end` leaves a copy of what it has read wherever its buffer
/// grows, and reads short files by way of the stack.
fn read_zeroizing(mut reader: impl Read, expected: usize) -> io::Result<Zeroizing<Vec<u8>>> {
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

/// M10: the text of a document, before anything parses it.
pub(crate) fn text(octets: &[u8]) -> Result<&str, Fault> {
    if octets.len() > MAX_DOCUMENT {
        return Err(Fault::too_large(Place::START, "the limit of 1 MiB"));
    }
    utf8(octets)
}

/// The same of a file with a secret of Envoy: certificates and revocation lists stand in it.
pub(crate) fn secret_text(octets: &[u8]) -> Result<&str, Fault> {
    if octets.len() > MAX_SECRET {
        return Err(Fault::too_large(Place::START, "the limit of 4 MiB"));
    }
    utf8(octets)
}

fn utf8(octets: &[u8]) -> Result<&str, Fault> {
    core::str::from_utf8(octets).map_err(|error| {
        let good = octets.get(..error.valid_up_to()).and_then(|good| core::str::from_utf8(good).ok());
        Fault::parse(end_of(good.unwrap_or_default()), "it is not UTF-8")
    })
}

/// The place behind the last character of `text`.
fn end_of(text: &str) -> Place {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX).saturating_add(1);
    let last = text.rsplit('\n').next().unwrap_or_default();
    Place { column: count(last.chars().count()), line: count(text.matches('\n').count()) }
}

const MAX_DOCUMENT: usize = 1 << 20;
const MAX_SECRET: usize = 4 << 20;
/// What a file that says nothing of its length begins with, as those of /proc.
const SMALLEST: usize = 4096;
