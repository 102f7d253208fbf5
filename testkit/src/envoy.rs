//! The real Envoy as a process: found, started on a free port, asked, stopped.
#![allow(clippy::print_stdout, reason = "a test that cannot run must say so")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process;

/// Where Envoy is.
#[derive(Debug)]
pub struct Binary(PathBuf);

impl Binary {
    /// `UPTLS_ENVOY`, or what `.ci/envoy.py` installs; `None`, said visibly, where there is none.
    #[allow(clippy::disallowed_methods, reason = "it decides which tests run, and nothing about verification")]
    pub fn find() -> Option<Self> {
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn command(&self, folder: &Path, name: &str, config: &str) -> Command {
        let path = folder.join(name);
        fs::write(&path, config).unwrap();
        let mut command = Command::new(&self.0);
        command.args(["--disable-hot-restart", "--log-level", "error", "-c"]).arg(path).current_dir(folder);
        command.stdin(Stdio::null());
        // Where the module is, for those configurations that load it.
        command.env("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", built());
        command
    }

    /// Whether Envoy takes a configuration with these clusters.
    pub fn validate(&self, folder: &Path, clusters: &[Value]) -> Result<(), String> {
        let config = json!({"node": node(), "static_resources": {"clusters": clusters}});
        self.validate_text(folder, "envoy.json", &config.to_string())
    }

    /// Whether Envoy takes this text in a file of this name, whose ending says what it is: JSON or YAML.
    pub fn validate_text(&self, folder: &Path, name: &str, config: &str) -> Result<(), String> {
        let output = self.command(folder, name, config).args(["--mode", "validate"]).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

/// A cluster around a context: each request says which server it reaches, and makes a connection of its own.
pub fn cluster(name: &str, context: &Value) -> Value {
    json!({
        "name": name,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "original_dst_lb_config": {"use_http_header": true},
        "connect_timeout": "30s",
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"max_requests_per_connection": 1},
                "explicit_http_config": {"http_protocol_options": {}},
            },
        },
    })
}

/// Where `cargo build` leaves what it builds: the folder of a binary, and that above the folder of a test.
pub fn built() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().unwrap();
    if folder.ends_with("deps") { folder.parent().unwrap().to_owned() } else { folder.to_owned() }
}

/// A running Envoy; dropping it ends it.
#[derive(Debug)]
pub struct Envoy {
    address: SocketAddr,
    child: Child,
}

impl Envoy {
    /// Starts it with these clusters and two workers. A request names the cluster that it goes to; one of the type `ORIGINAL_DST`
    /// goes to the server that [`Envoy::get`] is given.
    pub fn start(binary: &Binary, folder: &Path, clusters: Vec<Value>) -> Self {
        Self::start_with(binary, folder, clusters, Vec::new())
    }

    /// The same with these filters for HTTP, before the one that sends a request on.
    pub fn start_with(binary: &Binary, folder: &Path, clusters: Vec<Value>, filters: Vec<Value>) -> Self {
        let admin = folder.join("admin");
        let log = fs::File::create(folder.join("envoy.log")).unwrap();
        let mut command = binary.command(folder, "envoy.json", &bootstrap(clusters, filters).to_string());
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

    /// How much memory it holds.
    pub fn resident_kib(&self) -> u64 {
        process::resident_kib(self.child.id()).unwrap()
    }

    /// How much time its threads have run, in ticks.
    pub fn ticks(&self) -> u64 {
        process::ticks(self.child.id()).unwrap()
    }

    /// How many watches of the file system it holds: Linux gives all processes of a user 128 by default, and Envoy ends when it
    /// gets none.
    pub fn inotify_instances(&self) -> usize {
        let files = fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().flatten();
        let is_one =
            |path: &fs::DirEntry| fs::read_link(path.path()).is_ok_and(|to| to.ends_with("anon_inode:inotify"));
        files.filter(is_one).count()
    }

    /// What a request by this policy to this server gives: status and body.
    pub fn get(&self, policy: &str, server: SocketAddr) -> (u16, String) {
        self.get_as(policy, server, "envoy.test")
    }

    /// The same for this host, where the cluster makes something of it.
    pub fn get_as(&self, policy: &str, server: SocketAddr, host: &str) -> (u16, String) {
        let headers = format!("Host: {host}\r\nx-policy: {policy}\r\nx-envoy-original-dst-host: {server}\r\n");
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
    let (200, _) = http_get(admin, "/ready", HOST).ok()? else { return None };
    let (_, text) = http_get(admin, "/listeners?format=json", HOST).ok()?;
    // In chunks, of which there is one.
    let listeners: Value = serde_json::from_str(text.get(text.find('{')?..=text.rfind('}')?)?).ok()?;
    let address = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
    let port = u16::try_from(address["port_value"].as_u64()?).ok()?;
    Some(SocketAddr::new(address["address"].as_str()?.parse().ok()?, port))
}

fn http_get(address: SocketAddr, path: &str, headers: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.get(9..12).and_then(|status| status.parse().ok());
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    status.zip(body).ok_or_else(|| std::io::Error::other(text))
}

/// One listener, every cluster by its name.
fn bootstrap(clusters: Vec<Value>, mut filters: Vec<Value>) -> Value {
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    }));
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "policies",
        "route_config": {"virtual_hosts": [{
            "name": "policies",
            "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster_header": "x-policy"}}],
        }]},
        "http_filters": filters,
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

const HOST: &str = "Host: envoy.test\r\n";
/// It is ready in a fifth of a second; a machine with other work may take some hundred times as long.
const ATTEMPTS: usize = 3000;
