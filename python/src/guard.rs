//! The border: whatever takes longer than handing it over happens without the GIL, no panic leaves it, and no thread is in it when the
//! interpreter goes away.
//!
//! Before 3.14 CPython ends a thread that wants the GIL back too late by unwinding its stack, and Rust's frames would drop
//! Python's objects without the GIL on the way. So, once the interpreter ends, threads that are out do not come back, and
//! those that are just coming back are waited for.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Mutex;
use std::thread::{self, ThreadId};

use pyo3::prelude::*;
use uptls::panic;

use crate::errors;

/// Runs `body` while other Python threads continue.
///
/// # Errors
/// `UptlsError` with the code `panic`, for a panic.
pub(crate) fn detached<T: Send>(py: Python<'_>, body: impl FnOnce() -> T + Send) -> PyResult<T> {
    let (outcome, _present) = py.detach(|| {
        let outcome = panic::catch(body);
        (outcome, Present::come_back())
    });
    outcome.map_err(|words| errors::panic(py, &words))
}

/// Runs `body`, which takes microseconds and calls nothing of Python's, with the GIL: releasing and taking it back
/// would take longer.
///
/// # Errors
/// `UptlsError` with the code `panic`, for a panic.
pub(crate) fn brief<T>(py: Python<'_>, body: impl FnOnce() -> T) -> PyResult<T> {
    panic::catch(body).map_err(|words| errors::panic(py, &words))
}

/// Runs `body`, which calls functions of Python: in them the GIL may change hands.
pub(crate) fn attached<T>(body: impl FnOnce() -> T) -> T {
    let _present = Present::come_back();
    body()
}

/// A thread with frames of ours that has the GIL, or is about to take it.
struct Present;

impl Present {
    fn come_back() -> Self {
        PRESENT.fetch_add(1, Ordering::SeqCst);
        let present = Self;
        if ENDING.load(Ordering::SeqCst) && !is_last_thread() {
            drop(present);
            loop {
                thread::park();
            }
        }
        present
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        // A fork may have forgotten the threads of the parent.
        let _ = PRESENT.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
    }
}

fn is_last_thread() -> bool {
    LAST.lock().is_ok_and(|last| *last == Some(thread::current().id()))
}

/// The interpreter ends: only this thread runs the calls of its shutdown.
#[pyfunction]
pub(crate) fn _end(py: Python<'_>) {
    if let Ok(mut last) = LAST.lock() {
        *last = Some(thread::current().id());
    }
    ENDING.store(true, Ordering::SeqCst);
    py.detach(|| {
        for _ in 0..PATIENCE {
            if PRESENT.load(Ordering::SeqCst) == 0 {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// After a fork there is one thread.
#[pyfunction]
pub(crate) fn _forked() {
    PRESENT.store(0, Ordering::SeqCst);
}

/// Panics inside the border; only in debug builds, for the tests.
#[cfg(debug_assertions)]
#[pyfunction]
pub(crate) fn _panic(py: Python<'_>, words: &str) -> PyResult<()> {
    detached(py, || panic!("{words}"))
}

static ENDING: AtomicBool = AtomicBool::new(false);
static LAST: Mutex<Option<ThreadId>> = Mutex::new(None);
static PRESENT: AtomicUsize = AtomicUsize::new(0);
/// Milliseconds that a hook of the caller's may still take at the end.
const PATIENCE: u32 = 1000;
