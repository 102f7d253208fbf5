//! The heap of the program: what is freed is overwritten and kept aside for a while, and what is freed twice ends the
//! program. So a handle that is used after its end is found without AddressSanitizer, which needs a build of its own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

/// Switched on for a thread by [`watched`]; elsewhere it is the system's.
struct Watched;

#[global_allocator]
static HEAP: Watched = Watched;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static ON: Cell<bool> = const { Cell::new(false) };
    static ASIDE: RefCell<Aside> = const { RefCell::new(Aside { next: 0, places: [None; KEPT] }) };
}

/// What was freed last.
struct Aside {
    next: usize,
    places: [Option<(usize, Layout)>; KEPT],
}

/// An input begins: what it allocates is counted from here on.
pub fn begin() {
    COUNT.set(0);
}

/// How many blocks were allocated since the input began.
pub fn blocks() -> u64 {
    COUNT.get()
}

/// Counts a block. What is exponential allocates without end, long before the limit of time.
fn count() {
    let _ = COUNT.try_with(|count| {
        count.set(count.get() + 1);
        if count.get() > MOST_BLOCKS {
            // The hook of panics ends the program, and may allocate before.
            count.set(0);
            panic!("more than {MOST_BLOCKS} blocks are allocated for one input (L13)");
        }
    });
}

/// Runs `work` with every block that it frees kept aside.
pub fn watched(work: impl FnOnce()) {
    ON.set(true);
    work();
    ON.set(false);
    ASIDE.with_borrow_mut(|aside| {
        for (place, layout) in aside.places.iter_mut().filter_map(Option::take) {
            // SAFETY: it was given back by its owner with this layout, and is forgotten here.
            unsafe { System.dealloc(place as *mut u8, layout) };
        }
    });
}

// SAFETY: blocks are the system's; one that is given back is kept for a while, and then given back to the system once.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the contract is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !ON.try_with(Cell::get).unwrap_or_default() {
            // SAFETY: the contract is the same.
            return unsafe { System.realloc(block, layout, size) };
        }
        // SAFETY: the contract says that `size` fits the alignment.
        let fresh = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !fresh.is_null() {
            // SAFETY: both blocks are so large, and they are two.
            unsafe {
                fresh.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
        }
        fresh
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let is_on = ON.try_with(Cell::get).unwrap_or_default();
        if !is_on || layout.size() > LARGE {
            // SAFETY: the contract is the same.
            return unsafe { System.dealloc(block, layout) };
        }
        let place = block as usize;
        let oldest = ASIDE.with_borrow_mut(|aside| {
            if aside.places.iter().flatten().any(|(freed, _)| *freed == place) {
                // Nothing may be allocated here, so that no text says more.
                std::process::abort();
            }
            let at = aside.next % KEPT;
            aside.next = at + 1;
            aside.places[at].replace((place, layout))
        });
        // SAFETY: its owner has given it back, so that nothing reads it rightly.
        unsafe { block.write_bytes(0xdd, layout.size()) };
        if let Some((place, layout)) = oldest {
            // SAFETY: as in `watched`.
            unsafe { System.dealloc(place as *mut u8, layout) };
        }
    }
}

/// An ordinary input allocates a hundredth of it.
const MOST_BLOCKS: u64 = 2_000_000;
/// How many blocks are kept aside.
const KEPT: usize = 256;
/// Blocks above this many bytes are not.
const LARGE: usize = 1 << 16;
