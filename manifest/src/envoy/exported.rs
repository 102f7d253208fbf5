//! What an export is: a context, and the files that belong to it.

use core::fmt;
use std::path::PathBuf;

use serde_json::Value;
use uptls::Warning;
use zeroize::Zeroizing;

/// An exported policy. [`Export::write`] writes its files.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Export {
    /// The `UpstreamTlsContext`, with its `@type`.
    pub context: Value,
    /// The files that the context refers to and that do not exist until they are written. They belong together.
    pub files: Vec<ExportedFile>,
    /// `engine_difference` for each class that this export can touch, and the warnings of the policy itself.
    pub warnings: Vec<Warning>,
    pub(super) destination: Destination,
    /// What the policy was made of, which is never written.
    pub(super) reads: Vec<PathBuf>,
}

/// A file that the context names. [`Export::write`](super::Export::write) puts it there.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct ExportedFile {
    /// Its content.
    pub content: Zeroizing<Vec<u8>>,
    /// Its path in the context.
    pub path: PathBuf,
    /// Who may read it.
    pub secrecy: Secrecy,
}

/// The content is not shown: it may be a key (I6).
impl fmt::Debug for ExportedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedFile").field("path", &self.path).field("secrecy", &self.secrecy).finish_non_exhaustive()
    }
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Secrecy {
    /// Its owner alone: mode 0600.
    OwnerOnly,
    /// Everybody: certificates and lists.
    Public,
}

/// Where the files of an export go together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Destination {
    /// One file; the digest of its owner.
    File {
        owner: String,
    },
    /// The folder of one policy in the folder of all.
    Folder {
        folder: PathBuf,
        policy: PathBuf,
    },
    Nowhere,
}
