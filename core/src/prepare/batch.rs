//! Policies that are prepared together: a bundle that many of them name is read and judged once.

use core::hash::{Hash, Hasher};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::policy::{Material, resolve};
use crate::trust::TrustBundle;

/// The bundles of a batch, as they were when the first of its policies named them. What could not be read is not kept: the next
/// policy says so with its own place.
#[derive(Default)]
pub(crate) struct Batch(Mutex<HashMap<Key, Arc<TrustBundle>>>);

/// What a policy names.
#[derive(Eq, Hash, PartialEq)]
enum Key {
    File(PathBuf),
    Text(SameText),
}

/// A text by its place in memory, which no other can have while it is held: to compare 200 KB for each policy costs more than
/// all the rest of it.
struct SameText(Arc<[u8]>);

impl PartialEq for SameText {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SameText {}

impl Hash for SameText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl Batch {
    /// The bundle of `material`, which `load` reads if no policy of the batch named it before.
    pub(super) fn bundle(
        &self,
        material: &Material,
        load: impl FnOnce() -> Option<Arc<TrustBundle>>,
    ) -> Option<Arc<TrustBundle>> {
        let key = match material {
            Material::File { base, path } => Key::File(resolve(base.as_deref(), path)),
            Material::Inline { content, name: _ } => Key::Text(SameText(Arc::clone(content))),
        };
        let held = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = held().get(&key) {
            return Some(Arc::clone(found));
        }
        let made = load()?;
        held().insert(key, Arc::clone(&made));
        Some(made)
    }
}
