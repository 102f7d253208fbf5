//! What is made anew when objects change that touch few backends: what they touch, and nothing else.

use core::iter;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::references::CONTENT;
use super::{ChangedPolicy, Store};
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::{ObjectName, ObjectRef};
use crate::kubernetes::read::backend_tls_policy::KIND;
use crate::kubernetes::resolve::compose::{Links, Resolver};
use crate::kubernetes::resolve::draft;
use crate::kubernetes::resolve::effective::EffectivePolicy;
use crate::kubernetes::resolve::find::{of_backend, range_of};
use crate::kubernetes::resolve::imported::ImportedPolicy;
use crate::kubernetes::resolve::precedence::{BackendKey, backends};

/// Whether a change of an object of this kind is made good here.
pub(super) fn is_local(kind: &str) -> bool {
    kind == KIND || CONTENT.contains(&kind)
}

impl Store {
    /// The policies that `changed` concerns, made anew; `None`: all of them have to be.
    pub(super) fn resolve_some(
        &mut self,
        mut links: Links,
        changed: &BTreeMap<ObjectRef, bool>,
    ) -> Option<BTreeSet<ChangedPolicy>> {
        let mut keys = self.touch(&mut links, changed)?;
        let mut names = self.contenders_of(&links, &keys);
        for (object, came) in changed.iter().filter(|(object, _)| is_local(&object.kind)) {
            if object.kind == KIND {
                names.insert(object.object_name());
                continue;
            }
            for object in iter::once(object.clone()).chain(self.missed_namesakes(object, *came)) {
                names.extend(self.referrers.to(&object).cloned());
                keys.extend(self.dependents.to(&object).cloned());
            }
        }
        keys.extend(self.link_again(&mut links, &names)?);
        let upstreams = keys.iter().filter(|(kind, _)| *kind == BackendKind::Service);
        let upstreams = upstreams.flat_map(|(_, service)| links.index.upstreams.get(service)).flatten();
        keys.extend(upstreams.map(|(_, upstream)| (BackendKind::Upstream, upstream.clone())).collect::<Vec<_>>());
        let resolver = Resolver::new(&self.imported, &self.scope, &links);
        let made = keys.into_iter().map(|key| {
            let slots = links.index.slots_of(&self.imported.objects, key.0, &key.1);
            let made = slots.iter().flat_map(|slot| resolver.slot(slot)).collect::<Vec<_>>();
            (key, made)
        });
        let made: BTreeMap<_, _> = made.collect();
        let told = self.replace(made);
        self.links = Some(links);
        Some(told)
    }

    /// An error about an object that is not there says where there is one of its name; so it is another one when that comes or
    /// goes.
    fn missed_namesakes(&self, object: &ObjectRef, came: bool) -> Vec<ObjectRef> {
        if !came {
            return Vec::new();
        }
        let of_policies = self.referrers.namesakes(object).collect::<BTreeSet<_>>();
        let all = of_policies.into_iter().chain(self.dependents.namesakes(object));
        all.filter(|other| !self.imported.objects.has_content(other)).collect()
    }

    /// Links the standard policies `names` anew, and settles the backends that they name or have named, which are given back.
    /// `None`: it cannot be read what one of them is for, or could not.
    fn link_again(&mut self, links: &mut Links, names: &BTreeSet<ObjectName>) -> Option<BTreeSet<BackendKey>> {
        let (mut keys, mut made) = (BTreeSet::new(), BTreeMap::new());
        for name in names {
            let old = self.imported.policy(name);
            let declared = self.imported.objects.policies.get(name);
            let new = declared.map(|declared| draft::policy(&self.imported.objects, declared));
            if old.into_iter().chain(&new).any(|policy| policy.stray) {
                return None;
            }
            let depends_on = |policy: Option<&'_ ImportedPolicy>| policy.map(|of| of.depends_on.clone());
            let (before, after) = (depends_on(old), depends_on(new.as_ref()));
            self.referrers.replace(name, before.iter().flatten(), after.iter().flatten());
            if let Some(old) = old {
                keys.extend(backends(old));
                self.contenders.remove(old);
            }
            if let Some(new) = &new {
                keys.extend(backends(new));
                self.contenders.add(new);
            }
            made.insert(name.clone(), new);
        }
        let policies = Arc::get_mut(&mut self.imported.policies)?;
        exchange(policies, made);
        self.contenders.settle(&keys, names, policies);
        for key in &keys {
            let contenders = self.contenders.of(key).iter().filter_map(|name| self.imported.policy(name));
            links.index.settled(key, contenders);
        }
        names.iter().for_each(|name| links.make_room(&self.imported, &self.scope, name));
        Some(keys)
    }

    /// Puts the policies of these backends in place of what they had, and tells of both.
    fn replace(&mut self, made: BTreeMap<BackendKey, Vec<EffectivePolicy>>) -> BTreeSet<ChangedPolicy> {
        let mut told = BTreeSet::new();
        let mut fits = true;
        for (key, new) in &made {
            let old = of_backend(&self.policies, key.0, &key.1);
            let depends_on = |policies: &[EffectivePolicy]| {
                policies.iter().flat_map(|policy| policy.depends_on.iter().cloned()).collect::<Vec<_>>()
            };
            self.dependents.replace(key, depends_on(old).iter(), depends_on(new).iter());
            fits &= old.len() == new.len();
            told.extend(old.iter().chain(new).map(ChangedPolicy::of));
        }
        if !fits && made.len() > FEW {
            self.policies.retain(|policy| !made.contains_key(&key_of(policy)));
            self.policies.extend(made.into_values().flatten());
            self.policies.sort_by_cached_key(key_of);
            return told;
        }
        for (key, new) in made {
            let range = range_of(&self.policies, key.0, &key.1);
            self.policies.splice(range, new);
        }
        told
    }
}

/// The backend of a policy.
pub(super) fn key_of(policy: &EffectivePolicy) -> BackendKey {
    (policy.backend_kind, policy.backend.clone())
}

/// Puts the policies in place of those of their names; they stay in the order of names.
fn exchange(policies: &mut Vec<ImportedPolicy>, made: BTreeMap<ObjectName, Option<ImportedPolicy>>) {
    let mut others = Vec::new();
    let mut gone = BTreeSet::new();
    for (name, new) in made {
        let old = policies.binary_search_by(|policy| policy.name.cmp(&name)).ok();
        match (old.and_then(|old| policies.get_mut(old)), new) {
            (Some(old), Some(new)) => *old = new,
            (Some(_), None) => drop(gone.insert(name)),
            (None, new) => others.extend(new),
        }
    }
    if !gone.is_empty() {
        policies.retain(|policy| !gone.contains(&policy.name));
    }
    if !others.is_empty() {
        policies.extend(others);
        policies.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

/// Of so many backends the policies are put in place one by one: each may move all that follow.
const FEW: usize = 16;
