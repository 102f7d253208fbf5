//! Secrets by their names: of the document itself, or of a file of SDS; and data sources.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use uptls::{MaterialDraft, Secret, SecretDraft};
use zeroize::Zeroizing;

use crate::node::Node;
use crate::{source, yaml};

use super::ReadFile;
use super::finding::{Effect, Findings};
use super::locate::{self, Located};
use super::object::{Object, snake_case};

/// Where secrets are looked for.
pub(super) struct Secrets<'a> {
    /// Whether a field appears twice on the way to them, or in one of them, so that Envoy may have others.
    is_doubled: bool,
    known: Vec<Object<'a>>,
    read_file: &'a ReadFile<'a>,
}

impl<'a> Secrets<'a> {
    pub(super) fn new(located: &'a Located, read_file: &'a ReadFile<'a>) -> Self {
        Self { is_doubled: located.has_doubled_secrets, known: located.secrets(), read_file }
    }

    /// The part `kind` of the secret that an `SdsSecretConfig` names.
    ///
    /// # Errors
    /// Why it is not known.
    pub(super) fn find(&self, config: &Object<'_>, kind: &str, findings: &mut Findings) -> Result<Node, String> {
        config.strict(&["name", "sds_config"], findings);
        let name = config.text("name").unwrap_or_default();
        let file = config.dig(&["sds_config", "path_config_source", "path"]).or(config.dig(&["sds_config", "path"]));
        if let Some(path) = file.as_ref().and_then(Object::as_text) {
            let bytes = (self.read_file)(Path::new(path)).map_err(|reason| format!("{path}: {reason}"))?;
            // Keys stand in it.
            let bytes = Zeroizing::new(bytes);
            let documents = source::secret_text(&bytes).and_then(yaml::documents);
            let documents = documents.map_err(|_| format!("{path} is neither YAML nor JSON of 4 MiB at most"))?;
            let documents: Vec<Node> = documents.into_iter().map(snake_case).collect();
            if documents.iter().any(|document| !Object::new(document, "").twice().is_empty()) {
                return Err(format!("a field appears twice in {path}"));
            }
            let found = documents.iter().flat_map(|document| locate::secrets(&Object::new(document, "")));
            let found = part(found, name, kind).map_err(|reason| format!("{path}: {reason}"))?;
            return found.ok_or_else(|| format!("{path} holds no {kind} of this name"));
        }
        if self.is_doubled {
            return Err("a field appears twice around the secrets of the document".to_owned());
        }
        part(self.known.iter().cloned(), name, kind)?.ok_or_else(|| "the document does not hold it".to_owned())
    }
}

/// The part of the one secret that has it. A dump says the same secret twice, and that is no contradiction.
fn part<'a>(secrets: impl Iterator<Item = Object<'a>>, name: &str, kind: &str) -> Result<Option<Node>, String> {
    let named = secrets.filter(|secret| secret.text("name").unwrap_or_default() == name);
    let mut found: Option<Object<'a>> = None;
    for part in named.filter_map(|secret| secret.get(kind)) {
        match &found {
            Some(first) if !first.is_same(&part) => return Err("two secrets of this name differ".to_owned()),
            _ => found = Some(part),
        }
    }
    Ok(found.map(|part| part.node().clone()))
}

/// What a `DataSource` says.
enum Data {
    File(String),
    Bytes(Vec<u8>),
}

/// Public material; `None`, and a finding, for what no policy can name.
pub(super) fn material(source: &Object<'_>, label: &str, findings: &mut Findings) -> Option<MaterialDraft> {
    match data(source, findings)? {
        Data::File(path) => Some(MaterialDraft::file(path)),
        Data::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) if text.contains("-----BEGIN ") => Some(MaterialDraft::pem(text).named(label)),
            _ => {
                let reason = "it is not PEM";
                findings.add(source.spot(), Effect::Unclear, "data_source", reason, "give PEM text");
                None
            }
        },
    }
}

/// Secret material.
pub(super) fn secret(source: &Object<'_>, findings: &mut Findings) -> Option<SecretDraft> {
    match data(source, findings)? {
        Data::File(path) => Some(SecretDraft::file(path)),
        Data::Bytes(bytes) => Some(SecretDraft::pem(Secret::new(bytes))),
    }
}

fn data(source: &Object<'_>, findings: &mut Findings) -> Option<Data> {
    source.strict(&["filename", "inline_bytes", "inline_string", "watched_directory"], findings);
    if let Some(path) = source.text("filename") {
        return Some(Data::File(path.to_owned()));
    }
    let bytes = source.text("inline_bytes").and_then(|text| BASE64_STANDARD.decode(text).ok());
    let bytes = source.text("inline_string").map(|text| text.as_bytes().to_vec()).or(bytes);
    // The admin interface replaces keys.
    match bytes.filter(|bytes| bytes != b"[redacted]") {
        Some(bytes) => Some(Data::Bytes(bytes)),
        None => {
            let reason = "it holds neither a file nor a string that can be read";
            findings.add(source.spot(), Effect::Beyond, "data_source", reason, "give a filename or inline_string");
            None
        }
    }
}
