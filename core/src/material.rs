//! Reading what a policy names: files and inline text, bounded in size, with errors that name the source.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::digest::CanonicalDigest;
use crate::identity::on_clean_stack;
use crate::policy::{Material, SecretMaterial, resolve};

/// The files of one policy as they were at one time: all that is made of them is of one state (R1).
pub(crate) struct FileSet(BTreeMap<PathBuf, Result<Zeroizing<Vec<u8>>, Unreadable>>);

/// Why a file has no content.
#[derive(Clone)]
pub(crate) struct Unreadable {
    kind: io::ErrorKind,
    reason: String,
}

impl FileSet {
    /// Reads each of `paths` once.
    pub(crate) fn read(paths: &[PathBuf]) -> Self {
        Self(paths.iter().map(|path| (path.clone(), read_file(path))).collect())
    }

    /// Equal for equal content (R5), and for equal reasons why there is none.
    pub(crate) fn digest(&self) -> [u8; 32] {
        on_clean_stack(|| self.digest_of_all())
    }

    fn digest_of_all(&self) -> [u8; 32] {
        let mut digest = CanonicalDigest::new("uptls files v1");
        for (path, content) in &self.0 {
            digest.bytes(path.as_os_str().as_encoded_bytes());
            digest.optional(content.as_ref().ok().map(|bytes| bytes.as_slice()));
            digest.text(content.as_ref().err().map(|error| error.reason.as_str()).unwrap_or_default());
        }
        digest.finish()
    }

    /// R3: whether a file is gone or forbidden, which is no mistake in its content.
    pub(crate) fn is_withdrawn(&self) -> bool {
        let gone = [io::ErrorKind::NotADirectory, io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied];
        self.0.values().any(|content| content.as_ref().is_err_and(|error| gone.contains(&error.kind)))
    }

    /// As [`read`], but files are as they were.
    pub(crate) fn material(&self, material: &Material) -> Result<Zeroizing<Vec<u8>>, String> {
        match material {
            Material::File { base, path } => self.file(base.as_deref(), path).cloned(),
            Material::Inline { .. } => read(material),
        }
    }

    /// As [`read_secret`], but files are as they were.
    pub(crate) fn secret(&self, material: &SecretMaterial) -> Result<Zeroizing<Vec<u8>>, String> {
        match material {
            SecretMaterial::File { base, path } => self.file(base.as_deref(), path).cloned(),
            SecretMaterial::Inline(_) => read_secret(material),
        }
    }

    fn file(&self, base: Option<&Path>, path: &Path) -> Result<&Zeroizing<Vec<u8>>, String> {
        match self.0.get(&resolve(base, path)) {
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(error)) => Err(error.reason.clone()),
            None => Err("it was not read".to_owned()),
        }
    }
}

/// The bytes of public material. Zeroized all the same: a client's certificate and its key often stand in one file.
///
/// # Errors
/// What the system says, or that the limit is exceeded.
pub(crate) fn read(material: &Material) -> Result<Zeroizing<Vec<u8>>, String> {
    match material {
        Material::File { base, path } => read_file(&resolve(base.as_deref(), path)).map_err(|error| error.reason),
        Material::Inline { content, .. } => Ok(Zeroizing::new(content.to_vec())),
    }
}

/// The octets of secret material.
pub(crate) fn read_secret(material: &SecretMaterial) -> Result<Zeroizing<Vec<u8>>, String> {
    match material {
        SecretMaterial::File { base, path } => read_file(&resolve(base.as_deref(), path)).map_err(|error| error.reason),
        SecretMaterial::Inline(secret) => Ok(Zeroizing::new(secret.expose().to_vec())),
    }
}

/// Reads into a buffer that is zeroized: whether a file is secret is not known here.
fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(Unreadable::because("it is a directory".to_owned()));
    }
    if metadata.len() > MAX_FILE {
        let reason = format!("it has {} octets, the limit is {MAX_FILE}", metadata.len());
        return Err(Unreadable::because(reason));
    }
    let expected = usize::try_from(metadata.len()).unwrap_or_default();
    let bytes = read_zeroizing(file.take(MAX_FILE + 1), expected)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(Unreadable::because(format!("it has more than {MAX_FILE} octets")));
    }
    Ok(bytes)
}

/// Everything that `reader` has, about `expected` bytes. `read_to_end` will not do: it leaves a copy of what it has read
/// wherever its buffer grows, and reads short files by way of the stack (I6).
fn read_zeroizing(mut reader: impl Read, expected: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    // One byte more, so that the end is met without growing.
    let mut buffer = Zeroizing::new(vec![0; expected + 1]);
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

impl Unreadable {
    /// A reason of our own.
    fn because(reason: String) -> Self {
        Self { kind: io::ErrorKind::InvalidData, reason }
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self { kind: error.kind(), reason: error.to_string() }
    }
}

/// What a file that says nothing of its length begins with, as those of /proc.
const SMALLEST: usize = 4096;
/// 16 MiB: the largest CRLs in use are half of it.
const MAX_FILE: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_gives_more_than_it_promised_is_read_to_its_end() {
        let content: Vec<u8> = (0..=u8::MAX).cycle().take(20_000).collect();
        for expected in [0, 1, content.len() - 1, content.len(), content.len() + 1] {
            assert_eq!(*read_zeroizing(&*content, expected).expect("a slice"), content, "{expected}");
        }
        assert!(read_zeroizing(&b""[..], 0).expect("a slice").is_empty());
    }
}
