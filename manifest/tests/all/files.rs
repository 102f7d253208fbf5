//! Policies in files: what cannot be read, and the whole way from a file to a report.

use std::fs;
use std::path::Path;

use uptls::danger::DangerPermission::Forbidden;
use uptls::{Problems, Report, Verdict};
use uptls_testkit::{Pki, San, chain_pem};

use crate::common::{document, runtime};

fn unreadable(path: &Path) -> String {
    unreadable_with(path, "correct the path, or let this process read it")
}

fn unreadable_with(path: &Path, hint: &str) -> String {
    let problems: Problems = uptls_manifest::load(path).err().unwrap();
    let problem = problems.first().unwrap();
    assert_eq!(problem.code().as_str(), "document_unreadable");
    assert_eq!(problem.hint(), hint);
    assert_eq!(&*problem.origin().unwrap().document, path.display().to_string());
    problem.to_string()
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_with_the_reason_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let missing = unreadable(&folder.path().join("missing.yaml"));
    let path = |name: &str| folder.path().join(name).display().to_string();
    assert!(missing.starts_with(&format!("cannot read {}: No such file", path("missing.yaml"))), "{missing}");
    assert_eq!(unreadable(folder.path()), format!("cannot read {}: it is a directory", folder.path().display()));
    let problems = uptls_manifest::prepare_file(&runtime(), folder.path(), Forbidden).err().unwrap();
    assert_eq!(problems.code().as_str(), "document_unreadable");
}

/// Opening a FIFO would wait for a writer, and reading a device would never end.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("policy.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let refused = unreadable_with(&fifo, INTO_A_FILE);
    assert_eq!(refused, format!("cannot read {}: it is a FIFO or a pipe, not a regular file", fifo.display()));
    assert!(
        unreadable_with(Path::new("/dev/zero"), INTO_A_FILE).ends_with("it is a character device, not a regular file")
    );
    let imported = uptls_manifest::kubernetes::load(&[&fifo]).err().unwrap();
    assert_eq!(imported.code().as_str(), "document_unreadable");
    // In a folder it may be the one that counts: it is said, and the rest is read.
    fs::write(folder.path().join("other.yaml"), document("  trust: {system: mozilla}\n")).unwrap();
    let manifests = uptls_manifest::kubernetes::load(&[folder.path()]).unwrap();
    assert_eq!(manifests.documents().len(), 2);
}

#[test]
fn relative_files_start_from_the_folder_of_the_document() {
    let pki = Pki::new("manifest files");
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("ca")).unwrap();
    fs::write(folder.path().join("ca/root.pem"), pki.root.pem()).unwrap();
    let path = folder.path().join("policy.yaml");
    fs::write(&path, document("  trust: {bundles: [{file: ca/root.pem}]}\n  serverName: a.example\n")).unwrap();
    let prepared = uptls_manifest::prepare_file(&runtime(), &path, Forbidden).unwrap();
    let leaf = pki.leaf(&[San::dns("a.example")]);
    let report = prepared.report_pem(chain_pem(&[&leaf, &pki.intermediate]).as_bytes(), None);
    assert_eq!(report.verdict, Verdict::Accepted, "{report:?}");
}

#[test]
fn one_call_judges_a_chain_by_a_document() {
    let pki = Pki::new("manifest verify");
    let leaf = pki.leaf(&[San::dns("a.example")]);
    let chain = chain_pem(&[&leaf, &pki.intermediate]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), pki.root.pem()).unwrap();
    let judge = |spec: &str, host: Option<&str>| -> Report {
        let text = document(spec);
        let base = Some(folder.path());
        uptls_manifest::verify_document(&runtime(), text.as_bytes(), "p.yaml", base, Forbidden, chain.as_bytes(), host)
    };
    const TRUST: &str = "  trust: {bundles: [{file: ca.pem}]}\n";
    let code = |report: &Report| report.code.map(|code| code.as_str());
    let accepted = judge(TRUST, Some("a.example"));
    assert_eq!((accepted.verdict, code(&accepted)), (Verdict::Accepted, None));
    let rejected = judge(TRUST, Some("b.example"));
    assert_eq!((rejected.verdict, code(&rejected)), (Verdict::Rejected, Some("name_mismatch")));
    let nameless = judge(TRUST, None);
    assert_eq!((nameless.verdict, code(&nameless)), (Verdict::Error, Some("name_missing")));
    let wrong = judge("  trust: {bundles: [{file: missing.pem}]}\n  versions: {min: 1.1}\n", Some("a.example"));
    assert_eq!((wrong.verdict, code(&wrong)), (Verdict::Error, Some("unsupported_option")));
    let unknown = judge("  trust: {bundle: [{file: ca.pem}]}\n  sni: a\n", Some("a.example"));
    assert_eq!((unknown.verdict, code(&unknown)), (Verdict::Error, Some("document_parse")));
    let lines: Vec<_> = unknown.errors.iter().map(|error| (error.document.as_deref(), error.line)).collect();
    assert_eq!(lines, [(Some("p.yaml"), Some(5)), (Some("p.yaml"), Some(6))]);
    assert_eq!(unknown.policy.name.as_deref(), Some("payments"));
    assert_eq!(unknown.at, "2026-11-23T00:00:00Z");
}

const INTO_A_FILE: &str = "write it to a file, and name that";
