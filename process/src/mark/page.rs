//! A page that the kernel gives to every child as zeros (Linux since 4.14).

use core::ptr::{self, NonNull};
use core::sync::atomic::AtomicU64;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// Memory of our own, unmapped when dropped.
pub(super) struct Page(NonNull<AtomicU64>);

impl Page {
    /// `None` where the kernel cannot, or does not say truly whether it can: QEMU in user mode takes all advice and does
    /// nothing. This advice has no meaning for shared memory, so who takes it there ignores it.
    pub(super) fn new() -> Option<Self> {
        let shared = Self::map(MapFlags::SHARED)?;
        let private = Self::map(MapFlags::PRIVATE)?;
        (!shared.wipes_on_fork() && private.wipes_on_fork()).then_some(private)
    }

    fn map(flags: MapFlags) -> Option<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: without MAP_FIXED the kernel chooses a place where nothing is.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), LENGTH, protection, flags) }.ok()?;
        NonNull::new(start.cast()).map(Self)
    }

    fn wipes_on_fork(&self) -> bool {
        // SAFETY: the mapping is ours, and the advice changes nothing in this process.
        unsafe { madvise(self.0.as_ptr().cast(), LENGTH, Advice::LinuxWipeOnFork) }.is_ok()
    }

    /// Zeros are an atomic 0, and a page is aligned for it.
    pub(super) fn as_ptr(&self) -> *mut AtomicU64 {
        self.0.as_ptr()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing refers to it.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), LENGTH) };
    }
}

/// The kernel rounds it up to a page.
const LENGTH: usize = size_of::<AtomicU64>();
