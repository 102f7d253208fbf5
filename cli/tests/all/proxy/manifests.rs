//! Routes by Kubernetes objects: their folder is followed (R13).

use std::net::SocketAddr;

use super::{Proxy, eventually, get};
use crate::support::Folder;
use uptls_testkit::{Certificate, Key, Server, Template};

/// The policy of a Service `name` with a CA of its own, which wants `hostname`.
fn policy(name: &str, root: &Certificate, section: &str, hostname: &str) -> String {
    let pem: String = root.pem().lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}-ca, namespace: shop}}\ndata:\n  ca.crt: |\n{pem}---\n\
         apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: {name}-tls, namespace: shop}}\n\
         spec:\n  targetRefs: [{{group: '', kind: Service, name: pay{section}}}]\n  validation:\n    \
         hostname: {hostname}\n    caCertificateRefs: [{{group: '', kind: ConfigMap, name: {name}-ca}}]\n"
    )
}

/// Two routes of one folder for the backend `pay` with this upstream.
fn start(folder: &Folder, server: &Server) -> (Proxy, SocketAddr, SocketAddr) {
    std::fs::create_dir_all(folder.path().join("m")).unwrap();
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: pay, namespace: shop}\n\
                   spec: {ports: [{name: https, port: 443}, {name: other, port: 444}]}\n";
    folder.write("m/service.yaml", service);
    folder.write("m/pay.yaml", &policy("pay", &folder.root, "", "payments.internal"));
    let to = server.addr();
    let route = |name: &str, port: u16| {
        format!(
            "- {{name: {name}, listen: '127.0.0.1:0', upstream: 'pay.shop.svc:{port}', connectTo: '{to}', manifests: m, \
             backend: 'shop/pay:{port}'}}\n"
        )
    };
    let routes = route("a", 443) + &route("b", 444);
    folder.write("routes.yaml", &format!("apiVersion: uptls/v1\nkind: Proxy\nroutes:\n{routes}"));
    let proxy = Proxy::start(folder, &["--routes", "routes.yaml"]);
    let (a, b) = (proxy.address("a listens on"), proxy.address("b listens on"));
    (proxy, a, b)
}

#[test]
fn a_folder_is_followed_for_all_its_routes() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let (proxy, a, b) = start(&folder, &server);
    for address in [a, b] {
        get(address).unwrap();
        assert_eq!(proxy.entry()["code"], "closed");
    }
    let other = Template::ca("Other Root").lasting().self_signed(&Key::p256("other root"));
    folder.write("m/pay.yaml", &policy("pay", &other, "", "payments.internal"));
    // Both say so, since both have the policy.
    let lines = [proxy.told("\"kind\":\"updated\""), proxy.told("\"kind\":\"updated\"")];
    assert!(lines[0].contains("\"route\":\"a\"") && lines[1].contains("\"route\":\"b\""), "{lines:?}");
    for address in [a, b] {
        assert!(get(address).is_err());
        assert_eq!(proxy.entry()["code"], "cert_unknown_issuer");
    }
    // A file that cannot be read counts as it last could, and stderr says so.
    folder.write("m/pay.yaml", &policy("pay", &folder.root, "", "payments.internal"));
    proxy.told("\"kind\":\"updated\"");
    folder.write("m/pay.yaml", "apiVersion: [\n");
    assert!(proxy.told("what counted of it still does").contains("pay.yaml"));
    get(a).unwrap();
    assert_eq!(proxy.entry()["code"], "closed");
    // One that is gone ends the policy, and one that comes back begins it again.
    std::fs::remove_file(folder.path().join("m/pay.yaml")).unwrap();
    proxy.told("\"kind\":\"withdrawn\"");
    assert!(get(a).is_err());
    assert_eq!(proxy.entry()["code"], "policy_withdrawn");
    folder.write("m/pay.yaml", &policy("pay", &folder.root, "", "payments.internal"));
    let again = proxy.address("a listens on");
    assert_eq!(again, a, "clients find it where it was");
    get(a).unwrap();
    assert_eq!(proxy.entry()["code"], "closed");
}

#[test]
fn a_policy_for_a_port_takes_its_route_over() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let (proxy, a, b) = start(&folder, &server);
    get(a).unwrap();
    assert_eq!(proxy.entry()["code"], "closed");
    folder.write("m/port.yaml", &policy("port", &folder.root, ", sectionName: https", "ledger.internal"));
    assert!(proxy.told("\"kind\":\"updated\"").contains("\"route\":\"a\""));
    assert!(get(a).is_err());
    assert_eq!(proxy.entry()["code"], "name_mismatch");
    // The twin: the other port has the policy of the Service.
    get(b).unwrap();
    assert_eq!(proxy.entry()["code"], "closed");
    std::fs::remove_file(folder.path().join("m/port.yaml")).unwrap();
    eventually("the policy of the Service", || get(a).is_ok().then_some(()));
}

#[test]
fn a_route_turns_to_the_policy_that_its_backend_has_now() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let (proxy, a, b) = start(&folder, &server);
    // Without the Service its ports are not known, and one policy under another name is for all of them.
    std::fs::remove_file(folder.path().join("m/service.yaml")).unwrap();
    assert_eq!(
        (proxy.address("a listens on"), proxy.address("b listens on")),
        (a, b),
        "clients find them where they were"
    );
    for address in [a, b] {
        eventually("the policy of the Service", || get(address).is_ok().then_some(()));
    }
}

#[test]
fn a_folder_without_the_policy_says_why() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path().join("m")).unwrap();
    let args = ["--listen", "0", "--manifests", "m", "--backend", "shop/pay:443", "pay.shop.svc:443"];
    for (text, wanted) in [
        ("apiVersion: [\n", "pay.yaml:"),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: pay, namespace: shop}\nspec: {ports: [{port: 443}]}\n",
            "shop/pay",
        ),
    ] {
        folder.write("m/pay.yaml", text);
        let ran = crate::support::uptls(folder.path(), &[&["proxy"], args.as_slice()].concat());
        assert!(ran.code == 2 && ran.stderr.contains(wanted), "{text}: {ran:?}");
    }
    // A policy whose CA is not there.
    folder.write("m/pay.yaml", &policy("pay", &folder.root, "", "payments.internal").replace("ca.crt", "tls.crt"));
    let ran = crate::support::uptls(folder.path(), &[&["proxy"], args.as_slice()].concat());
    assert_eq!(ran.code, 2, "{ran:?}");
}
