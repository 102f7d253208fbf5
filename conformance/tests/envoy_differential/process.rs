//! The Envoy process: found, started on free ports, stopped.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// Where Envoy is.
pub(crate) struct Binary(PathBuf);

impl Binary {
    /// `UPTLS_ENVOY`, or what `.ci/envoy.py` installs; `None`, said visibly, where there is none.
    #[allow(clippy::disallowed_methods, reason = "it decides which tests run, and nothing about verification")]
    pub(crate) fn find() -> Option<Self> {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/envoy/binary");
        let path = std::env::var_os("UPTLS_ENVOY").map_or(installed, PathBuf::from);
        if path.is_file() {
            return Some(Self(path));
        }
        let required = std::env::var_os("UPTLS_REQUIRE_SUITES").is_some_and(|value| value == "1");
        assert!(!required, "Envoy is absent and UPTLS_REQUIRE_SUITES=1: python3 .ci/envoy.py installs it");
        println!("skipped: envoy absent (python3 .ci/envoy.py installs it)");
        None
    }

    fn command(&self, folder: &Path, config: &Value) -> Command {
        let path = folder.join("envoy.json");
        fs::write(&path, config.to_string()).unwrap();
        let mut command = Command::new(&self.0);
        command.args(["--disable-hot-restart", "--log-level", "error", "-c"]).arg(path).current_dir(folder);
        command.stdin(Stdio::null());
        command
    }

    /// Whether Envoy takes a configuration with these clusters.
    pub(crate) fn validate(&self, folder: &Path, clusters: &[Value]) -> Result<(), String> {
        let config = json!({"node": node(), "static_resources": {"clusters": clusters}});
        let output = self.command(folder, &config).args(["--mode", "validate"]).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

/// A running Envoy; dropping it ends it.
pub(crate) struct Envoy {
    address: SocketAddr,
    child: Child,
}

impl Envoy {
    pub(crate) fn start(binary: &Binary, folder: &Path, clusters: Vec<Value>) -> Self {
        let admin = folder.join("admin");
        let log = fs::File::create(folder.join("envoy.log")).unwrap();
        let mut command = binary.command(folder, &bootstrap(clusters));
        command.arg("--admin-address-path").arg(&admin).args(["--concurrency", "2"]);
        let mut child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        for _ in 0..ATTEMPTS {
            let ended = child.try_wait().unwrap().is_some();
            assert!(!ended, "Envoy ended: {}", fs::read_to_string(folder.join("envoy.log")).unwrap_or_default());
            if let Some(address) = listener(&admin) {
                return Self { address, child };
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        panic!("Envoy is not ready")
    }

    /// What a request by this policy to this server gives: status and body.
    pub(crate) fn get(&self, policy: &str, server: SocketAddr) -> (u16, String) {
        let headers = format!("x-policy: {policy}\r\nx-envoy-original-dst-host: {server}\r\n");
        http_get(self.address, "/", &headers).expect("Envoy answers")
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address of the one listener, once Envoy is ready.
fn listener(admin: &Path) -> Option<SocketAddr> {
    let admin = fs::read_to_string(admin).ok()?.parse().ok()?;
    let (200, _) = http_get(admin, "/ready", "").ok()? else { return None };
    let (_, text) = http_get(admin, "/listeners?format=json", "").ok()?;
    // In chunks, of which there is one.
    let listeners: Value = serde_json::from_str(text.get(text.find('{')?..=text.rfind('}')?)?).ok()?;
    let address = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
    let port = u16::try_from(address["port_value"].as_u64()?).ok()?;
    Some(SocketAddr::new(address["address"].as_str()?.parse().ok()?, port))
}

fn http_get(address: SocketAddr, path: &str, headers: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: envoy.test\r\nConnection: close\r\n{headers}\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.get(9..12).and_then(|status| status.parse().ok());
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    status.zip(body).ok_or_else(|| std::io::Error::other(text))
}

/// One listener, every cluster by its name.
fn bootstrap(clusters: Vec<Value>) -> Value {
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "policies",
        "route_config": {"virtual_hosts": [{
            "name": "policies",
            "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster_header": "x-policy"}}],
        }]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }],
        "local_reply_config": {"body_format": {"text_format_source": {
            "inline_string": "%UPSTREAM_TRANSPORT_FAILURE_REASON% flags=%RESPONSE_FLAGS%",
        }}},
    });
    json!({
        "node": node(),
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "static_resources": {
            "listeners": [{
                "name": "policies",
                "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
                "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
            }],
            "clusters": clusters,
        },
    })
}

/// SDS wants one.
fn node() -> Value {
    json!({"id": "test", "cluster": "test"})
}

/// It is ready in a fifth of a second; a machine with other work may take some hundred times as long.
const ATTEMPTS: usize = 3000;
