//! Kubernetes objects in, policies out: the Gateway API's objects and vendors', merged for each Gateway, backend and port.
//!
//! ```text
//!  files, folders       folder       *.yaml, *.yml, *.json, in the order of their names
//!    |  documents       the same reader, budgets and positions as for native documents; lists
//!    v
//!  Objects              one reader for each kind: backend_tls_policy, standard/*, extension/*
//!    |  draft           a standard policy and its CA references -> PolicyDraft, with the origin of every field
//!    |  precedence      which policy has which target (M4)
//!    v
//!  Imported             the objects; every standard policy with its draft, or the reasons why there is none
//!    |  resolve         + extensions + the Gateway's identity, field by field (M5..M9)
//!    v
//!  Resolution           EffectivePolicy of each (Gateway, backend, port); StatusPatch; Dependency
//!    |  policy_of
//!    v
//!  uptls::PolicyDraft or uptls::Problems
//! ```
//!
//! Everything but [`load`] is pure, and the order of the documents does not count (M10).
//!
//! It fails closed: a policy that is invalid, or refers to nothing that can be used, keeps its target, and its backend
//! gets the reasons instead of a policy. So it is with an extension that is not ready beside a good standard policy, and
//! with every backend while a document cannot be read, since the policy that counts might stand in it, and with every
//! backend of a namespace while it cannot be read what a policy there is for. [`connector`] and
//! [`EffectivePolicy::connector`] make of all of these a connector that always fails.
//!
//! ```
//! use uptls_manifest::kubernetes::{BackendRef, Document, import, resolve};
//!
//! let text = br#"
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: BackendTLSPolicy
//! metadata: {name: pay-tls, namespace: shop}
//! spec:
//!   targetRefs: [{group: "", kind: Service, name: pay}]
//!   validation: {wellKnownCACertificates: System, hostname: pay.example}
//! "#;
//! let imported = import([Document::new("pay.yaml", text)]);
//! let draft = resolve(&imported, &BackendRef::new("shop", "pay", Some(443)))?;
//! assert_eq!(draft.spec.server_name.as_deref(), Some("pay.example"));
//! assert_eq!(draft.origins["spec.serverName"].line, 7);
//! # Ok::<(), uptls::Problems>(())
//! ```

mod backend_tls_policy;
mod config_map;
mod crd;
mod documents;
mod draft;
mod extension;
mod folder;
mod imported;
mod object;
mod precedence;
mod resolve;
mod said;
mod service;
mod standard;
mod status;

pub use folder::{Manifests, load};
pub(crate) use folder::{is_manifest, manifest_files};
pub use imported::{
    Accepted, Diagnostic, Effect, Imported, ImportedPolicy, Provenance, ResolvedRefs, Target, TargetState,
};
pub use object::ObjectName;
pub(crate) use object::object_name;
pub use resolve::{
    BackendKind, BackendRef, Dependency, EffectivePolicy, Mode, ON_INVALID, Overridden, Presence, Resolution, Scope,
    connector, resolve,
};
pub use status::StatusPatch;

use crate::kubernetes::documents::Objects;
use crate::position::Fault;

/// A text with any number of objects in it, YAML or JSON.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    name: &'a str,
    content: Content<'a>,
}

/// What came of reading a document.
#[derive(Clone, Copy)]
enum Content<'a> {
    /// A folder in a folder: it is counted.
    Folder,
    Text(&'a [u8]),
    Unreadable(&'a Fault),
}

impl<'a> Document<'a> {
    /// `name` is what errors call it.
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

/// Makes policies of the objects in `documents`. Whatever is wrong with them is in the result.
pub fn import<'a>(documents: impl IntoIterator<Item = Document<'a>>) -> Imported {
    let mut objects = Objects::default();
    for Document { name, content } in documents {
        match content {
            Content::Folder => objects.ignore("(folder)"),
            Content::Text(text) => objects.read(name, text),
            Content::Unreadable(fault) => objects.fault(name, fault.clone()),
        }
    }
    objects.finish()
}
