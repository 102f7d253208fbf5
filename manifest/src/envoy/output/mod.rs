//! Writing an export (L12, X5): a whole state or nothing, over nothing that this policy's last export did not write.
//!
//! ```text
//!  --ca-file:  FILE                                  says in its first lines whose it is; replaced by one rename
//!  --sds:      DIR/.uptls/DIGEST/*.json              one state, named by its content, never changed
//!              DIR/POLICY-DIGEST/current -> ../.uptls/DIGEST     one link for each policy; replaced by one rename
//! ```

mod disk;
mod error;
mod file;
mod folder;
mod inputs;
#[cfg(test)]
mod tests;

pub use error::OutputError;

use super::exported::{Destination, Export, ExportedFile};
use disk::Disk;

impl Export {
    /// Writes [`Export::files`] to the paths in [`Export::context`]; nothing, if there are none.
    ///
    /// One rename publishes all files, once they are on the disk. If something fails, or the process or the machine
    /// stops, the files are those of the last export or of this one, never of both. Exports into one folder may run at
    /// the same time, and wait for each other. Only the owner can read a key, from the beginning (mode 0600).
    ///
    /// A running Envoy picks up the next export of the same [`Owner`](super::Owner). The replaced state stays until the
    /// next export into the folder, which removes it if no policy names it.
    ///
    /// ```
    /// use uptls_manifest::envoy::{self, ExportOptions, Owner, Placement};
    /// # use std::error::Error;
    /// # fn run(prepared: &uptls::Prepared, document: &std::path::Path) -> Result<(), Box<dyn Error>> {
    /// let mut options = ExportOptions::default();
    /// options.placement =
    ///     Placement::Sds { folder: "/etc/envoy/sds".into(), owner: Owner::of_document(document)? };
    /// let export = envoy::export(prepared, &options)?;
    /// export.write()?;
    /// println!("{:#}", export.context);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OutputError`]; nothing is replaced then, unless it says so: see [`OutputError::Io`].
    pub fn write(&self) -> Result<(), OutputError> {
        write(&Disk::default(), self)
    }
}

fn write(disk: &Disk<'_>, export: &Export) -> Result<(), OutputError> {
    match (&export.destination, export.files.as_slice()) {
        (Destination::File { owner }, [ExportedFile { content, path, .. }]) => {
            inputs::refuse(path, &export.reads)?;
            file::publish(disk, path, owner, content)
        }
        (Destination::Folder { folder, policy }, files @ [_, ..]) => folder::publish(disk, folder, policy, files),
        _ => Ok(()),
    }
}
