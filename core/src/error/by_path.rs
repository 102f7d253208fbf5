//! What belongs to each field of a policy: where it was written, or which object says it.

use core::ops::Index;
use core::{fmt, iter, slice};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What belongs to each field of a policy, by the field's path (`spec.trust.bundles[0]`) and in the order of paths.
///
/// It is small and never changes: a clone shares it, and it takes no more room than its entries. A gateway has tens of thousands
/// of policies, each with a handful of fields.
///
/// ```
/// use uptls::{ByPath, Origin};
///
/// let origins = ByPath::from([("spec.trust".to_owned(), Origin::new("policy.yaml", 5, 3))]);
/// assert_eq!(origins["spec.trust"].line, 5);
/// assert_eq!(origins.nearest("spec.trust.bundles[0]"), origins.get("spec.trust"));
/// assert_eq!(origins.nearest("spec.trusted"), None);
/// ```
pub struct ByPath<T>(Arc<[(String, T)]>);

impl<T> ByPath<T> {
    /// That of the field at `path`.
    pub fn get(&self, path: &str) -> Option<&T> {
        let found = self.0.binary_search_by(|(of, _)| of.as_str().cmp(path)).ok()?;
        self.0.get(found).map(|(_, value)| value)
    }

    /// That of the field at `path`, or of the nearest field around it.
    pub fn nearest(&self, path: &str) -> Option<&T> {
        around(path).find_map(|path| self.get(path))
    }

    /// Whether the field at `path` has one.
    pub fn contains_key(&self, path: &str) -> bool {
        self.get(path).is_some()
    }

    /// Whether no field has one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many fields have one.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each path with what belongs to it.
    pub fn iter(&self) -> Iter<'_, T> {
        self.0.iter().map(|(path, value)| (path, value))
    }

    /// The paths.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(path, _)| path)
    }

    /// What belongs to them.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }
}

/// `path`, and each of the fields around it, the innermost first.
pub(crate) fn around(path: &str) -> impl Iterator<Item = &str> {
    iter::successors(Some(path), |path| path.get(..path.rfind(['.', '['])?))
}

type Iter<'a, T> = iter::Map<slice::Iter<'a, (String, T)>, fn(&'a (String, T)) -> (&'a String, &'a T)>;

impl<T> Clone for ByPath<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for ByPath<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<T> Default for ByPath<T> {
    fn default() -> Self {
        Self(Arc::new([]))
    }
}

impl<T: PartialEq> PartialEq for ByPath<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Eq> Eq for ByPath<T> {}

impl<T> From<BTreeMap<String, T>> for ByPath<T> {
    fn from(map: BTreeMap<String, T>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl<T, const N: usize> From<[(String, T); N]> for ByPath<T> {
    fn from(entries: [(String, T); N]) -> Self {
        entries.into_iter().collect()
    }
}

/// Of a path that is given twice the last one counts.
impl<T> FromIterator<(String, T)> for ByPath<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(entries: I) -> Self {
        entries.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl<'a, T> IntoIterator for &'a ByPath<T> {
    type IntoIter = Iter<'a, T>;
    type Item = (&'a String, &'a T);

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(path, value)| (path, value))
    }
}

impl<T> Index<&str> for ByPath<T> {
    type Output = T;

    /// # Panics
    /// The field at `path` has none, as with a map of the standard library.
    #[allow(clippy::expect_used, reason = "an index panics where there is nothing, by its contract")]
    fn index(&self, path: &str) -> &T {
        self.get(path).expect("no entry of this path")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_found_and_no_other() {
        let entries = [("b", 1), ("a.c[0]", 2), ("a", 3), ("b", 4)].map(|(path, value)| (path.to_owned(), value));
        let map = ByPath::from(entries.clone());
        let all: Vec<_> = map.iter().map(|(path, value)| (path.as_str(), *value)).collect();
        assert_eq!(all, [("a", 3), ("a.c[0]", 2), ("b", 4)]);
        assert_eq!((map.get("a.c[0]"), map.get("a.c"), map["b"], map.len()), (Some(&2), None, 4, 3));
        assert_eq!((map.nearest("a.c[0].d"), map.nearest("a.c[1]"), map.nearest("c")), (Some(&2), Some(&3), None));
        assert!(map.keys().eq(["a", "a.c[0]", "b"]) && map.values().eq(&[3, 2, 4]) && !map.is_empty());
        assert_eq!(map, BTreeMap::from(entries).into());
        assert!(ByPath::<u8>::default().is_empty());
    }
}
