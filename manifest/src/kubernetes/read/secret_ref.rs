//! A reference to a Secret: the same in a Gateway and in an XBackend.

use serde::Deserialize;

use super::crd;
use crate::kubernetes::model::provenance::Written;
use crate::position::{Notes, Place};

/// A reference to a Secret, in any namespace.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(in crate::kubernetes) struct SecretRef {
    #[serde(default)]
    pub(in crate::kubernetes) group: String,
    #[serde(default = "secret")]
    pub(in crate::kubernetes) kind: String,
    pub(in crate::kubernetes) name: String,
    /// That of the referring object where none is written.
    #[serde(default)]
    pub(in crate::kubernetes) namespace: Option<String>,
}

impl SecretRef {
    /// The reference, which stands at `path`, with all problems noted.
    pub(in crate::kubernetes) fn check(self, path: &str, place: Place, notes: &Notes<'_>) -> Written<Self> {
        crd::GROUP.check(notes, &format!("{path}.group"), &self.group);
        crd::KIND.check(notes, &format!("{path}.kind"), &self.kind);
        crd::NAME.check(notes, &format!("{path}.name"), &self.name);
        if let Some(namespace) = &self.namespace {
            crd::NAMESPACE.check(notes, &format!("{path}.namespace"), namespace);
        }
        Written { field: path.to_owned(), origin: notes.at(place), value: self }
    }
}

pub(in crate::kubernetes) fn secret() -> String {
    "Secret".to_owned()
}
