//! Whose files an export writes: what is written for one policy is never what another reads (L12).

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uptls::printable;

use crate::kubernetes::{BackendRef, Mode, ObjectName};

/// The policy that an export writes files for. Only the next export of the same owner replaces its files.
///
/// Two exports have the same owner if they have the same source, the same policy in it and the same form. The source is
/// the absolute path of the document or of the manifests as it is written; symbolic links are not followed, so a
/// mounted ConfigMap stays the same source. The policy is the document's `metadata.name`, or the kind, namespace, name
/// and port of the backend, the Gateway and the mode. The form is Envoy's own validator or the module. A policy that
/// moves to another path is another policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Owner {
    /// For people.
    description: String,
    /// What the name of a folder begins with, for people.
    label: Option<String>,
    /// Compared one by one.
    parts: Vec<Vec<u8>>,
    source: Option<PathBuf>,
}

impl Owner {
    /// The native document in the file `path`. It must have a name if the export writes files for it: one file may hold
    /// one policy after another.
    ///
    /// # Errors
    /// [`OwnerError`]: see there.
    pub fn of_document(path: &Path) -> Result<Self, OwnerError> {
        let source = lasting(path)?;
        let parts = vec![b"document".to_vec(), bytes(&source)];
        let description = format!("the policy {}", shown(&source));
        Ok(Self { description, label: None, parts, source: Some(source) })
    }

    /// The policy of `backend` (M6) from the Kubernetes objects in `manifests`, a file or a folder.
    ///
    /// # Errors
    /// [`OwnerError`]: see there.
    pub fn of_backend(
        manifests: &Path,
        backend: &BackendRef,
        gateway: Option<&ObjectName>,
        mode: Mode,
    ) -> Result<Self, OwnerError> {
        let source = lasting(manifests)?;
        let BackendRef { kind, name: ObjectName { namespace, name }, port } = backend;
        let texts = [
            kind.map(|kind| kind.to_string()),
            Some(namespace.clone()),
            Some(name.clone()),
            port.map(|port| port.to_string()),
            gateway.map(|gateway| gateway.namespace.clone()),
            gateway.map(|gateway| gateway.name.clone()),
            (mode == Mode::Faithful).then(|| "faithful".to_owned()),
        ];
        let mut parts = vec![b"backend".to_vec(), bytes(&source)];
        parts.extend(texts.into_iter().map(optional));
        let through = gateway.map(|gateway| format!(" through {gateway}")).unwrap_or_default();
        let faithful = if mode == Mode::Faithful { " (faithful)" } else { "" };
        let description = printable(&format!("the backend {backend}{through}{faithful} of {}", shown(&source)));
        Ok(Self { description, label: Some(format!("{namespace}-{name}")), parts, source: Some(source) })
    }

    /// A policy that is no file: the caller guarantees that no other policy has the name `name`.
    pub fn named(name: &str) -> Self {
        let description = printable(&format!("the policy {name}"));
        Self { description, label: Some(name.to_owned()), parts: vec![b"named".to_vec(), name.into()], source: None }
    }

    /// Whether the policy must have a name: one document after another may stand in one file.
    pub(super) fn wants_name(&self) -> bool {
        self.label.is_none()
    }

    /// Where the policy was read: a file, or a folder of manifests.
    pub(super) fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }

    /// What the files of this form of the policy called `policy` are known by. Of a backend the name of the policy does not
    /// count: which object wins (M4) may change, and the backend stays.
    pub(super) fn key(&self, form: Form, policy: Option<&str>) -> OwnerKey {
        let named = policy.filter(|_| self.wants_name());
        let form_text = match form {
            Form::Module => "module",
            Form::Own => "own",
        };
        let mut digest = Sha256::new();
        let tail = [optional(named.map(str::to_owned)), form_text.into()];
        for part in [b"uptls owner v1".as_slice()].into_iter().chain(self.parts.iter().chain(&tail).map(Vec::as_slice))
        {
            // Lengths, so that no two lists of parts are one text.
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let name = named.map(|name| format!(" named {}", printable(name))).unwrap_or_default();
        let module = if form == Form::Module { ", with the module" } else { "" };
        let label = self.label.as_deref().or(named).unwrap_or("policy");
        OwnerKey {
            description: format!("{}{name}{module}", self.description),
            digest: hex(&digest.finalize()),
            slug: slug(label),
        }
    }
}

/// Who verifies by what is exported: each form reads its files in a way of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Module,
    Own,
}

/// An [`Owner`] in the names of its files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct OwnerKey {
    pub(super) description: String,
    /// Of all that makes the owner, in hexadecimal: this alone tells two owners apart.
    pub(super) digest: String,
    slug: String,
}

impl OwnerKey {
    /// The name of the folder of this owner's own.
    pub(super) fn folder_name(&self) -> String {
        format!("{}-{}", self.slug, self.digest)
    }
}

/// Why an export cannot write files for a policy: it could not tell the next export of the policy from an export of
/// another one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OwnerError {
    /// The path names the descriptor of a process (`/dev/stdin`, `/dev/fd/63`, `/proc/...`), and so another document each time.
    Fleeting(PathBuf),
    /// The current folder is not known, from which a relative path starts.
    Nowhere(PathBuf),
}

impl core::fmt::Display for OwnerError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Fleeting(path) => {
                write!(f, "files are written for a policy that lies in a file, and {} is a stream: ", shown(path))?;
                write!(f, "its next export could not be told from that of another policy; keep it in a file")
            }
            Self::Nowhere(path) => {
                write!(f, "it is not known which folder {} starts from; give an absolute path", shown(path))
            }
        }
    }
}

impl core::error::Error for OwnerError {}

/// `path` from the root, as it is written.
fn lasting(path: &Path) -> Result<PathBuf, OwnerError> {
    let absolute = std::path::absolute(path).map_err(|_| OwnerError::Nowhere(path.to_owned()))?;
    // A `.` at the end would stay.
    let absolute: PathBuf = absolute.components().collect();
    let folder = absolute.parent().unwrap_or(&absolute);
    // `..` and links on the way lead there too.
    let is_fleeting = is_fleeting(folder) || folder.canonicalize().is_ok_and(|folder| is_fleeting(&folder));
    if is_fleeting { Err(OwnerError::Fleeting(path.to_owned())) } else { Ok(absolute) }
}

/// Whether what is in `folder` is another thing for each process.
fn is_fleeting(folder: &Path) -> bool {
    folder == Path::new("/dev") || folder.starts_with("/dev/fd") || folder.starts_with("/proc")
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

/// Nothing is not the empty text.
fn optional(text: Option<String>) -> Vec<u8> {
    text.map(|text| format!("={text}")).unwrap_or_default().into_bytes()
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// `label` as a part of a file's name; many labels have the same.
fn slug(label: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '-' };
    let text: String = label.chars().take(MAX_SLUG).map(plain).collect();
    // No hidden file, no option.
    let text = text.trim_start_matches(['.', '-']);
    if text.is_empty() { "policy".to_owned() } else { text.to_owned() }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of `bytes` in hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

const MAX_SLUG: usize = 40;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_policies_have_one_key() {
        let document =
            |path: &str, name: Option<&str>| Owner::of_document(Path::new(path)).unwrap().key(Form::Own, name).digest;
        let backend = |folder: &str, backend: &str, gateway: Option<ObjectName>, mode| {
            let backend = BackendRef::parse(backend).unwrap();
            Owner::of_backend(Path::new(folder), &backend, gateway.as_ref(), mode).unwrap().key(Form::Own, None).digest
        };
        let strict = Mode::Strict;
        let keys = [
            document("/a/p.yaml", None),
            document("/a/p.yaml", Some("")),
            document("/a/p.yaml", Some("p")),
            document("/b/p.yaml", Some("p")),
            document("/a/p.yamlp", None),
            Owner::of_document(Path::new("/a/p.yaml")).unwrap().key(Form::Module, Some("p")).digest,
            Owner::named("/a/p.yaml").key(Form::Own, None).digest,
            backend("/a", "shop/pay", None, strict),
            backend("/b", "shop/pay", None, strict),
            backend("/a", "shop-pay/x", None, strict),
            backend("/a", "shop/pay-x", None, strict),
            backend("/a", "shop/pay:443", None, strict),
            backend("/a", "shop/pay:8443", None, strict),
            backend("/a", "Service/shop/pay", None, strict),
            backend("/a", "shop/pay", Some(ObjectName::new("infra", "edge")), strict),
            backend("/a", "shop/pay", Some(ObjectName::new("infra-edge", "edge")), strict),
            backend("/a", "shop/pay", None, Mode::Faithful),
        ];
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }

    #[test]
    fn the_same_policy_has_the_same_key() {
        let key = |path: &str, name| Owner::of_document(Path::new(path)).unwrap().key(Form::Own, name);
        assert_eq!(key("/a/p.yaml", Some("p")), key("/a/./p.yaml", Some("p")));
        let here = std::env::current_dir().unwrap().join("p.yaml");
        assert_eq!(key("p.yaml", None), key(here.to_str().unwrap(), None));
        // Which object wins may change.
        let backend = Owner::of_backend(Path::new("/a"), &BackendRef::new("shop", "pay", None), None, Mode::Strict);
        let backend = backend.unwrap();
        assert_eq!(backend.key(Form::Own, Some("one")), backend.key(Form::Own, Some("other")));
    }

    #[test]
    fn a_stream_is_no_policy_to_come_back_to() {
        for path in ["/dev/stdin", "/dev/fd/63", "/proc/self/fd/0", "/usr/../dev/stdin"] {
            assert!(Owner::of_document(Path::new(path)).is_err(), "{path}");
        }
        for path in ["/device/p.yaml", "/dev/shm/p.yaml", "/no such folder/p.yaml"] {
            assert!(Owner::of_document(Path::new(path)).is_ok(), "{path}");
        }
    }

    #[test]
    fn names_of_folders_are_plain() {
        let name = |name: &str| Owner::named(name).key(Form::Own, None).folder_name();
        for (given, start) in
            [("../../etc", "etc-"), ("-rf /", "rf---"), ("", "policy-"), ("päy\n", "p-y--"), (&"x".repeat(300), "xxx")]
        {
            let name = name(given);
            assert!(name.starts_with(start) && name.len() <= MAX_SLUG + 65, "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.'), "{name}");
        }
    }
}
