//! The proxies, each with the same policy: one CA, one name, one client certificate.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use uptls_testkit::envoy::Binary;

use crate::NAME;

/// Where the files are, and the upstream.
pub(crate) struct World<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) upstream: SocketAddr,
}

/// A proxy that can be started.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    address: SocketAddr,
    arguments: Vec<String>,
    folder: PathBuf,
    program: PathBuf,
}

/// A proxy that runs, until it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    child: Child,
}

/// All that are installed; the others are named on stderr.
pub(crate) fn all(world: &World<'_>) -> Vec<Peer> {
    let own = own();
    let envoy = Binary::find().map(|binary| binary.path().to_owned());
    let groups = "  groups: [X25519, secp256r1]\n";
    [
        uptls("uptls", own.clone(), world, "", &[]),
        uptls("uptls_classical", own, world, groups, &[]),
        installed("stunnel").and_then(|program| stunnel(program, world)),
        installed("haproxy").and_then(|program| haproxy("haproxy", program, world, "tcp")),
        installed("ghostunnel").and_then(|program| ghostunnel(program, world)),
        envoy.and_then(|program| self::envoy("envoy", program, world, &tcp_filter())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Those that take requests of HTTP one by one. The upstream gets HTTP/1.1 from all, and HTTP/2 from one of ours.
pub(crate) fn of_requests(world: &World<'_>) -> Vec<Peer> {
    if installed("wrk").is_none() {
        return Vec::new();
    }
    let (own, alpn) = (own(), "  alpn: {protocols: [h2]}\n");
    let envoy = Binary::find().map(|binary| binary.path().to_owned());
    [
        uptls("uptls_http", own.clone(), world, "", &["--http"]),
        uptls("uptls_http2_upstream", own, world, alpn, &["--http"]),
        installed("haproxy").and_then(|program| haproxy("haproxy_http", program, world, "http")),
        envoy.and_then(|program| self::envoy("envoy_http", program, world, &http_filter())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn own() -> PathBuf {
    let own = std::env::current_exe().unwrap().with_file_name("uptls");
    assert!(own.is_file(), "cargo build --release -p uptls-cli comes first");
    own
}

fn installed(name: &str) -> Option<PathBuf> {
    let places = ["/usr/bin", "/usr/sbin", "/usr/local/bin"];
    let found = places.iter().map(|place| Path::new(place).join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("{name} is not installed: it has no row");
    }
    found
}

fn peer(name: &'static str, program: PathBuf, world: &World<'_>, address: SocketAddr, arguments: &[&str]) -> Peer {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    Peer { name, address, arguments, folder: world.folder.to_owned(), program }
}

fn uptls(name: &'static str, program: PathBuf, world: &World<'_>, more: &str, arguments: &[&str]) -> Option<Peer> {
    let (address, file) = (free(), format!("{name}.yaml"));
    let policy = format!(
        "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: payments}}\nspec:\n  \
         trust: {{bundles: [{{file: ca.pem}}]}}\n  serverName: {NAME}\n  \
         identity: {{certificate: {{file: identity.pem}}, key: {{file: identity.pem}}}}\n{more}"
    );
    fs::write(world.folder.join(&file), policy).ok()?;
    let (listen, upstream, to) = (address.to_string(), format!("{NAME}:443"), world.upstream.to_string());
    let base = ["proxy", "--listen", &listen, "--policy", &file, &upstream, "--connect-to", &to];
    Some(peer(name, program, world, address, &[&base, arguments].concat()))
}

fn stunnel(program: PathBuf, World { folder, upstream }: &World<'_>) -> Option<Peer> {
    let address = free();
    let text = format!(
        "foreground = yes\npid =\ndebug = 3\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n[payments]\nclient = yes\n\
         accept = {address}\nconnect = {upstream}\nCAfile = ca.pem\nverifyChain = yes\ncheckHost = {NAME}\nsni = {NAME}\n\
         cert = identity.pem\nkey = identity.pem\n"
    );
    fs::write(folder.join("stunnel.conf"), text).ok()?;
    let world = World { folder, upstream: *upstream };
    Some(peer("stunnel", program, &world, address, &["stunnel.conf"]))
}

fn haproxy(name: &'static str, program: PathBuf, World { folder, upstream }: &World<'_>, mode: &str) -> Option<Peer> {
    let address = free();
    let text = format!(
        "global\n  maxconn 4000\ndefaults\n  mode {mode}\n  timeout connect 10s\n  timeout client 1h\n  timeout server 1h\n\
         listen payments\n  bind {address}\n  server one {upstream} ssl verify required ca-file ca.pem sni str({NAME}) \
         verifyhost {NAME} crt identity.pem\n"
    );
    let file = format!("{name}.cfg");
    fs::write(folder.join(&file), text).ok()?;
    let world = World { folder, upstream: *upstream };
    Some(peer(name, program, &world, address, &["-db", "-q", "-f", &file]))
}

fn ghostunnel(program: PathBuf, world: &World<'_>) -> Option<Peer> {
    let address = free();
    let (listen, target) = (address.to_string(), world.upstream.to_string());
    let arguments = [
        "client",
        "--listen",
        &listen,
        "--target",
        &target,
        "--override-server-name",
        NAME,
        "--cacert",
        "ca.pem",
        "--cert",
        "identity.pem",
        "--key",
        "identity.pem",
        "--quiet",
        "all",
    ];
    Some(peer("ghostunnel", program, world, address, &arguments))
}

fn envoy(name: &'static str, program: PathBuf, world: &World<'_>, filter: &Value) -> Option<Peer> {
    let address = free();
    let file = |name: &str| json!({"filename": world.folder.join(name)});
    let context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": NAME,
        "common_tls_context": {
            "tls_certificates": [{"certificate_chain": file("identity.pem"), "private_key": file("identity.pem")}],
            "validation_context": {
                "trusted_ca": file("ca.pem"),
                "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": NAME}}],
            },
        },
    });
    let endpoint =
        |address: &SocketAddr| json!({"socket_address": {"address": "127.0.0.1", "port_value": address.port()}});
    let config = json!({"static_resources": {
        "listeners": [{"address": endpoint(&address), "filter_chains": [{"filters": [filter]}]}],
        "clusters": [{
            "name": "payments",
            "connect_timeout": "10s",
            "circuit_breakers": {"thresholds": [{"max_connections": 4000}]},
            "load_assignment": {"cluster_name": "payments", "endpoints": [{"lb_endpoints": [
                {"endpoint": {"address": endpoint(&world.upstream)}},
            ]}]},
            "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context},
        }],
    }});
    let file = format!("{name}.json");
    fs::write(world.folder.join(&file), config.to_string()).ok()?;
    let arguments = ["--disable-hot-restart", "--log-level", "error", "--concurrency", "2", "-c", &file];
    Some(peer(name, program, world, address, &arguments))
}

fn tcp_filter() -> Value {
    json!({"name": "tcp", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "tcp", "cluster": "payments",
    }})
}

fn http_filter() -> Value {
    let router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    let routes = json!([{"match": {"prefix": "/"}, "route": {"cluster": "payments", "host_rewrite_literal": NAME}}]);
    json!({"name": "http", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "http_filters": [{"name": "router", "typed_config": {"@type": router}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    }})
}

/// A port that nothing has at this moment.
fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

impl Peer {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(&self) -> Running {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        for _ in 0..500 {
            assert!(child.try_wait().unwrap().is_none(), "{} ended: {command:?}", self.name);
            if TcpStream::connect(self.address).is_ok() {
                return Running { address: self.address, child };
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("{} does not listen", self.name)
    }
}

impl Running {
    /// The process and its children.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let own = self.child.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|process| process.parse().ok());
        children.chain([own]).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
