//! Programs in C that talk to servers of the testkit.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

#[path = "common/mod.rs"]
mod common;
#[path = "common/fixture.rs"]
mod fixture;
#[path = "common/peers.rs"]
mod peers;
#[path = "common/programs.rs"]
mod programs;

use common::{Installed, Link, command, program, succeed, valgrind};
use peers::Peers;
use programs::live_programs;

#[test]
fn every_c_program_ends_well() {
    let (installed, peers) = (Installed::new(), Peers::new());
    for (name, arguments) in live_programs(&peers) {
        let executable = installed.compile(&program(name), Link::Shared);
        succeed(&mut command(executable, arguments), &[]);
    }
}

#[test]
fn no_c_program_leaks_or_touches_what_is_not_its_own() {
    let (installed, peers) = (Installed::new(), Peers::new());
    for (name, arguments) in live_programs(&peers) {
        let executable = installed.compile(&program(name), Link::Shared);
        let Some(mut valgrind) = valgrind() else { return };
        succeed(valgrind.arg(executable).args(arguments), &[]);
    }
}
