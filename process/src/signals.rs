//! Threads that take no signals.

use core::mem::MaybeUninit;
use core::ptr;

/// Runs `body` while the calling thread takes no signals. A thread that it spawns then takes none for ever, so a handler of the
/// program runs in a thread of the program, and a signal that shall end a wait of the program's is not lost in one of ours.
pub(crate) fn without<T>(body: impl FnOnce() -> T) -> T {
    let _mask = Mask::block_all();
    body()
}

/// The mask of the thread before; it comes back at the end.
struct Mask(Option<libc::sigset_t>);

impl Mask {
    fn block_all() -> Self {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: both are places for a set, and sigfillset writes the first before it is read.
        let blocked = unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr())
        };
        // SAFETY: without an error the call wrote the set.
        Self((blocked == 0).then(|| unsafe { before.assume_init() }))
    }
}

impl Drop for Mask {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // SAFETY: the system wrote the set.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn blocked(signal: libc::c_int) -> bool {
        let mut now = MaybeUninit::uninit();
        // SAFETY: without a new set the call writes the set of now.
        unsafe {
            assert_eq!(libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), now.as_mut_ptr()), 0);
            libc::sigismember(now.as_ptr(), signal) == 1
        }
    }

    #[test]
    fn a_thread_that_begins_inside_takes_no_signals() {
        assert!(!blocked(libc::SIGTERM));
        let inside = without(|| thread::spawn(|| blocked(libc::SIGTERM)));
        assert!(matches!(inside.join(), Ok(true)));
        // The twin: before and after, the thread is as it was.
        assert!(!blocked(libc::SIGTERM));
        assert!(matches!(thread::spawn(|| blocked(libc::SIGTERM)).join(), Ok(false)));
    }
}
