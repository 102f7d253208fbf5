//! Runs the examples against a real nginx, over HTTP/1.1 and HTTP/2.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use uptls_testkit::{Nginx, NginxOptions};

use crate::asynchronous::health_server;
use crate::support::{Upstream, text};

/// A program with its arguments, in which `ADDRESS` and `PORT` stand for those of nginx.
struct Run<'a> {
    alpn: &'a str,
    arguments: &'a [&'a str],
    program: &'a str,
}

impl Run<'_> {
    /// The certificate is for `pay.test`. A policy that wants this name gets an answer with these lines; one that wants
    /// another gets a refusal that begins so, and nginx is told why (H5).
    fn accepts_the_right_peer_alone(&self, lines: &[&str], refusal: &str) {
        for (name, right) in [("pay.test", true), ("other.test", false)] {
            let upstream = Upstream::new(name, self.alpn);
            let Some(nginx) = Nginx::start(&NginxOptions::new(&[&upstream.leaf])) else { return };
            let (address, port) = (nginx.addr().to_string(), nginx.addr().port().to_string());
            let fill = |argument: &&str| argument.replace("ADDRESS", &address).replace("PORT", &port);
            let arguments: Vec<String> = self.arguments.iter().map(fill).collect();
            let output = upstream.run(self.program, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
            let (out, err) = (text(&output.stdout), text(&output.stderr));
            assert_eq!(output.status.success(), right, "{out} {err}");
            if right {
                assert!(lines.iter().all(|line| out.contains(line)), "{out} {err}");
            } else {
                assert!(out.is_empty() && err.starts_with(refusal), "{out} {err}");
                nginx.wait_for_log("SSL alert number 42");
            }
        }
    }
}

#[test]
fn blocking_get_reads_from_nginx() {
    let program = env!("CARGO_BIN_EXE_blocking_get");
    let run = Run { alpn: "", arguments: &["policy.yaml", "pay.test:443", "ADDRESS"], program };
    run.accepts_the_right_peer_alone(&["HTTP/1.1 200", HTTP_1, SERVER_NAME], "name_mismatch: ");
}

#[test]
fn tokio_get_reads_from_nginx() {
    let program = env!("CARGO_BIN_EXE_tokio_get");
    let run = Run { alpn: "", arguments: &["policy.yaml", "pay.test:443", "ADDRESS"], program };
    run.accepts_the_right_peer_alone(&["HTTP/1.1 200", HTTP_1, SERVER_NAME], "name_mismatch: ");
}

#[test]
fn sans_io_reads_from_nginx() {
    let program = env!("CARGO_BIN_EXE_sans_io");
    let run = Run { alpn: "", arguments: &["policy.yaml", "pay.test", "ADDRESS"], program };
    run.accepts_the_right_peer_alone(&["HTTP/1.1 200", HTTP_1, SERVER_NAME], "name_mismatch: ");
}

#[test]
fn hyper_pool_reads_from_nginx_in_both_versions() {
    let arguments = &["policy.yaml", "https://pay.test/", "ADDRESS"];
    for (alpn, version) in [("http/1.1", "HTTP/1.1"), ("h2, http/1.1", "HTTP/2.0")] {
        let run = Run { alpn, arguments, program: env!("CARGO_BIN_EXE_hyper_pool") };
        run.accepts_the_right_peer_alone(&[&format!("generation 1: {version} 200 OK")], "name_mismatch: ");
    }
}

/// reqwest is built without HTTP/2 here.
#[test]
fn reqwest_get_reads_from_nginx() {
    let program = env!("CARGO_BIN_EXE_reqwest_get");
    let run = Run { alpn: "", arguments: &["policy.yaml", "https://pay.test:PORT/", "ADDRESS"], program };
    run.accepts_the_right_peer_alone(&[HTTP_1, SERVER_NAME], "error sending request");
}

/// nginx as the TLS side of a gRPC server.
#[test]
fn tonic_channel_asks_through_nginx() {
    let cases = [
        ("pay.test", true, "SERVING\n"),
        ("other.test", true, "name_mismatch: "),
        ("pay.test", false, "alpn_mismatch: "),
    ];
    let grpc = Some(health_server());
    for (name, h2, wanted) in cases {
        let upstream = Upstream::new(name, "h2");
        let options = NginxOptions { h2, grpc, ..NginxOptions::new(&[&upstream.leaf]) };
        let Some(nginx) = Nginx::start(&options) else { return };
        let arguments = ["policy.yaml", "pay.test:443", &nginx.addr().to_string()];
        let output = upstream.run(env!("CARGO_BIN_EXE_tonic_channel"), &arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.starts_with(wanted), "{said}");
        assert_eq!(output.status.success(), wanted == "SERVING\n");
    }
}

/// The guide's block of shell, with a free port, and with the end of nginx even if a step fails.
#[test]
fn the_guide_says_how_it_is_done() {
    if Nginx::program().is_none() || !openssl_is_installed() {
        return;
    }
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide.md")).unwrap();
    let block = guide.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```")).expect("a block of shell").0;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let block = block.replace("8443", &port.to_string());
    let (steps, stop) = block.trim_end().rsplit_once('\n').expect("many lines");
    assert!(stop.ends_with("-s stop"), "{stop}");
    let built = Path::new(env!("CARGO_BIN_EXE_hyper_pool")).parent().unwrap().display();
    let script = format!("set -eu; PATH=\"{built}:$PATH\"; trap '{stop}' EXIT\n{steps}\n");
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out} {err}");
    for line in ["generation 1: HTTP/2.0 200 OK", "HTTP/1.1 200 OK", "HTTP/1.1 from pay.test"] {
        assert!(out.contains(line), "{out} {err}");
    }
}

#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a test that cannot run must say so")]
fn openssl_is_installed() -> bool {
    let found = Command::new("openssl").arg("version").output().is_ok();
    if !found {
        let required = std::env::var_os("UPTLS_REQUIRE_SUITES").is_some_and(|value| value == "1");
        assert!(!required, "the openssl command is absent and UPTLS_REQUIRE_SUITES=1");
        println!("skipped: the openssl command is absent");
    }
    found
}

const HTTP_1: &str = "server_protocol=HTTP/1.1";
const SERVER_NAME: &str = "ssl_server_name=pay.test";
