//! What the hosts are built of: a host that wants ring alone gets ring alone.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

/// The names of all packages that this one is built and tested with.
fn graph(package: &str) -> Vec<String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["tree", "--locked", "--offline", "--prefix", "none"]);
    let output = command.args(["--edges", "normal,build,dev", "--package", package]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn a_host_with_ring_alone_builds_no_other_provider() {
    let has = |graph: &[String], name: &str| graph.iter().any(|package| package.starts_with(name));
    let (ring, both) = (graph("uptls-host-ring"), graph("uptls-host-both"));
    assert!(has(&ring, "ring") && has(&ring, "rustls") && has(&ring, "uptls-manifest"), "{ring:?}");
    assert!(!has(&ring, "aws-lc"), "{ring:?}");
    assert!(has(&both, "ring") && has(&both, "aws-lc-rs") && has(&both, "aws-lc-sys"), "{both:?}");
}
