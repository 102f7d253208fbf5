//! T6: native roots are the platform's, or at the place that the caller names; never where the environment says.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{
    FixedClock, NativeRoots, PolicyDraft, PolicySpec, Prepared, Problems, Runtime, SystemTrustDraft, TrustDraft,
    UpstreamTlsPolicy, WarningCode,
};
use uptls_testkit::{NOW, Pki, San};

fn runtime(roots: NativeRoots) -> Runtime {
    let clock = FixedClock::at(NOW.unsigned_abs());
    Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).native_roots(roots).build()
}

fn prepare(runtime: &Runtime) -> Result<Arc<Prepared>, Problems> {
    let trust = TrustDraft { system: SystemTrustDraft::Native, ..TrustDraft::default() };
    let spec = PolicySpec { server_name: Some("a.example".to_owned()), trust, ..PolicySpec::default() };
    runtime.prepare(&UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap())
}

/// The code for a chain below the root of `pki`; empty if it is accepted.
fn code(prepared: &Prepared, pki: &Pki) -> &'static str {
    let chain = [&pki.leaf(&[San::dns("a.example")]), &pki.intermediate].map(|one| one.pem()).concat();
    prepared.report_pem(chain.as_bytes(), None).code.map_or("", |code| code.as_str())
}

#[test]
fn roots_at_a_named_place_count_and_every_report_says_so() {
    let (own, other) = (Pki::new("native roots"), Pki::new("other native roots"));
    let folder = tempfile::tempdir().unwrap();
    let (file, inside) = (folder.path().join("ca.pem"), folder.path().join("certs"));
    let unusable = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    fs::write(&file, own.root.pem() + unusable).unwrap();
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join("1.pem"), other.root.pem()).unwrap();

    let one = prepare(&runtime(NativeRoots::default().with_file(&file))).unwrap();
    assert_eq!((code(&one, &own), code(&one, &other)), ("", "cert_unknown_issuer"));
    let both = prepare(&runtime(NativeRoots::default().with_file(&file).with_folder(&inside))).unwrap();
    assert_eq!((code(&both, &own), code(&both, &other)), ("", ""));
    assert_ne!(one.fingerprint(), both.fingerprint());

    let system = one.describe().trusts.system.unwrap();
    assert_eq!((system.source.as_str(), system.roots, system.skipped), ("native roots", Some(1), Some(1)));
    let paths = format!("{}, {}", file.display(), inside.display());
    for warnings in [both.describe().warnings, both.report(&[], None).warnings, both.warnings()] {
        let found: Vec<_> = warnings.iter().filter(|one| one.code == WarningCode::SystemRootsReplaced).collect();
        assert_eq!(found.iter().map(|one| one.detail["paths"].as_str()).collect::<Vec<_>>(), [paths.as_str()]);
    }
}

#[test]
fn what_is_named_and_cannot_be_used_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
    fs::write(&empty, "").unwrap();
    let good = folder.path().join("good.pem");
    fs::write(&good, Pki::new("native roots").root.pem()).unwrap();
    let place = |path: &std::path::Path| path.display().to_string();
    for (roots, wanted) in [
        (NativeRoots::default().with_file(&missing), place(&missing)),
        (NativeRoots::default().with_file(&good).with_file(&missing), place(&missing)),
        (NativeRoots::default().with_file(&good).with_folder(&missing), place(&missing)),
        (NativeRoots::default().with_file(folder.path()), place(folder.path())),
        (NativeRoots::default().with_file(&empty), place(&empty)),
    ] {
        let problems = prepare(&runtime(roots)).err().unwrap();
        assert_eq!(problems.code().as_str(), "trust_unreadable");
        assert!(problems.to_string().contains(&wanted), "{problems}");
    }
    assert!(prepare(&runtime(NativeRoots::default().with_file(&good).with_file(&empty))).is_ok());
}

#[test]
fn a_refresh_reads_them_again() {
    let (own, other) = (Pki::new("native roots"), Pki::new("other native roots"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, own.root.pem()).unwrap();
    let runtime = runtime(NativeRoots::default().with_file(&file));
    let before = prepare(&runtime).unwrap();
    fs::write(&file, other.root.pem()).unwrap();
    assert_eq!(prepare(&runtime).unwrap().fingerprint(), before.fingerprint());
    runtime.refresh_system_roots();
    let after = prepare(&runtime).unwrap();
    assert_eq!((code(&after, &own), code(&after, &other)), ("cert_unknown_issuer", ""));
}

/// The test runs itself again with the variables set: only the named root counts then, or none where none is named.
#[test]
#[allow(clippy::disallowed_methods, reason = "it shows that the environment has no say")]
fn the_environment_has_no_say() {
    let (own, other) = (Pki::new("native roots"), Pki::new("other native roots"));
    if std::env::var_os(AGAIN).is_some() {
        let file = std::env::var_os("SSL_CERT_FILE").unwrap();
        assert!(fs::read_to_string(file).unwrap() == own.root.pem());
        // Where the platform has no roots at all, there is no policy.
        let unsaid = prepare(&runtime(NativeRoots::default())).ok();
        assert!(unsaid.is_none_or(|prepared| {
            let said = prepared.warnings().iter().any(|one| one.code == WarningCode::SystemRootsReplaced);
            !said && code(&prepared, &own) == "cert_unknown_issuer"
        }));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("1.pem"), other.root.pem()).unwrap();
        let named = prepare(&runtime(NativeRoots::default().with_folder(folder.path()))).unwrap();
        assert_eq!((code(&named, &own), code(&named, &other)), ("cert_unknown_issuer", ""));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, own.root.pem()).unwrap();
    let mut again = Command::new(std::env::current_exe().unwrap());
    again
        .args(["--exact", "verify::native_roots::the_environment_has_no_say"])
        .env("SSL_CERT_FILE", &file)
        .env(AGAIN, "1");
    let output = again.env("SSL_CERT_DIR", folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

const AGAIN: &str = "UPTLS_TEST_NATIVE_ROOTS_AGAIN";
