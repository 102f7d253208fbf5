//! What is asked of the file system, one call a step: tests let each step fail, or stop the process there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::TempPath;

/// The file system. `gate` is asked before each step.
pub(super) struct Disk<'a> {
    gate: &'a dyn Fn(Step, &Path) -> io::Result<()>,
}

/// What is about to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Create,
    Link,
    Lock,
    MakeFolder,
    Remove,
    Rename,
    SetMode,
    Sync,
    SyncFolder,
    Write,
}

impl Default for Disk<'_> {
    fn default() -> Self {
        Self { gate: &|_, _| Ok(()) }
    }
}

impl<'a> Disk<'a> {
    #[cfg(test)]
    pub(super) fn gated(gate: &'a dyn Fn(Step, &Path) -> io::Result<()>) -> Self {
        Self { gate }
    }

    /// A folder of this mode, which is not there yet; its parents must be.
    pub(super) fn make_folder(&self, path: &Path, mode: Mode) -> io::Result<()> {
        (self.gate)(Step::MakeFolder, path)?;
        let mut builder = DirBuilder::new();
        mode.of_folder(&mut builder);
        builder.create(path)
    }

    /// A new file, its owner's alone.
    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        (self.gate)(Step::Create, path)?;
        create_new(path)
    }

    /// Opens a file, or creates it for its owner alone, and locks it as soon as no other process has locked it. Its
    /// content stays.
    pub(super) fn lock(&self, path: &Path) -> io::Result<File> {
        (self.gate)(Step::Lock, path)?;
        let file = loop {
            // Apart, so that no link is followed to a file that would be made elsewhere.
            match create_new(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match open(path) {
                    // Removed in the meantime.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    opened => break opened?,
                },
                created => break created?,
            }
        };
        file.lock()?;
        Ok(file)
    }

    pub(super) fn write(&self, mut file: &File, path: &Path, content: &[u8]) -> io::Result<()> {
        // In two parts, so that a test can stop between them.
        let (one, other) = content.split_at(content.len() / 2);
        for part in [one, other] {
            (self.gate)(Step::Write, path)?;
            file.write_all(part)?;
        }
        Ok(())
    }

    pub(super) fn set_mode(&self, file: &File, path: &Path, mode: Mode) -> io::Result<()> {
        (self.gate)(Step::SetMode, path)?;
        mode.set(file)
    }

    /// Waits until the disk has the content of a file.
    pub(super) fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        (self.gate)(Step::Sync, path)?;
        file.sync_all()
    }

    /// Waits until the disk has the names in a folder.
    pub(super) fn sync_folder(&self, path: &Path) -> io::Result<()> {
        (self.gate)(Step::SyncFolder, path)?;
        sync_folder(path)
    }

    /// Over what is there.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        (self.gate)(Step::Rename, to)?;
        fs::rename(from, to)
    }

    /// `AlreadyExists`, and nothing done, if something is there.
    pub(super) fn rename_to_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        (self.gate)(Step::Rename, to)?;
        match TempPath::try_from_path(from)?.persist_noclobber(to) {
            Ok(()) => Ok(()),
            Err(error) => {
                // Who fails here removes it as after every failure.
                error.path.keep().map_err(|error| error.error)?;
                Err(error.error)
            }
        }
    }

    /// A symbolic link at `path`.
    pub(super) fn link(&self, target: &Path, path: &Path) -> io::Result<()> {
        (self.gate)(Step::Link, path)?;
        symbolic_link(target, path)
    }

    pub(super) fn remove_file(&self, path: &Path) -> io::Result<()> {
        (self.gate)(Step::Remove, path)?;
        fs::remove_file(path)
    }

    /// An empty one.
    pub(super) fn remove_folder(&self, path: &Path) -> io::Result<()> {
        (self.gate)(Step::Remove, path)?;
        fs::remove_dir(path)
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    private(&mut options);
    options.open(path)
}

/// A file that is there, and nothing else: opening a pipe would wait.
fn open(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path)?.is_file() {
        true => OpenOptions::new().read(true).write(true).open(path),
        false => Err(io::Error::other(format!("{} is no file", path.display()))),
    }
}

/// Who may read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    /// The owner alone: 0600, of a folder 0700.
    Owner,
    /// Everybody: 0644, of a folder 0755, less what the umask takes when it is made.
    Public,
}

#[cfg(unix)]
impl Mode {
    fn of_folder(self, builder: &mut DirBuilder) {
        use std::os::unix::fs::DirBuilderExt as _;
        let _ = builder.mode(if self == Self::Owner { 0o700 } else { 0o755 });
    }

    fn set(self, file: &File) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = file.metadata()?.is_dir();
        let mode = match (self, folder) {
            (Self::Owner, false) => 0o600,
            (Self::Owner, true) => 0o700,
            (Self::Public, false) => 0o644,
            (Self::Public, true) => 0o755,
        };
        file.set_permissions(fs::Permissions::from_mode(mode))
    }

    /// Whether `file` is as private as this mode demands.
    pub(super) fn is_kept(self, file: &fs::Metadata) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        self == Self::Public || file.permissions().mode() & 0o077 == 0
    }
}

#[cfg(not(unix))]
impl Mode {
    fn of_folder(self, _: &mut DirBuilder) {}

    fn set(self, _: &File) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn is_kept(self, _: &fs::Metadata) -> bool {
        true
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let _ = options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    match synced.as_ref().map_err(io::Error::kind) {
        // Some file systems have no such thing, and a folder that may be written to may not be readable.
        Err(io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied) => Ok(()),
        _ => synced,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn symbolic_link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn symbolic_link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "file-based SDS is written on Unix alone"))
}
