//! Runs every example as a user would: as a process, against a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

use uptls_testkit::{Key, NOW, San, Server, ServerOptions, Template, YEAR};

const OFFLINE_AT: &str = "2026-11-23T00:00:00Z";

struct Upstream {
    folder: tempfile::TempDir,
    server: Server,
}

/// A server for `pay.test` whose certificate is valid on whatever day this runs, and a policy that wants `name`.
fn upstream(name: &str) -> Upstream {
    let (begin, century) = (NOW - YEAR, NOW + 100 * YEAR);
    let root = Template::ca("Examples Root").with_validity(begin, century + 10 * YEAR).self_signed(&Key::p256("root"));
    let template = Template::leaf("pay").with_sans(&[San::dns("pay.test")]).with_validity(begin, century);
    let leaf = template.issued_by(&root, &Key::p256("leaf"));
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: String| std::fs::write(folder.path().join(file), text).unwrap();
    write("ca.pem", root.pem());
    write("chain.pem", leaf.pem());
    write(
        "policy.yaml",
        format!(
            "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: example}}\nspec:\n  trust: {{bundles: [{{file: ca.pem}}]}}\n  serverName: {name}\n"
        ),
    );
    let server = Server::start(&ServerOptions::new(&[&leaf]));
    Upstream { folder, server }
}

fn run(program: &str, folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program).current_dir(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn blocking_get_reads_an_answer_from_the_right_peer() {
    let upstream = upstream("pay.test");
    let address = upstream.server.addr().to_string();
    let arguments = ["policy.yaml", "pay.test:443", &address];
    let output = run(env!("CARGO_BIN_EXE_blocking_get"), upstream.folder.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("HTTP/1.1 200"));
    assert!(text(&output.stderr).contains("dns:pay.test"));
}

#[test]
fn blocking_get_refuses_the_wrong_peer() {
    let upstream = upstream("other.test");
    let address = upstream.server.addr().to_string();
    let arguments = ["policy.yaml", "pay.test:443", &address];
    let output = run(env!("CARGO_BIN_EXE_blocking_get"), upstream.folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).starts_with("name_mismatch: "), "{}", text(&output.stderr));
}

#[test]
fn sans_io_reads_an_answer_from_the_right_peer() {
    let upstream = upstream("pay.test");
    let address = upstream.server.addr().to_string();
    let output = run(env!("CARGO_BIN_EXE_sans_io"), upstream.folder.path(), &["policy.yaml", "pay.test", &address]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("HTTP/1.1 200"));
}

#[test]
fn sans_io_refuses_the_wrong_peer() {
    let upstream = upstream("other.test");
    let address = upstream.server.addr().to_string();
    let output = run(env!("CARGO_BIN_EXE_sans_io"), upstream.folder.path(), &["policy.yaml", "pay.test", &address]);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert_eq!(upstream.server.handshakes().len(), 0);
}

#[test]
fn verify_offline_gives_the_verdict_of_any_day() {
    assert_eq!(NOW, 1_795_392_000, "the time of testkit is {OFFLINE_AT}");
    let upstream = upstream("pay.test");
    let verify = |at: &str| {
        let arguments = ["policy.yaml", "chain.pem", "pay.test", at];
        run(env!("CARGO_BIN_EXE_verify_offline"), upstream.folder.path(), &arguments)
    };
    let accepted = verify(OFFLINE_AT);
    assert_eq!(accepted.status.code(), Some(0), "{}", text(&accepted.stderr));
    assert!(text(&accepted.stdout).contains("\"verdict\": \"accepted\""));
    let expired = verify("2130-01-01T00:00:00Z");
    assert_eq!(expired.status.code(), Some(1));
    assert!(text(&expired.stdout).contains("\"code\": \"cert_expired\""), "{}", text(&expired.stdout));
}
