//! Where material is put: into the context, beside it, or under the names of file-based SDS.

use core::cmp::Reverse;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use uptls::interop::{self, IdentityFiles, Phase, TrustedAs};
use uptls::{Prepared, Problems};
use zeroize::Zeroizing;

use super::exported::{Destination, ExportedFile, Secrecy};
use super::mark::marked;
use super::options::{ExportOptions, Placement};
use super::owner::{Form, OwnerKey};
use super::parameters::base64;
use super::sds;

/// Material in the form that a context has for it.
pub(super) struct Material {
    pub(super) files: Vec<ExportedFile>,
    /// Fields of `CommonTlsContext`.
    pub(super) identity: Map<String, Value>,
    /// Fields of `CertificateValidationContext`; without the CA where SDS gives it.
    pub(super) validation: Map<String, Value>,
    /// An `SdsSecretConfig`.
    pub(super) validation_sds: Option<Value>,
}

impl Material {
    pub(super) fn place(prepared: &Prepared, options: &ExportOptions, target: &Target) -> Result<Self, Problems> {
        let authorities = pem("CERTIFICATE", anchors(prepared).into_iter());
        let lists = interop::revocation_lists(prepared)?;
        let lists = (!lists.is_empty()).then(|| pem("X509 CRL", lists.iter().map(Vec::as_slice)));
        match target {
            Target::CaFile { file, key } => {
                let mut material = Self::beside(prepared, options, json!({"filename": text(file)}), lists);
                material.files.push(public(file.clone(), marked(key, authorities.as_bytes())));
                Ok(material)
            }
            Target::Inline => Ok(Self::beside(prepared, options, json!({"inline_string": authorities}), lists)),
            Target::Sds { policy, .. } => {
                let (identity, mut files) = identity_by_sds(prepared, policy)?;
                let content = sds::validation_context(&authorities, lists.as_deref());
                files.push(secret(policy, sds::VALIDATION, content, Secrecy::Public));
                let validation_sds = Some(sds::config(policy, sds::VALIDATION));
                Ok(Self { files, identity, validation: Map::new(), validation_sds })
            }
        }
    }

    fn beside(prepared: &Prepared, options: &ExportOptions, trusted_ca: Value, lists: Option<String>) -> Self {
        let mut validation = Map::new();
        validation.insert("trusted_ca".to_owned(), trusted_ca);
        if let Some(lists) = lists {
            validation.insert("crl".to_owned(), json!({"inline_string": lists}));
        }
        let identity = identity_beside(prepared, options);
        Self { files: Vec::new(), identity, validation, validation_sds: None }
    }
}

/// A [`Placement`] for one policy.
pub(super) enum Target {
    CaFile {
        file: PathBuf,
        key: OwnerKey,
    },
    Inline,
    /// `policy` is the owner's own folder in `folder`.
    Sds {
        folder: PathBuf,
        policy: PathBuf,
    },
}

impl Target {
    pub(super) fn of(prepared: &Prepared, options: &ExportOptions, form: Form) -> Self {
        match (&options.placement, options.placement.owner_key(form, prepared.policy().name())) {
            (Placement::CaFile { file, .. }, Some(key)) => Self::CaFile { file: file.clone(), key },
            (Placement::Sds { folder, .. }, Some(key)) => {
                Self::Sds { folder: folder.clone(), policy: folder.join(key.folder_name()) }
            }
            _ => Self::Inline,
        }
    }

    /// Where the files of it go.
    pub(super) fn destination(self) -> Destination {
        match self {
            Self::CaFile { key, .. } => Destination::File { owner: key.digest },
            Self::Inline => Destination::Nowhere,
            Self::Sds { folder, policy } => Destination::Folder { folder, policy },
        }
    }
}

/// Fields of `CommonTlsContext` for the identity alone, and its files; as [`Material::place`] has them.
pub(super) fn identity(
    prepared: &Prepared,
    options: &ExportOptions,
    target: &Target,
) -> Result<(Map<String, Value>, Vec<ExportedFile>), Problems> {
    match target {
        Target::Sds { policy, .. } => identity_by_sds(prepared, policy),
        Target::CaFile { .. } | Target::Inline => Ok((identity_beside(prepared, options), Vec::new())),
    }
}

fn identity_beside(prepared: &Prepared, options: &ExportOptions) -> Map<String, Value> {
    let mut identity = Map::new();
    if let Some(IdentityFiles { certificate, key, .. }) = interop::identity_files(prepared.policy()) {
        let file = |path: &Path| json!({"filename": text(&located(options, path))});
        let pair = json!({"certificate_chain": file(&certificate), "private_key": file(&key)});
        identity.insert("tls_certificates".to_owned(), json!([pair]));
    }
    identity
}

fn identity_by_sds(prepared: &Prepared, policy: &Path) -> Result<(Map<String, Value>, Vec<ExportedFile>), Problems> {
    let mut files = Vec::new();
    let mut identity = Map::new();
    if let Some(private) = interop::private_key(prepared)? {
        let chain = pem("CERTIFICATE", interop::identity_chain(prepared));
        let passphrase = private.passphrase.as_ref().map(|passphrase| passphrase.as_slice());
        let content = sds::tls_certificate(&chain, &private.key, passphrase);
        files.push(secret(policy, sds::CERTIFICATE, content, Secrecy::OwnerOnly));
        let config = json!([sds::config(policy, sds::CERTIFICATE)]);
        identity.insert("tls_certificate_sds_secret_configs".to_owned(), config);
    }
    Ok((identity, files))
}

/// What is trusted, as Envoy must see it: of several anchors of one name it takes the first, whatever the clock says (E12).
pub(super) fn anchors(prepared: &Prepared) -> Vec<&[u8]> {
    let mut trusted = interop::trusted_certificates(prepared);
    // T4: an expired anchor completes no path here.
    trusted.retain(|anchor| anchor.phase != Phase::Expired && anchor.trusted_as != TrustedAs::Nothing);
    trusted.sort_by_key(|anchor| (anchor.phase, Reverse(anchor.not_after)));
    trusted.into_iter().map(|anchor| anchor.der).collect()
}

pub(super) fn public(path: PathBuf, content: impl Into<Vec<u8>>) -> ExportedFile {
    ExportedFile { content: Zeroizing::new(content.into()), path, secrecy: Secrecy::Public }
}

/// A file of SDS, where the context says that it is.
fn secret(policy: &Path, name: &str, content: Zeroizing<Vec<u8>>, secrecy: Secrecy) -> ExportedFile {
    ExportedFile { content, path: policy.join(sds::CURRENT).join(sds::file_name(name)), secrecy }
}

pub(super) fn located(options: &ExportOptions, path: &Path) -> PathBuf {
    options.current_folder.as_ref().map_or_else(|| path.to_path_buf(), |folder| folder.join(path))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn pem<'a>(label: &str, ders: impl Iterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for der in ders {
        text.push_str(&format!("-----BEGIN {label}-----\n"));
        let mut base64 = base64(der);
        while !base64.is_empty() {
            let rest = base64.split_off(base64.len().min(64));
            text.push_str(&base64);
            text.push('\n');
            base64 = rest;
        }
        text.push_str(&format!("-----END {label}-----\n"));
    }
    text
}
