//! The world of the soak: upstreams, a proxy with four routes, and everything that rotates.

use core::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tempfile::TempDir;
use uptls_testkit::process::resident_kib;
use uptls_testkit::{Former, lines_of};

use crate::client::{Mode, Place};
use crate::log::{Log, Logged};
use crate::upstreams::{Authority, Upstreams};

/// A proxy under rotation.
pub(crate) struct World {
    authorities: [Authority; 2],
    folder: TempDir,
    lines: Receiver<String>,
    log: Option<Log>,
    /// A CA that no upstream has.
    other: Authority,
    places: Vec<Place>,
    proxy: Child,
    /// Which step of the rotation is next.
    step: usize,
    upstreams: Upstreams,
}

/// What the proxy takes.
pub(crate) struct Usage {
    pub(crate) kilobytes: u64,
    pub(crate) descriptors: usize,
}

impl World {
    /// Starts all of it; clients may connect at once.
    pub(crate) fn start() -> World {
        let [first, second, other] = ["first", "second", "other"].map(Authority::new);
        let folder = TempDir::new().unwrap();
        let upstreams = Upstreams::start(&first);
        lay_out(folder.path(), &upstreams, &first.root.pem());
        let mut proxy = Command::new(command())
            .args(["proxy", "--routes", "routes.yaml", "--json"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cargo build --release -p uptls-cli comes first");
        let lines = lines_of(proxy.stderr.take().unwrap());
        let log = Some(Log::of(proxy.stdout.take().unwrap()));
        let (authorities, places) = ([first, second], Vec::new());
        let mut world = World { authorities, folder, lines, log, other, places, proxy, step: 0, upstreams };
        while world.places.len() < ROUTES.len() {
            let line = world.line();
            if let Some((mode, route)) =
                ROUTES.into_iter().find(|(_, name)| line.contains(&format!("{name} listens on")))
            {
                let address = line.rsplit(' ').next().unwrap().parse().unwrap();
                world.places.push(Place { mode, route, address });
            }
        }
        world
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        self.places.clone()
    }

    pub(crate) fn usage(&self) -> Usage {
        let process = self.proxy.id();
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
        Usage { kilobytes: resident_kib(process).unwrap_or_default(), descriptors }
    }

    /// One change, as an operator makes it: both CAs, then the other certificate and identity, then the new CA alone. It waits
    /// until the proxy says that the change counts for each route, and before the old CA goes until no connection is left that
    /// began with its certificate: the proxy may refuse those from then on.
    pub(crate) fn rotate(&mut self) {
        let [first, second] = &self.authorities;
        let new = if (self.step / 3).is_multiple_of(2) { second } else { first };
        let both = first.root.pem() + &second.root.pem();
        match self.step % 3 {
            0 => self.trust(&both, &both),
            1 => {
                let former = self.upstreams.present(new);
                write(self.folder.path(), "identity.pem", &self.upstreams.identity(self.step / 3 + 1));
                // Policies from manifests have no identity. With another CA the pool gives up their connections, too.
                write(&self.folder.path().join("manifests"), "all.yaml", &manifests(&(both + &self.other.root.pem())));
                self.wait_for_updates();
                former.iter().for_each(Former::wait);
            }
            _ => self.trust(&new.root.pem(), &new.root.pem()),
        }
        self.step += 1;
    }

    fn trust(&self, bundle: &str, in_manifests: &str) {
        write(self.folder.path(), "ca.pem", bundle);
        write(&self.folder.path().join("manifests"), "all.yaml", &manifests(in_manifests));
        self.wait_for_updates();
    }

    /// Until each route has another generation.
    fn wait_for_updates(&self) {
        let mut missing = ROUTES.map(|(_, name)| format!("\"route\":\"{name}\"")).to_vec();
        while !missing.is_empty() {
            let line = self.line();
            if line.contains("\"kind\":\"updated\"") {
                missing.retain(|route| !line.contains(route));
            }
        }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(120)).expect("the proxy says what it does")
    }

    /// Ends the proxy, and gives all that it logged.
    pub(crate) fn end(mut self) -> Logged {
        let process = self.proxy.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &process]).status().unwrap().success());
        assert!(self.proxy.wait().unwrap().success(), "the proxy ends in order");
        self.log.take().unwrap().end()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB, {} descriptors", self.kilobytes / 1024, self.descriptors)
    }
}

/// The files of the proxy.
fn lay_out(folder: &Path, upstreams: &Upstreams, bundle: &str) {
    write(folder, "ca.pem", bundle);
    write(folder, "identity.pem", &upstreams.identity(0));
    write(folder, "policy.yaml", POLICY);
    write(folder, "http.yaml", &format!("{POLICY}  alpn: {{protocols: [h2, http/1.1]}}\n"));
    std::fs::create_dir(folder.join("manifests")).unwrap();
    write(&folder.join("manifests"), "all.yaml", &manifests(bundle));
    let routes = ROUTES.map(|(mode, name)| {
        let (to, policy, hosts) = match mode {
            Mode::Bytes => (upstreams.bytes(), "policy.yaml", String::new()),
            Mode::Http => (upstreams.http(), "http.yaml", format!(", hosts: [{name}]")),
        };
        let source = match name.ends_with("manifests") {
            true => "manifests: manifests, backend: 'shop/pay:443'".to_owned(),
            false => format!("policy: {policy}"),
        };
        format!(
            "- {{name: {name}, listen: '127.0.0.1:0', upstream: 'payments.internal:443', connectTo: '{to}', \
             {source}{hosts}}}\n"
        )
    });
    write(folder, "routes.yaml", &format!("apiVersion: uptls/v1\nkind: Proxy\nroutes:\n{}", routes.concat()));
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

/// The host of a request is the name of its route. Those of HTTP share a listener, and ask their upstream in HTTP/2 and, since manifests offer no ALPN, in HTTP/1.1.
const ROUTES: [(Mode, &str); 4] = [
    (Mode::Bytes, "bytes-policy"),
    (Mode::Bytes, "bytes-manifests"),
    (Mode::Http, "http-policy"),
    (Mode::Http, "http-manifests"),
];

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
