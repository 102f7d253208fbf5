//! `uptls proxy`: plain clients, verified upstreams.

mod admin;
mod audit;
mod clients;
mod ends;
mod http;
mod manifests;
mod rotation;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Folder, uptls};
use uptls_testkit::{RESPONSE_BODY, San, Server, Template, lines_of};

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
        let complaints = lines_of(child.stderr.take().unwrap());
        let log = lines_of(child.stdout.take().unwrap());
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

/// A proxy to `server` with one open connection.
fn with_open_connection(folder: &Folder, server: &Server, more: &[&str]) -> (Proxy, SocketAddr, TcpStream) {
    let proxy = Proxy::to(folder, server.addr(), more);
    let address = proxy.address("listens on");
    let open = connect(address);
    server.wait_for_handshakes(1);
    (proxy, address, open)
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
    let other = folder.issue(Template::leaf("other").with_sans(&[San::dns("other.internal")]).lasting());
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
        (vec!["--routes", "empty.yaml"], "empty.yaml:3:1: routes: there is none"),
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
