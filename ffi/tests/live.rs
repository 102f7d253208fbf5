//! Programs in C that talk to servers of the testkit.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

#[path = "common/mod.rs"]
mod common;
#[path = "common/fixture.rs"]
mod fixture;
#[path = "common/peers.rs"]
mod peers;

use common::{Installed, Link, Programs, command, crate_folder, program, required_or_skipped, run, succeed};
use peers::Peers;
use uptls_testkit::observations;

/// Each program with its arguments.
fn programs(peers: &Peers) -> Programs {
    let Peers { honest, truncating, silent, closing, other, .. } = peers;
    let policy = peers.policy();
    let now = fixture::Fixture::now();
    let port = |address: std::net::SocketAddr| address.port().to_string();
    let other_port = port(other.addr());
    let ports = [honest.addr(), truncating.addr(), silent.addr(), closing.addr(), other.addr()].map(port);
    let [honest, truncating, silent, closing, other] = ports;
    let silent_port = silent.clone();
    let named_and_echo = vec![policy.clone(), now.clone(), honest.clone(), port(peers.echo)];
    let named = vec![policy.clone(), now.clone(), honest.clone()];
    let folder = peers.fixture.text_path("watched");
    let both = peers.fixture.text_path("both.pem");
    let all = vec![policy.clone(), now.clone(), honest.clone(), truncating, silent, closing, other];
    vec![
        ("audit.c", audited(peers)),
        ("bulk.c", vec![policy.clone(), now.clone(), port(peers.echo)]),
        ("conn.c", all.clone()),
        ("dialers.c", peers.ways.arguments(&[policy.clone(), now.clone(), honest.clone(), other_port])),
        ("connecting.c", all.clone()),
        ("crowd.c", vec![policy.clone(), now.clone(), honest.clone()]),
        (
            "facts.c",
            vec![peers.fixture.text_path("client.yaml"), now.clone(), port(peers.strict.addr()), honest.clone()],
        ),
        ("interrupt.c", vec![policy.clone(), now.clone(), port(peers.echo), silent_port]),
        ("key_log.c", vec![policy.clone(), now.clone(), honest.clone(), peers.fixture.text_path("keys.log")]),
        ("layers.c", vec![policy, now.clone(), port(peers.echo)]),
        ("observe.c", observed(peers)),
        ("prefork.c", vec![folder, both, now, honest]),
        ("peer.c", named_and_echo),
        ("resolve.c", named),
        ("signer.c", signed(peers)),
        ("stream.c", all),
    ]
}

/// The arguments of `signer.c`.
fn signed(peers: &Peers) -> Vec<String> {
    let [ca, client] = ["ca.pem", "client.pem"].map(|name| peers.fixture.text_path(name));
    let ports = [peers.strict.addr(), peers.honest.addr(), peers.token].map(|address| address.port().to_string());
    [ca, client, fixture::Fixture::now()].into_iter().chain(ports).collect()
}

/// The arguments of `audit.c`.
fn audited(peers: &Peers) -> Vec<String> {
    let fixture = &peers.fixture;
    let policy = String::from_utf8(fixture.read("policy.yaml")).expect("UTF-8");
    fixture.write("next.yaml", &policy.replace("serverName: payments.internal", "serverName: payments-v3.internal"));
    let port = peers.honest.addr().port().to_string();
    vec![fixture.text_path("policy.yaml"), fixture.text_path("next.yaml"), fixture::Fixture::now(), port]
}

/// The arguments of `observe.c`.
fn observed(peers: &Peers) -> Vec<String> {
    let fixture = &peers.fixture;
    let policy = String::from_utf8(fixture.read("policy.yaml")).expect("UTF-8");
    fixture.write("more.yaml", &policy.replace("file: ca.pem", "file: both.pem"));
    fixture.write("nothing.pem", "no certificate");
    fixture.write("empty.yaml", &policy.replace("file: ca.pem", "file: nothing.pem"));
    let mut arguments: Vec<_> =
        ["policy.yaml", "more.yaml", "empty.yaml"].iter().map(|name| fixture.text_path(name)).collect();
    arguments.push(fixture::Fixture::now());
    arguments.extend([&peers.honest, &peers.other].map(|server| server.addr().port().to_string()));
    arguments
}

/// R12: the observations and metrics of one rotation are those of Rust.
#[test]
fn a_rotation_is_told_and_counted_as_in_every_face() {
    let (installed, peers) = (Installed::new(), Peers::new());
    let executable = installed.compile(&program("observe.c"), Link::Shared);
    let printed = succeed(&mut command(executable, observed(&peers)), &[]);
    let printed = String::from_utf8(printed).expect("UTF-8");
    let (told, text) = printed.split_once("metrics\n").expect("both");
    let wanted = |name: &str| {
        let path = crate_folder().join("../testdata/observations").join(name);
        std::fs::read_to_string(path).expect("what Rust told")
    };
    assert_eq!(observations::lines(told.lines()), wanted("rotation.txt"));
    assert_eq!(observations::samples(text), wanted("rotation.prom"));
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
