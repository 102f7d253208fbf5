//! Reading what a policy names: files and inline text, bounded in size, with errors that name the source.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::digest::{CanonicalDigest, sha256};
use crate::identity::on_clean_stack;
use crate::input::{Cause, Unreadable};
use crate::policy::{Material, SecretMaterial, resolve};
use crate::runtime::Runtime;
use crate::trust::{BundleError, TrustBundle};

/// The content of a file as it was read once, for all policies that name it.
pub(crate) struct FileContent {
    /// What it is as a bundle, once a policy has asked. A content that is none is judged once, too: the next policy says so with
    /// its own place.
    bundle: OnceLock<Result<Arc<TrustBundle>, BundleError>>,
    bytes: Zeroizing<Vec<u8>>,
    sha256: [u8; 32],
}

impl FileContent {
    fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        // It may be a key.
        let sha256 = on_clean_stack(|| sha256(&bytes));
        Self { bundle: OnceLock::new(), bytes, sha256 }
    }

    pub(crate) fn bundle(&self, runtime: &Runtime) -> Result<Arc<TrustBundle>, BundleError> {
        self.bundle.get_or_init(|| runtime.bundle(self.sha256, &self.bytes)).clone()
    }
}

/// The files that several sources read in one go: each is read once, though many policies name it (R6). A shared reading is used
/// for a second; what could not be read is tried anew by each.
pub(crate) struct Readings {
    files: Mutex<HashMap<FileKey, Reading>>,
    until: Instant,
}

/// A file by the runtime that reads it, its name, and where its symlinks led when it was read.
type FileKey = (usize, PathBuf, PathBuf);

/// One file, once it was read.
type Reading = Arc<Mutex<Option<Arc<FileContent>>>>;

impl Default for Readings {
    fn default() -> Self {
        Self::until(Instant::now() + SHARED_FOR)
    }
}

impl Readings {
    fn until(until: Instant) -> Self {
        Self { files: Mutex::default(), until }
    }

    /// The content of `path`, which leads to `place`. Only those wait for a reading that is under way who want the same file.
    fn read(&self, runtime: &Runtime, path: &Path, place: Option<&Path>) -> Result<Arc<FileContent>, Unreadable> {
        let content = || Ok(Arc::new(FileContent::new(runtime.read_file(path)?)));
        let Some(place) = place.filter(|_| Instant::now() < self.until) else { return content() };
        let key = (runtime.address(), path.to_owned(), place.to_owned());
        let file = Arc::clone(held(&self.files).entry(key).or_default());
        let mut known = held(&file);
        if let Some(known) = &*known {
            return Ok(Arc::clone(known));
        }
        let content = content()?;
        // A swap in between: no other reader may take it for what is behind `place`.
        if fs::canonicalize(path).is_ok_and(|now| now == place) {
            *known = Some(Arc::clone(&content));
        }
        Ok(content)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The files of one policy as they were at one time: all that is made of them is of one state (R1).
pub(crate) struct FileSet {
    digest: [u8; 32],
    files: BTreeMap<PathBuf, Result<Arc<FileContent>, Unreadable>>,
}

impl FileSet {
    /// Reads each of `paths` once; `places` says where each of them leads, if anywhere.
    pub(crate) fn read(runtime: &Runtime, paths: &[PathBuf], places: &[Option<PathBuf>], readings: &Readings) -> Self {
        let read = |(path, place): (&PathBuf, &Option<PathBuf>)| {
            (path.clone(), readings.read(runtime, path, place.as_deref()))
        };
        let files = paths.iter().zip(places).map(read).collect();
        Self { digest: Self::digest_of(&files), files }
    }

    fn digest_of(files: &BTreeMap<PathBuf, Result<Arc<FileContent>, Unreadable>>) -> [u8; 32] {
        let mut digest = CanonicalDigest::new("uptls files v2");
        for (path, content) in files {
            digest.bytes(path.as_os_str().as_encoded_bytes());
            digest.optional(content.as_ref().ok().map(|content| content.sha256.as_slice()));
            digest.text(content.as_ref().err().map(|error| error.reason.as_str()).unwrap_or_default());
        }
        digest.finish()
    }

    /// Equal for equal content (R5), and for equal reasons why there is none.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// R3: whether a file is gone or forbidden, which is no mistake in its content.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.files.values().any(|content| content.as_ref().is_err_and(|error| error.cause == Cause::Gone))
    }

    /// The file behind `material`; `None`: it is a text.
    pub(crate) fn content(&self, material: &Material) -> Option<Result<&FileContent, Unreadable>> {
        match material {
            Material::File { base, path } => Some(self.file(base.as_deref(), path)),
            Material::Inline { .. } => None,
        }
    }

    /// As [`read`], but files are as they were.
    pub(crate) fn material(&self, material: &Material) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        match material {
            Material::File { base, path } => self.file(base.as_deref(), path).map(|file| file.bytes.clone()),
            Material::Inline { content, .. } => Ok(Zeroizing::new(content.to_vec())),
        }
    }

    /// As [`read_secret`], but files are as they were.
    pub(crate) fn secret(&self, material: &SecretMaterial) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        match material {
            SecretMaterial::File { base, path } => self.file(base.as_deref(), path).map(|file| file.bytes.clone()),
            SecretMaterial::External(_) => Err(elsewhere()),
            SecretMaterial::Inline(secret) => Ok(Zeroizing::new(secret.expose().to_vec())),
        }
    }

    fn file(&self, base: Option<&Path>, path: &Path) -> Result<&FileContent, Unreadable> {
        match self.files.get(&resolve(base, path)) {
            Some(Ok(content)) => Ok(content),
            Some(Err(error)) => Err(error.clone()),
            None => Err(Unreadable::unfit("it was not read".to_owned())),
        }
    }
}

/// A pass over very many sources takes longer; it must not publish at its end what was true at its beginning.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// The bytes of public material. Zeroized all the same: a client's certificate and its key often stand in one file.
///
/// # Errors
/// What the system says, or that the limit is exceeded.
pub(crate) fn read(runtime: &Runtime, material: &Material) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    match material {
        Material::File { base, path } => runtime.read_file(&resolve(base.as_deref(), path)),
        Material::Inline { content, .. } => Ok(Zeroizing::new(content.to_vec())),
    }
}

/// The bytes of secret material.
pub(crate) fn read_secret(runtime: &Runtime, material: &SecretMaterial) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    match material {
        SecretMaterial::File { base, path } => runtime.read_file(&resolve(base.as_deref(), path)),
        SecretMaterial::External(_) => Err(elsewhere()),
        SecretMaterial::Inline(secret) => Ok(Zeroizing::new(secret.expose().to_vec())),
    }
}

fn elsewhere() -> Unreadable {
    Unreadable::unfit("the key is external: there is nothing to read".to_owned())
}

#[cfg(all(test, feature = "aws-lc-rs"))]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// How often a file is read that three want, and whether all three got the same.
    fn read_thrice(readings: &Readings) -> (usize, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = fs::canonicalize(folder.path()).unwrap().join("ca.crt");
        fs::write(&path, "content").unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let hook = move |_: &Path| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let runtime = Runtime::builder(crate::aws_lc_rs::provider()).before_reading(hook).build();
        let got: Vec<_> = (0..3).map(|_| readings.read(&runtime, &path, Some(&path)).ok().unwrap()).collect();
        (count.load(Ordering::SeqCst), got.iter().all(|content| Arc::ptr_eq(content, &got[0])))
    }

    #[test]
    fn a_reading_is_shared_for_a_while() {
        let now = Instant::now();
        assert_eq!(read_thrice(&Readings::until(now + Duration::from_secs(3600))), (1, true));
        assert_eq!(read_thrice(&Readings::until(now)), (3, false));
    }

    /// What is behind other symlinks by now is another file, and what could not be read may be there for the next.
    #[test]
    fn a_reading_is_of_one_place_and_a_failure_of_one_reader() {
        let folder = tempfile::tempdir().unwrap();
        let folder = fs::canonicalize(folder.path()).unwrap();
        let (path, other) = (folder.join("ca.crt"), folder.join("other"));
        let runtime = Runtime::new(crate::aws_lc_rs::provider());
        let readings = Readings::until(Instant::now() + Duration::from_secs(3600));
        let read = |place: &Path| readings.read(&runtime, &path, Some(place)).map(|content| content.bytes.to_vec());
        assert_eq!(read(&path).unwrap_err().cause, Cause::Gone);
        fs::write(&path, "one").unwrap();
        assert_eq!(read(&other).unwrap(), b"one", "it does not lead there, and no other reader is told so");
        fs::write(&path, "two").unwrap();
        assert_eq!([read(&other).unwrap(), read(&path).unwrap()], [b"two", b"two"]);
        fs::write(&path, "three").unwrap();
        assert_eq!([read(&other).unwrap(), read(&path).unwrap()], [&b"three"[..], b"two"]);
    }

    /// What the embedder reads is all that there is, and its errors mean what the disk's would.
    #[test]
    fn files_are_the_embedders_and_never_the_disks() {
        use std::io::{self, ErrorKind};
        let folder = tempfile::tempdir().unwrap();
        let on_disk = folder.path().join("on-disk");
        fs::write(&on_disk, "content").unwrap();
        let read = |path: &Path| match path.to_str() {
            Some("given") => Ok(b"given content".to_vec()),
            Some("long") => Ok(vec![0; (16 << 20) + 1]),
            Some("folder") => Err(io::Error::new(ErrorKind::IsADirectory, "it is a directory")),
            _ => Err(io::Error::new(ErrorKind::PermissionDenied, "not given")),
        };
        let runtime = Runtime::builder(crate::aws_lc_rs::provider()).files(read).build();
        let read = |path: &Path| runtime.read_file(path).map_err(|failure| (failure.cause, failure.reason));
        assert_eq!(**read(Path::new("given")).unwrap(), *b"given content");
        let long = (Cause::Unfit, "it has more than 16777216 bytes".to_owned());
        assert_eq!(read(Path::new("long")).unwrap_err(), long);
        assert_eq!(read(Path::new("folder")).unwrap_err(), (Cause::Unfit, "it is a directory".to_owned()));
        assert_eq!(read(&on_disk).unwrap_err(), (Cause::Gone, "not given".to_owned()));
        let disk = Runtime::new(crate::aws_lc_rs::provider());
        assert_eq!(**disk.read_file(&on_disk).unwrap(), *b"content");
    }
}
