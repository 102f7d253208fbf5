//! Every object that a resolution read or missed: what a controller has to watch.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::kubernetes::model::object::ObjectRef;

/// One object that the result depends on.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct Dependency {
    /// The object; the name `*` stands for any ReferenceGrant of the namespace, present or future.
    pub object: ObjectRef,
    /// Whether it is there.
    pub presence: Presence,
}

/// Whether an object is among the manifests.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Presence {
    /// An object refers to it, and it is missing: the result changes when it appears.
    Missed,
    /// It was read.
    Read,
}

/// Collects them while references are followed.
#[derive(Default)]
pub(in crate::kubernetes) struct Dependencies(RefCell<BTreeSet<Dependency>>);

impl Dependencies {
    /// Notes the object, and whether there is a `found`, which is given back.
    pub(in crate::kubernetes) fn note<T>(&self, object: ObjectRef, found: Option<T>) -> Option<T> {
        let presence = if found.is_some() { Presence::Read } else { Presence::Missed };
        self.0.borrow_mut().insert(Dependency { object, presence });
        found
    }

    /// Notes what something else depends on.
    pub(in crate::kubernetes) fn extend(&self, more: &[Dependency]) {
        self.0.borrow_mut().extend(more.iter().cloned());
    }

    /// All of them, in their order.
    pub(in crate::kubernetes) fn into_slice(self) -> Box<[Dependency]> {
        self.0.into_inner().into_iter().collect()
    }
}
