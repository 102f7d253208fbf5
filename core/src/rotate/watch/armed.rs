//! Which directories are watched, and for how many sources.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Armed {
    /// How many sources want each directory.
    counts: BTreeMap<PathBuf, usize>,
    wanted: HashMap<usize, Arc<BTreeSet<PathBuf>>>,
}

impl Armed {
    /// The sources of these numbers want `directories` from now on, and no others. Those that no source wants any more.
    pub(super) fn set(&mut self, ids: &[usize], directories: &Arc<BTreeSet<PathBuf>>) -> BTreeSet<PathBuf> {
        let mut gone = BTreeSet::new();
        for id in ids {
            let before = match directories.is_empty() {
                true => self.wanted.remove(id),
                false => self.wanted.insert(*id, Arc::clone(directories)),
            };
            if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, directories) || before == directories) {
                continue;
            }
            for directory in &**directories {
                *self.counts.entry(directory.clone()).or_default() += 1;
            }
            gone.extend(before.iter().flat_map(|before| before.iter()).filter(|old| self.is_last(old)).cloned());
        }
        gone.retain(|directory| !self.counts.contains_key(directory));
        gone
    }

    /// One source less wants `directory`. Whether it was the last.
    fn is_last(&mut self, directory: &PathBuf) -> bool {
        let Some(count) = self.counts.get_mut(directory) else { return false };
        *count -= 1;
        let is_last = *count == 0;
        if is_last {
            self.counts.remove(directory);
        }
        is_last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> Arc<BTreeSet<PathBuf>> {
        Arc::new(names.iter().map(PathBuf::from).collect())
    }

    #[test]
    fn a_directory_is_gone_once_no_source_wants_it() {
        let mut armed = Armed::default();
        let none = BTreeSet::new();
        assert_eq!(armed.set(&[1, 2], &set(&["a", "b"])), none);
        assert_eq!(armed.set(&[3], &set(&["b"])), none);
        assert_eq!(armed.set(&[1], &set(&["b", "c"])), none, "the second still wants a");
        assert_eq!(armed.set(&[2], &set(&[])), *set(&["a"]));
        assert_eq!(armed.set(&[2], &set(&[])), none, "it is gone already");
        assert_eq!(armed.set(&[1, 3], &set(&["a"])), *set(&["b", "c"]));
        assert_eq!(armed.set(&[1], &set(&["a"])), none, "the same again");
        assert_eq!(armed.set(&[1, 3], &set(&[])), *set(&["a"]));
        assert!(armed.counts.is_empty() && armed.wanted.is_empty());
    }
}
