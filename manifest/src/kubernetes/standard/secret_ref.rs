//! A reference to a Secret: the same in a Gateway and in an XBackend.

use super::SecretRef;
use crate::kubernetes::crd;
use crate::kubernetes::extension::Written;
use crate::position::{Notes, Place};

impl SecretRef {
    /// The reference, which stands at `path`, with all problems noted.
    pub(super) fn check(self, path: &str, place: Place, notes: &Notes<'_>) -> Written<Self> {
        crd::GROUP.check(notes, &format!("{path}.group"), &self.group);
        crd::KIND.check(notes, &format!("{path}.kind"), &self.kind);
        crd::NAME.check(notes, &format!("{path}.name"), &self.name);
        if let Some(namespace) = &self.namespace {
            crd::NAMESPACE.check(notes, &format!("{path}.namespace"), namespace);
        }
        Written { field: path.to_owned(), origin: notes.at(place), value: self }
    }
}

pub(super) fn secret() -> String {
    "Secret".to_owned()
}
