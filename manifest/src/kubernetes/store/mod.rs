//! Objects that change one by one, and the policies that change with them.

mod again;
mod references;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use uptls::Problems;

use references::References;

use super::import::{Linked, ReadOptions, link};
use super::model::backend::{BackendKind, BackendRef};
use super::model::diagnostic::Diagnostic;
use super::model::object::{ObjectName, ObjectRef};
use super::model::status_patch::StatusPatch;
use super::read::objects::Objects;
use super::read::typed;
use super::read::typed::Identity;
use super::resolve::compose::{Links, Resolver};
use super::resolve::depends::Dependencies;
use super::resolve::effective::EffectivePolicy;
use super::resolve::find::of_backend;
use super::resolve::imported::Imported;
use super::resolve::precedence::{BackendKey, Contenders};
use super::resolve::scope::Scope;
use super::status;
use crate::position::Notes;

/// The objects of a cluster, as an informer delivers them, and the policy of each backend for one [`Scope`].
///
/// A BackendTLSPolicy that changes costs the backends that it names, and a ConfigMap, Secret or ClusterTrustBundle what refers
/// to it. A change of any other object, which may decide which object is for which backend, costs all of it once more, at the
/// next [`Store::resolve_changed`]; any number of them costs the same. What comes of a sequence of changes is what the objects
/// at its end come to.
///
/// ```
/// use serde_json::json;
/// use uptls_manifest::kubernetes::{BackendKind, ObjectName, ReadOptions, Scope, Store};
///
/// let mut store = Store::new(Scope::default(), ReadOptions::default());
/// let policy = store.upsert(&json!({
///     "apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
///     "metadata": {"name": "pay-tls", "namespace": "shop"},
///     "spec": {
///         "targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
///         "validation": {"wellKnownCACertificates": "System", "hostname": "pay.example"},
///     },
/// }))?;
/// let changed = store.resolve_changed();
/// assert_eq!(changed[0].to_string(), "Service/shop/pay");
/// let pay = ObjectName::new("shop", "pay");
/// assert!(store.policies_of(BackendKind::Service, &pay)[0].draft.is_ok());
/// store.remove(&policy);
/// store.resolve_changed();
/// assert!(store.policies_of(BackendKind::Service, &pay).is_empty());
/// # Ok::<(), uptls::Problems>(())
/// ```
pub struct Store {
    /// The policies, and the objects whose content has changed, and whether they came or went.
    changed: BTreeMap<ObjectRef, bool>,
    contenders: Contenders,
    /// The backends whose policies were made of an object, or miss it.
    dependents: References<BackendKey>,
    /// What is to be said about each object, as it was read.
    diagnostics: BTreeMap<ObjectRef, Vec<Diagnostic>>,
    /// Objects of kinds that are not read.
    foreign: BTreeMap<ObjectRef, BTreeMap<String, usize>>,
    imported: Imported,
    /// `None`: which object is for which backend has to be found anew.
    links: Option<Links>,
    options: ReadOptions,
    policies: Vec<EffectivePolicy>,
    /// The standard policies that refer to an object.
    referrers: References<ObjectName>,
    scope: Scope,
}

impl Store {
    /// No objects yet.
    pub fn new(scope: Scope, options: ReadOptions) -> Self {
        let objects = Arc::new(empty(options));
        let imported =
            Imported { diagnostics: Vec::new(), ignored: BTreeMap::new(), objects, policies: Arc::default() };
        Self {
            changed: BTreeMap::new(),
            contenders: Contenders::default(),
            dependents: References::default(),
            diagnostics: BTreeMap::new(),
            foreign: BTreeMap::new(),
            imported,
            links: None,
            options,
            policies: Vec::new(),
            referrers: References::default(),
            scope,
        }
    }

    /// Adds `object`, or replaces it. It is read as the text of it would be, and has the same limits: what is too large, or
    /// has something in it that cannot be read, fails what it may concern (M11). In an [`uptls::Origin`] the object stands in
    /// place of a document.
    ///
    /// # Errors
    /// `document_parse`: it is not certain which object it is. Nothing has changed then.
    pub fn upsert(&mut self, object: &Value) -> Result<ObjectRef, Problems> {
        let notes = Notes::new("the object");
        let Some(Identity { is_read, object: reference }) = typed::identity(object, &notes) else {
            return Err(notes.refuse());
        };
        let mut part = empty(self.options);
        part.read_value(&reference, object);
        let was_there = self.take(&reference);
        let ignored = core::mem::take(&mut part.ignored);
        if !ignored.is_empty() {
            self.foreign.insert(reference.clone(), ignored);
        }
        let diagnostics = core::mem::take(&mut part.diagnostics);
        if !diagnostics.is_empty() {
            self.links = None;
            self.diagnostics.insert(reference.clone(), diagnostics);
        }
        if is_read {
            self.note(&reference, was_there);
            self.objects().absorb(part);
        }
        Ok(reference)
    }

    /// Removes the object, if it is there.
    pub fn remove(&mut self, object: &ObjectRef) {
        if self.take(object) {
            self.note(object, false);
        }
    }

    /// Makes the policies anew that what has changed may concern, and says of which backends. One of them may be as it was:
    /// to publish equal content begins no generation (R5).
    pub fn resolve_changed(&mut self) -> Vec<BackendRef> {
        let changed = core::mem::take(&mut self.changed);
        let links = self.links.take();
        let keys = links.and_then(|links| self.resolve_some(links, &changed)).unwrap_or_else(|| self.resolve_all());
        keys.into_iter().map(|(kind, name)| BackendRef::new(name.namespace, name.name, None).with_kind(kind)).collect()
    }

    /// The policies, in the order of backends, ports and Gateways, as of the last [`Store::resolve_changed`].
    pub fn policies(&self) -> &[EffectivePolicy] {
        &self.policies
    }

    /// Those of one backend: one for each of its ports and each Gateway that uses it.
    pub fn policies_of(&self, kind: BackendKind, name: &ObjectName) -> &[EffectivePolicy] {
        of_backend(&self.policies, kind, name)
    }

    /// What is to be said about all objects.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        link(&self.imported.objects, self.diagnostics.values().flatten().cloned().collect()).diagnostics
    }

    /// How many objects of kinds that are not read there are.
    pub fn ignored(&self) -> BTreeMap<String, usize> {
        let mut ignored: BTreeMap<String, usize> = BTreeMap::new();
        for (kind, count) in self.foreign.values().flatten() {
            let sum = ignored.entry(kind.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        ignored
    }

    /// What to write back to all objects, as of the last [`Store::resolve_changed`].
    pub fn statuses(&self) -> Vec<StatusPatch> {
        let Some(links) = &self.links else { return Vec::new() };
        status::of(&self.imported, &self.scope, &links.ancestors, &Dependencies::default(), &self.policies)
    }

    /// Takes the object out; whether it was there.
    fn take(&mut self, object: &ObjectRef) -> bool {
        let was_foreign = self.foreign.remove(object).is_some();
        if self.diagnostics.remove(object).is_some() {
            self.links = None;
        }
        self.objects().withdraw(object) || was_foreign
    }

    /// Notes that the object has changed.
    fn note(&mut self, object: &ObjectRef, was_there: bool) {
        match again::is_local(&object.kind) {
            true => *self.changed.entry(object.clone()).or_default() |= !was_there,
            false => self.links = None,
        }
    }

    fn objects(&mut self) -> &mut Objects {
        // No other owner has them: a Resolution is made of an import alone.
        Arc::get_mut(&mut self.imported.objects).unwrap_or_else(|| unreachable!("the objects of a store are its own"))
    }

    fn resolve_all(&mut self) -> BTreeSet<BackendKey> {
        let said = self.diagnostics.values().flatten().cloned().collect();
        let Linked { contenders, diagnostics, policies } = link(&self.imported.objects, said);
        (self.contenders, self.imported.diagnostics, self.imported.policies) =
            (contenders, diagnostics, Arc::new(policies));
        let links = Links::new(&self.imported, &self.scope);
        let policies = Resolver::new(&self.imported, &self.scope, &links).all();
        let keys = self.policies.iter().chain(&policies).map(again::key_of).collect();
        (self.dependents, self.referrers) = (References::default(), References::default());
        for policy in &policies {
            self.dependents.replace(&again::key_of(policy), [].iter(), policy.depends_on.iter());
        }
        for policy in self.imported.policies.iter() {
            self.referrers.replace(&policy.name, [].iter(), policy.depends_on.iter());
        }
        (self.policies, self.links) = (policies, Some(links));
        keys
    }
}

fn empty(options: ReadOptions) -> Objects {
    Objects { cluster_trust_bundles: options.cluster_trust_bundles.then(Default::default), ..Objects::default() }
}
