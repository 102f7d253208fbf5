//! Where material is put: into the context, beside it, or under the names of file-based SDS.

use core::cmp::Reverse;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use uptls::interop::{self, IdentityFiles, Phase, TrustedAs};
use uptls::{Prepared, Problems};
use zeroize::Zeroizing;

use super::ExportOptions;
use super::parameters::base64;

/// Where certificates, lists and keys are put.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Placement {
    /// CA certificates into this file, which is never read again by a running Envoy; the rest as [`Placement::Inline`].
    CaFile(PathBuf),
    /// CA certificates and lists inside the context; the identity by the names of its own files.
    #[default]
    Inline,
    /// All of it into this folder, which Envoy watches: file-based SDS.
    Sds(PathBuf),
}

/// A file to write.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct ExportedFile {
    /// What it holds.
    pub content: Zeroizing<Vec<u8>>,
    /// Where the context says that it is.
    pub path: PathBuf,
    /// Who may read it.
    pub secrecy: Secrecy,
}

/// The content is not shown: it may be a key (I6).
impl core::fmt::Debug for ExportedFile {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
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
    pub(super) fn place(prepared: &Prepared, options: &ExportOptions) -> Result<Self, Problems> {
        let authorities = pem("CERTIFICATE", anchors(prepared).into_iter());
        let lists = interop::revocation_lists(prepared)?;
        let lists = (!lists.is_empty()).then(|| pem("X509 CRL", lists.iter().map(Vec::as_slice)));
        match &options.placement {
            Placement::CaFile(path) => {
                let mut material = Self::beside(prepared, options, json!({"filename": text(path)}), lists);
                material.files.push(public(path.clone(), authorities));
                Ok(material)
            }
            Placement::Inline => Ok(Self::beside(prepared, options, json!({"inline_string": authorities}), lists)),
            Placement::Sds(folder) => Self::sds(prepared, folder, authorities, lists),
        }
    }

    fn beside(prepared: &Prepared, options: &ExportOptions, trusted_ca: Value, lists: Option<String>) -> Self {
        let mut validation = Map::new();
        validation.insert("trusted_ca".to_owned(), trusted_ca);
        if let Some(lists) = lists {
            validation.insert("crl".to_owned(), json!({"inline_string": lists}));
        }
        let mut identity = Map::new();
        if let Some(IdentityFiles { certificate, key, .. }) = interop::identity_files(prepared.policy()) {
            let file = |path: &Path| json!({"filename": text(&located(options, path))});
            let pair = json!({"certificate_chain": file(&certificate), "private_key": file(&key)});
            identity.insert("tls_certificates".to_owned(), json!([pair]));
        }
        Self { files: Vec::new(), identity, validation, validation_sds: None }
    }

    fn sds(prepared: &Prepared, folder: &Path, authorities: String, lists: Option<String>) -> Result<Self, Problems> {
        let mut files = Vec::new();
        let mut identity = Map::new();
        if let Some(private) = interop::private_key(prepared)? {
            let chain = pem("CERTIFICATE", interop::identity_chain(prepared));
            let mut pair = json!({
                "certificate_chain": {"filename": text(&folder.join(IDENTITY))},
                "private_key": {"filename": text(&folder.join(KEY))},
                "watched_directory": {"path": text(folder)},
            });
            files.push(public(folder.join(IDENTITY), chain));
            files.push(secret(folder.join(KEY), private.key));
            if let Some(passphrase) = private.passphrase {
                pair["password"] = json!({"filename": text(&folder.join(PASSPHRASE))});
                files.push(secret(folder.join(PASSPHRASE), passphrase));
            }
            files.push(resource(folder, CERTIFICATE_SECRET, "tls_certificate", &pair));
            let config = json!([config(folder, CERTIFICATE_SECRET)]);
            identity.insert("tls_certificate_sds_secret_configs".to_owned(), config);
        }
        let mut trust = json!({
            "trusted_ca": {"filename": text(&folder.join(AUTHORITIES))},
            "watched_directory": {"path": text(folder)},
        });
        files.push(public(folder.join(AUTHORITIES), authorities));
        if let Some(lists) = lists {
            trust["crl"] = json!({"filename": text(&folder.join(LISTS))});
            files.push(public(folder.join(LISTS), lists));
        }
        files.push(resource(folder, VALIDATION_SECRET, "validation_context", &trust));
        let validation_sds = Some(config(folder, VALIDATION_SECRET));
        Ok(Self { files, identity, validation: Map::new(), validation_sds })
    }
}

/// What is trusted, as Envoy must see it: of several anchors of one name it takes the first, whatever the clock says (E12).
pub(super) fn anchors(prepared: &Prepared) -> Vec<&[u8]> {
    let mut trusted = interop::trusted_certificates(prepared);
    // T4: an expired anchor completes no path here.
    trusted.retain(|anchor| anchor.phase != Phase::Expired && anchor.trusted_as != TrustedAs::Nothing);
    trusted.sort_by_key(|anchor| (anchor.phase, Reverse(anchor.not_after)));
    trusted.into_iter().map(|anchor| anchor.der).collect()
}

/// A file of SDS: one secret.
fn resource(folder: &Path, name: &str, kind: &str, secret: &Value) -> ExportedFile {
    let mut entry = json!({"@type": SECRET_TYPE, "name": name});
    entry[kind] = secret.clone();
    public(folder.join(format!("{name}.json")), format!("{:#}\n", json!({"resources": [entry]})))
}

/// Where Envoy finds a secret: it reads the file again whenever something is moved in the folder.
fn config(folder: &Path, name: &str) -> Value {
    let source =
        json!({"path": text(&folder.join(format!("{name}.json"))), "watched_directory": {"path": text(folder)}});
    json!({"name": name, "sds_config": {"path_config_source": source, "resource_api_version": "V3"}})
}

fn public(path: PathBuf, content: String) -> ExportedFile {
    ExportedFile { content: Zeroizing::new(content.into_bytes()), path, secrecy: Secrecy::Public }
}

fn secret(path: PathBuf, content: Zeroizing<Vec<u8>>) -> ExportedFile {
    ExportedFile { content, path, secrecy: Secrecy::OwnerOnly }
}

fn located(options: &ExportOptions, path: &Path) -> PathBuf {
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

const AUTHORITIES: &str = "ca.pem";
const CERTIFICATE_SECRET: &str = "tls_certificate";
const IDENTITY: &str = "tls.crt";
const KEY: &str = "tls.key";
const LISTS: &str = "crl.pem";
const PASSPHRASE: &str = "tls.passphrase";
const SECRET_TYPE: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
const VALIDATION_SECRET: &str = "validation_context";
