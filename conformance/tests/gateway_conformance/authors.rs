//! The manifests of the conformance tests' authors, as they stand, with real handshakes.
#![allow(clippy::print_stdout, reason = "the figures")]

use std::collections::{BTreeMap, BTreeSet};

use uptls::Code;
use uptls_conformance::gateway;
use uptls_testkit::ServerOptions;

use crate::world::{ABC, OTHER, World, reached};

/// File, Service, port, and what a request to it gives: the name that the backend sees, or the code.
type Row = (&'static str, &'static str, u16, Result<&'static str, Code>);

#[test]
fn the_authors_manifests_connect_or_fail_as_their_tests_say() {
    let Some(files) = gateway::files() else { return };
    check(&files, ROWS);
}

#[test]
fn the_newest_manifests_connect_or_fail_as_their_tests_say() {
    let Some(files) = gateway::newest() else { return };
    check(&files, &[ROWS, ADDED].concat());
}

fn check(files: &BTreeMap<String, Vec<u8>>, rows: &[Row]) {
    // Their backend speaks gRPC too, and demands nothing of other clients.
    let world = World::with(|options| ServerOptions { alpn: vec![b"h2", b"http/1.1"], ..options });
    let mut asked = BTreeSet::new();
    for (file, service, port, wanted) in rows {
        let path = format!("{TESTS}{file}.yaml");
        let base = gateway::objects(&files["gateway-api/conformance/base/manifests.yaml"]).expect("YAML");
        let objects = gateway::objects(&files[&path]).expect("YAML");
        let gateway = world.gateway(&[objects, base].concat());
        let wanted = wanted.map_or_else(Err, reached);
        assert_eq!(gateway.request(service, *port), wanted, "{file}: {service}:{port}");
        asked.insert(path);
    }
    let is_ours = |content: &[u8]| String::from_utf8_lossy(content).contains("kind: BackendTLSPolicy");
    let tests =
        files.iter().filter(|(path, content)| path.starts_with(TESTS) && path.ends_with(".yaml") && is_ours(content));
    let tests: BTreeSet<_> = tests.map(|(path, _)| path.clone()).collect();
    assert_eq!(asked, tests, "a file of theirs is not asked for anything");
    println!("conformance: {} backends of {} files of the suite connect or fail as they must", rows.len(), tests.len());
}

const TESTS: &str = "gateway-api/conformance/tests/";

/// What v1.7 has added.
const ADDED: &[Row] =
    &[("backendtlspolicy-preserve-foreign-status", "backendtlspolicy-preserve-foreign-status-test", 443, Ok(ABC))];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("backendtlspolicy", "backendtlspolicy-test", 443, Ok(ABC)),
    ("backendtlspolicy", "backendtlspolicy-host-mismatch-test", 443, Err(Code::NameMismatch)),
    ("backendtlspolicy", "backendtlspolicy-cert-mismatch-test", 443, Err(Code::CertUnknownIssuer)),
    ("backendtlspolicy", "backendtlspolicy-reconcile-test", 443, Ok(ABC)),
    ("backendtlspolicy-conflict-resolution", "backendtlspolicy-conflicted-without-section-name-test", 443, Ok(OTHER)),
    ("backendtlspolicy-conflict-resolution", "backendtlspolicy-conflicted-with-section-name-test", 443, Ok(OTHER)),
    ("backendtlspolicy-conflict-resolution", "backendtlspolicy-conflicted-with-section-name-test", 8443, Err(Code::PolicyNotReady)),
    ("backendtlspolicy-conflict-resolution", "backendtlspolicy-not-conflicted-test", 443, Ok(OTHER)),
    ("backendtlspolicy-conflict-resolution", "backendtlspolicy-not-conflicted-test", 8443, Ok(ABC)),
    ("backendtlspolicy-grpcroute", "backendtlspolicy-grpc-test", 443, Ok(ABC)),
    ("backendtlspolicy-grpcroute", "backendtlspolicy-grpc-host-mismatch-test", 443, Err(Code::NameMismatch)),
    ("backendtlspolicy-grpcroute", "backendtlspolicy-grpc-cert-mismatch-test", 443, Err(Code::CertUnknownIssuer)),
    ("backendtlspolicy-invalid-ca-certificate-ref", "backendtlspolicy-nonexistent-ca-certificate-ref-test", 443, Err(Code::PolicyNotReady)),
    ("backendtlspolicy-invalid-ca-certificate-ref", "backendtlspolicy-malformed-ca-certificate-ref-test", 443, Err(Code::PolicyNotReady)),
    ("backendtlspolicy-invalid-kind", "backendtlspolicy-invalid-kind-test", 443, Err(Code::PolicyNotReady)),
    ("backendtlspolicy-observed-generation-bump", "observed-generation-bump-test", 443, Ok(ABC)),
    ("backendtlspolicy-san", "backendtlspolicy-san-dns-test", 443, Ok(ABC)),
    ("backendtlspolicy-san", "backendtlspolicy-san-dns-mismatch-test", 443, Err(Code::NameMismatch)),
    ("backendtlspolicy-san", "backendtlspolicy-san-uri-test", 443, Ok(ABC)),
    ("backendtlspolicy-san", "backendtlspolicy-san-uri-mismatch-test", 443, Err(Code::NameMismatch)),
    ("backendtlspolicy-san", "backendtlspolicy-multiple-sans-test", 443, Ok(ABC)),
    ("backendtlspolicy-san", "backendtlspolicy-multiple-mismatch-sans-test", 443, Err(Code::NameMismatch)),
    ("backendtlspolicy-tlsroute-terminate", "btls-terminate-tls-backend", 8443, Ok(ABC)),
    ("gateway-tls-backend-client-certificate", "tls-backend-with-client-cert-validation", 443, Ok(ABC)),
];
