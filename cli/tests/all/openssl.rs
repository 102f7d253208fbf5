//! `uptls check` against a peer of other authors: `openssl s_server`.

use crate::support::{Folder, SServer, outcome, step};

#[test]
fn s_server_is_accepted_in_both_versions() {
    for (version, name) in [("-tls1_2", "1.2"), ("-tls1_3", "1.3")] {
        let folder = Folder::new();
        let Some(server) = SServer::start(&folder, &[version]) else { return };
        let ran = folder.check("policy.yaml", server.address, &["--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let report = &ran.results()[0];
        assert_eq!(report["verdict"], "accepted");
        assert_eq!(report["tls"]["version"], name);
        assert_eq!(report["address"], server.address.to_string());
        assert_eq!(step(report, "chain")["detail"]["trusted"], "CN=Test Root, ca.pem #1");
        let subjects: Vec<_> = report["chain"].as_array().unwrap().iter().map(|c| c["subject"].clone()).collect();
        assert_eq!(subjects, ["CN=payments", "CN=Test Issuing", "CN=Test Root"]);
    }
}

#[test]
fn sessions_of_s_server_are_resumed_in_both_versions() {
    for version in ["-tls1_2", "-tls1_3"] {
        let folder = Folder::new();
        let Some(server) = SServer::start(&folder, &[version]) else { return };
        let ran = folder.check("policy.yaml", server.address, &["--json", "--repeat", "2"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let resumed: Vec<_> = ran.results().iter().map(|report| report["tls"]["resumed"].clone()).collect();
        assert_eq!(resumed, [false, true], "{version}");
        let ran = folder.check("policy.yaml", server.address, &["--repeat", "2"]);
        assert!(ran.stdout.contains("connection 2: TLS 1."), "{ran:?}");
        assert!(ran.stdout.contains(", resumed, "), "{ran:?}");
        assert!(ran.stdout.ends_with("2 of 2 accepted\n"), "{ran:?}");
    }
}

#[test]
fn s_server_selects_a_protocol() {
    let folder = Folder::new();
    folder.policy("alpn.yaml", "alpn: {protocols: [h2, http/1.1], required: true}");
    let Some(server) = SServer::start(&folder, &["-alpn", "http/1.1"]) else { return };
    let ran = folder.check("alpn.yaml", server.address, &["--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.results()[0]["tls"]["alpn"], "http/1.1");
    assert_eq!(step(&ran.results()[0], "alpn")["detail"]["selected"], "http/1.1");
}

#[test]
fn a_protocol_that_is_required_and_not_selected_is_a_refusal() {
    let folder = Folder::new();
    folder.policy("alpn.yaml", "alpn: {protocols: [h2], required: true}");
    let Some(server) = SServer::start(&folder, &[]) else { return };
    let ran = folder.check("alpn.yaml", server.address, &["--json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(ran.results()[0]["code"], "alpn_mismatch");
    assert_eq!(ran.results()[0]["verdict"], "rejected");
    assert_eq!(outcome(&ran.results()[0], "alpn"), "fail");
}

#[test]
fn s_server_that_verifies_clients_takes_ours() {
    for version in ["-tls1_2", "-tls1_3"] {
        let folder = Folder::new();
        let verify = ["-Verify", "3", "-verify_return_error", "-CAfile", "ca.pem", version];
        let Some(server) = SServer::start(&folder, &verify) else { return };
        let ran = folder.check("mtls.yaml", server.address, &["--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(step(&ran.results()[0], "client")["detail"]["sent"], "CN=gateway");
    }
}

#[test]
fn s_server_that_verifies_clients_refuses_us_without_one() {
    for version in ["-tls1_2", "-tls1_3"] {
        let folder = Folder::new();
        let verify = ["-Verify", "1", "-verify_return_error", "-CAfile", "ca.pem", version];
        let Some(server) = SServer::start(&folder, &verify) else { return };
        let ran = folder.check("policy.yaml", server.address, &["--json"]);
        assert_eq!(ran.code, 4, "{version} {ran:?}");
        let report = &ran.results()[0];
        assert_eq!(report["code"], "identity_required", "{version}");
        assert_eq!(report["verdict"], "error");
        assert_eq!(outcome(report, "client"), "fail");
        assert_eq!(outcome(report, "tcp"), "pass");
        assert_eq!(outcome(report, "chain"), "pass", "we were satisfied");
        assert_eq!(report["chain"].as_array().unwrap().len(), 3, "{report}");
        assert_eq!(report["tls"]["version"], version.trim_start_matches("-tls").replace('_', "."));
        let ran = folder.check("policy.yaml", server.address, &[]);
        assert!(ran.stdout.contains("): the peer refused us: identity_required (802)\n"), "{ran:?}");
    }
}

#[test]
fn s_server_that_trusts_nobody_of_ours_refuses_our_certificate() {
    for version in ["-tls1_2", "-tls1_3"] {
        let folder = Folder::new();
        // It trusts a CA that did not issue our certificate.
        let other = uptls_testkit::Pki::new("somebody else");
        folder.write("other.pem", &other.root.pem());
        let verify =
            ["-Verify", "1", "-verify_return_error", "-CAfile", "other.pem", "-no-CApath", "-no-CAstore", version];
        let Some(server) = SServer::start(&folder, &verify) else { return };
        let ran = folder.check("mtls.yaml", server.address, &["--json"]);
        assert_eq!(ran.code, 4, "{version} {ran:?}");
        assert_eq!(ran.results()[0]["code"], "identity_rejected", "{version} {ran:?}");
        assert_eq!(outcome(&ran.results()[0], "client"), "fail");
        // Both values: who issued ours, and what the peer lists.
        let message = ran.results()[0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("the peer lists {}", root_name(&other.root))), "{message}");
    }
}

fn root_name(root: &uptls_testkit::Certificate) -> String {
    uptls::Inspection::of_der(root.der(), "root").unwrap().certificate.subject
}

/// The hint is about the moment and about what was given: an identity that cannot be used, or nothing in common.
#[test]
fn s_server_that_accepts_nothing_of_ours_is_told_apart() {
    let folder = Folder::new();
    let suites = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384"];
    let Some(server) = SServer::start(&folder, &suites) else { return };
    let ran = folder.check("policy.yaml", server.address, &["--json"]);
    let report = &ran.results()[0];
    assert_eq!(report["code"], "no_common_cipher", "{report}");
    assert!(report["message"].as_str().unwrap().contains("TLS_AES_256_GCM_SHA384"), "{report}");
}

/// In TLS 1.2 the refusal comes within the handshake, and the chain before it.
#[test]
fn s_server_that_wants_a_client_is_inspected() {
    for version in ["-tls1_2", "-tls1_3"] {
        let folder = Folder::new();
        let verify = ["-Verify", "1", "-verify_return_error", "-CAfile", "ca.pem", version];
        let Some(server) = SServer::start(&folder, &verify) else { return };
        let address = server.address.to_string();
        let ran = crate::support::uptls(folder.path(), &["inspect", "--json", &address]);
        assert_eq!(ran.code, 0, "{version} {ran:?}");
        assert_eq!(ran.results().len(), 2, "{version} {ran:?}");
    }
}

#[test]
fn s_server_is_inspected() {
    let folder = Folder::new();
    let Some(server) = SServer::start(&folder, &[]) else { return };
    let address = server.address.to_string();
    let ran = crate::support::uptls(folder.path(), &["inspect", "--json", &address]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()["schema"], "uptls.inspect/v1");
    let sources: Vec<_> = ran.results().iter().map(|one| one["source"].clone()).collect();
    assert_eq!(sources, [format!("{address} #1"), format!("{address} #2")]);
    let ran = crate::support::uptls(folder.path(), &["inspect", &address]);
    assert!(ran.stdout.starts_with("NOT VERIFIED"), "{ran:?}");
}
