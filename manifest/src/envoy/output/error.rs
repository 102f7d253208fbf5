//! Why an export was not written: what was given, what stands there, and the one thing to change.

use std::io;
use std::path::{Path, PathBuf};

use uptls::printable;

/// Why the export could not be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutputError {
    /// Another policy's export wrote what stands there.
    Another {
        /// What would have been replaced.
        path: PathBuf,
        /// Whose it is.
        owner: String,
    },
    /// It was changed after an export wrote it: what stands there is not known.
    Changed {
        /// What was changed.
        path: PathBuf,
    },
    /// No export wrote what stands there.
    Foreign {
        /// What would have been replaced.
        path: PathBuf,
        /// What it is: `a file`, `a folder`.
        kind: &'static str,
    },
    /// The policy is made of it.
    Input {
        /// What would have been replaced.
        path: PathBuf,
        /// The name by which the policy reads it.
        input: PathBuf,
    },
    /// The system does not do it. Where the last of all steps fails, which is to wait until the disk has the rename, the new
    /// state is in place.
    Io {
        /// What was being written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder to write to does not exist, and is not made.
    MissingFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// What is given as a folder is none.
    NoFolder {
        /// What is given.
        path: PathBuf,
    },
}

impl core::fmt::Display for OutputError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Another { path, owner } => {
                write!(f, "{} was written for {owner}, which reads it: ", shown(path))?;
                f.write_str("give each policy a file of its own, or remove this one first")
            }
            Self::Changed { path } => {
                write!(f, "{} was changed after an export wrote it: ", shown(path))?;
                f.write_str("if it is no longer needed, remove it and export again")
            }
            Self::Foreign { path, kind } => {
                write!(f, "{} is {kind} that no export wrote, and is not replaced: ", shown(path))?;
                f.write_str("give another path, or remove it first")
            }
            Self::Input { path, input } if path == input => {
                write!(f, "{} is what the policy is made of, and is not replaced: give another path", shown(path))
            }
            Self::Input { path, input } => {
                write!(f, "{} is what the policy reads as {}, and is not replaced: ", shown(path), shown(input))?;
                f.write_str("give another path")
            }
            Self::Io { path, source } => write!(f, "cannot write {}: {source}", shown(path)),
            Self::MissingFolder { folder } => {
                write!(f, "the folder {} does not exist: correct the path, or create it first", shown(folder))
            }
            Self::NoFolder { path } => write!(f, "{} is no folder: give the path of one", shown(path)),
        }
    }
}

impl core::error::Error for OutputError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// What the system says of `path`.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> OutputError {
    let path = path.to_owned();
    |source| OutputError::Io { path, source }
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}
