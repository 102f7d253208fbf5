//! Which object: its namespace and its name.

use core::fmt;
use std::borrow::Cow;

use crate::decode::is_word;

/// The namespace and name of an object.
///
/// ```
/// use uptls_manifest::kubernetes::ObjectName;
///
/// assert_eq!(ObjectName::parse("edge/public")?, ObjectName::new("edge", "public"));
/// assert_eq!(ObjectName::parse("public")?, ObjectName::new("default", "public"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct ObjectName {
    /// Its namespace; `default` if the object has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectName {
    /// The object `name` in `namespace`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// Parses `[NAMESPACE/]NAME`; without a namespace it is `default`.
    ///
    /// # Errors
    /// The expected form, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (namespace, name) = text.split_once('/').unwrap_or((DEFAULT_NAMESPACE, text));
        match [namespace, name].iter().all(|text| !text.is_empty() && is_object_name(text)) {
            true => Ok(Self::new(namespace, name)),
            false => Err("expected an object: [NAMESPACE/]NAME".to_owned()),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", quotable(&self.namespace), quotable(&self.name))
    }
}

/// The same in the order of names, and only then of namespaces: objects that share a name stand together.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::kubernetes) struct ByName {
    pub(in crate::kubernetes) name: String,
    pub(in crate::kubernetes) namespace: String,
}

impl ByName {
    pub(in crate::kubernetes) fn of(name: &ObjectName) -> Self {
        let ObjectName { namespace, name } = name.clone();
        Self { name, namespace }
    }

    /// Before all objects of this name.
    pub(in crate::kubernetes) fn first(name: &str) -> Self {
        Self { name: name.to_owned(), namespace: String::new() }
    }
}

/// The kind, namespace and name of an object, as errors, provenance and dependencies show it. No code parses it back.
///
/// ```
/// use uptls_manifest::kubernetes::ObjectRef;
///
/// assert_eq!(ObjectRef::new("Secret", "shop", "client").to_string(), "Secret shop/client");
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct ObjectRef {
    /// Its kind: `Secret`.
    pub kind: Cow<'static, str>,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// The object of this kind.
    pub fn new(kind: impl Into<Cow<'static, str>>, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    /// The object of this kind and name.
    pub fn of(kind: impl Into<Cow<'static, str>>, name: &ObjectName) -> Self {
        Self::new(kind, &name.namespace, &name.name)
    }

    /// Its name, whatever its kind.
    pub fn object_name(&self) -> ObjectName {
        ObjectName::new(&self.namespace, &self.name)
    }
}

/// `BackendTLSPolicy shop/pay-tls`
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            // An object of the cluster.
            "" => write!(f, "{} {}", self.kind, quotable(&self.name)),
            namespace => write!(f, "{} {}/{}", self.kind, quotable(namespace), quotable(&self.name)),
        }
    }
}

/// `text`, if it may stand in a message: what was pasted into the wrong field may be a piece of a key.
pub(in crate::kubernetes) fn quotable(text: &str) -> &str {
    if is_object_name(text) || is_word(text) { text } else { "(no name)" }
}

/// What the names of all objects here may consist of.
pub(in crate::kubernetes) fn is_object_name(text: &str) -> bool {
    text.len() <= MAX_NAME && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
}

pub(in crate::kubernetes) const DEFAULT_NAMESPACE: &str = "default";
const MAX_NAME: usize = 253;
