//! The world of the soak: an upstream, a proxy with two routes, and everything that rotates.

use core::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tempfile::TempDir;
use uptls_testkit::process::resident_kib;
use uptls_testkit::{CLIENT_AUTH, Certificate, Key, San, Server, ServerOptions, Template, chain_pem, lines_of};

/// A proxy under rotation.
pub(crate) struct World {
    addresses: Vec<SocketAddr>,
    authorities: [Authority; 2],
    folder: TempDir,
    lines: Receiver<String>,
    proxy: Child,
    server: Server,
    /// Which step of the rotation is next.
    step: usize,
}

/// One of the two CAs that take turns.
struct Authority {
    root: Certificate,
    leaf: Certificate,
}

/// What the proxy takes.
pub(crate) struct Usage {
    pub(crate) kilobytes: u64,
    pub(crate) descriptors: usize,
}

impl World {
    /// Starts all of it; clients may connect at once.
    pub(crate) fn start() -> World {
        let authorities = ["first", "second"].map(Authority::new);
        let folder = TempDir::new().unwrap();
        let server = Server::start(&options(&authorities[0]));
        let at = folder.path();
        write(at, "ca.pem", &authorities[0].root.pem());
        write(at, "identity.pem", &identity(0));
        write(at, "policy.yaml", POLICY);
        std::fs::create_dir(at.join("manifests")).unwrap();
        write(&at.join("manifests"), "all.yaml", &manifests(&authorities[0].root.pem()));
        let to = server.addr();
        let route = |name: &str, source: &str| {
            format!(
                "- {{name: {name}, listen: '127.0.0.1:0', upstream: 'payments.internal:443', connectTo: '{to}', {source}}}\n"
            )
        };
        let routes = route("policy", "policy: policy.yaml")
            + &route("manifests", "manifests: manifests, backend: 'shop/pay:443'");
        write(at, "routes.yaml", &format!("apiVersion: uptls/v1\nkind: Proxy\nroutes:\n{routes}"));
        let mut proxy = Command::new(command())
            .args(["proxy", "--routes", "routes.yaml", "--json"])
            .current_dir(at)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cargo build --release -p uptls-cli comes first");
        let lines = lines_of(proxy.stderr.take().unwrap());
        let mut world = World { addresses: Vec::new(), authorities, folder, lines, proxy, server, step: 0 };
        while world.addresses.len() < 2 {
            let line = world.line();
            if line.contains("listens on") {
                world.addresses.push(line.rsplit(' ').next().unwrap().parse().unwrap());
            }
        }
        world
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.clone()
    }

    pub(crate) fn usage(&self) -> Usage {
        let process = self.proxy.id();
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
        Usage { kilobytes: resident_kib(process).unwrap_or_default(), descriptors }
    }

    /// One change, as an operator makes it: both CAs, then the other certificate and identity, then the new CA alone. It waits
    /// until the proxy says that the change counts.
    pub(crate) fn rotate(&mut self) {
        let [first, second] = &self.authorities;
        let new = if (self.step / 3).is_multiple_of(2) { second } else { first };
        match self.step % 3 {
            0 => self.trust(&(first.root.pem() + &second.root.pem())),
            1 => {
                self.server.set_options(&options(new));
                write(self.folder.path(), "identity.pem", &identity(self.step / 3 + 1));
                self.wait_for(&["policy"]);
                // Handshakes with the old certificate have ended by then.
                std::thread::sleep(Duration::from_millis(200));
            }
            _ => self.trust(&new.root.pem()),
        }
        self.step += 1;
    }

    fn trust(&self, bundle: &str) {
        write(self.folder.path(), "ca.pem", bundle);
        write(&self.folder.path().join("manifests"), "all.yaml", &manifests(bundle));
        self.wait_for(&["policy", "manifests"]);
    }

    /// Until each of these routes has another generation.
    fn wait_for(&self, routes: &[&str]) {
        let mut missing = routes.to_vec();
        while !missing.is_empty() {
            let line = self.line();
            let is_of = |route: &&str| {
                line.contains("\"kind\":\"updated\"") && line.contains(&format!("\"route\":\"{route}\""))
            };
            missing.retain(|route| !is_of(route));
        }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(120)).expect("the proxy says what it does")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

impl Authority {
    fn new(name: &str) -> Authority {
        let root = Template::ca(&format!("{name} root")).lasting().self_signed(&Key::p256(name));
        let leaf = Template::leaf("payments").with_sans(&[San::dns("payments.internal")]).lasting();
        let leaf = leaf.issued_by(&root, &Key::p256(&format!("{name} leaf")));
        Authority { root, leaf }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB, {} descriptors", self.kilobytes / 1024, self.descriptors)
    }
}

fn options(authority: &Authority) -> ServerOptions {
    ServerOptions { time: None, ..ServerOptions::new(&[&authority.leaf]) }
}

/// Chain and key in one file, so that they change together.
fn identity(number: usize) -> String {
    let key = Key::p256(&format!("client {number}"));
    let client = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf("gateway").lasting() };
    let client = client.self_signed(&key);
    chain_pem(&[&client]) + &key.pkcs8_pem()
}

fn manifests(bundle: &str) -> String {
    let lines: String = bundle.lines().map(|line| format!("    {line}\n")).collect();
    format!("{MANIFESTS}{lines}")
}

/// Whole or not at all.
fn write(folder: &Path, name: &str, text: &str) {
    let new = folder.join(format!(".{name}.new"));
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, folder.join(name)).unwrap();
}

/// Beside this program.
fn command() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("uptls")
}

const POLICY: &str = "\
apiVersion: uptls/v1
kind: UpstreamTlsPolicy
metadata: {name: payments}
spec:
  trust: {bundles: [{file: ca.pem}]}
  serverName: payments.internal
  identity: {certificate: {file: identity.pem}, key: {file: identity.pem}}
";

const MANIFESTS: &str = "\
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec: {ports: [{name: https, port: 443}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation:
    hostname: payments.internal
    caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca, namespace: shop}
data:
  ca.crt: |
";
