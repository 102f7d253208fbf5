//! Who was made of which ConfigMap, Secret or ClusterTrustBundle, or misses it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::kubernetes::model::object::ObjectRef;
use crate::kubernetes::resolve::depends::Dependency;

/// Objects that decide nothing but what others are made of.
pub(super) const CONTENT: [&str; 3] = ["ClusterTrustBundle", "ConfigMap", "Secret"];

/// The dependents of each object: backends, or policies.
pub(super) struct References<T>(BTreeMap<Named, BTreeSet<T>>);

/// An object, in the order of names before that of namespaces: those that share a name stand together.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
struct Named {
    kind: Cow<'static, str>,
    name: String,
    namespace: String,
}

impl Named {
    fn of(object: &ObjectRef) -> Self {
        let ObjectRef { kind, namespace, name } = object.clone();
        Self { kind, name, namespace }
    }
}

impl<T> Default for References<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Clone + Ord> References<T> {
    /// Says that `who` depends on `new` in place of `old`.
    pub(super) fn replace<'a>(
        &mut self,
        who: &T,
        old: impl Iterator<Item = &'a Dependency>,
        new: impl Iterator<Item = &'a Dependency>,
    ) {
        let (old, new) = (content(old), content(new));
        for object in old.difference(&new) {
            let object = Named::of(object);
            let Some(dependents) = self.0.get_mut(&object) else { continue };
            dependents.remove(who);
            if dependents.is_empty() {
                self.0.remove(&object);
            }
        }
        for object in new.difference(&old) {
            self.0.entry(Named::of(object)).or_default().insert(who.clone());
        }
    }

    /// The dependents of `object`.
    pub(super) fn to(&self, object: &ObjectRef) -> impl Iterator<Item = &T> {
        self.0.get(&Named::of(object)).into_iter().flatten()
    }

    /// Objects of the kind and name of `object` in whichever namespace that something depends on.
    pub(super) fn namesakes(&self, object: &ObjectRef) -> impl Iterator<Item = ObjectRef> {
        let first = Named { namespace: String::new(), ..Named::of(object) };
        let is_one = |of: &Named| of.kind == object.kind && of.name == object.name;
        let found = self.0.range(first..).map(|(of, _)| of).take_while(move |of| is_one(of));
        found.map(|of| ObjectRef::new(of.kind.clone(), &of.namespace, &of.name))
    }
}

fn content<'a>(dependencies: impl Iterator<Item = &'a Dependency>) -> BTreeSet<&'a ObjectRef> {
    dependencies.map(|dependency| &dependency.object).filter(|object| CONTENT.contains(&&*object.kind)).collect()
}
