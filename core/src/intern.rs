//! Identical content is one object in memory, however many policies hold it (T7).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Objects by the digest of their content. The table forgets an object once no one else holds it.
pub(crate) struct Interned<T>(Mutex<HashMap<[u8; 32], Weak<T>>>);

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<T> Interned<T> {
    /// The object with this digest, made by `make` if there is none. `make` runs without the lock.
    pub(crate) fn get_or_make<E>(&self, digest: [u8; 32], make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some(found) = self.get(&digest) {
            return Ok(found);
        }
        let made = Arc::new(make()?);
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(winner) = map.get(&digest).and_then(Weak::upgrade) {
            return Ok(winner);
        }
        if map.len() == map.capacity() {
            map.retain(|_, object| object.strong_count() > 0);
        }
        map.insert(digest, Arc::downgrade(&made));
        Ok(made)
    }

    /// The object with this digest, if somebody holds it.
    pub(crate) fn get(&self, digest: &[u8; 32]) -> Option<Arc<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).and_then(Weak::upgrade)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_content_is_one_object_until_nobody_holds_it() {
        let interned = Interned::default();
        let make = |value: u32| interned.get_or_make([1; 32], || Ok::<_, ()>(value)).expect("made");
        let first = make(1);
        assert!(Arc::ptr_eq(&first, &make(2)));
        drop(first);
        assert_eq!(*make(3), 3);
    }
}
