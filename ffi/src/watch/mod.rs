//! Files as the source of connectors' material, for C: no thread, one descriptor to poll, one call when it is ready.

mod sources;

use core::ffi::{c_char, c_int};
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use uptls::Misuse;

use crate::boundary;
use crate::conn::milliseconds_until;
use crate::connector::Connector;
use crate::error::{Error, Failure};
use crate::exclusive::Exclusive;
use crate::handle::{self, Handle, Number, Out, Owned};
use crate::status::Status;
use crate::strings;
use sources::Sources;

/// Keeps connectors in step with the files that their policies name. It starts no thread: the caller polls its descriptor
/// and calls `uptls_watch_dispatch`. A watch holds a reference to each of its connectors. It belongs to the process that
/// made it: after fork, each makes its own.
pub struct Watch(Exclusive<Sources>);

impl Handle for Watch {
    type Ownership = Owned;
}

/// Makes a watch without connectors. `*out` is owned by the caller: `uptls_watch_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_watch_new(out: *mut *mut Watch, err: *mut *mut Error) -> Status {
    let make = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        let sources = Sources::new().map_err(|error| {
            let message = format!("the system gives no descriptors for a watch: {error}");
            Failure::without_policy(uptls::Code::Internal, message)
        })?;
        out.set(handle::give(Watch(Exclusive::of_this_process(sources)?)));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, make) }
}

/// Frees a watch, and gives its references to connectors back. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_watch_free(watch: *mut Watch) {
    // SAFETY: by the contract of the header it is NULL or live, and not used again.
    boundary::value((), || unsafe { handle::release(watch) });
}

/// Adds a connector; the next dispatch, which is due at once, reads its files. `UPTLS_E_USAGE` for one that was added
/// before. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_watch_add(
    watch: *mut Watch,
    connector: *const Connector,
    err: *mut *mut Error,
) -> Status {
    let add = || {
        // SAFETY: by the contract of the header it is NULL or live.
        let mut sources = unsafe { enter(watch) }?;
        // SAFETY: by the contract of the header it is NULL or a reference.
        let connector = unsafe { handle::borrow_shared(connector, "connector") }?;
        if sources.add(connector, Instant::now()) {
            Ok(())
        } else {
            Err(Failure::from(Misuse::new("the connector is in the watch already")))
        }
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, add) }
}

/// Removes a connector. No effect if it was not added. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_watch_remove(
    watch: *mut Watch,
    connector: *const Connector,
    err: *mut *mut Error,
) -> Status {
    let remove = || {
        // SAFETY: by the contract of the header it is NULL or live.
        let mut sources = unsafe { enter(watch) }?;
        // SAFETY: by the contract of the header it is NULL or a reference.
        let connector: Arc<Connector> = unsafe { handle::borrow_shared(connector, "connector") }?;
        sources.remove(&connector);
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, remove) }
}

/// A descriptor that can be read (POLLIN) when a dispatch is due; owned by the watch; only poll it. -1 if the system
/// has none (`uptls_watch_timeout_ms` then says when), and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_watch_fd(watch: *const Watch) -> c_int {
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(watch, -1, Sources::fd) }
}

/// In how many milliseconds the next dispatch is due, for a program that does not poll the descriptor. -1: there is no connector,
/// and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_watch_timeout_ms(watch: *const Watch) -> i64 {
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(watch, -1, |sources| milliseconds_until(sources.next())) }
}

/// How a watch learns of changes: `UPTLS_WATCH_...`.
pub type WatchMode = i32;

/// There is no watch: NULL was given.
pub const UPTLS_WATCH_NONE: WatchMode = 0;
/// By events, and by polling every 10 s in case one is lost.
pub const UPTLS_WATCH_EVENTS: WatchMode = 1;
/// By polling alone, at least for some of its files: the system gives no events for them. Each dispatch that reads
/// files asks for events again.
pub const UPTLS_WATCH_POLLING: WatchMode = 2;

/// How a watch learns of changes, as of the last dispatch. `UPTLS_WATCH_POLLING` also while another thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_watch_state(watch: *const Watch) -> WatchMode {
    if watch.is_null() {
        return UPTLS_WATCH_NONE;
    }
    let mode = |sources: &Sources| if sources.reason().is_none() { UPTLS_WATCH_EVENTS } else { UPTLS_WATCH_POLLING };
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(watch, UPTLS_WATCH_POLLING, mode) }
}

/// Why a watch polls: the system's reason. `*reason` is NULL if it does not poll, and otherwise owned by the caller:
/// `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_watch_reason(
    watch: *const Watch,
    reason: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let tell = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let reason = unsafe { Out::cleared(reason, "reason") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let sources = unsafe { enter(watch) }?;
        if let Some(text) = sources.reason() {
            reason.set(strings::give(&text));
        }
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, tell) }
}

/// Reads the files that changed or are due, and publishes or withdraws. It waits only for the reading of regular files,
/// and a program can call it at any time. (Storage that does not answer holds the call, and all connectors of the
/// watch: give such files their own watch and thread.) `*changed` is how many connectors have another generation or
/// state now, 0 first: see `uptls_connector_next_event`. A file that is gone withdraws its policy at once. Invalid
/// content, or a file that a writer has not closed, counts after a little over a second, since not every writer
/// replaces files at once. A file that cannot be read for want of descriptors or memory changes nothing. `err` may be
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_watch_dispatch(watch: *mut Watch, changed: *mut usize, err: *mut *mut Error) -> Status {
    let dispatch = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let changed = unsafe { Number::cleared(changed, "changed") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let mut sources = unsafe { enter(watch) }?;
        changed.set(sources.dispatch(Instant::now()));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, dispatch) }
}

/// # Safety
/// `watch` is NULL, or live and not freed while the result lives.
unsafe fn enter<'a>(watch: *const Watch) -> Result<MutexGuard<'a, Sources>, Failure> {
    // SAFETY: the contract is the same.
    unsafe { handle::borrow(watch, "watch") }?.0.enter("watch")
}

/// Asks a watch; `none` where it cannot be asked.
///
/// # Safety
/// `watch` is NULL or live.
unsafe fn look<T: Copy>(watch: *const Watch, none: T, ask: impl FnOnce(&Sources) -> T) -> T {
    // SAFETY: the contract is the same.
    boundary::value(none, || unsafe { enter(watch) }.map_or(none, |sources| ask(&sources)))
}
