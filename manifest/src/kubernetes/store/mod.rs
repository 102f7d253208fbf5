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
/// [`Store::resolve_changed`] does as little work as a change allows. After a change of a BackendTLSPolicy it resolves the
/// backends that the policy names; after one of a ConfigMap, Secret or ClusterTrustBundle, the policies that refer to it.
/// Any other object can decide which policy is for which backend, so after such changes, however many, it resolves everything
/// once. The order of changes does not matter: the result depends on the present objects alone.
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
    /// A store without objects.
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

    /// Adds `object`, or replaces it, under the same limits as a document. If it is too large, or a part of it cannot be
    /// read, the policies that it may concern fail (M11). An [`uptls::Origin`] names the object instead of a document.
    ///
    /// # Errors
    /// `document_parse`: kind, name or namespace cannot be read. The store is unchanged.
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

    /// Resolves the policies that the changes since the last call may concern, and returns their backends. A policy among
    /// them may be the same as before: publishing equal content begins no generation (R5).
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

    /// The policies of one backend: one for each of its ports and each Gateway that uses it.
    pub fn policies_of(&self, kind: BackendKind, name: &ObjectName) -> &[EffectivePolicy] {
        of_backend(&self.policies, kind, name)
    }

    /// The problems of all objects.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        link(&self.imported.objects, self.diagnostics.values().flatten().cloned().collect()).diagnostics
    }

    /// The number of objects of each kind that uptls does not read.
    pub fn ignored(&self) -> BTreeMap<String, usize> {
        let mut ignored: BTreeMap<String, usize> = BTreeMap::new();
        for (kind, count) in self.foreign.values().flatten() {
            let sum = ignored.entry(kind.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        ignored
    }

    /// The statuses to write to all objects, as of the last [`Store::resolve_changed`].
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
