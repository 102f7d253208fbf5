//! What a policy is for: a backend of some kind, and which of its ports.

use core::fmt;

use super::object::{DEFAULT_NAMESPACE, ObjectName};

/// The kind of object that a backend is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum BackendKind {
    /// `gateway.kgateway.dev Backend`
    Backend,
    /// `v1 Service`
    Service,
    /// `gloo.solo.io Upstream`: a destination of its own, even if the port of a Service is behind it.
    Upstream,
    /// `gateway.networking.x-k8s.io XBackend`
    XBackend,
}

impl BackendKind {
    /// The `kind` of the object: `Service`.
    pub fn as_str(self) -> &'static str {
        KINDS.iter().find(|row| row.2 == self).map_or("Service", |row| row.1)
    }

    /// Its API group; empty for a Service.
    pub fn group(self) -> &'static str {
        KINDS.iter().find(|row| row.2 == self).map_or("", |row| row.0)
    }

    pub(in crate::kubernetes) fn of(group: &str, kind: &str) -> Option<Self> {
        KINDS.iter().find(|row| (row.0, row.1) == (group, kind)).map(|row| row.2)
    }

    pub(in crate::kubernetes) fn all() -> [Self; 4] {
        KINDS.map(|row| row.2)
    }

    fn parse(text: &str) -> Option<Self> {
        KINDS.iter().find(|row| row.1 == text).map(|row| row.2)
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A backend, and one of its ports or all.
///
/// ```
/// use uptls_manifest::kubernetes::{BackendKind, BackendRef};
///
/// // What `--backend` takes: a Service by default, in the namespace `default` by default.
/// let backend = BackendRef::parse("shop/pay:443")?;
/// assert_eq!(backend, BackendRef::new("shop", "pay", Some(443)));
/// assert_eq!(BackendRef::parse("Upstream/shop/pay")?, BackendRef::new("shop", "pay", None).with_kind(BackendKind::Upstream));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct BackendRef {
    /// Its kind. You need it only if backends of several kinds have the same name.
    pub kind: Option<BackendKind>,
    /// The object.
    pub name: ObjectName,
    /// The number of the port, as in `backendRefs`. You need it only if policies differ by port.
    pub port: Option<u16>,
}

impl BackendRef {
    /// The port `port` of the backend `name` in `namespace`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, port: Option<u16>) -> Self {
        Self { kind: None, name: ObjectName::new(namespace, name), port }
    }

    /// The same of this kind.
    #[must_use]
    pub fn with_kind(mut self, kind: BackendKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Parses `[[KIND/]NAMESPACE/]NAME[:PORT]`; without a namespace it is `default`.
    ///
    /// # Errors
    /// The mistake, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (rest, port) = match text.rsplit_once(':') {
            None => (text, None),
            Some((rest, port)) => match port.parse::<u16>() {
                Ok(port @ 1..) => (rest, Some(port)),
                _ => return Err(format!("{port:?} is not a port, 1 to 65535")),
            },
        };
        let parts: Vec<_> = rest.split('/').collect();
        let (kind, namespace, name) = match parts.as_slice() {
            [name] => (None, DEFAULT_NAMESPACE, *name),
            [namespace, name] => (None, *namespace, *name),
            [kind, namespace, name] => {
                let known = KINDS.map(|row| row.1).join(", ");
                let unknown = || format!("{kind:?} is not a kind of backend: {known}");
                (Some(BackendKind::parse(kind).ok_or_else(unknown)?), *namespace, *name)
            }
            _ => (None, "", ""),
        };
        if namespace.is_empty() || name.is_empty() {
            return Err("expected a backend: [[KIND/]NAMESPACE/]NAME[:PORT]".to_owned());
        }
        Ok(Self { kind, ..Self::new(namespace, name, port) })
    }
}

impl fmt::Display for BackendRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.kind {
            write!(f, "{kind}/")?;
        }
        self.name.fmt(f)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

const KINDS: [(&str, &str, BackendKind); 4] = [
    ("gateway.kgateway.dev", "Backend", BackendKind::Backend),
    ("", "Service", BackendKind::Service),
    ("gloo.solo.io", "Upstream", BackendKind::Upstream),
    ("gateway.networking.x-k8s.io", "XBackend", BackendKind::XBackend),
];
