//! Exports into folders and files of the test, with contents that say which state they are of.

mod file;
mod folder;
mod steps;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::disk::Disk;
use super::{Destination, OutputError, write};
use crate::envoy::mark::marked;
use crate::envoy::owner::{Form, Owner};
use crate::envoy::sds::{CERTIFICATE, CURRENT, VALIDATION, file_name};
use crate::envoy::{Export, ExportedFile, Secrecy};

/// What is exported where, by which policy.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The folder of the policy called `owner` in that of all.
    fn policy(&self, owner: &str) -> PathBuf {
        self.path("sds").join(Owner::named(owner).key(Form::Own, None).folder_name())
    }

    /// By `--sds`: a key and a CA of one state.
    fn sds(&self, owner: &str, state: &str) -> Export {
        let (folder, policy) = (self.path("sds"), self.policy(owner));
        let file = |name: &str, secrecy| ExportedFile {
            content: Zeroizing::new(format!("{name} of {state}").into_bytes()),
            path: policy.join(CURRENT).join(file_name(name)),
            secrecy,
        };
        let files = vec![file(CERTIFICATE, Secrecy::OwnerOnly), file(VALIDATION, Secrecy::Public)];
        export(files, Destination::Folder { folder, policy: policy.clone() })
    }

    /// By `--ca-file`.
    fn ca_file(&self, name: &str, owner: &str, state: &str) -> Export {
        let key = Owner::named(owner).key(Form::Own, None);
        let content = Zeroizing::new(marked(&key, state.as_bytes()));
        let file = ExportedFile { content, path: self.path(name), secrecy: Secrecy::Public };
        export(vec![file], Destination::File { owner: key.digest })
    }

    /// Which state a policy's link leads to; `None` without a link. Both files are of it.
    fn state(&self, owner: &str) -> Option<String> {
        let current = self.policy(owner).join(CURRENT);
        fs::symlink_metadata(&current).ok()?;
        let state = |name: &str| {
            let text = fs::read_to_string(current.join(file_name(name))).unwrap();
            text.strip_prefix(&format!("{name} of ")).unwrap().to_owned()
        };
        let states = [CERTIFICATE, VALIDATION].map(state);
        assert_eq!(states[0], states[1], "a key of one state stands beside the CA of another");
        Some(states[0].clone())
    }

    /// The states in the store, whether a link leads to them or not.
    fn states(&self) -> Vec<String> {
        names(&self.path("sds/.uptls")).into_iter().filter(|name| name.len() == 64).collect()
    }

    /// What stands behind the mark of a file; `None` if nothing is there.
    fn text(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.path(name)).ok()?;
        Some(text.lines().nth(3).unwrap_or_default().to_owned())
    }
}

/// Puts something to a path, or changes what is there.
type Make = fn(&Path);

fn export(files: Vec<ExportedFile>, destination: Destination) -> Export {
    Export { context: Value::Null, files, warnings: Vec::new(), destination, reads: Vec::new() }
}

/// The names in a folder, sorted; none, if it is not there.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}
