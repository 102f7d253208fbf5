//! The mark where no page is to be had; that with a page is tried through the crate's own door.

use super::*;

/// What `body` gives in a child that `make` made; the child of libc's `fork`, or of the system call alone.
fn in_child(make: fn() -> libc::c_long, body: impl FnOnce() -> bool) -> bool {
    match make() {
        // SAFETY: it ends this process and nothing else: no destructor of the parent's is run.
        0 => unsafe { libc::_exit(i32::from(!body())) },
        child => {
            assert!(child > 0, "{}", io::Error::last_os_error());
            let mut status = -1;
            let child = libc::pid_t::try_from(child).unwrap();
            // SAFETY: the status has room.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            status == 0
        }
    }
}

fn fork() -> libc::c_long {
    // SAFETY: the child does nothing but look at marks and end.
    unsafe { libc::fork() }.into()
}

#[cfg(target_os = "linux")]
fn clone_past_the_handlers() -> libc::c_long {
    // SAFETY: as that of fork; without CLONE_VM the child has a stack of its own, a copy.
    unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) }
}

fn is_another(place: Place, parents: NonZeroU64) -> bool {
    // It has no mark at first, makes one that is not the parent's, and keeps it; and so does its own child.
    place.read().is_none()
        && place.claim() != parents
        && place.read() == Some(place.claim())
        && in_child(fork, || place.read().is_none() && place.claim() != parents)
}

#[test]
fn without_a_page_a_handler_clears_the_mark() {
    let place = Place::cleared_by_handler().unwrap();
    let own = place.claim();
    assert!(in_child(fork, || place.read().is_none() && CLEARED.load(Ordering::Relaxed) == 0));
    assert!(in_child(fork, || is_another(place, own)));
    assert_eq!(place.read(), Some(own));
    assert_eq!(place.claim(), own);
}

/// The handler is libc's: a child that the system call made is told by its number.
#[cfg(target_os = "linux")]
#[test]
fn without_a_page_a_child_past_the_handlers_has_another_number() {
    let place = Place::cleared_by_handler().unwrap();
    let own = place.claim();
    assert!(in_child(clone_past_the_handlers, || CLEARED.load(Ordering::Relaxed) == own.get()));
    // Its libc is not fit for another fork.
    assert!(in_child(clone_past_the_handlers, || place.read().is_none() && place.claim() != own));
    assert_eq!(place.read(), Some(own));
}

#[test]
fn a_mark_is_never_that_of_an_ancestor() {
    let marks: Vec<NonZeroU64> = (0..100).map(|number| fresh(number % 2)).collect();
    for (index, mark) in marks.iter().enumerate() {
        assert!(!marks.iter().take(index).any(|before| before == mark), "{mark} was there before");
    }
    assert_eq!(number(fresh(u32::MAX)), u32::MAX);
}

/// The advice has no meaning for shared memory: a system that takes it there ignores it.
#[cfg(target_os = "linux")]
#[test]
fn this_kernel_gives_a_page() {
    assert!(Page::new().is_some());
    assert!(claim().is_ok() && Place::found().is_some_and(|place| !place.numbered));
}
