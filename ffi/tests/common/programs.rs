//! The programs of `tests/c` with their arguments: they run plain, under valgrind and under the sanitizers.
#![allow(dead_code, reason = "each test program uses a part of it")]

use super::fixture::Fixture;
use super::peers::Peers;

/// Those that need nothing but files.
pub(crate) fn programs(fixture: &Fixture) -> Vec<(&'static str, Vec<String>)> {
    let policy = fixture.text_path("policy.yaml");
    let folder = fixture.folder().display().to_string();
    let (good, other) = (fixture.text_path("chain.pem"), fixture.text_path("other.pem"));
    vec![
        ("version.c", vec![]),
        ("codes.c", vec![]),
        ("misuse.c", vec![policy.clone()]),
        ("document.c", vec![policy.clone(), folder]),
        ("verify.c", vec![policy.clone(), good.clone(), other.clone(), Fixture::now()]),
        ("threads.c", vec![policy, good.clone(), Fixture::now()]),
        ("builder.c", {
            let [ca, client, key] = ["ca.pem", "client.pem", "client.key"].map(|name| fixture.text_path(name));
            vec![ca, good.clone(), other.clone(), Fixture::now(), client, key, fixture.pin()]
        }),
        ("manifests.c", {
            let [folder, broken] = ["manifests", "broken"].map(|name| fixture.text_path(name));
            vec![folder, broken, Fixture::now(), good, other]
        }),
        ("watch.c", {
            let [folder, ca, another] = ["watched", "ca.pem", "another-ca.pem"].map(|name| fixture.text_path(name));
            vec![folder, ca, another, Fixture::now()]
        }),
    ]
}

/// Those that talk to servers of the testkit.
pub(crate) fn live_programs(peers: &Peers) -> Vec<(&'static str, Vec<String>)> {
    let Peers { honest, truncating, silent, closing, other, .. } = peers;
    let policy = peers.policy();
    let now = Fixture::now();
    let port = |address: std::net::SocketAddr| address.port().to_string();
    let ports = [honest.addr(), truncating.addr(), silent.addr(), closing.addr(), other.addr()].map(port);
    let [honest, truncating, silent, closing, other] = ports;
    let all = vec![policy, now, honest, truncating, silent, closing, other];
    vec![("conn.c", all.clone()), ("stream.c", all)]
}
