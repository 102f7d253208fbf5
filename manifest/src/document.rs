//! Whether a node is the document that is wanted: the one place that looks at `apiVersion` and `kind`.

use uptls::PolicyErrorKind;

use crate::node::{Node, Value};
use crate::position::{Fault, Notes, Place};
use crate::{source, yaml};

/// What a document must say that it is, and its other fields, for a sentence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) api_version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) fields: &'a str,
}

impl Header<'_> {
    /// Whether `node` says so; else problems are noted.
    pub(crate) fn is_of(&self, node: &Node, notes: &Notes<'_>) -> bool {
        if !matches!(node.value, Value::Map(_)) {
            let reason = node.mismatch(&format!("a map of apiVersion, kind{}", self.fields));
            notes.parse_problem("", node.place, reason);
            return false;
        }
        // Both, so that both are told.
        let is_version = says(node, notes, "apiVersion", self.api_version);
        says(node, notes, "kind", self.kind) && is_version
    }
}

/// Whether the field `name` holds `wanted`.
fn says(node: &Node, notes: &Notes<'_>, name: &str, wanted: &str) -> bool {
    let Some(entry) = node.field(name) else {
        notes.parse_problem("", node.place, format!("the field {name} is missing; it must be {wanted}"));
        return false;
    };
    let Some(given) = entry.value.text().filter(|_| !entry.value.is_null()) else {
        let reason = entry.value.mismatch(wanted);
        notes.parse_problem(name, entry.place, reason);
        return false;
    };
    if given != wanted {
        let kind = PolicyErrorKind::Invalid { given: given.to_owned(), wanted: wanted.to_owned() };
        notes.problem(name, entry.place, kind);
    }
    given == wanted
}

/// The one document of a text that holds exactly one; `what` it holds, for a sentence.
pub(crate) fn single(bytes: &[u8], what: &str) -> Result<Node, Fault> {
    let documents = yaml::documents(source::text(bytes)?)?;
    let mut written = documents.into_iter().filter(|node| !node.is_null());
    let Some(node) = written.next() else {
        return Err(Fault::parse(Place::START, "it is empty"));
    };
    match written.next() {
        None => Ok(node),
        Some(second) => Err(Fault::parse(second.place, format!("a second document begins; one file holds one {what}"))),
    }
}

/// Those of the native document.
pub(crate) const API_VERSION: &str = "uptls/v1";
pub(crate) const KIND: &str = "UpstreamTlsPolicy";
