//! `make proxies`: `uptls proxy` beside stunnel, HAProxy, ghostunnel and Envoy, as far as they are installed: what each takes
//! between the same clients and the same upstream, which asks for a client certificate and resumes nothing.
//!
//! `proxies [CONNECTIONS]`, after `cargo build --release -p uptls-cli`, prints one JSON line. The proxies take turns, and each
//! figure is the median of [`ROUNDS`]. CPU is that of the proxy alone.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot set itself up has no figures")]

#[allow(dead_code, reason = "only the soak replaces certificates")]
#[path = "../http_upstream.rs"]
mod http_upstream;
mod load;
mod peers;
mod upstream;

use std::process::ExitCode;

use serde_json::{Value, json};
use uptls_testkit::{CLIENT_AUTH, Certificate, Key, San, ServerOptions, Sessions, Template, chain_pem};

use http_upstream::HttpUpstream;
use load::Figures;
use peers::{Peer, World};
use upstream::Upstream;

fn main() -> ExitCode {
    let connections = match std::env::args().nth(1).map(|count| count.parse()) {
        None => 2000,
        Some(Ok(count)) => count,
        Some(Err(_)) => {
            eprintln!("usage: proxies [CONNECTIONS]");
            return ExitCode::from(2);
        }
    };
    let (root, server) = certificates("payments", &[San::dns(NAME)]);
    let (client_root, client) = certificates("gateway", &[]);
    let upstream = Upstream::start(&server, &client_root);
    let folder = tempfile::tempdir().unwrap();
    let files = [("ca.pem", root.pem()), ("identity.pem", chain_pem(&[&client]) + &client.key().pkcs8_pem())];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let world = World { folder: folder.path(), upstream: upstream.address() };
    let mut table = rounds(&peers::all(&world), |peer| load::measure(peer, connections));
    table["connections"] = json!(connections);
    let options = ServerOptions { time: None, ..ServerOptions::new(&[&server]) }.with_client_roots(&[&client_root]);
    let options = ServerOptions { alpn: vec![b"h2", b"http/1.1"], ..options };
    let upstream = HttpUpstream::start(options.config(&Sessions::new()));
    let world = World { folder: folder.path(), upstream: upstream.address() };
    table["http"] = rounds(&peers::of_requests(&world), load::measure_requests);
    println!("{table}");
    ExitCode::SUCCESS
}

/// A row for each proxy; they take turns.
fn rounds(peers: &[Peer], measure: impl Fn(&Peer) -> Figures) -> Value {
    let mut figures: Vec<Vec<Figures>> = peers.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (peer, figures) in peers.iter().zip(&mut figures) {
            eprintln!("{}", peer.name);
            figures.push(measure(peer));
        }
    }
    let rows = peers.iter().zip(figures).map(|(peer, figures)| (peer.name.to_owned(), load::median(figures)));
    rows.collect::<serde_json::Map<_, _>>().into()
}

/// A root, and a leaf of it.
fn certificates(name: &str, sans: &[San]) -> (Certificate, Certificate) {
    let root = Template::ca(&format!("{name} root")).lasting().self_signed(&Key::p256(&format!("{name} root")));
    let mut leaf = Template::leaf(name).with_sans(sans).lasting();
    if sans.is_empty() {
        leaf.extended_key_usage = Some(vec![CLIENT_AUTH]);
    }
    let leaf = leaf.issued_by(&root, &Key::p256(name));
    (root, leaf)
}

/// What every proxy must find in the certificate.
const NAME: &str = "payments.internal";
const ROUNDS: usize = 3;
