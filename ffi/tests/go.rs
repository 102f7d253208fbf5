//! `examples/go` over an installed libuptls: its own tests, which talk to Go's TLS, and its program against a real nginx.
//! The names begin with `golang_`: the gate counts them as a face of their own.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::disallowed_methods, reason = "UPTLS_GO says where the command go is, nothing else")]
#![allow(clippy::print_stdout, reason = "which tests of Go ran must be seen")]

mod common;
#[path = "common/tree.rs"]
mod tree;
#[path = "common/upstream.rs"]
mod upstream;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{crate_folder, required_or_skipped, run, succeed};
use tree::Tree;
use upstream::Upstream;
use uptls_testkit::{Nginx, NginxOptions};

/// Go over a tree of libuptls; nothing comes from a network.
struct Go {
    command: PathBuf,
    tree: Tree,
}

impl Go {
    /// `None` where Go or what installs the library is absent, which is said.
    fn new() -> Option<Self> {
        let named = std::env::var_os("UPTLS_GO").map(PathBuf::from);
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("tmp stands in the target folder");
        let command = named.unwrap_or_else(|| target.join("go/command"));
        if !command.exists() {
            required_or_skipped("Go (python3 .ci/go.py installs it)");
            return None;
        }
        Some(Self { command, tree: Tree::new()? })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let library = self.tree.library();
        let mut go = common::command(&self.command, arguments);
        go.current_dir(crate_folder().join("../examples/go"))
            .env("CGO_ENABLED", "1")
            .env("CGO_LDFLAGS", format!("-Wl,-rpath,{}", library.display()))
            .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache"))
            .env("GOFLAGS", "-mod=mod")
            .env("GOPROXY", "off")
            .env("GOTOOLCHAIN", "local")
            .env("PKG_CONFIG_PATH", library.join("pkgconfig"));
        go
    }
}

#[test]
fn golang_tests_pass() {
    let Some(go) = Go::new() else { return };
    succeed(&mut go.command(&["vet", "./..."]), &[]);
    let root = succeed(&mut go.command(&["env", "GOROOT"]), &[]);
    let gofmt = Path::new(String::from_utf8_lossy(&root).trim()).join("bin/gofmt");
    let unformatted = succeed(common::command(gofmt, ["-l"]).arg(crate_folder().join("../examples/go")), &[]);
    assert!(unformatted.is_empty(), "not as gofmt has it: {}", String::from_utf8_lossy(&unformatted));
    // With the checks of what may be passed to C.
    let mut test = go.command(&["test", "-count=1", "-v", "./..."]);
    let printed = succeed(test.env("GODEBUG", "cgocheck=1"), &[]);
    let printed = String::from_utf8_lossy(&printed);
    assert!(printed.lines().filter(|line| line.starts_with("--- PASS: ")).count() >= 10, "{printed}");
    assert!(!printed.contains("--- SKIP"), "{printed}");
    println!("{printed}");
}

#[test]
fn golang_get_reads_from_nginx() {
    let Some(go) = Go::new() else { return };
    let get = go.tree.folder().join("get");
    let output = get.to_str().expect("UTF-8");
    succeed(&mut go.command(&["build", "-o", output, "./get"]), &[]);
    let upstream = Upstream::new();
    upstream.policy("both.yaml", "pay.test", "  alpn: {protocols: [h2, http/1.1]}\n");
    let Some(nginx) = upstream.nginx() else { return };
    let Some(plain) = Nginx::start(&NginxOptions { h2: false, ..NginxOptions::new(&[upstream.leaf()]) }) else {
        return;
    };
    let cases: [(&Nginx, &str, i32, &[&str]); 5] = [
        (&nginx, "h2.yaml", 0, &["HTTP/2.0 200 OK", "server_protocol=HTTP/2.0", "ssl_client_verify=SUCCESS"]),
        (&nginx, "policy.yaml", 0, &["HTTP/1.1 200 OK", "server_protocol=HTTP/1.1", "ssl_client_s_dn=CN=gateway"]),
        (&nginx, "both.yaml", 0, &["HTTP/2.0 400 Bad Request"]),
        (&plain, "both.yaml", 0, &["HTTP/1.1 200 OK", "server_protocol=HTTP/1.1", "ssl_server_name=pay.test"]),
        (&nginx, "other.yaml", 1, &["name_mismatch: ", "\nhint: "]),
    ];
    upstream.policy("h2.yaml", "pay.test", &format!("{}  alpn: {{protocols: [h2]}}\n", upstream::IDENTITY));
    for (nginx, policy, code, says) in cases {
        let mut command = common::command(&get, ["-connect-to", &nginx.addr().to_string()]);
        let output = run(command.arg(upstream.path(policy)).arg("https://pay.test/"), &[]);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{policy}: {said}");
        assert!(says.iter().all(|text| said.contains(text)), "{policy}: {said}");
    }
    nginx.wait_for_log("SSL alert number 42");
}
