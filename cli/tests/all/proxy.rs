//! `uptls proxy`: plain clients, verified upstreams.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Folder, lasting, uptls};
use uptls_testkit::{HostileServer, Key, Misbehaviour, RESPONSE_BODY, San, Server, Template};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: payments.internal\r\n\r\n";

/// A running proxy. It is killed at the end.
struct Proxy {
    child: Child,
    /// The lines of stderr.
    complaints: Receiver<String>,
    /// The lines of stdout.
    log: Receiver<String>,
}

impl Proxy {
    fn start(folder: &Folder, args: &[&str]) -> Proxy {
        let mut child = Command::new(env!("CARGO_BIN_EXE_uptls"))
            .arg("proxy")
            .args(args)
            .arg("--json")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let complaints = lines(child.stderr.take().unwrap());
        let log = lines(child.stdout.take().unwrap());
        Proxy { child, complaints, log }
    }

    /// One route for `payments.internal` at `upstream`.
    fn to(folder: &Folder, upstream: SocketAddr, more: &[&str]) -> Proxy {
        let upstream = upstream.to_string();
        let args =
            ["--listen", "127.0.0.1:0", "--policy", "policy.yaml", "--connect-to", &upstream, "payments.internal:443"];
        Proxy::start(folder, &[&args, more].concat())
    }

    /// The next line of stderr that holds `text`.
    fn told(&self, text: &str) -> String {
        loop {
            let line = self.complaints.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line with {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Where a socket listens that a line with `text` tells of.
    fn address(&self, text: &str) -> SocketAddr {
        let line = self.told(text);
        line.rsplit(' ').next().unwrap().parse().unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn entry(&self) -> Value {
        serde_json::from_str(&self.log.recv_timeout(PATIENCE).expect("a line of the log")).unwrap()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn exit_code(mut self) -> Option<i32> {
        let code = self.child.wait().unwrap().code();
        assert!(self.log.iter().count() < usize::MAX, "the log ends");
        code
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (out, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            if out.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    lines
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What a plain client gets.
fn get(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = connect(address);
    let mut answer = String::new();
    stream.write_all(REQUEST.as_bytes())?;
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Asks until the answer is there: for what the proxy learns from files.
fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} does not come")
}

#[test]
fn a_plain_client_gets_the_answer_of_a_verified_upstream() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &[]);
    let address = proxy.address("listens on");
    assert!(get(address).unwrap().ends_with(RESPONSE_BODY));
    let entry = proxy.entry();
    assert_eq!(entry["schema"], "uptls.access/v1");
    assert_eq!((&entry["code"], &entry["message"]), (&"closed".into(), &Value::Null));
    assert_eq!(entry["matched_name"], "dns:payments.internal");
    assert_eq!(entry["upstream"], "payments.internal:443");
    assert_eq!(entry["address"], server.addr().to_string());
    assert_eq!(
        (&entry["generation"], &entry["tls_version"], &entry["resumed"]),
        (&1.into(), &"1.3".into(), &false.into())
    );
    assert_eq!(entry["bytes_from_client"], REQUEST.len());
    assert_eq!(server.handshakes()[0].sni.as_deref(), Some("payments.internal"));
    // The second one resumes the session.
    get(address).unwrap();
    assert_eq!(proxy.entry()["resumed"], true);
}

#[test]
fn the_client_of_a_refused_upstream_gets_no_byte() {
    let folder = Folder::new();
    let other = folder.issue(lasting(Template::leaf("other").with_sans(&[San::dns("other.internal")])));
    let server = Server::start(&folder.presenting(&[&other, &folder.intermediate]));
    let proxy = Proxy::to(&folder, server.addr(), &[]);
    let mut client = connect(proxy.address("listens on"));
    client.write_all(REQUEST.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let read = client.read_to_end(&mut answer);
    assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset), "no orderly end");
    assert!(answer.is_empty());
    let entry = proxy.entry();
    assert_eq!((&entry["code"], &entry["bytes_from_client"]), (&"name_mismatch".into(), &0.into()));
    assert!(entry["message"].as_str().unwrap().contains("other.internal"), "{entry}");
    assert!(entry["hint"].is_string() && entry["generation"].is_null());
    assert_eq!(server.wait_for_failures(1).len(), 1);
    assert!(server.handshakes().is_empty());
}

#[test]
fn half_of_an_answer_is_not_given_as_the_whole() {
    let folder = Folder::new();
    let server = HostileServer::start(Misbehaviour::TruncatesAfterResponse(Box::new(folder.options())));
    let proxy = Proxy::to(&folder, server.addr(), &[]);
    let read = get(proxy.address("listens on"));
    assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    assert_eq!(proxy.entry()["code"], "truncated");
}

#[test]
fn an_upstream_that_breaks_off_after_the_client_left_cuts_nothing() {
    let folder = Folder::new();
    // It reads the end of the client instead of a request, and drops the connection without close_notify.
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &[]);
    let client = connect(proxy.address("listens on"));
    server.wait_for_handshakes(1);
    drop(client);
    assert_eq!(proxy.entry()["code"], "left");
}

#[test]
fn a_new_ca_counts_for_the_next_connection() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &[]);
    let address = proxy.address("listens on");
    get(address).unwrap();
    assert_eq!(proxy.entry()["generation"], 1);
    let other = lasting(Template::ca("Other Root")).self_signed(&Key::p256("other root"));
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
    let proxy = Proxy::to(&folder, server.addr(), &[]);
    let address = proxy.address("listens on");
    let mut open = connect(address);
    server.wait_for_handshakes(1);
    // The twin: a CA more changes nothing for it.
    let other = lasting(Template::ca("Other Root")).self_signed(&Key::p256("other root"));
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

#[test]
fn open_connections_end_by_themselves_after_sigterm() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &[]);
    let address = proxy.address("listens on");
    let mut open = connect(address);
    server.wait_for_handshakes(1);
    proxy.signal("TERM");
    proxy.told("ending: 1 connections are open");
    eventually("the end of the listener", || TcpStream::connect(address).is_err().then_some(()));
    open.write_all(REQUEST.as_bytes()).unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(RESPONSE_BODY));
    drop(open);
    assert_eq!(proxy.entry()["code"], "closed");
    assert_eq!(proxy.exit_code(), Some(0));
}

#[test]
fn connections_that_outlast_the_drain_are_closed() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &["--drain-timeout", "100ms"]);
    let mut open = connect(proxy.address("listens on"));
    server.wait_for_handshakes(1);
    proxy.signal("TERM");
    assert_eq!(open.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    assert_eq!(proxy.entry()["code"], "drain_timeout");
    assert_eq!(proxy.exit_code(), Some(0));
}

#[test]
fn an_idle_connection_is_closed_where_that_is_wanted() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &["--idle-timeout", "100ms"]);
    let mut open = connect(proxy.address("listens on"));
    assert_eq!(open.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    assert_eq!(proxy.entry()["code"], "idle_timeout");
}

#[test]
fn a_unix_socket_is_for_its_owner_and_ends_with_the_proxy() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let (path, to) = (folder.path().join("p.sock"), server.addr().to_string());
    let listen = format!("unix:{}", path.display());
    let args = ["--listen", &listen, "--policy", "policy.yaml", "--connect-to", &to, "payments.internal:443"];
    let proxy = Proxy::start(&folder, &args);
    proxy.told("listens on");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(REQUEST.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(RESPONSE_BODY));
    drop(client);
    assert_eq!(proxy.entry()["client"], "unix");
    // Another proxy does not take it away.
    let second = uptls(folder.path(), &[&["proxy"], args.as_slice()].concat());
    assert_eq!(second.code, 2, "{second:?}");
    assert!(second.stderr.contains("cannot listen on unix:"), "{second:?}");
    proxy.signal("INT");
    assert_eq!(proxy.exit_code(), Some(0));
    assert!(!path.exists());
    // One that was left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let proxy = Proxy::start(&folder, &args);
    proxy.told("listens on");
    assert!(UnixStream::connect(&path).is_ok());
}

#[test]
fn a_socket_of_systemd_is_taken_and_told_when_it_serves() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let told = std::os::unix::net::UnixDatagram::bind(folder.path().join("notify")).unwrap();
    told.set_read_timeout(Some(PATIENCE)).unwrap();
    // Clients wait from the beginning.
    let mut client = connect(address);
    client.write_all(REQUEST.as_bytes()).unwrap();
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$UPTLS\" proxy --listen systemd:0 --policy policy.yaml \
                  --connect-to \"$TO\" payments.internal:443 3<&0";
    let child = Command::new("sh")
        .args(["-c", script])
        .env("UPTLS", env!("CARGO_BIN_EXE_uptls"))
        .env("TO", server.addr().to_string())
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .current_dir(folder.path())
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(socket)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (complaints, log) = (lines(std::io::empty()), lines(std::io::empty()));
    let proxy = Proxy { child, complaints, log };
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(RESPONSE_BODY));
    drop(client);
    let state = || {
        let mut bytes = [0; 64];
        let count = told.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    assert!(state().starts_with("READY=1"));
    proxy.signal("TERM");
    assert!(state().starts_with("STOPPING=1"));
    assert_eq!(proxy.exit_code(), Some(0));
    // The twin: there is none.
    let ran =
        uptls(folder.path(), &["proxy", "--listen", "systemd:0", "--policy", "policy.yaml", "payments.internal:443"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("systemd gave 0 sockets"), "{ran:?}");
}

#[test]
fn a_client_behind_a_load_balancer_is_named_by_its_header() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &["--accept-proxy-header"]);
    let address = proxy.address("listens on");
    let mut client = connect(address);
    // In pieces, and with the first bytes of the request behind it.
    client.write_all(b"PROXY TCP4 192.0.2.7 198.51.").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    client.write_all(b"100.1 41000 443\r\n").and_then(|()| client.write_all(REQUEST.as_bytes())).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(RESPONSE_BODY));
    drop(client);
    let entry = proxy.entry();
    assert_eq!((&entry["client"], &entry["bytes_from_client"]), (&"192.0.2.7:41000".into(), &REQUEST.len().into()));
    // The twin: without a header there is no upstream.
    assert!(get(address).is_err());
    let entry = proxy.entry();
    assert_eq!((&entry["code"], &entry["address"]), (&"client_lost".into(), &Value::Null));
    assert!(entry["message"].as_str().unwrap().contains("does not begin with a PROXY header"), "{entry}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn the_upstream_learns_the_client_before_tls() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::to(&folder, listener.local_addr().unwrap(), &["--send-proxy-header"]);
    let address = proxy.address("listens on");
    let client = connect(address);
    let (mut upstream, _) = listener.accept().unwrap();
    let mut header = [0; 29];
    upstream.read_exact(&mut header).unwrap();
    let from = client.local_addr().unwrap();
    let ports = [from.port().to_be_bytes(), address.port().to_be_bytes()].concat();
    let wanted = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01".as_slice(), &ports, b"\x16"].concat();
    assert_eq!(header.as_slice(), wanted, "the header, then a ClientHello");
    upstream.shutdown(Shutdown::Both).unwrap();
    assert_eq!(proxy.entry()["code"], "peer_closed");
}

/// Status and body.
fn admin(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut stream = connect(address);
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn the_admin_socket_tells_the_state_and_changes_nothing() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &["--admin", "127.0.0.1:0"]);
    let address = proxy.address("payments.internal:443 listens on");
    let at = proxy.address("admin socket listens on");
    get(address).unwrap();
    proxy.entry();
    assert_eq!(admin(at, "GET", "/healthz").0, 200);
    assert_eq!(admin(at, "GET", "/readyz"), (200, "ready\n".to_owned()));
    let status: Value = serde_json::from_str(&admin(at, "GET", "/status").1).unwrap();
    assert_eq!((&status["schema"], &status["ready"]), (&"uptls.proxy/v1".into(), &true.into()));
    let one = &status["routes"][0];
    assert_eq!((&one["state"], &one["connections"]["opened"]), (&"ready".into(), &1.into()));
    assert!(one["expires"][0]["subject"].as_str().unwrap().contains("Test Root"), "{one}");
    let metrics = admin(at, "GET", "/metrics").1;
    assert!(metrics.contains("uptls_proxy_connections_total{route=\"payments.internal:443\"} 1\n"), "{metrics}");
    assert!(metrics.contains("uptls_handshakes_total{kind=\"full\",version=\"1.3\"} 1\n"), "{metrics}");
    let page = admin(at, "GET", "/").1;
    assert!(page.contains("uptls proxy is <span class=\"state good\">ready</span>"), "{page}");
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"), "no outside resource");
    assert_eq!(admin(at, "GET", "/absent").0, 404);
    assert_eq!(admin(at, "POST", "/status").0, 405);
    // The CA is withdrawn: no connection, and no readiness.
    std::fs::remove_file(folder.path().join("ca.pem")).unwrap();
    proxy.told("\"kind\":\"withdrawn\"");
    let (code, text) = admin(at, "GET", "/readyz");
    assert_eq!((code, text.contains("withdrawn")), (503, true), "{text}");
    assert!(get(address).is_err());
    let status: Value = serde_json::from_str(&admin(at, "GET", "/status").1).unwrap();
    let one = &status["routes"][0];
    assert_eq!((&one["state"], &one["connections"]["failed"]), (&"withdrawn".into(), &1.into()));
    assert_eq!(one["refusals"][0]["code"], "policy_withdrawn");
    assert!(one["reason"].as_str().unwrap().contains("ca.pem"), "{one}");
}

#[test]
fn the_number_of_connections_is_bounded() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &["--max-connections", "1"]);
    let address = proxy.address("listens on");
    let first = connect(address);
    server.wait_for_handshakes(1);
    let mut second = connect(address);
    second.write_all(REQUEST.as_bytes()).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(second.read(&mut [0]).is_err(), "it waits");
    assert_eq!(server.connections(), 1);
    drop(first);
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(RESPONSE_BODY));
}

#[test]
fn a_proxy_that_cannot_do_what_it_should_does_not_start() {
    let folder = Folder::new();
    folder.policy("broken.yaml", "identity: {certificate: {file: absent.pem}, key: {file: client.key}}");
    folder.write("empty.yaml", "apiVersion: uptls/v1\nkind: Proxy\nroutes: []\n");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let upstream = "payments.internal:443";
    for (args, wanted) in [
        (vec!["--listen", "0.0.0.0:0", "--policy", "policy.yaml", upstream], "--allow-remote-clients"),
        (vec!["--listen", "0", "--policy", "policy.yaml", "--admin", "0.0.0.0:0", upstream], "--allow-remote-clients"),
        (vec!["--listen", &taken, "--policy", "policy.yaml", upstream], "cannot listen on 127.0.0.1:"),
        (vec!["--listen", "0", "--policy", "broken.yaml", upstream], "absent.pem"),
        (vec!["--listen", "0", "--policy", "absent.yaml", upstream], "absent.yaml"),
        (vec!["--listen", "0", upstream], "required"),
        (vec!["--policy", "policy.yaml", upstream], "--listen"),
        (vec!["--routes", "empty.yaml"], "empty.yaml: routes: there is none"),
        (vec!["--routes", "absent.yaml"], "cannot read absent.yaml"),
        (vec!["--routes", "empty.yaml", "--policy", "policy.yaml"], "cannot be used with"),
        (vec![], "required"),
    ] {
        let ran = uptls(folder.path(), &[&["proxy"], args.as_slice()].concat());
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(wanted), "{args:?}: {ran:?}");
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
