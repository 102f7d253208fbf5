//! Reading what a policy names: files and inline text, bounded in size, with errors that name the source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::digest::CanonicalDigest;
use crate::identity::on_clean_stack;
use crate::input::{Cause, Unreadable};
use crate::policy::{Material, SecretMaterial, resolve};
use crate::runtime::Runtime;

/// The files of one policy as they were at one time: all that is made of them is of one state (R1).
pub(crate) struct FileSet(BTreeMap<PathBuf, Result<Zeroizing<Vec<u8>>, Unreadable>>);

impl FileSet {
    /// Reads each of `paths` once.
    pub(crate) fn read(runtime: &Runtime, paths: &[PathBuf]) -> Self {
        Self(paths.iter().map(|path| (path.clone(), runtime.read_file(path))).collect())
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
        self.0.values().any(|content| content.as_ref().is_err_and(|error| error.cause == Cause::Gone))
    }

    /// As [`read`], but files are as they were.
    pub(crate) fn material(&self, material: &Material) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        match material {
            Material::File { base, path } => self.file(base.as_deref(), path).cloned(),
            Material::Inline { content, .. } => Ok(Zeroizing::new(content.to_vec())),
        }
    }

    /// As [`read_secret`], but files are as they were.
    pub(crate) fn secret(&self, material: &SecretMaterial) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        match material {
            SecretMaterial::File { base, path } => self.file(base.as_deref(), path).cloned(),
            SecretMaterial::Inline(secret) => Ok(Zeroizing::new(secret.expose().to_vec())),
        }
    }

    fn file(&self, base: Option<&Path>, path: &Path) -> Result<&Zeroizing<Vec<u8>>, Unreadable> {
        match self.0.get(&resolve(base, path)) {
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(error)) => Err(error.clone()),
            None => Err(Unreadable::unfit("it was not read".to_owned())),
        }
    }
}

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
        SecretMaterial::Inline(secret) => Ok(Zeroizing::new(secret.expose().to_vec())),
    }
}
