//! Where documents come from: octets within limits, from a file or from the caller.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use crate::position::{Fault, Place};

/// The octets of the file at `path`, and no more of them than a document may have and one. The buffer is zeroized,
/// since a document may hold a key.
pub(crate) fn load_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let unreadable = |error: std::io::Error| Fault::unreadable(path, error);
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Fault::unreadable(path, "it is a directory"));
    }
    let limit = u64::try_from(MAX_DOCUMENT).unwrap_or(u64::MAX).saturating_add(1);
    let expected = usize::try_from(metadata.len().min(limit)).unwrap_or(MAX_DOCUMENT);
    let mut octets = Zeroizing::new(Vec::with_capacity(expected.saturating_add(1)));
    file.take(limit).read_to_end(&mut octets).map_err(unreadable)?;
    Ok(octets)
}

/// M10: the text of a document, before anything parses it.
pub(crate) fn text(octets: &[u8]) -> Result<&str, Fault> {
    if octets.len() > MAX_DOCUMENT {
        return Err(Fault::too_large(Place::START, "the limit of 1 MiB"));
    }
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
