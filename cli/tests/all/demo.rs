//! The demo: every outcome as it must be, nothing left behind.

use std::time::{Duration, Instant};

use crate::support::{Folder, uptls};

#[test]
fn the_demo_shows_the_main_job_and_leaves_nothing() {
    let folder = Folder::new();
    let begin = Instant::now();
    let ran = uptls(folder.path(), &["demo"]);
    assert!(begin.elapsed() < Duration::from_secs(20));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    for code in [
        "name_mismatch (601), exit code 1",
        "cert_expired (405)",
        "cert_issuer_key_changed (404)",
        "identity_required (802), exit code 4",
    ] {
        assert!(ran.stdout.contains(code), "{code}: {ran:?}");
    }
    assert!(ran.stdout.contains("generation 1, resumed=true"), "{ran:?}");
    assert!(ran.stdout.contains("generation 2, resumed=false: trusted by CN=Demo CA 2"), "{ran:?}");
    assert!(ran.stdout.contains("19 of 19 outcomes are as they must be"), "{ran:?}");
    let place = ran.stdout.lines().find_map(|line| line.strip_prefix("Policies and certificates are in ")).unwrap();
    assert!(!std::path::Path::new(place).exists(), "{place}");
}

#[test]
fn kept_files_give_the_same_outcomes_offline() {
    let folder = Folder::new();
    let ran = uptls(folder.path(), &["demo", "--keep", "kept"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for (policy, chain, code) in [
        ("payments", "payments", None),
        ("payments", "misnamed", Some("name_mismatch")),
        ("payments", "expired", Some("cert_expired")),
        ("payments", "payments-new", Some("cert_issuer_key_changed")),
        ("orders", "orders", None),
    ] {
        let policy = format!("kept/{policy}.yaml");
        let chain = format!("kept/{chain}-chain.pem");
        let ran = uptls(folder.path(), &["verify", "--policy", &policy, "--chain", &chain, "--json"]);
        assert_eq!(ran.results()[0]["code"].as_str(), code, "{ran:?}");
    }
    let ran = uptls(folder.path(), &["demo", "--keep", "kept"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("cannot use kept: the folder is not empty"), "{ran:?}");
}

/// The key of the client is among the files, and a manifest holds it.
#[cfg(unix)]
#[test]
fn kept_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let ran = uptls(folder.path(), &["demo", "--keep", "typo/kept"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("cannot use typo/kept: the folder that it is in does not exist"), "{ran:?}");
    assert!(!folder.path().join("typo").exists());
    let ran = uptls(folder.path(), &["demo", "--keep", "kept"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("kept"), 0o700);
    for file in ["gateway.key", "payments.yaml", "manifests/standard.yaml"] {
        assert_eq!(mode(&format!("kept/{file}")), 0o600, "{file}");
    }
}
