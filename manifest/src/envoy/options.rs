//! How a policy is exported, and where its material is put.

use std::path::PathBuf;

use uptls::{BackendHost, OnInvalid};

use super::owner::{Form, Owner, OwnerKey};

/// How a policy is exported.
///
/// ```
/// use uptls::danger::DangerPermission;
/// use uptls::{BackendHost, Runtime};
/// use uptls_manifest::envoy::{self, ExportOptions};
///
/// let runtime = Runtime::new(uptls::aws_lc_rs::provider());
/// let policy = std::path::Path::new("../examples/refused/policy.yaml");
/// let prepared = uptls_manifest::prepare_file(&runtime, policy, DangerPermission::Forbidden)?;
/// let mut options = ExportOptions::default();
/// options.backend_host = Some(BackendHost::parse("payments.internal").expect("a host"));
/// let export = envoy::export(&prepared, &options)?;
/// assert_eq!(export.context["sni"], "payments.internal");
/// assert!(export.files.is_empty(), "the CA stands in the context");
/// # Ok::<(), uptls::Problems>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExportOptions {
    /// The backend host, if the policy's server name is `auto`.
    pub backend_host: Option<BackendHost>,
    /// The folder that relative names of the identity's files start from. Default: the export writes the names as they
    /// are, and Envoy resolves them from its own current folder.
    pub current_folder: Option<PathBuf>,
    /// The effect of a broken file in the module (R2); without the module it has none. Default: the last good file
    /// stays.
    pub on_invalid: OnInvalid,
    /// Where the export puts certificates, lists and keys.
    pub placement: Placement,
}

/// Where the export puts certificates, lists and keys. Files have an [`Owner`], and only its next export replaces them
/// (L12).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Placement {
    /// CA certificates into this file, which is never read again by a running Envoy; the rest as [`Placement::Inline`].
    CaFile {
        /// Its folder must exist.
        file: PathBuf,
        /// Whose file it is.
        owner: Owner,
    },
    /// CA certificates and lists inside the context; the identity by the names of its own files.
    #[default]
    Inline,
    /// All of it into a folder of the owner's own in this one, which Envoy watches: file-based SDS. Any number of policies may be
    /// exported into one folder.
    Sds {
        /// Made if it is missing, with mode 0700; the folder that it is in must exist.
        folder: PathBuf,
        /// Whose files they are.
        owner: Owner,
    },
}

impl Placement {
    /// The form's own name of the owner, of the policy called `policy`.
    pub(super) fn owner_key(&self, form: Form, policy: Option<&str>) -> Option<OwnerKey> {
        match self {
            Self::CaFile { owner, .. } | Self::Sds { owner, .. } => Some(owner.key(form, policy)),
            Self::Inline => None,
        }
    }
}
