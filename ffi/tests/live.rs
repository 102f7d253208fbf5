//! Programs in C that talk to servers of the testkit.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

#[path = "common/mod.rs"]
mod common;
#[path = "common/fixture.rs"]
mod fixture;
#[path = "common/peers.rs"]
mod peers;

use common::{Installed, Link, Programs, command, program, required_or_skipped, run};
use peers::Peers;

/// Each program with its arguments.
fn programs(peers: &Peers) -> Programs {
    let Peers { honest, truncating, silent, closing, other, .. } = peers;
    let policy = peers.policy();
    let now = fixture::Fixture::now();
    let port = |address: std::net::SocketAddr| address.port().to_string();
    let other_port = port(other.addr());
    let ports = [honest.addr(), truncating.addr(), silent.addr(), closing.addr(), other.addr()].map(port);
    let [honest, truncating, silent, closing, other] = ports;
    let folder = peers.fixture.text_path("watched");
    let both = peers.fixture.text_path("both.pem");
    let all = vec![policy.clone(), now.clone(), honest.clone(), truncating, silent, closing, other];
    vec![
        ("bulk.c", vec![policy.clone(), now.clone(), port(peers.echo)]),
        ("conn.c", all.clone()),
        ("dialers.c", peers.ways.arguments(&[policy.clone(), now.clone(), honest.clone(), other_port])),
        ("connecting.c", all.clone()),
        ("crowd.c", vec![policy, now.clone(), honest.clone()]),
        (
            "facts.c",
            vec![peers.fixture.text_path("client.yaml"), now.clone(), port(peers.strict.addr()), honest.clone()],
        ),
        ("prefork.c", vec![folder, both, now, honest]),
        ("stream.c", all),
    ]
}

#[test]
fn every_c_program_ends_well() {
    common::all_end_well(programs(&Peers::new()));
}

/// L10: what goes by the number of a process takes a copy of it for itself.
#[cfg(target_os = "linux")]
#[test]
fn a_process_of_the_same_number_is_another() {
    let (installed, peers) = (Installed::new(), Peers::new());
    let executable = installed.compile(&program("pidns.c"), Link::Shared);
    let arguments = [peers.policy(), fixture::Fixture::now(), peers.echo.port().to_string()];
    let output = run(&mut command(executable, arguments), &[]);
    match output.status.code() {
        Some(0) => {}
        Some(77) => required_or_skipped("the right to make a PID namespace"),
        _ => panic!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn every_c_program_is_clean_under_sanitizers() {
    common::all_end_well_sanitized(programs(&Peers::new()));
}

#[test]
fn no_c_program_leaks_or_touches_what_is_not_its_own() {
    common::all_end_well_under_valgrind(programs(&Peers::new()));
}
