//! Objects that change one by one, and the policies that change with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use uptls::Problems;

use super::import::{ReadOptions, link};
use super::model::backend::{BackendKind, BackendRef};
use super::model::diagnostic::Diagnostic;
use super::model::object::{ObjectName, ObjectRef};
use super::model::status_patch::StatusPatch;
use super::read::objects::Objects;
use super::read::typed::Identity;
use super::read::{backend_tls_policy, typed};
use super::resolve::compose::{Links, Resolver};
use super::resolve::depends::Dependencies;
use super::resolve::effective::EffectivePolicy;
use super::resolve::find::of_backend;
use super::resolve::imported::Imported;
use super::resolve::scope::Scope;
use super::resolve::{draft, precedence};
use super::status;
use crate::position::Notes;

/// The objects of a cluster, as an informer delivers them, and the policy of each backend for one [`Scope`].
///
/// A ConfigMap, Secret or ClusterTrustBundle that changes costs what refers to it. A change of any other object, which may
/// decide which object is for which backend, costs all of it once more, at the next [`Store::resolve_changed`]; any number
/// of them costs the same. What comes of a sequence of changes is what the objects at its end come to.
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
    /// Objects whose content has changed, and whether they came or went.
    changed: BTreeMap<ObjectRef, bool>,
    /// The backends whose policies were made of an object, or miss it.
    dependents: BTreeMap<ObjectRef, BTreeSet<(BackendKind, ObjectName)>>,
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
    referrers: BTreeMap<ObjectRef, BTreeSet<ObjectName>>,
    scope: Scope,
}

impl Store {
    /// No objects yet.
    pub fn new(scope: Scope, options: ReadOptions) -> Self {
        let objects = Arc::new(empty(options));
        let imported = Imported { diagnostics: Vec::new(), ignored: BTreeMap::new(), objects, policies: Vec::new() };
        Self {
            changed: BTreeMap::new(),
            dependents: BTreeMap::new(),
            diagnostics: BTreeMap::new(),
            foreign: BTreeMap::new(),
            imported,
            links: None,
            options,
            policies: Vec::new(),
            referrers: BTreeMap::new(),
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
        let keys = match self.links.take() {
            Some(links) => self.resolve_content(links, &changed),
            None => self.resolve_all(),
        };
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
        link(&self.imported.objects, self.diagnostics.values().flatten().cloned().collect()).1
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
        match CONTENT.contains(&&*object.kind) {
            true => *self.changed.entry(object.clone()).or_default() |= !was_there,
            false => self.links = None,
        }
    }

    fn objects(&mut self) -> &mut Objects {
        // No other owner has them: a Resolution is made of an import alone.
        Arc::get_mut(&mut self.imported.objects).unwrap_or_else(|| unreachable!("the objects of a store are its own"))
    }

    fn resolve_all(&mut self) -> BTreeSet<(BackendKind, ObjectName)> {
        let said = self.diagnostics.values().flatten().cloned().collect();
        let (policies, diagnostics) = link(&self.imported.objects, said);
        (self.imported.policies, self.imported.diagnostics) = (policies, diagnostics);
        let links = Links::new(&self.imported, &self.scope);
        let resolver = Resolver::new(&self.imported, &self.scope, &links);
        let slots = links.index.slots(&self.imported.objects);
        let policies: Vec<_> = slots.iter().flat_map(|slot| resolver.slot(slot)).collect();
        let key = |policy: &EffectivePolicy| (policy.backend_kind, policy.backend.clone());
        let keys = self.policies.iter().chain(&policies).map(key).collect();
        (self.dependents, self.referrers) = (BTreeMap::new(), BTreeMap::new());
        for policy in &policies {
            for dependency in &policy.depends_on {
                self.dependents.entry(dependency.object.clone()).or_default().insert(key(policy));
            }
        }
        for policy in &self.imported.policies {
            for dependency in &policy.depends_on {
                self.referrers.entry(dependency.object.clone()).or_default().insert(policy.name.clone());
            }
        }
        (self.policies, self.links) = (policies, Some(links));
        keys
    }

    /// The same where the content of objects alone has changed: targets, routes and slots are as they were. What came or went
    /// also concerns the policies whose errors say that an object of this name is elsewhere, or is not.
    fn resolve_content(
        &mut self,
        links: Links,
        changed: &BTreeMap<ObjectRef, bool>,
    ) -> BTreeSet<(BackendKind, ObjectName)> {
        let came = changed.iter().filter(|(_, came)| **came).map(|(object, _)| object);
        let mut objects: BTreeSet<ObjectRef> =
            changed.keys().cloned().chain(came.flat_map(|object| self.namesakes(object))).collect();
        let referring: BTreeSet<ObjectName> =
            objects.iter().filter_map(|object| self.referrers.get(object)).flatten().cloned().collect();
        if referring.iter().any(|name| self.imported.policy(name).is_none_or(|policy| policy.stray)) {
            return self.resolve_all();
        }
        objects.extend(referring.iter().map(|name| ObjectRef::of(backend_tls_policy::KIND, name)));
        let keys: BTreeSet<_> =
            objects.iter().filter_map(|object| self.dependents.get(object)).flatten().cloned().collect();
        for name in &referring {
            self.link_again(name);
        }
        let resolver = Resolver::new(&self.imported, &self.scope, &links);
        for (kind, name) in &keys {
            let slots = links.index.slots_of(&self.imported.objects, *kind, name);
            let made: Vec<_> = slots.iter().flat_map(|slot| resolver.slot(slot)).collect();
            for dependency in made.iter().flat_map(|policy| &policy.depends_on) {
                self.dependents.entry(dependency.object.clone()).or_default().insert((*kind, name.clone()));
            }
            let order = |policy: &EffectivePolicy| (policy.backend_kind, &policy.backend).cmp(&(*kind, name));
            let begin = self.policies.partition_point(|policy| order(policy).is_lt());
            let end = self.policies.partition_point(|policy| order(policy).is_le());
            self.policies.splice(begin..end, made);
        }
        self.links = Some(links);
        keys
    }

    /// Links one standard policy anew; its targets are as they were.
    fn link_again(&mut self, name: &ObjectName) {
        let Some(declared) = self.imported.objects.policies.get(name) else { return };
        let mut made = draft::policy(&self.imported.objects, declared);
        let Ok(index) = self.imported.policies.binary_search_by(|policy| policy.name.cmp(name)) else { return };
        if let Some(old) = self.imported.policies.get_mut(index) {
            made.targets = core::mem::take(&mut old.targets);
            if made.draft.is_ok() {
                made.accepted = precedence::accepted(made.targets.iter().map(|target| &target.state));
            }
            *old = made;
        }
    }

    /// Objects of the same kind and name in other namespaces, to which something refers.
    fn namesakes(&self, object: &ObjectRef) -> Vec<ObjectRef> {
        let is_one = |other: &&ObjectRef| other.kind == object.kind && other.name == object.name;
        self.dependents.keys().chain(self.referrers.keys()).filter(is_one).cloned().collect()
    }
}

fn empty(options: ReadOptions) -> Objects {
    Objects { cluster_trust_bundles: options.cluster_trust_bundles.then(Default::default), ..Objects::default() }
}

/// Objects that decide nothing but what others are made of.
const CONTENT: [&str; 3] = ["ClusterTrustBundle", "ConfigMap", "Secret"];
