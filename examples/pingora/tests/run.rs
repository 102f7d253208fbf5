//! Runs the program against a server that keeps connections: pingora reuses them for one policy, and for no other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use rustls::{ServerConnection, StreamOwned};
use uptls_testkit::{Certificate, Key, NOW, San, ServerOptions, Sessions, Template, YEAR};

fn certificates() -> (Certificate, Certificate) {
    let (begin, century) = (NOW - YEAR, NOW + 100 * YEAR);
    let root = Template::ca("Pingora Root").with_validity(begin, century).self_signed(&Key::p256("pingora root"));
    let template = Template::leaf("pay").with_sans(&[San::dns("pay.test")]).with_validity(begin, century);
    let leaf = template.issued_by(&root, &Key::p256("pingora leaf"));
    (root, leaf)
}

/// Answers every request, until the process of the tests ends.
fn serve(leaf: &Certificate) -> SocketAddr {
    let config = ServerOptions::new(&[leaf]).config(&Sessions::new());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, socket.unwrap()));
            thread::spawn(move || {
                let mut line = String::new();
                // The client may go away at any moment.
                while matches!(stream.read_line(&mut line), Ok(1..)) {
                    if line.ends_with("\r\n\r\n") {
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
                        let _ = stream.get_mut().write_all(answer);
                        line.clear();
                    }
                }
            });
        }
    });
    address
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pingora_get")).current_dir(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn pingora_reuses_a_connection_for_the_policy_that_judged_it_alone() {
    let (root, leaf) = certificates();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("ca.pem"), root.pem()).unwrap();
    for (file, name) in [("policy.yaml", "pay.test"), ("next.yaml", "pay.test"), ("wrong.yaml", "other.test")] {
        // The next policy permits one version less.
        let versions = if file == "next.yaml" { "\n  versions: {min: \"1.3\"}" } else { "" };
        let document = format!(
            "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: pay}}\nspec:\n  trust: {{bundles: [{{file: ca.pem}}]}}\n  serverName: {name}\n  alpn: {{protocols: [http/1.1]}}{versions}\n"
        );
        std::fs::write(path.join(file), document).unwrap();
    }
    let address = serve(&leaf).to_string();
    let followed = run(path, &["policy.yaml", "pay.test", &address, "next.yaml"]);
    let expected = "generation 1: 200 OK, 5 bytes, reused: false\ngeneration 1: 200 OK, 5 bytes, reused: true\n\
                    generation 2: 200 OK, 5 bytes, reused: false\ngeneration 2: 200 OK, 5 bytes, reused: true\n";
    assert_eq!(text(&followed.stdout), expected, "{}", text(&followed.stderr));

    let refused = run(path, &["policy.yaml", "pay.test", &address, "wrong.yaml"]);
    assert_eq!(text(&refused.stdout), expected.split_inclusive('\n').take(2).collect::<String>());
    assert!(text(&refused.stderr).starts_with("name_mismatch: "), "{}", text(&refused.stderr));
    assert_eq!(refused.status.code(), Some(1));
}
