//! What a running proxy follows: files, policies, routes.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;

use super::{Proxy, eventually, get, with_open_connection};
use crate::support::Folder;
use uptls_testkit::{Key, Server, Template};

#[test]
fn a_new_ca_counts_for_the_next_connection() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &[]);
    let address = proxy.address("listens on");
    get(address).unwrap();
    assert_eq!(proxy.entry()["generation"], 1);
    let other = Template::ca("Other Root").lasting().self_signed(&Key::p256("other root"));
    folder.write("ca.pem", &other.pem());
    proxy.told("\"kind\":\"updated\"");
    assert!(get(address).is_err());
    assert_eq!(proxy.entry()["code"], "cert_unknown_issuer");
    // So does a policy: its document is followed, too.
    folder.write("other.pem", &folder.root.pem());
    let text = std::fs::read_to_string(folder.path().join("policy.yaml")).unwrap();
    folder.write("policy.yaml", &text.replace("ca.pem", "other.pem"));
    proxy.told("\"kind\":\"updated\"");
    get(address).unwrap();
    assert_eq!(proxy.entry()["generation"], 3);
    // One that is broken changes nothing.
    folder.write("policy.yaml", "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {trust: 7}\n");
    proxy.told("\"kind\":\"degraded\"");
    get(address).unwrap();
    assert_eq!(proxy.entry()["generation"], 3);
}

#[test]
fn an_open_connection_ends_if_its_peer_would_be_refused_now() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let (proxy, _, mut open) = with_open_connection(&folder, &server, &[]);
    // The twin: a CA more changes nothing for it.
    let other = Template::ca("Other Root").lasting().self_signed(&Key::p256("other root"));
    folder.write("ca.pem", &(folder.root.pem() + &other.pem()));
    proxy.told("\"kind\":\"updated\"");
    folder.write("ca.pem", &other.pem());
    proxy.told("ends 1 open connections");
    assert_eq!(open.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    let entry = proxy.entry();
    assert_eq!((&entry["code"], &entry["generation"]), (&"cert_unknown_issuer".into(), &1.into()));
}

fn route(name: &str, server: &Server, more: &str) -> String {
    let to = server.addr();
    format!(
        "- {{name: {name}, listen: '127.0.0.1:0', upstream: 'payments.internal:443', connectTo: '{to}', \
         policy: policy.yaml{more}}}\n"
    )
}

fn document(routes: &[String]) -> String {
    format!("apiVersion: uptls/v1\nkind: Proxy\nroutes:\n{}", routes.concat())
}

#[test]
fn routes_come_and_go_with_their_document_or_stay_as_they_are() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let (a, b) = (route("a", &server, ""), route("b", &server, ", idleTimeout: 1m"));
    folder.write("routes.yaml", &document(std::slice::from_ref(&a)));
    let proxy = Proxy::start(&folder, &["--routes", "routes.yaml"]);
    let first = proxy.address("a listens on");
    get(first).unwrap();
    assert_eq!(proxy.entry()["route"], "a");
    // A document with an error changes nothing, and says why.
    folder.write("routes.yaml", &document(&[a.clone(), b.replace("1m", "soon")]));
    assert!(proxy.told("stay as they are").contains("idleTimeout"));
    get(first).unwrap();
    assert_eq!(proxy.entry()["code"], "closed");
    // Nor does one with a policy that cannot be used.
    folder.write("routes.yaml", &document(&[a.clone(), b.replace("policy.yaml", "absent.yaml")]));
    assert!(proxy.told("stay as they are").contains("absent.yaml"));
    folder.write("routes.yaml", &document(&[a, b.clone()]));
    let second = proxy.address("b listens on");
    proxy.told("count from now on");
    for address in [first, second] {
        get(address).unwrap();
        assert_eq!(proxy.entry()["code"], "closed");
    }
    folder.write("routes.yaml", &document(&[b]));
    proxy.told("count from now on");
    eventually("the end of the first route", || TcpStream::connect(first).is_err().then_some(()));
    get(second).unwrap();
    assert_eq!(proxy.entry()["route"], "b");
}
