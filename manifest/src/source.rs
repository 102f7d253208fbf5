//! Where documents come from: bytes within limits, from a file or from the caller.

use std::path::Path;

use uptls::input::read_start;
use zeroize::Zeroizing;

use crate::position::{Fault, Place};

/// The bytes of the file at `path`, and no more of them than a document may have and one. The buffer is zeroized,
/// since a document may hold a key.
pub(crate) fn load_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    load(path, MAX_DOCUMENT)
}

/// The same of a file of manifests, which may hold any number of documents.
pub(crate) fn load_manifests(path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    load(path, MAX_MANIFESTS)
}

fn load(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    read_start(path, limit).map_err(|failure| Fault::unreadable(path, failure.reason))
}

/// M10: the text of a document, before anything parses it.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(Fault::too_large(Place::START, "the limit of 1 MiB"));
    }
    utf8(bytes)
}

/// The text of manifests. What one of their documents may have, is judged document by document.
pub(crate) fn manifests(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > MAX_MANIFESTS {
        return Err(Fault::too_large(Place::START, "the limit of 64 MiB of manifests"));
    }
    utf8(bytes)
}

/// The same of a file with a secret of Envoy: certificates and revocation lists stand in it.
pub(crate) fn secret_text(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > MAX_SECRET {
        return Err(Fault::too_large(Place::START, "the limit of 4 MiB"));
    }
    utf8(bytes)
}

fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    core::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).and_then(|good| core::str::from_utf8(good).ok());
        Fault::parse(end_of(good.unwrap_or_default()), "it is not UTF-8")
    })
}

/// The place behind the last character of `text`.
fn end_of(text: &str) -> Place {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX).saturating_add(1);
    let last = text.rsplit('\n').next().unwrap_or_default();
    Place { column: count(last.chars().count()), line: count(text.matches('\n').count()) }
}

/// One document: an API server takes no object that is larger.
pub(crate) const MAX_DOCUMENT: usize = 1 << 20;
/// All of the manifests together.
pub(crate) const MAX_MANIFESTS: usize = 64 << 20;
const MAX_SECRET: usize = 4 << 20;
