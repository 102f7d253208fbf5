//! Objects that change one by one, and the policies that change with them.

mod again;
mod json;
mod references;
mod touched;

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use uptls::Problems;

use references::References;

use super::import::{Linked, ReadOptions, link};
use super::model::backend::{BackendKind, BackendRef};
use super::model::diagnostic::{Diagnostic, Effect};
use super::model::object::{ObjectName, ObjectRef};
use super::model::status_patch::StatusPatch;
use super::read::gateway::GATEWAY;
use super::read::objects::Objects;
use super::read::typed;
use super::read::typed::Identity;
use super::resolve::compose::{Links, Resolver};
use super::resolve::depends::Dependencies;
use super::resolve::effective::EffectivePolicy;
use super::resolve::find::{Find, of_backend, unresolved};
use super::resolve::gateway_identity;
use super::resolve::hints::Hints;
use super::resolve::imported::{Imported, ImportedPolicy};
use super::resolve::precedence::{BackendKey, Contenders};
use super::resolve::scope::Scope;
use super::status;
use crate::position::Notes;

/// The objects of a cluster, as an informer delivers them, and the policy of each backend for one [`Scope`].
///
/// [`Store::resolve_changed`] does as little work as a change allows. After a change of a BackendTLSPolicy it resolves the
/// backends that the policy names; of a ConfigMap, Secret or ClusterTrustBundle, the policies that refer to it; of a Service
/// or XBackend, that one; of a route, the backends that it names; of a Gateway, those of the routes that name it. Any other
/// object can decide which policy is for which backend, so after such changes, however many, it resolves everything once. The
/// order of changes does not matter: the result depends on the present objects alone.
///
/// ```
/// use serde_json::json;
/// use uptls_manifest::kubernetes::{ReadOptions, Scope, Store};
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
/// assert_eq!((changed[0].backend.to_string().as_str(), &changed[0].gateway), ("Service/shop/pay", &None));
/// assert!(store.policy_of(&changed[0].backend, None)?.draft.is_ok());
/// store.remove(&policy);
/// // It is told once more, and there is none now.
/// assert_eq!(store.resolve_changed(), changed);
/// assert!(store.policy_of(&changed[0].backend, None).is_err());
/// # Ok::<(), uptls::Problems>(())
/// ```
pub struct Store {
    /// What has changed, if not all of it has to be found anew, and whether it came or went.
    changed: BTreeMap<ObjectRef, bool>,
    contenders: Contenders,
    /// The backends whose policies were made of an object, or miss it.
    dependents: References<BackendKey>,
    /// What is to be said about each object, as it was read.
    diagnostics: BTreeMap<ObjectRef, Vec<Diagnostic>>,
    /// Objects of kinds that are not read.
    foreign: BTreeMap<ObjectRef, BTreeMap<String, usize>>,
    hints: OnceLock<Hints>,
    imported: Imported,
    /// The backends that changed routes and Gateways used before.
    left: BTreeSet<ObjectName>,
    /// `None`: which object is for which backend has to be found anew.
    links: Option<Links>,
    options: ReadOptions,
    policies: Vec<EffectivePolicy>,
    /// The standard policies that refer to an object.
    referrers: References<ObjectName>,
    scope: Scope,
    /// Of the diagnostics those that close backends.
    unread: Vec<Diagnostic>,
}

/// A policy that may be another one than before, or is new, or is gone.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct ChangedPolicy {
    /// The backend, with its kind and port, as [`EffectivePolicy::backend_ref`] has it.
    pub backend: BackendRef,
    /// The Gateway; `None`: no Gateway is known to use the backend.
    pub gateway: Option<ObjectName>,
}

impl ChangedPolicy {
    fn of(policy: &EffectivePolicy) -> Self {
        Self { backend: policy.backend_ref(), gateway: policy.gateway.clone() }
    }
}

/// `Service/shop/pay:443 of Gateway edge/public`
impl fmt::Display for ChangedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.gateway {
            None => write!(f, "{}", self.backend),
            Some(gateway) => write!(f, "{} of Gateway {gateway}", self.backend),
        }
    }
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
            hints: OnceLock::new(),
            imported,
            left: BTreeSet::new(),
            links: None,
            options,
            policies: Vec::new(),
            referrers: References::default(),
            scope,
            unread: Vec::new(),
        }
    }

    /// Adds `object`, or replaces it, under the same limits as a document. If it is too large, or a part of it cannot be
    /// read, the policies that it may concern fail (M11). An [`uptls::Origin`] names the object instead of a document.
    ///
    /// # Errors
    /// `document_parse`: kind, name or namespace cannot be read. The store is unchanged.
    pub fn upsert(&mut self, object: &Value) -> Result<ObjectRef, Problems> {
        let identity = identity(object)?;
        let mut part = self.part();
        part.read_value(&identity.object, object);
        Ok(self.put(identity, part))
    }

    /// Removes the object, if it is there.
    pub fn remove(&mut self, object: &ObjectRef) {
        if self.take(object) {
            self.note(object, false);
        }
    }

    /// Resolves the policies that the changes since the last call may concern, and returns them in their order. A policy among
    /// them may be the same as before: publishing equal content begins no generation (R5). A policy that is gone is returned,
    /// too, so that its connector can be stopped (R2).
    pub fn resolve_changed(&mut self) -> Vec<ChangedPolicy> {
        let changed = core::mem::take(&mut self.changed);
        let links = self.links.take();
        self.hints.take();
        let told = links.and_then(|links| self.resolve_some(links, &changed)).unwrap_or_else(|| self.resolve_all());
        told.into_iter().collect()
    }

    /// The policy that was told; `None`: it is gone.
    pub fn told(&self, changed: &ChangedPolicy) -> Option<&EffectivePolicy> {
        let ChangedPolicy { backend, gateway } = changed;
        let found = of_backend(&self.policies, backend.kind?, &backend.name);
        found.iter().find(|policy| policy.port == backend.port && policy.gateway == *gateway)
    }

    /// Sets the time for `lastTransitionTime`, unix seconds.
    pub fn set_now(&mut self, now: u64) {
        self.scope.now = now;
    }

    /// The policy for `backend` where `gateway` uses it, whether it can be used or not, as of the last
    /// [`Store::resolve_changed`].
    ///
    /// # Errors
    /// Those of [`super::Resolution::policy_of`]; and `reference_unresolved` if no route leads from `gateway` to the backend,
    /// unless it is the scope's: a change of it would not be told.
    pub fn policy_of(&self, backend: &BackendRef, gateway: Option<&ObjectName>) -> Result<&EffectivePolicy, Problems> {
        let find = Find {
            hints: &self.hints,
            objects: &self.imported.objects,
            only: self.scope.gateway.as_ref(),
            policies: &self.policies,
            standard: &self.imported.policies,
            unread: &self.unread,
        };
        find.policy_of(backend, gateway)?.ok_or_else(|| {
            let gateway = gateway.map(ToString::to_string).unwrap_or_default();
            let reason = format!("no route leads there from Gateway {gateway}; a store made for this Gateway has it");
            unresolved(backend, reason)
        })
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
        let said = self.diagnostics.values().flatten().cloned().collect();
        let mut diagnostics = link(&self.imported.objects, said).diagnostics;
        diagnostics.extend(gateway_identity::diagnostics(&self.imported, &self.scope, &Dependencies::default()));
        diagnostics
    }

    /// The standard policies, ready or not, in the order of their names.
    pub(crate) fn standard(&self) -> &[ImportedPolicy] {
        &self.imported.policies
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

    /// For what is read of one object.
    fn part(&self) -> Objects {
        empty(self.options)
    }

    /// Puts what was read of one object in its place.
    fn put(&mut self, identity: Identity, mut part: Objects) -> ObjectRef {
        let Identity { is_read, object } = identity;
        let is_same = self.says_the_same(&object, &part);
        let was_there = self.take(&object);
        let ignored = core::mem::take(&mut part.ignored);
        if !ignored.is_empty() {
            self.foreign.insert(object.clone(), ignored);
        }
        let diagnostics = core::mem::take(&mut part.diagnostics);
        if !diagnostics.is_empty() {
            self.links = None;
            self.diagnostics.insert(object.clone(), diagnostics);
        }
        if is_read {
            if !is_same {
                self.note(&object, was_there);
            }
            self.objects().absorb(part);
        }
        object
    }

    /// Whether it is a Gateway that says what it said before.
    fn says_the_same(&self, object: &ObjectRef, part: &Objects) -> bool {
        let name = object.object_name();
        let [old, new] = [&*self.imported.objects, part].map(|objects| objects.gateways.get(&name));
        object.kind == GATEWAY && old.zip(new).is_some_and(|(old, new)| old.value.says_the_same(&new.value))
    }

    /// Takes the object out; whether it was there.
    fn take(&mut self, object: &ObjectRef) -> bool {
        self.leave(object);
        let was_foreign = self.foreign.remove(object).is_some();
        if self.diagnostics.remove(object).is_some() {
            self.links = None;
        }
        self.objects().withdraw(object) || was_foreign
    }

    /// Notes that the object has changed.
    fn note(&mut self, object: &ObjectRef, was_there: bool) {
        match again::is_local(&object.kind) || touched::is_touching(&object.kind) {
            true => *self.changed.entry(object.clone()).or_default() |= !was_there,
            false => self.links = None,
        }
    }

    fn objects(&mut self) -> &mut Objects {
        // No other owner has them: a Resolution is made of an import alone.
        Arc::get_mut(&mut self.imported.objects).unwrap_or_else(|| unreachable!("the objects of a store are its own"))
    }

    fn resolve_all(&mut self) -> BTreeSet<ChangedPolicy> {
        let said = self.diagnostics.values().flatten().cloned().collect();
        let Linked { contenders, diagnostics, policies } = link(&self.imported.objects, said);
        (self.contenders, self.imported.diagnostics, self.imported.policies) =
            (contenders, diagnostics, Arc::new(policies));
        let unread = self.imported.diagnostics.iter().filter(|diagnostic| diagnostic.effect == Effect::Unread);
        self.unread = unread.cloned().collect();
        self.left.clear();
        let links = Links::new(&self.imported, &self.scope).without_dependencies();
        let policies = Resolver::new(&self.imported, &self.scope, &links).all();
        let told = self.policies.iter().chain(&policies).map(ChangedPolicy::of).collect();
        (self.dependents, self.referrers) = (References::default(), References::default());
        for policy in &policies {
            self.dependents.replace(&again::key_of(policy), [].iter(), policy.depends_on.iter());
        }
        for policy in self.imported.policies.iter() {
            self.referrers.replace(&policy.name, [].iter(), policy.depends_on.iter());
        }
        (self.policies, self.links) = (policies, Some(links));
        told
    }
}

/// Which object it is.
fn identity(object: &Value) -> Result<Identity, Problems> {
    let notes = Notes::new(DOCUMENT);
    typed::identity(object, &notes).ok_or_else(|| notes.refuse())
}

fn empty(options: ReadOptions) -> Objects {
    Objects { cluster_trust_bundles: options.cluster_trust_bundles.then(Default::default), ..Objects::default() }
}

/// What an error calls an object as long as it is not known which it is.
const DOCUMENT: &str = "the object";
