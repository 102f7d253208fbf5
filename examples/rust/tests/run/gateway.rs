//! The gateway as a process: which host goes where, and that no rotation costs a request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use uptls_testkit::{CLIENT_AUTH, Certificate, Key, NOW, San, ServerOptions, Template, YEAR, pem};

use crate::asynchronous::tls_server;

const HOST: &str = "pay.test";

/// What the gateway reads, and who stands behind it: an upstream that wants a client certificate.
struct World {
    clients: Vec<Certificate>,
    folder: tempfile::TempDir,
    root: Certificate,
    stranger: Certificate,
    upstream: SocketAddr,
}

fn issued(template: Template, issuer: &Certificate, seed: &str) -> Certificate {
    template.with_validity(NOW - YEAR, NOW + 100 * YEAR).issued_by(issuer, &Key::p256(seed))
}

impl World {
    fn new() -> World {
        let ca = |name: &str, seed| {
            let template = Template::ca(name).with_validity(NOW - YEAR, NOW + 110 * YEAR);
            template.self_signed(&Key::p256(seed))
        };
        let (root, stranger) = (ca("Gateway Root", "gateway root"), ca("Another Root", "another root"));
        let leaf = issued(Template::leaf("pay").with_sans(&[San::dns(HOST)]), &root, "gateway leaf");
        let client = |name| Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf(name) };
        let clients = ["client a", "client b"].map(|name| issued(client(name), &root, name)).into();
        let options = ServerOptions { alpn: vec![b"h2", b"http/1.1"], ..ServerOptions::new(&[&leaf]) };
        let upstream = tls_server(&options.with_client_roots(&[&root]));
        let world = World { clients, folder: tempfile::tempdir().unwrap(), root, stranger, upstream };
        world.rotate(0);
        world
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.folder.path().join(file);
        // As writers should: whole, by one rename.
        let written = path.with_extension("new");
        std::fs::write(&written, text).unwrap();
        std::fs::rename(&written, path).unwrap();
    }

    fn document(&self, server_name: &str, alpn: &str, client: usize) -> String {
        format!(
            "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: pay}}\nspec:\n  trust: {{bundles: [{{file: ca.pem}}]}}\n  serverName: {server_name}\n  alpn: {{protocols: [{alpn}]}}\n  identity: {{certificate: {{file: client{client}.pem}}, key: {{file: client{client}.key}}}}\n"
        )
    }

    /// The CA set, the identity and the document change, each in its turn.
    fn rotate(&self, number: usize) {
        let others = if number.is_multiple_of(2) { String::new() } else { self.stranger.pem() };
        self.write("ca.pem", &format!("{}{others}", self.root.pem()));
        let client = number / 2 % 2;
        self.write(&format!("client{client}.pem"), &self.clients[client].pem());
        self.write(&format!("client{client}.key"), &pem("PRIVATE KEY", &self.clients[client].key().pkcs8_der()));
        let alpn = if (number / 4).is_multiple_of(2) { "h2, http/1.1" } else { "http/1.1" };
        self.write("pay.test.yaml", &self.document(HOST, alpn, client));
    }
}

struct Gateway {
    address: SocketAddr,
    process: Child,
}

impl Gateway {
    fn start(folder: &Path, upstream: SocketAddr) -> Gateway {
        let arguments = ["127.0.0.1:0", folder.to_str().unwrap(), &upstream.to_string()];
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        let mut process = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Gateway { address: line.trim().parse().expect("the gateway prints where it listens"), process }
    }

    fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(self.address).unwrap();
        // Against a hang alone.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        BufReader::new(stream)
    }

    fn get(&self, host: &str) -> (String, String) {
        get(&mut self.connect(), host)
    }

    /// Asks until the answer is that one; a hang ends the test.
    fn get_until(&self, wanted: &str) {
        for _ in 0..6000 {
            if self.get(HOST).1 == wanted {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("never {wanted}: {:?}", self.get(HOST));
    }

    /// Its log so far, and all of it.
    fn stop(mut self) -> String {
        self.process.kill().unwrap();
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        self.process.wait().unwrap();
        log
    }
}

/// The status line and the body of one GET on a connection that is kept.
fn get(connection: &mut BufReader<TcpStream>, host: &str) -> (String, String) {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, x-gone\r\nX-Gone: yes\r\n\r\n");
    connection.get_mut().write_all(request.as_bytes()).unwrap();
    let (mut head, mut length, mut chunked) = (Vec::new(), 0, false);
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).unwrap();
        let lower = line.trim().to_lowercase();
        if lower.is_empty() {
            break;
        }
        length = lower.strip_prefix("content-length: ").map_or(length, |length| length.parse().unwrap());
        chunked |= lower == "transfer-encoding: chunked";
        head.push(line.trim().to_owned());
    }
    let mut body = Vec::new();
    while chunked {
        let mut size = String::new();
        connection.read_line(&mut size).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        connection.read_exact(&mut chunk).unwrap();
        body.extend_from_slice(&chunk[..size]);
        chunked = size > 0;
    }
    let mut rest = vec![0; length];
    connection.read_exact(&mut rest).unwrap();
    body.extend(rest);
    (head.first().cloned().unwrap_or_default(), String::from_utf8(body).unwrap())
}

#[test]
fn gateway_follows_its_folder_and_fails_closed() {
    let world = World::new();
    let gateway = Gateway::start(world.folder.path(), world.upstream);
    assert_eq!(gateway.get(HOST), ("HTTP/1.1 200 OK".to_owned(), "hello".to_owned()));
    let (status, _) = gateway.get("other.test");
    assert_eq!(status, "HTTP/1.1 404 Not Found");
    // A CA that does not know the upstream, then one that does: the files alone change.
    world.write("ca.pem", &world.stranger.pem());
    gateway.get_until("cert_unknown_issuer");
    world.write("ca.pem", &world.root.pem());
    gateway.get_until("hello");
    // A document that is broken keeps the last good one; one that names another peer does not.
    world.write("pay.test.yaml", "kind: [");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(gateway.get(HOST).1, "hello");
    world.write("pay.test.yaml", &world.document("other.test", "http/1.1", 0));
    gateway.get_until("name_mismatch");
    std::fs::remove_file(world.folder.path().join("pay.test.yaml")).unwrap();
    gateway.get_until("no policy has this host");
    let log = gateway.stop();
    for wanted in ["pay.test: generation 3: degraded", "pay.test: generation 4: updated", ": withdrawn"] {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }
}

/// Six clients, 1,800 requests; after every hundredth the CA set, the identity or the protocols are other ones.
#[test]
fn gateway_loses_no_request_while_everything_rotates() {
    let world = World::new();
    let gateway = Gateway::start(world.folder.path(), world.upstream);
    let answered = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut connection = gateway.connect();
                for _ in 0..300 {
                    assert_eq!(get(&mut connection, HOST), ("HTTP/1.1 200 OK".to_owned(), "hello".to_owned()));
                    let number = answered.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                    if number.is_multiple_of(100) {
                        world.rotate(number / 100);
                        // Time for the gateway to see it, while the other clients go on.
                        thread::sleep(Duration::from_millis(250));
                    }
                }
            });
        }
    });
    let log = gateway.stop();
    let updates = log.lines().filter(|line| line.ends_with(": updated")).count();
    // Each rotation changes content; the watch or the folder may see two of them as one.
    assert!(updates >= 9, "{updates} updates: {log}");
    assert!(!log.contains("_"), "no refusal and no other code is in the log: {log}");
}

/// Sixteen clients ask as fast as they are answered, and every two seconds the CA set, the identity and the document are other
/// ones. `make load T=60` takes a minute and prints figures; without it the load lasts five seconds.
#[test]
#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "its caller says how long it lasts, and reads the figures"
)]
fn gateway_under_load() {
    let seconds = std::env::var("UPTLS_LOAD_SECONDS").map_or(5, |text| text.parse().expect("seconds"));
    let world = World::new();
    let gateway = Gateway::start(world.folder.path(), world.upstream);
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut rotations, mut latencies, mut failures) = (0, Vec::new(), Vec::new());
    thread::scope(|scope| {
        let clients: Vec<_> = (0..16).map(|_| scope.spawn(|| ask_until(&gateway, end))).collect();
        while Instant::now() + ROTATION < end {
            thread::sleep(ROTATION);
            rotations += 1;
            world.rotate(rotations);
        }
        for client in clients {
            let (times, refused) = client.join().unwrap();
            latencies.extend(times);
            failures.extend(refused);
        }
    });
    latencies.sort_unstable();
    let at = |part: usize| latencies[(latencies.len() - 1) * part / 1000];
    let updates = gateway.stop().lines().filter(|line| line.ends_with(": updated")).count();
    println!(
        "{} requests in {seconds} s by 16 clients, {} failed; {rotations} rotations, {updates} generations; median {:?}, 99.9% {:?}",
        latencies.len() + failures.len(),
        failures.len(),
        at(500),
        at(999),
    );
    assert_eq!(failures, Vec::<(String, String)>::new());
    assert!(updates + 1 >= rotations, "the gateway saw {updates} of {rotations} rotations");
}

/// How long each answer took, and the answers that were none.
fn ask_until(gateway: &Gateway, end: Instant) -> (Vec<Duration>, Vec<(String, String)>) {
    let (mut times, mut failures) = (Vec::new(), Vec::new());
    let mut connection = gateway.connect();
    while Instant::now() < end {
        let begin = Instant::now();
        match get(&mut connection, HOST) {
            (status, body) if status == "HTTP/1.1 200 OK" && body == "hello" => times.push(begin.elapsed()),
            other => failures.push(other),
        }
    }
    (times, failures)
}

const ROTATION: Duration = Duration::from_secs(2);
