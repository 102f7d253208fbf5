//! The mark of this process, and the place that keeps it.

#[cfg(not(any(target_os = "android", target_os = "linux")))]
mod no_page;
#[cfg(any(target_os = "android", target_os = "linux"))]
mod page;
#[cfg(test)]
mod tests;

use core::mem;
use core::num::NonZeroU64;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::io;
use std::process;

#[cfg(not(any(target_os = "android", target_os = "linux")))]
use no_page::Page;
#[cfg(any(target_os = "android", target_os = "linux"))]
use page::Page;

/// The mark of this process, made now if it has none.
pub(crate) fn claim() -> io::Result<NonZeroU64> {
    match Place::found() {
        Some(place) => Ok(place.claim()),
        None => Place::find().map(Place::claim),
    }
}

/// The mark of this process, if it has one.
#[inline]
pub(crate) fn read() -> Option<NonZeroU64> {
    Place::found()?.read()
}

/// Where the mark is: 0 in a process that has none yet.
#[derive(Clone, Copy)]
struct Place {
    cell: &'static AtomicU64,
    /// Whether a mark also holds the number of its process, because not every child finds it cleared.
    numbered: bool,
}

impl Place {
    #[inline]
    fn found() -> Option<Self> {
        let cell = FOUND.load(Ordering::Acquire);
        // SAFETY: it is NULL, or what `find` stored: valid from then on, in the children too.
        let cell = unsafe { cell.cast_const().as_ref() }?;
        Some(Self { cell, numbered: ptr::eq(cell, &CLEARED) })
    }

    /// Without a lock, which could be held for ever in a child: of several threads one is first, and all take its place.
    #[cold]
    fn find() -> io::Result<Self> {
        let page = Page::new();
        let cell = match &page {
            Some(page) => page.as_ptr(),
            None => ptr::from_ref(Self::cleared_by_handler()?.cell).cast_mut(),
        };
        let first = FOUND.compare_exchange(ptr::null_mut(), cell, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            // It stays for ever.
            mem::forget(page);
        }
        Self::found().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn cleared_by_handler() -> io::Result<Self> {
        // SAFETY: the handler only stores a number, which is permitted in a child whatever the parent's threads did.
        match unsafe { libc::pthread_atfork(None, None, Some(clear)) } {
            0 => Ok(Self { cell: &CLEARED, numbered: true }),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    #[inline]
    fn read(self) -> Option<NonZeroU64> {
        let mark = NonZeroU64::new(self.cell.load(Ordering::Relaxed))?;
        (!self.numbered || number(mark) == process::id()).then_some(mark)
    }

    fn claim(self) -> NonZeroU64 {
        loop {
            let seen = self.cell.load(Ordering::Relaxed);
            if let Some(own) = self.read() {
                return own;
            }
            let fresh = fresh(if self.numbered { process::id() } else { 0 });
            if self.cell.compare_exchange(seen, fresh.get(), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return fresh;
            }
        }
    }
}

/// A mark that no process had of which this one is a copy: the count was copied with the memory.
fn fresh(number: u32) -> NonZeroU64 {
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    NonZeroU64::MIN.saturating_add(u64::from(number) << u32::BITS | u64::from(count))
}

fn number(mark: NonZeroU64) -> u32 {
    u32::try_from((mark.get() - 1) >> u32::BITS).unwrap_or(0)
}

extern "C" fn clear() {
    CLEARED.store(0, Ordering::Relaxed);
}

static CLEARED: AtomicU64 = AtomicU64::new(0);
static FOUND: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
static NEXT: AtomicU32 = AtomicU32::new(0);
