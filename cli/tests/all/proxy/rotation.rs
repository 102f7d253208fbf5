//! What a running proxy follows: files, policies, routes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::{Proxy, connect, eventually, get, with_open_connection};
use crate::support::Folder;
use uptls_testkit::{Key, RESPONSE_BODY, Server, Template};

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

/// A way to `server` that keeps back what the server says on one connection, which has this number, until it is told.
fn holding(server: SocketAddr, number: usize) -> (SocketAddr, Receiver<()>, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (begins, begun) = channel();
    let (release, released) = channel();
    thread::spawn(move || {
        let mut hold = Some((begins, released));
        for (count, client) in listener.incoming().map_while(Result::ok).enumerate() {
            let hold = hold.take_if(|_| count == number);
            thread::spawn(move || forward(client, server, hold));
        }
    });
    (address, begun, release)
}

fn forward(mut client: TcpStream, server: SocketAddr, hold: Option<(Sender<()>, Receiver<()>)>) {
    let mut there = TcpStream::connect(server).unwrap();
    let (mut reader, mut writer) = (client.try_clone().unwrap(), there.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut reader, &mut writer);
        let _ = writer.shutdown(Shutdown::Write);
    });
    // The server has answered, so the handshake is under way.
    let mut first = [0];
    there.read_exact(&mut first).unwrap();
    if let Some((begins, released)) = hold {
        begins.send(()).unwrap();
        released.recv().unwrap();
    }
    // Whoever breaks off does so on purpose.
    let _ = client.write_all(&first).and_then(|()| io::copy(&mut there, &mut client));
    let _ = client.shutdown(Shutdown::Write);
}

#[test]
fn an_upstream_that_only_the_newer_policy_accepts_is_asked_once_more() {
    let folder = Folder::new();
    let other = Template::ca("Other Root").lasting().self_signed(&Key::p256("other root"));
    for mode in [&[][..], &["--http"]] {
        folder.write("ca.pem", &other.pem());
        let server = Server::start(&folder.options());
        let (way, begun, release) = holding(server.addr(), 0);
        let proxy = Proxy::to(&folder, way, mode);
        let address = proxy.address("listens on");
        let asking = thread::spawn(move || get(address));
        begun.recv().unwrap();
        // As an operator does: both CAs, and then a server of the new one.
        folder.write("ca.pem", &(other.pem() + &folder.root.pem()));
        proxy.told("\"kind\":\"updated\"");
        release.send(()).unwrap();
        let answer = asking.join().unwrap().unwrap();
        assert!(answer.ends_with(RESPONSE_BODY), "{mode:?}: {answer}");
        let entry = proxy.entry();
        assert_eq!((&entry["code"], &entry["generation"]), (&"closed".into(), &2.into()), "{entry}");
        assert_eq!(server.failures().len(), 1, "the first handshake was refused by the policy that it began with (R1)");
    }
}

#[test]
fn a_connection_whose_handshake_a_publication_overtook_ends_too() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let (way, begun, release) = holding(server.addr(), 1);
    let proxy = Proxy::to(&folder, way, &[]);
    let address = proxy.address("listens on");
    let mut before = connect(address);
    server.wait_for_handshakes(1);
    let mut overtaken = connect(address);
    begun.recv().unwrap();
    let other = Template::ca("Other Root").lasting().self_signed(&Key::p256("other root"));
    folder.write("ca.pem", &other.pem());
    // All that was open is judged by then, and this was not.
    proxy.told("ends 1 open connections");
    release.send(()).unwrap();
    for open in [&mut before, &mut overtaken] {
        assert_eq!(open.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
        let entry = proxy.entry();
        assert_eq!((&entry["code"], &entry["generation"]), (&"cert_unknown_issuer".into(), &1.into()), "{entry}");
    }
    assert_eq!(server.handshakes().len(), 2, "the handshake was completed by the policy that it began with (R1)");
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
