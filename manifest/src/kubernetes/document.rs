//! A text with Kubernetes objects in it, as it was found.

use crate::position::Fault;

/// A text with any number of objects in it, YAML or JSON.
///
/// ```
/// use uptls_manifest::kubernetes::{Document, import};
///
/// let text = b"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: b}}";
/// let imported = import([Document::new("both.yaml", text)]);
/// assert_eq!(imported.ignored.get("v1 Pod"), Some(&1));
/// ```
#[derive(Clone, Copy)]
pub struct Document<'a> {
    pub(super) name: &'a str,
    pub(super) content: Content<'a>,
}

/// What came of reading a document.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    /// A folder in a folder: it is counted.
    Folder,
    Text(&'a [u8]),
    Unreadable(&'a Fault),
}

impl<'a> Document<'a> {
    /// `name` is its name in errors.
    pub fn new(name: &'a str, text: &'a [u8]) -> Self {
        Self { name, content: Content::Text(text) }
    }

    pub(crate) fn name(&self) -> &'a str {
        self.name
    }

    pub(crate) fn text(&self) -> Option<&'a [u8]> {
        match self.content {
            Content::Text(text) => Some(text),
            Content::Folder | Content::Unreadable(_) => None,
        }
    }
}
