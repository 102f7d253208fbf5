//! Connections that began before a server changed: whether all of them have ended.

use std::any::Any;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// The connections that hold one configuration of a server.
#[derive(Debug)]
pub struct Former(Weak<dyn Any + Send + Sync>);

impl Former {
    /// Those that hold a clone of `held`.
    pub fn of<T: Any + Send + Sync>(held: &Arc<T>) -> Former {
        let held: Weak<T> = Arc::downgrade(held);
        Former(held)
    }

    /// How many there are.
    pub fn open(&self) -> usize {
        self.0.strong_count()
    }

    /// Waits until all have ended. Panics after a minute: a client keeps one that it should have given up.
    pub fn wait(&self) {
        for _ in 0..6_000 {
            if self.open() == 0 {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{} connections that began before the server changed are still open", self.open());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_for_the_last_that_holds_it() {
        let held = Arc::new(());
        let former = Former::of(&held);
        assert_eq!(former.open(), 1);
        drop(held);
        former.wait();
    }
}
