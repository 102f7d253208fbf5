//! Kubernetes objects: the policy of one backend, the report of all, and a store that follows them.

use serde::{Deserialize, Serialize};
use uptls::danger::DangerPermission;
use uptls::{Problems, Runtime};
use uptls_manifest::kubernetes::{BackendRef, Document, Mode, ObjectName};
use uptls_manifest::report::{Import, ImportOptions};
use uptls_manifest::{ManifestSet, ManifestStore};

use crate::bytes::Bytes;
use crate::calls::{Permission, json, keep};
use crate::failure::Failure;
use crate::session::{Held, Session};

/// A text with any number of manifests.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManifestText {
    /// What errors call it.
    name: String,
    text: Bytes,
}

/// How manifests are read; absent fields are the defaults of [`ImportOptions`].
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    cluster_trust_bundles: bool,
    complete: bool,
    controller_name: Option<String>,
    faithful: bool,
    gateway: Option<String>,
    permission: Permission,
    strict: bool,
}

impl Options {
    fn read(self) -> Result<ImportOptions, Failure> {
        let mut options = ImportOptions::default();
        options.cluster_trust_bundles = self.cluster_trust_bundles;
        options.complete = self.complete;
        options.controller_name = self.controller_name;
        options.gateway = gateway(self.gateway.as_deref())?;
        options.mode = if self.faithful { Mode::Faithful } else { Mode::Strict };
        options.permission = self.permission.into();
        options.strict = self.strict;
        Ok(options)
    }
}

/// One backend of some manifests.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackendSource {
    backend: String,
    documents: Vec<ManifestText>,
    #[serde(default)]
    options: Options,
}

impl BackendSource {
    /// # Errors
    /// What is wrong with the reference or the policy.
    pub(crate) fn prepare(
        self,
        runtime: &Runtime,
        permission: DangerPermission,
    ) -> Result<Result<Held, Problems>, Failure> {
        let (backend, options) = (backend(&self.backend)?, self.options.read()?);
        let found = ManifestSet::policy_from(documents(&self.documents), &backend, runtime, options);
        Ok(found.and_then(|found| {
            let prepared = found.prepare(runtime, permission)?;
            Ok(Held { prepared, warnings: found.warnings.clone() })
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ManifestCall {
    /// What some manifests come to: `uptls.import/v1`.
    Import {
        documents: Vec<ManifestText>,
        #[serde(default)]
        options: Options,
    },
    /// The policies that what has changed may concern.
    StoreChanged { store: u32 },
    /// Begins a store of objects.
    StoreNew {
        #[serde(default)]
        options: Options,
    },
    /// Makes the policy of one backend ready.
    StorePrepare { store: u32, backend: String, gateway: Option<String> },
    /// Forgets a store.
    StoreRelease { store: u32 },
    /// Removes the object that a text in JSON is of.
    StoreRemove { store: u32, object: Bytes },
    /// What all objects come to: `uptls.import/v1`.
    StoreReport { store: u32 },
    /// The status of each object, as it may be applied.
    StoreStatuses { store: u32 },
    /// Adds the object of a text in JSON, or replaces it.
    StoreUpsert { store: u32, object: Bytes },
}

/// Answers one call.
pub(crate) fn run(session: &mut Session, call: ManifestCall) -> Result<String, Failure> {
    match call {
        ManifestCall::Import { documents: texts, options } => {
            let documents: Vec<Document<'_>> = documents(&texts).collect();
            let no_files = |_: &_| Err("this module reads no file of Envoy".to_owned());
            let import = Import::of(&documents, &session.runtime, &no_files, &options.read()?);
            import.map(|import| import.to_json()).map_err(|problems| Failure::unusable(&problems, &session.runtime))
        }
        ManifestCall::StoreChanged { store } => {
            let changed = session.stores.get(store)?.resolve_changed();
            let told = changed.iter().map(|changed| Changed {
                backend: changed.backend.to_string(),
                gateway: changed.gateway.as_ref().map(ToString::to_string),
            });
            Ok(json(&told.collect::<Vec<_>>()))
        }
        ManifestCall::StoreNew { options } => {
            let store = ManifestStore::new(&session.runtime, options.read()?);
            Ok(json(&Number { store: session.stores.insert(store)? }))
        }
        ManifestCall::StorePrepare { store, backend: wanted, gateway: of } => {
            let (wanted, of) = (backend(&wanted)?, gateway(of.as_deref())?);
            let held = held(session.stores.get(store)?, &wanted, of.as_ref());
            let held = held.map_err(|problems| Failure::unusable(&problems, &session.runtime))?;
            keep(session, held)
        }
        ManifestCall::StoreRelease { store } => {
            session.stores.remove(store);
            Ok("{}".to_owned())
        }
        ManifestCall::StoreRemove { store, object } => {
            let removed = session.stores.get(store)?.remove_json(&object.0);
            told(removed.map(|object| object.to_string()), &session.runtime)
        }
        ManifestCall::StoreReport { store } => Ok(session.stores.get(store)?.report().to_json()),
        ManifestCall::StoreStatuses { store } => Ok(json(&session.stores.get(store)?.statuses())),
        ManifestCall::StoreUpsert { store, object } => {
            let added = session.stores.get(store)?.upsert_json(&object.0);
            told(added.map(|object| object.to_string()), &session.runtime)
        }
    }
}

/// A policy that may be another one than before.
#[derive(Serialize)]
struct Changed {
    backend: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<String>,
}

#[derive(Serialize)]
struct Number {
    store: u32,
}

fn told(object: Result<String, Problems>, runtime: &Runtime) -> Result<String, Failure> {
    object.map(|object| json(&object)).map_err(|problems| Failure::unusable(&problems, runtime))
}

fn held(store: &ManifestStore, backend: &BackendRef, gateway: Option<&ObjectName>) -> Result<Held, Problems> {
    let found = store.policy_of(backend, gateway)?;
    let prepared = found.prepare(store.runtime(), store.permission())?;
    Ok(Held { prepared, warnings: found.warnings.clone() })
}

fn documents(texts: &[ManifestText]) -> impl Iterator<Item = Document<'_>> {
    texts.iter().map(|manifests| Document::new(&manifests.name, &manifests.text.0))
}

fn backend(text: &str) -> Result<BackendRef, Failure> {
    BackendRef::parse(text).map_err(|what| Failure::Misuse(format!("backend: {what}")))
}

fn gateway(text: Option<&str>) -> Result<Option<ObjectName>, Failure> {
    let named = text.map(ObjectName::parse).transpose();
    named.map_err(|what| Failure::Misuse(format!("gateway: {what}")))
}
