//! The blocking and the offline examples.

use uptls_testkit::NOW;

use crate::support::{Upstream, text};

const OFFLINE_AT: &str = "2026-11-23T00:00:00Z";

#[test]
fn blocking_get_reads_an_answer_from_the_right_peer() {
    let upstream = Upstream::new("pay.test", "");
    let server = upstream.serve();
    let address = server.addr().to_string();
    let arguments = ["policy.yaml", "pay.test:443", &address];
    let output = upstream.run(env!("CARGO_BIN_EXE_blocking_get"), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("HTTP/1.1 200"));
    assert!(text(&output.stderr).contains("dns:pay.test"));
}

#[test]
fn blocking_get_refuses_the_wrong_peer() {
    let upstream = Upstream::new("other.test", "");
    let server = upstream.serve();
    let address = server.addr().to_string();
    let arguments = ["policy.yaml", "pay.test:443", &address];
    let output = upstream.run(env!("CARGO_BIN_EXE_blocking_get"), &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).starts_with("name_mismatch: "), "{}", text(&output.stderr));
}

#[test]
fn sans_io_reads_an_answer_from_the_right_peer() {
    let upstream = Upstream::new("pay.test", "");
    let server = upstream.serve();
    let address = server.addr().to_string();
    let output = upstream.run(env!("CARGO_BIN_EXE_sans_io"), &["policy.yaml", "pay.test", &address]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("HTTP/1.1 200"));
}

#[test]
fn sans_io_refuses_the_wrong_peer() {
    let upstream = Upstream::new("other.test", "");
    let server = upstream.serve();
    let address = server.addr().to_string();
    let output = upstream.run(env!("CARGO_BIN_EXE_sans_io"), &["policy.yaml", "pay.test", &address]);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert_eq!(server.handshakes().len(), 0);
}

#[test]
fn verify_offline_gives_the_verdict_of_any_day() {
    assert_eq!(NOW, 1_795_392_000, "the time of testkit is {OFFLINE_AT}");
    let upstream = Upstream::new("pay.test", "");
    let verify = |at: &str| {
        let arguments = ["policy.yaml", "chain.pem", "pay.test", at];
        upstream.run(env!("CARGO_BIN_EXE_verify_offline"), &arguments)
    };
    let accepted = verify(OFFLINE_AT);
    assert_eq!(accepted.status.code(), Some(0), "{}", text(&accepted.stderr));
    assert!(text(&accepted.stdout).contains("\"verdict\": \"accepted\""));
    let expired = verify("2130-01-01T00:00:00Z");
    assert_eq!(expired.status.code(), Some(1));
    assert!(text(&expired.stdout).contains("\"code\": \"cert_expired\""), "{}", text(&expired.stdout));
}
