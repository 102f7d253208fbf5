//! Which kind of document a node is: the one place that looks at `apiVersion` and `kind`.

use uptls::PolicyErrorKind;

use crate::node::{Node, Value};
use crate::position::Notes;

/// The kinds of documents that are read here. A kind that is added needs a row in [`KINDS`] and a reader.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// `native`.
    Policy,
}

/// The kind of `node`; `None`, and noted problems, if it is none that is known.
pub(crate) fn kind(node: &Node, notes: &Notes<'_>) -> Option<Kind> {
    if !matches!(node.value, Value::Map(_)) {
        let reason = format!("it is {}, where a map of apiVersion, kind, metadata, spec is wanted", node.describe());
        notes.parse_problem("", node.place, reason);
        return None;
    }
    let api_version = header(node, notes, "apiVersion", KINDS.map(|(api_version, ..)| api_version));
    let kind = header(node, notes, "kind", KINDS.map(|(_, kind, _)| kind));
    KINDS.into_iter().find(|row| Some(row.0) == api_version && Some(row.1) == kind).map(|(.., kind)| kind)
}

/// The one of `known` that the field `name` holds.
fn header<const N: usize>(
    node: &Node,
    notes: &Notes<'_>,
    name: &str,
    known: [&'static str; N],
) -> Option<&'static str> {
    let wanted = known.join(" or ");
    let Some(entry) = node.field(name) else {
        notes.parse_problem("", node.place, format!("the field {name} is missing; it must be {wanted}"));
        return None;
    };
    let Some(given) = entry.value.text().filter(|_| !entry.value.is_null()) else {
        let reason = format!("{} stands where {wanted} is wanted", entry.value.describe());
        notes.parse_problem(name, entry.place, reason);
        return None;
    };
    let found = known.into_iter().find(|known| *known == given);
    if found.is_none() {
        notes.problem(name, entry.place, PolicyErrorKind::Invalid { given: given.to_owned(), wanted });
    }
    found
}

const KINDS: [(&str, &str, Kind); 1] = [(API_VERSION, KIND, Kind::Policy)];
/// Those of the native document.
pub(crate) const API_VERSION: &str = "uptls/v1";
pub(crate) const KIND: &str = "UpstreamTlsPolicy";
