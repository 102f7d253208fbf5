//! What a function of the program's is called with.

use core::ffi::c_void;

/// A pointer of the program's.
#[derive(Clone, Copy)]
pub(crate) struct Context(pub(crate) *mut c_void);

// SAFETY: the library gives it back and does nothing else with it; the header says that any thread may do so.
unsafe impl Send for Context {}
// SAFETY: as for Send.
unsafe impl Sync for Context {}

impl Context {
    pub(crate) fn get(&self) -> *mut c_void {
        self.0
    }
}
