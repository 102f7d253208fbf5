//! A hint as a change of the document: JSON Patch (RFC 6902), for reviewers and tools.

use serde::Serialize;
use serde_json::Value;

/// The change of a document that its hint asks for. It never weakens verification: it removes a weakening, corrects the
/// spelling of a field, or writes a value as its rule demands, and never trusts what was just seen.
///
/// A hint that leaves a choice, or that needs a file, has no such change.
///
/// ```
/// use uptls::{Fix, PatchOperation};
///
/// let fix = Fix::new(vec![PatchOperation::replace("spec.serverName", "payments.internal".into())]);
/// assert_eq!(
///     serde_json::to_string(&fix.patch)?,
///     r#"[{"op":"replace","path":"/spec/serverName","value":"payments.internal"}]"#,
/// );
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Fix {
    /// The Kubernetes object that is to be changed, `XBackend shop/pay`; absent for a policy document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The operations in their order, as RFC 6902 has them; the paths begin at the object or the document.
    pub patch: Vec<PatchOperation>,
}

/// One operation of a patch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "op", rename_all = "lowercase")]
#[non_exhaustive]
pub enum PatchOperation {
    /// Adds a field, or replaces the one that is there.
    Add {
        /// A JSON Pointer (RFC 6901).
        path: String,
        /// The value.
        value: Value,
    },
    /// Gives a field another name.
    Move {
        /// The field as it is called.
        from: String,
        /// The field as it is to be called.
        path: String,
    },
    /// Removes a field or an entry, which must be there.
    Remove {
        /// A JSON Pointer.
        path: String,
    },
    /// Replaces a value, which must be there.
    Replace {
        /// A JSON Pointer.
        path: String,
        /// The new value.
        value: Value,
    },
}

impl Fix {
    /// These operations on the policy document.
    pub fn new(patch: Vec<PatchOperation>) -> Self {
        Self { object: None, patch }
    }

    /// The same for a Kubernetes object.
    #[must_use]
    pub fn of_object(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }
}

impl PatchOperation {
    /// Adds the field at `path`, which is as problems spell it: `spec.alpn.protocols[0]`.
    pub fn add(path: &str, value: Value) -> Self {
        Self::Add { path: pointer(path), value }
    }

    /// Removes the value at `path`.
    pub fn remove(path: &str) -> Self {
        Self::Remove { path: pointer(path) }
    }

    /// Gives the field `from` of the map at `parent` the name `to`.
    pub fn rename(parent: &str, from: &str, to: &str) -> Self {
        let parent = if parent.is_empty() { String::new() } else { pointer(parent) };
        Self::Move { from: format!("{parent}/{}", escaped(from)), path: format!("{parent}/{}", escaped(to)) }
    }

    /// Replaces the value at `path`.
    pub fn replace(path: &str, value: Value) -> Self {
        Self::Replace { path: pointer(path), value }
    }
}

/// The JSON Pointer of a field as problems spell it: `/spec/subjectAltNames/2/dns` for `spec.subjectAltNames[2].dns`.
fn pointer(path: &str) -> String {
    let parts = path.split(['.', '[']).map(|part| part.strip_suffix(']').unwrap_or(part));
    parts.map(|part| format!("/{}", escaped(part))).collect()
}

/// RFC 6901 section 3.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_pointers() {
        for (path, wanted) in [
            ("spec", "/spec"),
            ("spec.danger.tolerate[0]", "/spec/danger/tolerate/0"),
            ("spec.subjectAltNames[12].dns", "/spec/subjectAltNames/12/dns"),
        ] {
            assert_eq!(pointer(path), wanted);
        }
        let renamed = PatchOperation::rename("", "a/b~", "c");
        assert_eq!(renamed, PatchOperation::Move { from: "/a~1b~0".to_owned(), path: "/c".to_owned() });
    }
}
