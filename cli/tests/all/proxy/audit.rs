//! A second policy that judges the same upstreams, and decides nothing (R14).

use serde_json::Value;

use super::admin::admin;
use super::{Proxy, eventually, get};
use crate::support::Folder;
use uptls_testkit::Server;

/// The policy of the folder, which wants another name.
fn stricter(folder: &Folder) -> String {
    let text = std::fs::read_to_string(folder.path().join("policy.yaml")).unwrap();
    assert!(text.contains("spec:\n"), "{text}");
    text.replace("spec:\n", "spec:\n  subjectAltNames: [{dns: other.internal}]\n")
}

#[test]
fn whom_a_stricter_policy_would_refuse_is_counted_and_served() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let policy = std::fs::read_to_string(folder.path().join("policy.yaml")).unwrap();
    folder.write("next.yaml", &stricter(&folder));
    let proxy = Proxy::to(&folder, server.addr(), &["--audit-policy", "next.yaml", "--admin", "127.0.0.1:0"]);
    let address = proxy.address("payments.internal:443 listens on");
    let at = proxy.address("admin socket listens on");
    let status = || -> Value { serde_json::from_str(&admin(at, "GET", "/status").1).unwrap() };
    for _ in 0..2 {
        get(address).unwrap();
        assert_eq!(proxy.entry()["generation"], 1);
    }
    let audit = &status()["routes"][0]["audit"];
    assert_eq!((&audit["role"], &audit["refused"]["name_mismatch"]), (&"shadow".into(), &2.into()), "{audit}");
    assert_eq!(audit["samples"][0]["expected"][0], "dns:other.internal");
    let metrics = admin(at, "GET", "/metrics").1;
    assert!(metrics.contains("uptls_proxy_audit_refusals_total{route=\"payments.internal:443\"} 2\n"), "{metrics}");
    assert!(metrics.contains("uptls_shadow_refusals_total{reason=\"name_mismatch\"} 2\n"), "{metrics}");
    let page = admin(at, "GET", "/").1;
    assert!(page.contains("Audit: the shadow policy, which decides nothing, would have refused 2 of 2"), "{page}");
    // The twin: its document is followed, and once both agree nothing more is refused.
    folder.write("next.yaml", &policy);
    eventually("generation 2 of the shadow", || (status()["routes"][0]["audit"]["generation"] == 2).then_some(()));
    get(address).unwrap();
    let audit = &status()["routes"][0]["audit"];
    assert_eq!((&audit["accepted"], &audit["refused"]["name_mismatch"]), (&1.into(), &2.into()), "{audit}");
    // A shadow that is gone judges nothing, and the route goes on.
    std::fs::remove_file(folder.path().join("next.yaml")).unwrap();
    proxy.told("(audit)");
    get(address).unwrap();
    assert_eq!(admin(at, "GET", "/readyz").0, 200);
}

#[test]
fn a_shadow_that_cannot_be_used_is_refused_at_the_beginning() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &["--audit-policy", "absent.yaml"]);
    let line = proxy.told("(audit)");
    assert!(line.contains("payments.internal:443 (audit)"), "{line}");
    assert_eq!(proxy.exit_code(), Some(2));
}

#[test]
fn a_laxer_shadow_opens_nothing_and_a_route_can_have_one() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let policy = std::fs::read_to_string(folder.path().join("policy.yaml")).unwrap();
    folder.write("strict.yaml", &stricter(&folder));
    folder.write("laxer.yaml", &policy);
    let (document, to) = (folder.path().join("routes.yaml"), server.addr());
    let route = format!(
        "- name: pay\n  listen: 127.0.0.1:0\n  upstream: payments.internal:443\n  connectTo: {to}\n  policy: strict.yaml\n  audit: laxer.yaml\n"
    );
    std::fs::write(&document, format!("apiVersion: uptls/v1\nkind: Proxy\nroutes:\n{route}")).unwrap();
    let proxy = Proxy::start(&folder, &["--routes", "routes.yaml", "--admin", "127.0.0.1:0"]);
    let address = proxy.address("pay listens on");
    let at = proxy.address("admin socket listens on");
    assert!(get(address).is_err());
    assert_eq!(proxy.entry()["code"], "name_mismatch");
    let status: Value = serde_json::from_str(&admin(at, "GET", "/status").1).unwrap();
    let audit = &status["routes"][0]["audit"];
    assert_eq!((&audit["accepted_by_shadow_alone"], &audit["accepted"]), (&1.into(), &0.into()), "{audit}");
}
