//! A global allocator that counts what one thread holds: the client runs on the thread of the test, the peers elsewhere. The
//! provider's C code has an allocator of its own, and is not counted.
#![allow(unsafe_code, reason = "an allocator cannot be written without; it only forwards to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

// SAFETY: every call goes to `System` with the caller's own arguments, which keeps its contract; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), 0);
        // SAFETY: `pointer` came from `System` by one of the calls here, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may be there at once.
        count(0, size);
        count(layout.size(), 0);
        // SAFETY: `pointer` came from `System` by one of the calls here, with this layout; the caller vouches for `size`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// A thread that ends has no counters any more.
fn count(freed: usize, taken: usize) {
    let change = isize::try_from(taken).unwrap_or(0) - isize::try_from(freed).unwrap_or(0);
    let held = HELD.try_with(|held| held.replace(held.get() + change) + change).unwrap_or(0);
    let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held)));
}

/// Watches what this thread holds from now on.
pub struct Watch {
    before: isize,
}

impl Watch {
    pub fn begin() -> Watch {
        let before = HELD.get();
        PEAK.set(before);
        Watch { before }
    }

    /// The most bytes that were held at once since the beginning.
    pub fn peak(&self) -> usize {
        usize::try_from(PEAK.get() - self.before).unwrap_or(0)
    }
}
