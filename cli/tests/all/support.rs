//! What the tests of the command stand on: the binary, a folder with certificates and policies, and `openssl s_server`.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use uptls_testkit::{CLIENT_AUTH, Certificate, Key, San, ServerOptions, Template, chain_pem};

/// What a run of the command gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The one JSON document on stdout.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The results of the envelope.
    pub(crate) fn results(&self) -> Vec<serde_json::Value> {
        self.json()["results"].as_array().unwrap().clone()
    }

    /// Stdout without what differs from run to run: digests, ports and times.
    pub(crate) fn steady(&self) -> String {
        self.stdout.lines().map(|line| steady(line) + "\n").collect()
    }

    /// The same without how far away ends are: that differs from day to day.
    pub(crate) fn timeless(&self) -> String {
        let cut = |line: &str| match line.split_once("  ends ") {
            Some((subject, _)) => format!("{subject}  ends ...\n"),
            None => format!("{line}\n"),
        };
        self.steady().lines().map(cut).collect()
    }
}

fn steady(line: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches([',', ':', ')']);
        let tail = word.get(bare.len()..).unwrap_or_default();
        match bare {
            _ if bare.starts_with("sha256:") => format!("sha256:...{tail}"),
            _ if bare.starts_with("127.0.0.1:") => format!("127.0.0.1:...{tail}"),
            _ if bare.starts_with("(127.0.0.1:") => format!("(127.0.0.1:...{tail}"),
            _ => word.to_owned(),
        }
    };
    let line = line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    match line.rsplit_once(", ").filter(|(_, last)| last.ends_with(" ms")) {
        Some((rest, _)) => format!("{rest}, ... ms"),
        None => line,
    }
}

/// Runs the command in `folder`.
pub(crate) fn uptls(folder: &Path, args: &[&str]) -> Ran {
    uptls_with_input(folder, args, b"")
}

/// The same with something on standard input.
pub(crate) fn uptls_with_input(folder: &Path, args: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_uptls"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may not want it.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with a small public key infrastructure that is valid for decades: live checks use the real clock.
pub(crate) struct Folder {
    dir: TempDir,
    pub(crate) root: Certificate,
    pub(crate) intermediate: Certificate,
    pub(crate) leaf: Certificate,
    pub(crate) client: Certificate,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        let key = Key::p256;
        let root = Template::ca("Test Root").lasting().self_signed(&key("root"));
        let intermediate = Template::ca("Test Issuing").lasting().issued_by(&root, &key("intermediate"));
        let leaf = Template::leaf("payments").with_sans(&[San::dns("payments.internal")]).lasting();
        let leaf = leaf.issued_by(&intermediate, &key("leaf"));
        let client = Template::leaf("gateway").with_sans(&[San::uri("spiffe://test/gateway")]).lasting();
        let client = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..client };
        let client = client.issued_by(&intermediate, &key("client"));
        let folder = Folder { dir: TempDir::new().unwrap(), root, intermediate, leaf, client };
        folder.write("ca.pem", &folder.root.pem());
        folder.write("chain.pem", &chain_pem(&[&folder.leaf, &folder.intermediate]));
        folder.write("leaf.pem", &folder.leaf.pem());
        folder.write("leaf.key", &folder.leaf.key().pkcs8_pem());
        folder.write("intermediate.pem", &folder.intermediate.pem());
        folder.write("client.pem", &chain_pem(&[&folder.client, &folder.intermediate]));
        folder.write("client.key", &folder.client.key().pkcs8_pem());
        folder.policy("policy.yaml", "");
        let identity = "identity: {certificate: {file: client.pem}, key: {file: client.key}}";
        folder.policy("mtls.yaml", identity);
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A policy for `payments.internal` with one more field.
    pub(crate) fn policy(&self, name: &str, field: &str) {
        let spec = "spec:\n  trust: {bundles: [{file: ca.pem}]}\n  serverName: payments.internal\n";
        let text =
            format!("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: payments}}\n{spec}  {field}\n");
        self.write(name, &text);
    }

    /// What an honest server presents.
    pub(crate) fn options(&self) -> ServerOptions {
        self.presenting(&[&self.leaf, &self.intermediate])
    }

    pub(crate) fn presenting(&self, chain: &[&Certificate]) -> ServerOptions {
        ServerOptions { time: None, ..ServerOptions::new(chain) }
    }

    /// A leaf of the intermediate.
    pub(crate) fn issue(&self, template: Template) -> Certificate {
        template.issued_by(&self.intermediate, &Key::p256("another leaf"))
    }

    /// `uptls check` of `payments.internal` at `address`, with more arguments.
    pub(crate) fn check(&self, policy: &str, address: SocketAddr, more: &[&str]) -> Ran {
        let address = address.to_string();
        let args = ["check", "--policy", policy, "--connect-to", &address];
        uptls(self.path(), &[args.as_slice(), more, &["payments.internal:443"]].concat())
    }
}

/// The step called `name` of a report.
pub(crate) fn step(report: &serde_json::Value, name: &str) -> serde_json::Value {
    let steps = report["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no step {name}: {report}")).clone()
}

/// The outcome of the step called `name` of a report.
pub(crate) fn outcome(report: &serde_json::Value, name: &str) -> String {
    step(report, name)["outcome"].as_str().unwrap().to_owned()
}

/// A running `openssl s_server`.
pub(crate) struct SServer {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl SServer {
    /// Starts with the folder's chain and key; `None`, said visibly, where there is no openssl.
    pub(crate) fn start(folder: &Folder, args: &[&str]) -> Option<SServer> {
        if !openssl_is_present() {
            return None;
        }
        let base = ["s_server", "-accept", "127.0.0.1:0", "-key", "leaf.key", "-cert", "leaf.pem", "-www"];
        let chain = ["-cert_chain", "intermediate.pem"];
        let mut child = Command::new("openssl")
            .args(base)
            .args(chain)
            .args(args)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let accept = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT ").map(str::to_owned));
        let address = accept.expect("s_server listens").parse().unwrap();
        // Its chatter must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some(SServer { child, address })
    }
}

/// Says it visibly where there is no openssl, and fails where it must be there.
#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a test that cannot run must say so")]
pub(crate) fn openssl_is_present() -> bool {
    let ran = Command::new("openssl").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if ran.is_ok() {
        return true;
    }
    let required = std::env::var_os("UPTLS_REQUIRE_SUITES").is_some_and(|value| value == "1");
    assert!(!required, "the openssl command is absent and UPTLS_REQUIRE_SUITES=1");
    println!("skipped: openssl command absent");
    false
}

impl Drop for SServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
