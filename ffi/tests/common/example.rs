//! The programs of `examples/c`, each against servers that it accepts and refuses.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use uptls_testkit::relay::HttpProxy;
use uptls_testkit::{HostileServer, Misbehaviour, Server};

use super::common::{command, crate_folder, run, tool};
use super::fixture::Fixture;
use super::upstream::Upstream;

/// One run: what is given to a program, and what it must do.
pub(crate) struct Run {
    pub(crate) program: &'static str,
    pub(crate) arguments: Vec<String>,
    pub(crate) code: i32,
    /// What stands on its two outputs, in this order of the streams.
    pub(crate) says: Vec<&'static str>,
}

/// Everything that the examples talk to; it must live as long as they run.
pub(crate) struct World {
    upstream: Upstream,
    fixture: Fixture,
    nginx: Option<uptls_testkit::Nginx>,
    proxies: [HttpProxy; 2],
    server: Server,
    truncating: HostileServer,
}

impl World {
    pub(crate) fn new() -> Self {
        let upstream = Upstream::new();
        let server = Server::start(&upstream.options());
        let truncating = HostileServer::start(Misbehaviour::CutsTheResponse(Box::new(upstream.options())));
        let answers = ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 403 Forbidden\r\n\r\n"];
        let proxies = answers.map(|answer| HttpProxy::start(server.addr(), answer));
        Self { fixture: Fixture::new(), nginx: upstream.nginx(), proxies, server, truncating, upstream }
    }

    /// One good end and one bad end of each client: valgrind takes its time.
    pub(crate) fn few_runs(&self, many: usize) -> Vec<Run> {
        let mut runs = self.runs(many);
        let seldom = ["absent.yaml", "anonymous.yaml"];
        runs.retain(|run| {
            run.says.first() != Some(&TRUNCATED) && !seldom.iter().any(|name| run.arguments[0].ends_with(name))
        });
        runs
    }

    /// All runs, where `many` is how many connections the example of epoll makes.
    pub(crate) fn runs(&self, many: usize) -> Vec<Run> {
        let mut runs = self.offline();
        for program in ["get", "poll", "memory"] {
            if let Some(nginx) = &self.nginx {
                runs.extend(self.requests(program, nginx.addr()));
            }
        }
        if let Some(nginx) = self.nginx.as_ref().filter(|_| tool("openssl")) {
            runs.extend(self.tokens(nginx.addr()));
        }
        // nginx takes the end of a relay's input for the end of the connection, and then sends no close_notify.
        runs.push(self.run("relay", "policy.yaml", self.server.addr(), 0, &["HTTP/1.1 200"]));
        runs.push(self.run("relay", "other.yaml", self.server.addr(), 1, &["name_mismatch: ", "hint: "]));
        let [tunnel, refuses] = &self.proxies;
        runs.push(self.run("tunnel", "policy.yaml", tunnel.addr(), 0, &["HTTP/1.1 200"]));
        runs.push(self.run("tunnel", "other.yaml", tunnel.addr(), 1, &["name_mismatch: ", "hint: "]));
        runs.push(self.run("tunnel", "policy.yaml", refuses.addr(), 1, &["tcp_refused: ", "answered 403", "hint: "]));
        for program in ["get", "poll", "memory", "relay"] {
            runs.push(self.run(program, "policy.yaml", self.truncating.addr(), 1, &[TRUNCATED, "hint: "]));
        }
        let opened =
            ["\"observation\":\"connection_opened\"", "uptls_handshakes_total{kind=\"full\",version=\"1.3\"} 1\n"];
        runs.push(self.run("metrics", "policy.yaml", self.server.addr(), 0, &opened));
        let mut audit = |next, says: &[&'static str]| {
            let mut run = self.run("audit", "policy.yaml", self.server.addr(), 0, says);
            run.arguments.insert(1, self.upstream.text_path(next));
            runs.push(run);
        };
        audit(
            "other.yaml",
            &["\"refused\":{\"name_mismatch\":1}", "close connection 1: name_mismatch", "TLS 1.3 to CN=pay"],
        );
        audit("policy.yaml", &["\"accepted\":1,\"refused\":{}", "would refuse 0 of"]);
        let failed = ["\"code\":\"name_mismatch\"", "uptls_handshake_failures_total{reason=\"name_mismatch\"} 1\n"];
        runs.push(self.run("metrics", "other.yaml", self.server.addr(), 1, &failed));
        let mut epoll = |policy, code, says: &'static str| {
            let mut run = self.run("epoll", policy, self.server.addr(), code, &[]);
            run.arguments.push(many.to_string());
            run.says.push(says);
            runs.push(run);
        };
        epoll("policy.yaml", 0, " answered");
        epoll("other.yaml", 1, "0 of ");
        runs
    }

    /// The key stands in a file here, and the program never reads it.
    fn tokens(&self, nginx: SocketAddr) -> Vec<Run> {
        let signs = format!("openssl dgst -sha256 -sign {}", self.upstream.text_path("tls.key"));
        let run = |command: &str, code, says: &[&'static str]| {
            let mut run = self.run("token", "ca.pem", nginx, code, says);
            run.arguments.splice(1..1, [self.upstream.text_path("tls.crt"), command.to_owned()]);
            run
        };
        let mut logged = run(&signs, 0, &["ssl_client_verify=SUCCESS", "ssl_client_s_dn=CN=gateway"]);
        logged.arguments.push(self.upstream.text_path("keys.log"));
        vec![
            logged,
            run("cat > /dev/null; printf wrong", 1, &["identity_sign_failed: ", "5 bytes that are no", "hint: "]),
            run("exit 3", 1, &["identity_sign_failed: ", "hint: "]),
        ]
    }

    fn requests(&self, program: &'static str, nginx: SocketAddr) -> Vec<Run> {
        let answer = ["HTTP/1.1 200", "ssl_client_verify=SUCCESS", "ssl_server_name=pay.test"];
        vec![
            self.run(program, "policy.yaml", nginx, 0, &answer),
            self.run(program, "anonymous.yaml", nginx, 0, &["HTTP/1.1 400"]),
            self.run(program, "other.yaml", nginx, 1, &["name_mismatch: ", "hint: "]),
            self.run(program, "absent.yaml", nginx, 1, &["document_unreadable: ", "hint: "]),
        ]
    }

    fn run(&self, program: &'static str, policy: &str, to: SocketAddr, code: i32, says: &[&'static str]) -> Run {
        let (policy, name) = (self.upstream.text_path(policy), "pay.test".to_owned());
        let (address, port) = (to.ip().to_string(), to.port().to_string());
        let arguments = match program {
            "get" => vec![policy, name, port, address],
            // Of the proxy, which resolves the name.
            "tunnel" => vec![policy, name, "443".to_owned(), address, port],
            _ => vec![policy, name, address, port],
        };
        Run { program, arguments, code, says: says.to_vec() }
    }

    fn offline(&self) -> Vec<Run> {
        let (policy, now) = (self.fixture.text_path("policy.yaml"), Fixture::now());
        let verify = |chain, code, says| {
            let arguments = vec![policy.clone(), self.fixture.text_path(chain), "-".to_owned(), now.clone()];
            Run { program: "verify", arguments, code, says: vec![says] }
        };
        let build = |ca: &str, chain: &str, name: &str, code, says| {
            let arguments =
                vec![self.fixture.text_path(ca), self.fixture.text_path(chain), name.to_owned(), now.clone()];
            Run { program: "build", arguments, code, says }
        };
        let manifests = String::from_utf8(self.fixture.read("manifests/all.yaml")).expect("UTF-8");
        std::fs::create_dir_all(self.fixture.path("faulty")).expect("a folder");
        self.fixture.write(
            "faulty/all.yaml",
            &manifests.replace("kind: ConfigMap, name: pay-ca", "kind: ConfigMap, name: absent"),
        );
        let backends = |folder, code, says| {
            let arguments = vec![self.fixture.text_path(folder)];
            Run { program: "backends", arguments, code, says: vec![says] }
        };
        let refused = crate_folder().join("../examples/refused").display().to_string();
        vec![
            verify("chain.pem", 0, "accepted"),
            verify("other.pem", 1, "refused: name_mismatch: "),
            build("ca.pem", "chain.pem", "payments.internal", 0, vec!["payments, sha256:", "\"h2\"", "\naccepted"]),
            build("ca.pem", "other.pem", "payments.internal", 1, vec!["refused: name_mismatch: ", "in general: "]),
            build("absent.pem", "chain.pem", "payments.internal", 2, vec!["policy: trust_unreadable: ", "hint: "]),
            build("ca.pem", "chain.pem", "10.0.0.7", 2, vec!["policy: name_invalid: "]),
            backends("manifests", 0, "shop/pay:443: sha256:"),
            backends("faulty", 1, "shop/pay:443: reference_unresolved"),
            backends("nowhere", 1, "document_unreadable: "),
            Run { program: "errors", arguments: vec![refused], code: 0, says: TOUR.to_vec() },
            Run {
                program: "errors",
                arguments: vec!["/nowhere".to_owned()],
                code: 1,
                says: vec!["/nowhere/policy.yaml"],
            },
        ]
    }
}

/// Does the runs, each behind the words of a tool, if there is one.
pub(crate) fn check(programs: &BTreeMap<&str, PathBuf>, runs: &[Run], behind: &[&str]) {
    for Run { program, arguments, code, says } in runs {
        let path = programs.get(program).expect("it was compiled");
        let words = behind.iter().map(Into::into).chain([path.clone().into_os_string()]);
        let mut words = words.chain(arguments.iter().map(Into::into));
        let input = if *program == "relay" { REQUEST } else { b"" };
        let output = run(&mut command(words.next().expect("a program"), words), input);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(*code), "{program} {arguments:?}: {said}");
        for text in says {
            assert!(said.contains(text), "{program} {arguments:?} does not say {text:?}: {said}");
        }
    }
}

/// The example of a watch, while the CA is replaced, spoiled and deleted; behind the words of a tool, if there is one.
pub(crate) fn watch(program: &Path, behind: &[&str]) {
    let upstream = Upstream::new();
    let words = behind.iter().map(OsStr::new).chain([program.as_os_str()]);
    let mut words = words.map(OsStr::to_owned);
    let mut command = command(words.next().expect("a program"), words);
    let mut child =
        command.arg(upstream.path("policy.yaml")).arg("3").stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it was piped")).lines().map_while(Result::ok);
    let mut until =
        |what: &str| lines.find(|line| line.contains(what)).unwrap_or_else(|| panic!("it never said {what}"));
    until("[generation 1, ready]");
    let (ca, next) = (upstream.path("ca.pem"), upstream.path("next.pem"));
    std::fs::copy(upstream.path("chain.pem"), &next).expect("it can be copied");
    std::fs::rename(&next, &ca).expect("it can be replaced");
    until("\"kind\": \"updated\"");
    until("[generation 2, ready]");
    std::fs::write(&ca, "no certificate").expect("it can be written");
    until("\"kind\": \"degraded\"");
    until("[generation 2, degraded");
    std::fs::remove_file(&ca).expect("it can be deleted");
    until("\"kind\": \"withdrawn\"");
    until(", withdrawn");
    assert!(child.wait().expect("it ends").success());
}

/// Where an example is.
pub(crate) fn source(program: &str) -> PathBuf {
    crate_folder().join("../examples/c").join(format!("{program}.c"))
}

pub(crate) const EXAMPLES: [&str; 15] = [
    "audit", "backends", "build", "epoll", "errors", "get", "memory", "metrics", "poll", "refused", "relay", "token",
    "tunnel", "verify", "watch",
];

/// What goes into the relay; the others make their request themselves.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: pay.test\r\nConnection: close\r\n\r\n";

/// The codes of the tour.
const TOUR: [&str; 8] = [
    "document_parse (119)",
    "trust_missing (104)",
    "trust_unreadable (108)",
    "name_invalid (111)",
    "name_mismatch (601)",
    "cert_none (422)",
    "tcp_refused (302)",
    "misuse (906)",
];

const TRUNCATED: &str = "truncated: ";
