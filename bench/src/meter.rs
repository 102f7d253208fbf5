//! The part that is measured: what a client does, without the server that it talks to.

use std::time::{Duration, Instant};

use crate::allocation::allocations;

/// What a client has taken so far.
#[derive(Default)]
pub(crate) struct Meter {
    pub(crate) allocations: u64,
    pub(crate) time: Duration,
    idle: bool,
}

impl Meter {
    /// For what is done before the measured part.
    pub(crate) fn idle() -> Meter {
        Meter { idle: true, ..Meter::default() }
    }

    /// Runs one step of a client and adds what it took.
    pub(crate) fn scope<T>(&mut self, step: impl FnOnce() -> T) -> T {
        if self.idle {
            return step();
        }
        let mut step = Some(step);
        let mut outcome = None;
        let allocated = allocations();
        let began = Instant::now();
        client_side_only(&mut || outcome = step.take().map(|step| step()));
        self.time += began.elapsed();
        self.allocations += allocations() - allocated;
        outcome.expect("the step ran")
    }
}

/// callgrind counts while this function is on the stack (`callgrind.rs`).
#[inline(never)]
fn client_side_only(step: &mut dyn FnMut()) {
    step();
    std::hint::black_box(());
}
