//! `--fix`: the document with what the hints ask for, on stdout or in place; results on stderr.

use std::fs;
use std::net::TcpListener;

use uptls_testkit::{HostileServer, Misbehaviour};

use crate::support::{Folder, uptls};

const WRONG: &str = "\
# ours
apiVersion: uptls/v1
kind: UpstreamTlsPolicy
metadata: {name: payments}
spec:
  trust: {bundles: [{file: ca.pem}]}
  servername: payments.internal # theirs
  danger:
    acceptAnyName: {reason: lab}
";
const RIGHT: &str = "\
# ours
apiVersion: uptls/v1
kind: UpstreamTlsPolicy
metadata: {name: payments}
spec:
  trust: {bundles: [{file: ca.pem}]}
  serverName: payments.internal # theirs
  danger: {}
";

/// A port without a listener.
fn nowhere() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn check_prints_the_fixed_document_and_writes_it_where_that_is_asked_for() {
    let folder = Folder::new();
    folder.write("wrong.yaml", WRONG);
    let nowhere = nowhere();
    let ran = uptls(folder.path(), &["check", "--policy", "wrong.yaml", "--fix", &nowhere]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, RIGHT), "{ran:?}");
    assert!(ran.stderr.contains("hint: write serverName for servername"), "{ran:?}");
    assert!(
        ran.stderr
            .contains(r#"fixed: wrong.yaml: [{"op":"move","from":"/spec/servername","path":"/spec/serverName"}]"#)
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("wrong.yaml")).unwrap(),
        WRONG,
        "it is written by --in-place alone"
    );
    let ran = uptls(folder.path(), &["check", "--policy", "wrong.yaml", "--fix", "--in-place", &nowhere]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert_eq!(fs::read_to_string(folder.path().join("wrong.yaml")).unwrap(), RIGHT);
    // The policy can be used now; that the port has no listener is no matter of the document.
    let ran = uptls(folder.path(), &["check", "--policy", "wrong.yaml", "--fix", &nowhere]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("there is nothing that --fix may change"), "{ran:?}");
}

#[test]
fn what_the_caller_permits_is_left() {
    let folder = Folder::new();
    folder.write("wrong.yaml", WRONG);
    let arguments = ["check", "--policy", "wrong.yaml", "--allow-danger", "--fix", &nowhere()];
    let ran = uptls(folder.path(), &arguments);
    assert_eq!(ran.stdout, WRONG.replace("servername", "serverName"), "{ran:?}");
}

#[test]
fn a_peer_that_was_seen_is_never_trusted_by_a_fix() {
    let folder = Folder::new();
    let http = HostileServer::start(Misbehaviour::PlainHttp);
    let ran = uptls(folder.path(), &["check", "--policy", "policy.yaml", "--fix", &http.addr().to_string()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
}

#[test]
fn what_goes_with_it_is_refused() {
    let folder = Folder::new();
    folder.write("wrong.yaml", WRONG);
    let nowhere = nowhere();
    for arguments in [
        &["check", "--policy", "wrong.yaml", "--fix", "--json", &nowhere][..],
        &["check", "--policy", "wrong.yaml", "--in-place", &nowhere],
        &["check", "--manifests", ".", "--backend", "shop/pay:443", "--fix", &nowhere],
        &["import", ".", "--fix", "--json"],
    ] {
        let ran = uptls(folder.path(), arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}: {ran:?}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("wrong.yaml")).unwrap(), WRONG);
}

const OBJECT: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation:
    wellKnownCACertificates: System
    hostnme: pay.example # theirs
";
const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec: {ports: [{port: 443}]}
";

#[test]
fn import_mends_objects_in_their_files() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("deploy")).unwrap();
    folder.write("deploy/pay.yaml", OBJECT);
    folder.write("deploy/service.yaml", SERVICE);
    let fixed = OBJECT.replace("hostnme", "hostname");
    let ran = uptls(folder.path(), &["import", "deploy", "--fix"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, fixed.as_str()), "{ran:?}");
    assert!(ran.stderr.contains("BackendTLSPolicy shop/pay-tls: "), "{ran:?}");
    let ran = uptls(folder.path(), &["import", "deploy", "--json"]);
    let wanted = serde_json::json!({
        "object": "BackendTLSPolicy shop/pay-tls",
        "patch": [{"op": "move", "from": "/spec/validation/hostnme", "path": "/spec/validation/hostname"}],
    });
    let results = ran.results();
    let fixes = results[0]["diagnostics"].as_array().unwrap().iter().map(|diagnostic| &diagnostic["problem"]["fix"]);
    assert_eq!(fixes.filter(|fix| !fix.is_null()).collect::<Vec<_>>(), [&wanted], "{ran:?}");
    assert_eq!(uptls(folder.path(), &["import", "deploy", "--fix", "--in-place"]).code, 0);
    assert_eq!(fs::read_to_string(folder.path().join("deploy/pay.yaml")).unwrap(), fixed);
    assert_eq!(fs::read_to_string(folder.path().join("deploy/service.yaml")).unwrap(), SERVICE);
    assert_eq!(uptls(folder.path(), &["import", "deploy"]).code, 0);
}
