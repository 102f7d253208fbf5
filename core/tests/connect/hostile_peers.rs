//! Every hostile peer against the blocking and the sans-IO face: its code, no data of it, few bytes, little memory.
//! `cargo test --test all hostile_peers:: -- --show-output` prints the table; that of all faces is `hostile_peers_tokio`.

use crate::support::hostile::{Watch, cases, faces, print_heading};

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

/// What is counted is this thread's, and all of it.
#[test]
fn the_watch_sees_what_is_held_at_once() {
    let watch = Watch::begin();
    drop(vec![0_u8; 1 << 20]);
    drop(vec![0_u8; 1 << 10]);
    assert!((1 << 20..1 << 21).contains(&watch.peak()), "{}", watch.peak());
    let watch = Watch::begin();
    std::thread::spawn(|| drop(vec![0_u8; 1 << 20])).join().unwrap();
    assert!(watch.peak() < 1 << 19, "{}", watch.peak());
    let mut grown = vec![0_u8; 1 << 20];
    grown.reserve_exact(2 << 20);
    assert!(watch.peak() >= 3 << 20, "{}", watch.peak());
}
