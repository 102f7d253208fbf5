//! What a host without default features builds: no store of roots, no second cryptography, no schemas.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::process::Command;

/// The names of all packages that `package` is built with.
fn graph(package: &str) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["tree", "--locked", "--offline", "--prefix", "none"]);
    let output = command.args(["--edges", "normal,build", "--package", package]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn no_default_feature_comes_along() {
    let heavy = ["aes", "pkcs8", "rustls-native-certs", "rustls-platform-verifier", "schemars", "webpki-roots"];
    let (minimal, whole) = (graph("uptls-host-minimal"), graph("uptls-host-ring"));
    for name in heavy {
        assert!(!minimal.contains(name), "{name} in {minimal:?}");
        assert!(whole.contains(name), "{name} is in no build: the list here is old");
    }
    // rustls with ring, x509-parser and what reads and writes policies; a new package is a decision.
    assert!(minimal.len() <= LIMIT, "{} packages: {minimal:?}", minimal.len());
}

const LIMIT: usize = 75;
