//! Kubernetes objects in, policies out: the Gateway API's objects and vendors', merged for each Gateway, backend and port.
//!
//! ```text
//!  files, folders       folder       *.yaml, *.yml, *.json, in the order of their names
//!    |  read            one dispatch, and one file for each kind: its type and its reader
//!    v
//!  Objects              what stands there, each with its line; problems stay with their object
//!    |  resolve         draft, precedence: a standard policy, its CA references and its targets (M3, M4)
//!    v
//!  Imported             every standard policy with its draft, or the reasons why there is none
//!    |  resolve         + extensions + the Gateway's identity, merged field by field (M5..M9)
//!    v
//!  Resolution           EffectivePolicy of each (Gateway, backend, port); Dependency
//!    |  status          StatusPatch of each object
//!    |  policy_of
//!    v
//!  uptls::PolicyDraft or uptls::Problems
//! ```
//!
//! `model` < `read` < `resolve` < `status`: each uses what is before it, and `import` ties them.
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

mod document;
mod folder;
mod import;
mod model;
mod read;
mod resolve;
mod status;
mod store;

pub use document::Document;
pub(crate) use folder::{Followable, check_text, is_manifest, manifest_files, unreadable};
pub use folder::{Manifests, load, load_recursively};
pub use import::{ReadOptions, connector, import, import_with, resolve};
pub use model::{BackendKind, BackendRef, Diagnostic, Effect, ObjectName, ObjectRef, Provenance, StatusPatch};
pub(crate) use read::object::object_name;
pub use resolve::{
    Accepted, Dependency, EffectivePolicy, Imported, ImportedPolicy, Mode, ON_INVALID, Overridden, Presence,
    Resolution, ResolvedRefs, Scope, Target, TargetState,
};
pub use store::{ChangedPolicy, Store};
