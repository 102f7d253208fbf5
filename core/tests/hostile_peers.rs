//! Every hostile peer against the blocking and the sans-IO face: its code, no data of it, few octets, little memory.
//! `cargo test --test hostile_peers -- --show-output` prints the table; that of all faces is `hostile_peers_tokio`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod handshake_support;
mod hostile_support;

use hostile_support::{cases, faces, print_heading};

#[test]
fn every_peer_by_the_faces_without_a_runtime() {
    print_heading();
    let mut complaints = Vec::new();
    for case in cases() {
        let (stage, options) = case.begin();
        complaints.extend(case.judge("blocking", &faces::blocking(&stage, &options)));
        let (stage, options) = case.begin();
        complaints.extend(case.judge("sans-IO", &faces::sans_io(&stage, &options)));
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}
