//! A process and its copies: each knows itself, and none takes another for itself, whatever their numbers.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout, reason = "tests")]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use libc::{c_int, c_long, c_void, pid_t};
use uptls_process::Process;

/// Waits for a child; whether it ended with 0.
fn ended_well(child: c_long) -> bool {
    assert!(child > 0, "{}", io::Error::last_os_error());
    let (child, mut status) = (pid_t::try_from(child).unwrap(), -1);
    // SAFETY: the status has room. __WALL: a child that gives no SIGCHLD too.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, libc::__WALL) }, child);
    status == 0
}

/// What `body` gives in the child of `make`.
fn in_child(make: impl Fn() -> c_long, body: impl FnOnce() -> bool) -> bool {
    match make() {
        // SAFETY: it ends this process and nothing else: no destructor of the parent's is run.
        0 => unsafe { libc::_exit(i32::from(!body())) },
        child => ended_well(child),
    }
}

fn fork() -> c_long {
    // SAFETY: the child looks at marks, may start threads, and ends.
    unsafe { libc::fork() }.into()
}

/// Past libc, which runs handlers at its own `fork`, and holds its locks over it: the child may not ask libc for much.
fn clone() -> c_long {
    // SAFETY: as that of fork; without CLONE_VM the child has a copy of the stack.
    unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) }
}

/// How a process gets a PID namespace for its children: with the right to, or in a user namespace.
fn namespace() -> Option<c_int> {
    let ways = [libc::CLONE_NEWPID, libc::CLONE_NEWUSER | libc::CLONE_NEWPID];
    // SAFETY: it has no arguments but numbers.
    let found = ways.into_iter().find(|way| in_child(fork, || unsafe { libc::unshare(*way) } == 0));
    if found.is_none() {
        let required = std::env::var_os("UPTLS_REQUIRE_SUITES").is_some_and(|value| value == "1");
        assert!(!required, "no PID namespace may be made and UPTLS_REQUIRE_SUITES=1");
        println!("skipped: no PID namespace may be made here");
    }
    found
}

/// What `body` gives in the first process of a new PID namespace.
fn in_namespace(flags: c_int, body: impl FnOnce() -> bool) -> bool {
    // SAFETY: it has no arguments but numbers.
    in_child(fork, || unsafe { libc::unshare(flags) } == 0 && in_child(fork, || std::process::id() == 1 && body()))
}

fn is_another(parents: Process) -> bool {
    !parents.is_current() && Process::current().is_ok_and(|own| own != parents && own.is_current())
}

#[test]
fn a_child_is_another_process_and_the_parent_stays_itself() {
    let own = Process::current().unwrap();
    assert!(own.is_current());
    for make in [fork, clone] {
        assert!(in_child(make, || !own.is_current()));
        assert!(in_child(make, || is_another(own)));
        assert!(own.is_current());
        assert_eq!(Process::current().unwrap(), own);
    }
}

#[test]
fn a_grandchild_is_none_of_its_ancestors() {
    let own = Process::current().unwrap();
    assert!(in_child(fork, || {
        let childs = Process::current().unwrap();
        in_child(fork, || is_another(childs) && is_another(own)) && childs.is_current() && is_another(own)
    }));
    // Nor is it one of an ancestor that never asked.
    assert!(in_child(fork, || in_child(fork, || is_another(own))));
}

#[test]
fn threads_are_one_process_before_a_fork_and_after() {
    let agree = || {
        let own = Process::current().unwrap();
        let asked: Vec<_> = (0..8).map(|_| thread::spawn(Process::current)).collect();
        asked.into_iter().all(|thread| thread.join().unwrap().unwrap() == own) && own.is_current()
    };
    let own = Process::current().unwrap();
    assert!(agree());
    // Eight threads of a child make its mark at once.
    assert!(in_child(fork, || agree() && is_another(own)));
}

#[test]
fn a_fork_beside_threads_that_ask_hangs_nothing() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let asking: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                while !STOP.load(Ordering::Relaxed) {
                    assert!(Process::current().unwrap().is_current());
                }
            })
        })
        .collect();
    let own = Process::current().unwrap();
    for _ in 0..100 {
        assert!(in_child(fork, || is_another(own)));
    }
    STOP.store(true, Ordering::Relaxed);
    asking.into_iter().for_each(|thread| thread.join().unwrap());
}

/// A child that shares the memory has no copy of any connection.
#[test]
fn what_shares_the_memory_is_the_same_process() {
    extern "C" fn look(process: *mut c_void) -> c_int {
        // SAFETY: the parent waits in this call, and has it on its stack.
        let process = unsafe { *process.cast::<Process>() };
        i32::from(!(process.is_current() && Process::current().is_ok_and(|own| own == process)))
    }
    let mut own = Process::current().unwrap();
    let mut stack = vec![0_u8; 64 << 10];
    let top = stack.as_mut_ptr_range().end.cast::<c_void>();
    let top = top.map_addr(|address| address & !15);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK;
    // SAFETY: the stack is the child's alone until it ends, and the parent waits until then (CLONE_VFORK).
    let child = unsafe { libc::clone(look, top, flags, (&raw mut own).cast()) };
    assert!(ended_well(child.into()));
    assert!(own.is_current());
}

/// The first process of a PID namespace and that of another have one number: 1.
#[test]
fn the_same_number_in_another_namespace_is_another_process() {
    let Some(flags) = namespace() else { return };
    assert!(in_namespace(flags, || {
        let own = Process::current().unwrap();
        // What goes by the number takes the child for this process.
        in_namespace(libc::CLONE_NEWPID, || is_another(own)) && own.is_current()
    }));
}

/// A number is used again once its process has ended: here that of the parent, by its own child.
#[test]
fn the_number_of_a_parent_that_has_ended_is_another_process() {
    #[repr(C)]
    #[derive(Default)]
    struct Arguments {
        flags: u64,
        pidfd: u64,
        child_tid: u64,
        parent_tid: u64,
        exit_signal: u64,
        stack: u64,
        stack_size: u64,
        tls: u64,
        set_tid: u64,
        set_tid_size: u64,
        cgroup: u64,
    }
    let Some(flags) = namespace() else { return };
    let scene = || {
        // The first process of the namespace takes in what loses its parent.
        let parent = fork();
        if parent == 0 {
            let own = Process::current().unwrap();
            let number = std::process::id();
            if fork() > 0 {
                // SAFETY: as in `in_child`.
                unsafe { libc::_exit(0) };
            }
            // SAFETY: it gives a number.
            while unsafe { libc::kill(pid_t::try_from(number).unwrap(), 0) } == 0 {
                thread::yield_now();
            }
            let wanted = [pid_t::try_from(number).unwrap()];
            let set_tid = u64::try_from(wanted.as_ptr().addr()).unwrap();
            let signal = u64::try_from(libc::SIGCHLD).unwrap();
            let arguments = Arguments { exit_signal: signal, set_tid, set_tid_size: 1, ..Arguments::default() };
            // SAFETY: the arguments are those of clone3, as large as it is told; without CLONE_VM it is a fork.
            let make = unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<Arguments>()) };
            let well = match make {
                0 => std::process::id() == number && is_another(own),
                child => ended_well(child),
            };
            // SAFETY: as in `in_child`.
            unsafe { libc::_exit(i32::from(!well)) };
        }
        // The parent first, which is waited for by its number, then its orphan, by none.
        let mut status = -1;
        // SAFETY: the status has room.
        ended_well(parent) && unsafe { libc::waitpid(-1, &raw mut status, 0) } > 0 && status == 0
    };
    assert!(in_namespace(flags, scene));
}
