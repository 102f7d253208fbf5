//! `--manifests` and `--backend`: the policy that Kubernetes objects give a backend, live and offline.

use uptls_testkit::Server;

use crate::support::{Folder, Ran, uptls};

/// The folder `objects`: a policy for `hostname`, its ConfigMap with the CA, and its Service.
pub(crate) fn objects(folder: &Folder, hostname: &str, more: &str) {
    std::fs::create_dir_all(folder.path().join("objects")).unwrap();
    let pem: String = folder.root.pem().lines().map(|line| format!("    {line}\n")).collect();
    let ca = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\ndata:\n  ca.crt: |\n";
    folder.write("objects/ca.yaml", &format!("{ca}{pem}"));
    folder.write(
        "objects/pay.yaml",
        &format!(
            "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata:
  name: pay-tls
  namespace: shop
  creationTimestamp: \"2026-01-01T00:00:00Z\"
spec:
  targetRefs:
    - {{group: \"\", kind: Service, name: pay, sectionName: https}}
  validation:
    caCertificateRefs:
      - {{group: \"\", kind: ConfigMap, name: pay-ca}}
    hostname: {hostname}
{more}---
apiVersion: v1
kind: Service
metadata: {{name: pay, namespace: shop}}
spec:
  ports: [{{name: https, port: 443}}, {{name: http, port: 80}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: pay, namespace: shop}}
"
        ),
    );
}

fn check(folder: &Folder, server: &Server, backend: &str, more: &[&str]) -> Ran {
    let address = server.addr().to_string();
    let args = ["check", "--manifests", "objects", "--backend", backend, "--connect-to", &address];
    uptls(folder.path(), &[args.as_slice(), more, &["pay.shop.svc:443"]].concat())
}

#[test]
fn the_policy_of_a_backend_accepts_its_server_and_sends_its_hostname() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    let server = Server::start(&folder.options());
    let ran = check(&folder, &server, "shop/pay:443", &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("accepted by the policy shop/pay-tls\n"), "{ran:?}");
    assert!(ran.stdout.contains("matched dns:payments.internal"), "{ran:?}");
    assert_eq!(ran.stderr, "");
    assert_eq!(server.wait_for_handshakes(1)[0].sni.as_deref(), Some("payments.internal"));
}

#[test]
fn another_hostname_is_refused() {
    let folder = Folder::new();
    objects(&folder, "payments-v2.internal", "");
    let server = Server::start(&folder.options());
    let ran = check(&folder, &server, "shop/pay:443", &["--json"]);
    let report = &ran.results()[0];
    assert_eq!((ran.code, report["code"].as_str()), (1, Some("name_mismatch")), "{ran:?}");
    assert_eq!(report["policy"]["name"], "shop/pay-tls");
    assert_eq!(report["expected"][0], "dns:payments-v2.internal");
    assert_eq!(server.handshakes().len(), 0);
}

#[test]
fn with_subject_alt_names_the_hostname_authenticates_nothing() {
    // N4: the certificate is for the hostname, and that does not help.
    let folder = Folder::new();
    objects(&folder, "payments.internal", "    subjectAltNames: [{type: Hostname, hostname: other.internal}]\n");
    let server = Server::start(&folder.options());
    let ran = check(&folder, &server, "shop/pay:443", &["--json"]);
    assert_eq!((ran.code, ran.results()[0]["code"].as_str()), (1, Some("name_mismatch")), "{ran:?}");
    assert_eq!(ran.results()[0]["expected"], serde_json::json!(["dns:other.internal"]));
}

#[test]
fn a_policy_that_cannot_be_used_makes_no_connection() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let refused = |more: &str, backend: &str, code: &str, line: Option<u64>| {
        objects(&folder, "payments.internal", more);
        let ran = check(&folder, &server, backend, &["--json"]);
        let report = &ran.results()[0];
        assert_eq!((ran.code, report["code"].as_str()), (2, Some(code)), "{ran:?}");
        assert_eq!(report["errors"][0]["line"].as_u64(), line, "{ran:?}");
        report["errors"][0]["message"].as_str().unwrap().to_owned()
    };
    refused("    revocation: Required\n", "shop/pay:443", "document_parse", Some(14));
    refused("    mode: InsecureSkipSANVerification\n", "shop/pay:443", "danger_forbidden", Some(14));
    refused("    wellKnownCACertificates: System\n", "shop/pay:443", "policy_invalid", Some(10));
    let other = refused("", "shop/refund", "reference_unresolved", None);
    assert!(other.contains("Service shop/refund cannot be used: no BackendTLSPolicy is for it, only for shop/pay"));
    refused("", "shop/pay:80", "reference_unresolved", None);
    refused("", "shop/pay:8443", "policy_invalid", None);
    refused("", "pay:443", "reference_unresolved", None);
    std::fs::remove_file(folder.path().join("objects/ca.yaml")).unwrap();
    let ran = check(&folder, &server, "shop/pay:443", &[]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stdout.contains("objects/pay.yaml:12:9: spec.validation.caCertificateRefs[0]: ConfigMap shop/pay-ca"));
    assert_eq!((server.handshakes().len(), server.wait_for_failures(0).len()), (0, 0));
}

#[test]
fn a_reference_that_is_left_out_is_a_warning_on_stderr() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    let text = std::fs::read_to_string(folder.path().join("objects/pay.yaml")).unwrap();
    let second = "    caCertificateRefs:\n      - {group: \"\", kind: ConfigMap, name: next-ca}\n";
    folder.write("objects/pay.yaml", &text.replace("    caCertificateRefs:\n", second));
    let server = Server::start(&folder.options());
    let ran = check(&folder, &server, "shop/pay:443", &["--json"]);
    assert_eq!((ran.code, ran.results().len()), (0, 1), "{ran:?}");
    let wanted = "warning: objects/pay.yaml:12:9: left out: spec.validation.caCertificateRefs[0]: ConfigMap shop/next-ca \
                  cannot be used: it is not among the manifests (reference_unresolved)\n";
    assert_eq!(ran.stderr, wanted);
}

#[test]
fn verify_and_report_take_the_same_source() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    let source = ["--manifests", "objects", "--backend", "shop/pay:443"];
    let ran = uptls(folder.path(), &[["verify"].as_slice(), &source, &["--chain", "chain.pem"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = uptls(folder.path(), &[["verify"].as_slice(), &source, &["--chain", "client.pem"]].concat());
    assert_eq!(ran.code, 1, "{ran:?}");
    let ran = uptls(folder.path(), &[["describe"].as_slice(), &source, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.results()[0]["policy"]["name"], "shop/pay-tls");
}

#[test]
fn a_source_is_a_policy_or_manifests_with_a_backend() {
    let folder = Folder::new();
    for wrong in [
        ["--manifests", "objects"].as_slice(),
        &["--backend", "shop/pay"],
        &["--policy", "policy.yaml", "--backend", "shop/pay"],
        &["--policy", "policy.yaml", "--manifests", "objects", "--backend", "shop/pay"],
        &["--manifests", "objects", "--backend", "shop/pay:https"],
        &[],
    ] {
        let ran = uptls(folder.path(), &[["describe"].as_slice(), wrong].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{wrong:?} {ran:?}");
    }
}
