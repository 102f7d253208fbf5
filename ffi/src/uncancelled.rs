//! `pthread_cancel` of a thread waits until the thread has left the library: to end it inside would unwind Rust by an exception
//! that is not Rust's, which aborts the process.

#[cfg(all(unix, not(target_os = "android")))]
use core::ffi::c_int;

/// The calling thread cannot be cancelled while this lives. What it was before comes back afterwards, and a request that came
/// meanwhile takes effect at the thread's next cancellation point.
pub(crate) struct Uncancelled {
    #[cfg(all(unix, not(target_os = "android")))]
    before: c_int,
}

#[cfg(all(unix, not(target_os = "android")))]
impl Uncancelled {
    pub(crate) fn begin() -> Self {
        let mut before = ENABLE;
        // SAFETY: the second argument is a local variable.
        let set = unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
        debug_assert_eq!(set, 0, "PTHREAD_CANCEL_DISABLE is a state of every system");
        Self { before }
    }
}

#[cfg(all(unix, not(target_os = "android")))]
impl Drop for Uncancelled {
    fn drop(&mut self) {
        let mut ours = DISABLE;
        // SAFETY: the second argument is a local variable.
        unsafe { pthread_setcancelstate(self.before, &raw mut ours) };
    }
}

/// The system knows no cancellation.
#[cfg(not(all(unix, not(target_os = "android"))))]
impl Uncancelled {
    pub(crate) fn begin() -> Self {
        Self {}
    }
}

#[cfg(all(unix, not(target_os = "android")))]
unsafe extern "C" {
    /// POSIX.1-2017. The crate `libc` does not declare it.
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}

#[cfg(all(unix, not(target_os = "android"), not(target_vendor = "apple")))]
const ENABLE: c_int = 0;
#[cfg(all(unix, not(target_os = "android"), not(target_vendor = "apple")))]
const DISABLE: c_int = 1;
#[cfg(target_vendor = "apple")]
const ENABLE: c_int = 1;
#[cfg(target_vendor = "apple")]
const DISABLE: c_int = 0;
