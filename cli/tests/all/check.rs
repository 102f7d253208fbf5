//! `uptls check` against honest and misbehaving servers.

use std::net::{Ipv4Addr, TcpListener};

use crate::support::{Folder, outcome, step, uptls};
use uptls_testkit::{HostileServer, Key, Misbehaviour, NOW, San, Server, ServerOptions, Template, YEAR};

#[test]
fn an_honest_server_is_accepted_with_every_step_told() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let ran = folder.check("policy.yaml", server.addr(), &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.timeless(),
        "\
ok    payments.internal (127.0.0.1:...): accepted by the policy payments
  ok    policy     payments, fingerprint sha256:...
  ok    tcp        connected to 127.0.0.1:..., ... ms
  ok    hello      TLS 1.3, full handshake, TLS_AES_256_GCM_SHA384, X25519MLKEM768, server name payments.internal, ... ms
  ok    chain      trusted by CN=Test Root, ca.pem #1
                   CN=Test Root        ends ...
                   └─ CN=Test Issuing  ends ...
                      └─ CN=payments   ends ...
  skip  revocation
  ok    usage      the key may sign handshakes
  ok    name       matched dns:payments.internal
  skip  pin, client, alpn
"
    );
    assert_eq!(ran.stderr, "");
    assert_eq!(server.wait_for_handshakes(1)[0].sni.as_deref(), Some("payments.internal"));
}

#[test]
fn the_json_has_the_fields_of_the_contract() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let ran = folder.check("policy.yaml", server.addr(), &["--json"]);
    assert_eq!(ran.json()["schema"], "uptls.report/v1");
    let report = &ran.results()[0];
    assert_eq!(report["verdict"], "accepted");
    assert_eq!(report["policy"]["name"], "payments");
    assert_eq!(report["policy"]["generation"], 1);
    for digest in ["spec_digest", "fingerprint"] {
        assert!(report["policy"][digest].as_str().unwrap().starts_with("sha256:"), "{report}");
    }
    assert_eq!(report["backend_host"], "payments.internal");
    assert_eq!(report["server_name"], "payments.internal");
    assert_eq!(report["address"], server.addr().to_string());
    let steps: Vec<_> = report["steps"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
    let wanted = ["policy", "tcp", "hello", "chain", "revocation", "usage", "name", "pin", "client", "alpn"];
    assert_eq!(steps, wanted);
    assert_eq!(report["expected"][0], "dns:payments.internal");
    assert_eq!(report["presented"][0], "dns:payments.internal");
    assert_eq!(report["chain"].as_array().unwrap().len(), 3);
    assert_eq!(report["tls"]["resumed"], false);
    assert!(step(report, "tcp")["detail"]["ms"].is_u64() && step(report, "hello")["detail"]["ms"].is_u64(), "{report}");
    assert_eq!(step(report, "chain")["detail"]["intermediates"], 1);
    assert!(report["code"].is_null() && report["message"].is_null() && report.get("hint").is_none());
    assert!(report["errors"].as_array().unwrap().is_empty());
}

#[test]
fn another_name_is_refused_and_the_hint_holds_both() {
    let folder = Folder::new();
    let other = folder.issue(Template::leaf("other").with_sans(&[San::dns("payments-v2.internal")]).lasting());
    let server = Server::start(&folder.presenting(&[&other, &folder.intermediate]));
    let ran = folder.check("policy.yaml", server.addr(), &[]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(
        ran.timeless(),
        "\
FAIL  payments.internal (127.0.0.1:...): rejected by the policy payments: name_mismatch (601)
  ok    policy     payments, fingerprint sha256:...
  ok    tcp        connected to 127.0.0.1:..., ... ms
  ok    hello      TLS 1.3, full handshake, TLS_AES_256_GCM_SHA384, X25519MLKEM768, server name payments.internal, ... ms
  ok    chain      trusted by CN=Test Root, ca.pem #1
                   CN=Test Root        ends ...
                   └─ CN=Test Issuing  ends ...
                      └─ CN=other      ends ...
  skip  revocation
  ok    usage      the key may sign handshakes
  FAIL  name       none of the wanted names is presented
                   wanted any of  dns:payments.internal
                   presented      dns:payments-v2.internal
  skip  pin, client, alpn
hint: the certificate is for dns:payments-v2.internal: re-issue it with dns:payments.internal, or put the right name into the policy
"
    );
}

#[test]
fn refusals_have_their_codes_and_the_peer_its_alert() {
    let folder = Folder::new();
    let name = [San::dns("payments.internal")];
    let ended = Template::leaf("ended").with_sans(&name).with_validity(NOW - 2 * YEAR, NOW - YEAR);
    let ended = folder.issue(ended);
    let rotated = Template::ca("Test Root").lasting().self_signed(&Key::p256("rotated"));
    let moved = Template::leaf("moved").with_sans(&name).lasting().issued_by(&rotated, &Key::p256("moved"));
    let alone = Template::leaf("alone").with_sans(&name).lasting().self_signed(&Key::p256("alone"));
    let short = Template::leaf("short").with_sans(&name).lasting();
    let short = folder.issue(Template { aia_ca_issuers: Some("http://pki.internal/issuing.der".into()), ..short });
    let cases = [
        (folder.presenting(&[&ended, &folder.intermediate]), "cert_expired"),
        (folder.presenting(&[&short]), "cert_missing_intermediate"),
        (folder.presenting(&[&moved]), "cert_issuer_key_changed"),
        (folder.presenting(&[&alone]), "cert_self_signed"),
    ];
    for (options, code) in cases {
        let server = Server::start(&options);
        let ran = folder.check("policy.yaml", server.addr(), &["--json"]);
        assert_eq!((ran.code, ran.results()[0]["code"].as_str()), (1, Some(code)), "{ran:?}");
        assert_eq!(ran.results()[0]["verdict"], "rejected");
        assert!(!ran.results()[0]["hint"].as_str().unwrap().is_empty());
        let failures = server.wait_for_failures(1);
        assert!(failures[0].to_string().contains("alert"), "{code}: {failures:?}");
    }
}

#[test]
fn a_peer_that_does_not_hold_its_key_fails_the_handshake_not_the_chain() {
    // V7
    let folder = Folder::new();
    let server = Server::start(&ServerOptions { key: Key::p256("thief").pkcs8_der(), ..folder.options() });
    let ran = folder.check("policy.yaml", server.addr(), &["--json"]);
    let report = &ran.results()[0];
    assert_eq!((ran.code, report["code"].as_str()), (1, Some("cert_bad_signature")), "{ran:?}");
    assert_eq!(outcome(report, "hello"), "fail");
    assert_ne!(outcome(report, "chain"), "fail");
    assert_eq!(report["chain"][0]["subject"], "CN=payments");
}

#[test]
fn an_identity_that_is_not_asked_for_is_a_warning() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let ran = folder.check("mtls.yaml", server.addr(), &["--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.results()[0]["warnings"][0]["code"], "identity_unused");
    let ran = folder.check("mtls.yaml", server.addr(), &[]);
    assert!(
        ran.stdout.contains(
            "  warn  identity_unused the client certificate was not used: reason the peer did not ask for it\n"
        ),
        "{ran:?}"
    );
}

#[test]
fn a_client_certificate_that_may_be_left_out_is_told() {
    let folder = Folder::new();
    let options = folder.options().with_client_roots(&[&folder.root]);
    let server = Server::start(&ServerOptions { client_auth_optional: true, ..options });
    let ran = folder.check("policy.yaml", server.addr(), &["--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let reason = "the peer asked for a certificate; none was sent, and it went on";
    assert_eq!(step(&ran.results()[0], "client")["detail"]["reason"], reason);
}

#[test]
fn several_targets_give_the_worst_exit_code_and_one_envelope() {
    let folder = Folder::new();
    folder.policy("auto.yaml", "subjectAltNames: [{dns: payments.internal}]");
    let server = Server::start(&folder.options());
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let closed = free.local_addr().unwrap();
    drop(free);
    let (open, closed) = (server.addr().to_string(), closed.to_string());
    let ran = uptls(folder.path(), &["check", "--policy", "auto.yaml", "--json", &open, &closed]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let verdicts: Vec<_> = ran.results().iter().map(|report| report["verdict"].clone()).collect();
    assert_eq!(verdicts, ["accepted", "error"]);
    let ran = uptls(folder.path(), &["check", "--policy", "auto.yaml", &closed, &open]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stdout.contains("no connection: tcp_refused (302)"), "{ran:?}");
    assert!(ran.stdout.ends_with("\n1 of 2 accepted\n"), "{ran:?}");
    // A peer with a wrong certificate is not hidden by one that is down.
    let other = folder.issue(Template::leaf("other").with_sans(&[San::dns("orders.internal")]).lasting());
    let wrong = Server::start(&folder.presenting(&[&other, &folder.intermediate]));
    let wrong = wrong.addr().to_string();
    let ran = uptls(folder.path(), &["check", "--policy", "auto.yaml", &closed, &wrong, &open]);
    assert_eq!(ran.code, 1, "{ran:?}");
}

#[test]
fn peers_that_are_no_tls_servers_are_told_apart() {
    let folder = Folder::new();
    let cases = [
        (Misbehaviour::PlainHttp, "peer_not_tls", "HTTP/1.1 400 Bad Request"),
        (Misbehaviour::SshBanner, "peer_not_tls", "SSH-2.0-OpenSSH_9.6"),
        (Misbehaviour::Silent, "handshake_timeout", "no handshake within "),
        (Misbehaviour::CloseAfterClientHello, "peer_closed", "the peer closed the connection"),
        (Misbehaviour::CloseAtOnce, "peer_closed", "the peer closed the connection"),
        (Misbehaviour::ResetAfterClientHello, "peer_reset", "reset"),
    ];
    for (misbehaviour, code, text) in cases {
        let server = HostileServer::start(misbehaviour);
        // Only silence waits for the deadline: a busy machine must not make one of every answer.
        let timeout = if code == "handshake_timeout" { "300ms" } else { "60s" };
        let ran = folder.check("policy.yaml", server.addr(), &["--json", "--timeout", timeout]);
        let report = &ran.results()[0];
        assert_eq!((ran.code, report["code"].as_str()), (3, Some(code)), "{ran:?}");
        assert!(report["message"].as_str().unwrap().contains(text), "{report}");
        assert_eq!(report["verdict"], "error");
        assert_eq!((outcome(report, "tcp"), outcome(report, "hello")), ("pass".to_owned(), "fail".to_owned()));
        assert_eq!(outcome(report, "chain"), "skip");
    }
}

#[test]
fn plain_http_is_shown_with_its_first_bytes_and_a_hint() {
    let folder = Folder::new();
    let server = HostileServer::start(Misbehaviour::PlainHttp);
    let ran = folder.check("policy.yaml", server.addr(), &[]);
    let wanted = "hint: this port speaks plain HTTP: use the backend's TLS port\n";
    assert!(ran.stdout.ends_with(wanted), "{ran:?}");
    assert!(ran.stdout.contains("it sent \"HTTP/1.1 400 Bad Request"), "{ran:?}");
}

#[test]
fn a_peer_that_only_truncates_its_data_is_accepted() {
    // The handshake is honest; whether data is cut off is for who reads it (H8).
    let folder = Folder::new();
    let server = HostileServer::start(Misbehaviour::TruncatesAfterResponse(Box::new(folder.options())));
    let ran = folder.check("policy.yaml", server.addr(), &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn a_name_to_connect_to_is_resolved_and_is_no_identity() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let place = format!("localhost:{}", server.addr().port());
    let args = ["check", "--policy", "policy.yaml", "--json", "--connect-to", &place, "payments.internal:443"];
    let ran = uptls(folder.path(), &args);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.results()[0]["address"], server.addr().to_string());
    assert_eq!(ran.results()[0]["backend_host"], "payments.internal");
}

#[test]
fn a_name_that_does_not_resolve_is_told() {
    let folder = Folder::new();
    folder.policy("auto.yaml", "subjectAltNames: [{dns: payments.internal}]");
    let args = ["check", "--policy", "auto.yaml", "--timeout", "5s", "--json", "no-such-host.invalid:443"];
    let ran = uptls(folder.path(), &args);
    let report = &ran.results()[0];
    assert_eq!((ran.code, report["code"].as_str()), (3, Some("dns_failed")), "{ran:?}");
    assert_eq!(outcome(report, "tcp"), "fail");
    assert!(report.get("address").is_none());
}

#[test]
fn a_policy_that_cannot_be_used_is_one_report_with_every_problem() {
    let folder = Folder::new();
    folder.write(
        "bad.yaml",
        "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {name: bad}\nspec:\n  serverName: '*.x'\n  versions: {min: '1.1'}\n",
    );
    let args = ["check", "--policy", "bad.yaml", "--json", "a.internal:1", "b.internal:2"];
    let ran = uptls(folder.path(), &args);
    assert_eq!(ran.code, 2, "{ran:?}");
    let results = ran.results();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["verdict"], "error");
    let codes: Vec<_> = results[0]["errors"].as_array().unwrap().iter().map(|error| error["code"].clone()).collect();
    assert_eq!(codes.len(), 3, "{codes:?}");
    assert_eq!(results[0]["errors"][0]["document"], "bad.yaml");
    let ran = uptls(folder.path(), &["check", "--policy", "bad.yaml", "a.internal:1"]);
    assert!(ran.stdout.contains("bad.yaml:5:"), "{ran:?}");
    assert_eq!(ran.stdout.matches("hint:").count(), 1, "{ran:?}");
}

#[test]
fn a_weakening_needs_permission_and_is_a_warning() {
    let folder = Folder::new();
    folder.policy("danger.yaml", "danger: {acceptAnyName: {reason: legacy}}");
    let server = Server::start(&folder.options());
    let ran = folder.check("danger.yaml", server.addr(), &["--json"]);
    assert_eq!((ran.code, ran.results()[0]["code"].as_str()), (2, Some("danger_forbidden")), "{ran:?}");
    let ran = folder.check("danger.yaml", server.addr(), &["--json", "--allow-danger"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.results()[0]["warnings"][0]["code"], "danger_active");
    assert_eq!(outcome(&ran.results()[0], "name"), "skip");
}

#[test]
fn the_first_line_says_what_was_not_verified() {
    let folder = Folder::new();
    folder.policy("name.yaml", "danger: {acceptAnyName: {reason: legacy}}");
    folder.policy("rule.yaml", "danger: {tolerate: [{rule: key_usage, reason: old appliance}]}");
    let any = "spec: {danger: {acceptAnyCertificate: {reason: lab}}, serverName: payments.internal}";
    folder.write("any.yaml", &format!("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\n{any}\n"));
    let server = Server::start(&folder.options());
    for (policy, wanted) in [
        ("name.yaml", "accepted by the policy payments, NAMES NOT VERIFIED (acceptAnyName: legacy)"),
        ("rule.yaml", "accepted by the policy payments, RULE NOT ENFORCED (key_usage: old appliance)"),
        ("any.yaml", "accepted, NOTHING VERIFIED (acceptAnyCertificate: lab)"),
    ] {
        for more in [&[][..], &["--quiet"], &["--repeat", "2"]] {
            let ran = folder.check(policy, server.addr(), &[&["--allow-danger"], more].concat());
            let first = ran.stdout.lines().next().unwrap_or_default();
            assert!(ran.code == 0 && first.contains(wanted), "{wanted}: {ran:?}");
            let shown = ran.stdout.matches("VERIFIED (").count() + ran.stdout.matches("ENFORCED (").count();
            assert_eq!(shown, if more.len() == 2 { 2 } else { 1 }, "{ran:?}");
        }
    }
    // The twin.
    let ran = folder.check("policy.yaml", server.addr(), &["--quiet"]);
    assert!(ran.stdout.lines().count() == 1 && !ran.stdout.contains("NOT"), "{ran:?}");
}
