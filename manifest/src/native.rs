//! The native document: one policy, written for this library.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use uptls::{PolicyDraft, PolicyErrorKind, PolicySpec, Problems};

use crate::decode::decode;
use crate::document::{API_VERSION, Header, KIND, single};
use crate::node::Node;
use crate::position::{Fault, Notes};
use crate::source;

/// Reads one native policy document, YAML or JSON.
///
/// `name` is the document's name in errors; relative `file:` paths in it start from `base`, or from the current folder.
///
/// # Errors
/// Every problem at once, with line and column: `document_parse`, `document_too_large`, and `policy_invalid` for
/// another `apiVersion` or `kind` and for a name that is none. [`uptls::UpstreamTlsPolicy::check`] judges the values of
/// the fields.
pub fn parse(text: &[u8], name: &str, base: Option<&Path>) -> Result<PolicyDraft, Problems> {
    let notes = Notes::new(name);
    let node = match single(text, "policy") {
        Ok(node) => node,
        Err(fault) => return refuse(notes, fault),
    };
    let policy = policy_name(&node);
    let read = if HEADER.is_of(&node, &notes) { decode::<NativeDocument>(node, &notes) } else { None };
    if let Some(metadata) = read.as_ref().and_then(|document| document.metadata.as_ref()) {
        metadata.check(&notes);
    }
    let (document, origins) = notes.finish(policy.clone(), read)?;
    let mut draft = PolicyDraft::new(document.spec);
    draft.base = base.map(Path::to_path_buf);
    draft.name = policy;
    draft.origins = origins.into();
    Ok(draft)
}

/// Reads the native policy document in the file at `path`; relative `file:` paths in it start from its folder.
///
/// # Errors
/// As [`parse`]; `document_unreadable` too if the file cannot be read.
pub fn load(path: &Path) -> Result<PolicyDraft, Problems> {
    let name = path.display().to_string();
    match source::load_file(path) {
        Ok(bytes) => parse(&bytes, &name, path.parent()),
        Err(fault) => refuse(Notes::new(&name), fault),
    }
}

fn refuse(notes: Notes<'_>, fault: Fault) -> Result<PolicyDraft, Problems> {
    notes.fault(fault);
    notes.finish(None, None::<PolicyDraft>).map(|(draft, _)| draft)
}

/// The name of the policy, as far as it can be told before anything is checked: errors are reported under it.
fn policy_name(node: &Node) -> Option<String> {
    let name = &node.field("metadata")?.value.field("name")?.value;
    name.text().filter(|text| !name.is_null() && !text.is_empty()).map(str::to_owned)
}

/// The document as a whole.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NativeDocument {
    /// The version of this format.
    #[expect(dead_code, reason = "the header has been read; here it is a field that is known")]
    #[schemars(extend("const" = API_VERSION))]
    api_version: String,
    /// The kind of document.
    #[expect(dead_code, reason = "the header has been read; here it is a field that is known")]
    #[schemars(extend("const" = KIND))]
    kind: String,
    /// The name of the policy.
    #[serde(default)]
    metadata: Option<Metadata>,
    /// The policy.
    spec: PolicySpec,
}

/// The name of the policy.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metadata {
    /// The name of the policy, for reports.
    #[serde(default)]
    #[schemars(length(min = 1, max = 253))]
    name: Option<String>,
}

impl Metadata {
    fn check(&self, notes: &Notes<'_>) {
        let length = self.name.as_deref().map_or(1, |name| name.chars().count());
        if !(1..=MAX_NAME).contains(&length) {
            let given = format!("a string of {length} characters");
            let wanted = format!("a name of 1 to {MAX_NAME} characters");
            notes.invalid("metadata.name", PolicyErrorKind::Invalid { given, wanted });
        }
    }
}

const HEADER: Header<'_> = Header { api_version: API_VERSION, kind: KIND, fields: ", metadata, spec" };
/// As long as a name in Kubernetes.
const MAX_NAME: usize = 253;
