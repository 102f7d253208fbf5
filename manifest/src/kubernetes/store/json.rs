//! Objects as the text in which an API server sends them.

use serde_json::json;
use uptls::Problems;

use super::Store;
use crate::head::Head;
use crate::kubernetes::model::diagnostic::Effect;
use crate::kubernetes::model::object::ObjectRef;
use crate::kubernetes::read::json::{Given, object};
use crate::kubernetes::read::typed::Identity;
use crate::position::Notes;

impl Store {
    /// [`Store::upsert`] of the text of one object in JSON. A text that cannot be parsed, or has a field twice, fails what the
    /// object may concern (M11), if it is certain which object it is.
    ///
    /// # Errors
    /// `document_parse` or `document_too_large`: it is not certain which object it is. Nothing has changed then.
    pub fn upsert_json(&mut self, text: &[u8]) -> Result<ObjectRef, Problems> {
        match given(text)? {
            Given::Whole(value) => self.upsert(&value),
            Given::Head(head, fault) => {
                let identity = identity(&head)?;
                let mut part = self.part();
                part.headed(&identity.object.to_string(), &head, fault, Effect::Skipped);
                Ok(self.put(identity, part))
            }
        }
    }

    /// [`Store::remove`] of the object that a text in JSON is of, as an informer has it last. Only `apiVersion`, `kind` and the
    /// name and namespace of its `metadata` count; the rest may be missing.
    ///
    /// # Errors
    /// Those of [`Store::upsert_json`].
    pub fn remove_json(&mut self, text: &[u8]) -> Result<ObjectRef, Problems> {
        let identity = match given(text)? {
            Given::Whole(value) => super::identity(&value)?,
            Given::Head(head, _) => identity(&head)?,
        };
        self.remove(&identity.object);
        Ok(identity.object)
    }
}

fn given(text: &[u8]) -> Result<Given, Problems> {
    object(text).map_err(|fault| {
        let notes = Notes::new(super::DOCUMENT);
        notes.fault(fault);
        notes.refuse()
    })
}

fn identity(head: &Head) -> Result<Identity, Problems> {
    let Head { api_version, kind, name, namespace, .. } = head;
    super::identity(&json!({
        "apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace},
    }))
}
