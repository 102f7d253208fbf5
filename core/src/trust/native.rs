//! Where the platform keeps its roots, and reading them (T6).

use std::path::{Path, PathBuf};

use rustls_native_certs::{ErrorKind, load_certs_from_paths};

use super::system::{NativeRoots, SystemRoots};
use crate::input::{Cause, Unreadable};

impl NativeRoots {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().chain(&self.folders).map(PathBuf::as_path)
    }

    /// What is named must be there: who counts on it would not know which roots are missing.
    fn require(&self) -> Result<(), String> {
        let missing = self.files.iter().find(|file| !file.is_file()).map(|file| (file, "file"));
        let missing = missing.or_else(|| self.folders.iter().find(|path| !path.is_dir()).map(|path| (path, "folder")));
        match missing {
            None => Ok(()),
            Some((path, what)) => Err(format!("{} is named as native roots, and is no {what}", path.display())),
        }
    }
}

impl SystemRoots {
    /// The roots at `paths`, or else in the platform's root files. The environment is not asked: `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` count only where the caller put them into `paths`.
    ///
    /// # Errors
    /// A text that names the places where roots were looked for, if there is not one; and a shortage of ours, since what was
    /// loaded is kept for as long as the Runtime lives, and would lack roots without a reason in the store.
    pub(crate) fn native(paths: &NativeRoots) -> Result<Self, Unreadable> {
        if *paths == NativeRoots::default() {
            return Self::platform_files();
        }
        paths.require().map_err(Unreadable::unfit)?;
        let (mut found, mut unreadable) = (Vec::new(), 0);
        let files = paths.files.iter().map(|file| load_certs_from_paths(Some(file), None));
        for loaded in files.chain(paths.folders.iter().map(|folder| load_certs_from_paths(None, Some(folder)))) {
            refuse_shortage(&loaded.errors)?;
            found.extend(loaded.certs);
            unreadable += loaded.errors.len();
        }
        let named: Vec<_> = paths.paths().map(|path| path.display().to_string()).collect();
        let named = named.join(", ");
        let nothing = || Unreadable::unfit(format!("no root certificate in any of {named}"));
        let roots = Self::best_effort(&found, unreadable).ok_or_else(nothing)?;
        Ok(roots.replacing(named))
    }

    fn platform_files() -> Result<Self, Unreadable> {
        let file = FILES.iter().map(Path::new).find(|path| path.is_file());
        let folder = FOLDERS.iter().map(Path::new).find(|path| path.is_dir());
        let mut loaded = load_certs_from_paths(file, None);
        refuse_shortage(&loaded.errors)?;
        if loaded.certs.is_empty() {
            loaded = load_certs_from_paths(None, folder);
            refuse_shortage(&loaded.errors)?;
        }
        let nothing = || Unreadable::unfit(format!("no root certificate in any of {}", FILES.join(", ")));
        Self::best_effort(&loaded.certs, loaded.errors.len()).ok_or_else(nothing)
    }
}

/// Best effort is about what the store holds, and not about what this process could not open.
fn refuse_shortage(errors: &[rustls_native_certs::Error]) -> Result<(), Unreadable> {
    let short = errors.iter().find_map(|error| match &error.kind {
        ErrorKind::Io { inner, path } if Cause::of(inner) == Cause::Shortage => {
            Some(Unreadable { cause: Cause::Shortage, reason: format!("{}: {inner}", path.display()) })
        }
        _ => None,
    });
    short.map_or(Ok(()), Err)
}

/// Where distributions keep their roots in one file.
const FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];
const FOLDERS: &[&str] = &["/etc/ssl/certs", "/etc/pki/tls/certs", "/system/etc/security/cacerts"];
