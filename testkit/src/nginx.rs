//! A real nginx in the foreground on a loopback port: a peer whose TLS (OpenSSL's) and HTTP are not ours.

use crate::certificate::Certificate;
use crate::key::expand;
use crate::options::{Versions, provider};
use crate::pem::pem;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What an nginx presents and demands. Start from [`NginxOptions::new`] and change fields by struct update.
#[derive(Clone, Debug)]
pub struct NginxOptions {
    /// The certificates that are sent, in this order, as DER. nginx refuses a leaf that does not belong to the key.
    pub chain: Vec<Vec<u8>>,
    /// The private key as PKCS#8 DER.
    pub key: Vec<u8>,
    /// The protocol versions.
    pub versions: Versions,
    /// Whether `h2` is selected when it is offered; `http/1.1` always is.
    pub h2: bool,
    /// The roots of client certificates as DER; `None`: no client certificate is asked for. A client without an acceptable
    /// one gets its handshake, and then HTTP 400. nginx judges by the real time.
    pub client_roots: Option<Vec<Vec<u8>>>,
    /// Where gRPC calls go, in plaintext HTTP/2; `None`: they are answered as every other request.
    pub grpc: Option<SocketAddr>,
}

impl NginxOptions {
    /// Sends this chain and has the key of its first certificate; both versions, `h2`, no client certificate.
    pub fn new(chain: &[&Certificate]) -> NginxOptions {
        let leaf = chain.first().expect("a chain has a leaf");
        NginxOptions {
            chain: chain.iter().map(|certificate| certificate.der().to_vec()).collect(),
            key: leaf.key().pkcs8_der(),
            versions: Versions::Both,
            h2: true,
            client_roots: None,
            grpc: None,
        }
    }

    /// The same, demanding a client certificate from one of these roots.
    pub fn with_client_roots(self, roots: &[&Certificate]) -> NginxOptions {
        let roots = roots.iter().map(|root| root.der().to_vec()).collect();
        NginxOptions { client_roots: Some(roots), ..self }
    }

    /// Writes all that the configuration names, and the configuration.
    fn write(&self, folder: &Path, address: SocketAddr) {
        let write = |file: &str, content: &[u8]| fs::write(folder.join(file), content).expect("the folder is writable");
        let certificates = |ders: &[Vec<u8>]| ders.iter().map(|der| pem("CERTIFICATE", der)).collect::<String>();
        write("chain.pem", certificates(&self.chain).as_bytes());
        write("key.pem", pem("PRIVATE KEY", &self.key).as_bytes());
        // The same after a reload, so that a client *can* try to resume.
        write("ticket.key", &expand("uptls-testkit nginx tickets", b"", 80));
        if let Some(roots) = &self.client_roots {
            write("clients.pem", certificates(roots).as_bytes());
        }
        write(CONFIGURATION, self.configuration(address).as_bytes());
    }

    fn configuration(&self, address: SocketAddr) -> String {
        let http2 = if self.h2 { " http2" } else { "" };
        let protocols = match self.versions {
            Versions::Both => "TLSv1.2 TLSv1.3",
            Versions::Tls12 => "TLSv1.2",
            Versions::Tls13 => "TLSv1.3",
        };
        let clients = match self.client_roots {
            Some(_) => "ssl_verify_client on; ssl_client_certificate clients.pem;",
            None => "",
        };
        let grpc = self.grpc.map(|to| format!("location /grpc. {{ grpc_pass grpc://{to}; }}")).unwrap_or_default();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {of};"));
        let body = BODY.map(|name| format!("{name}=${name}\\n")).concat();
        format!(
            "daemon off; worker_processes 1; pid {PID}; error_log {LOG} info;\n\
             events {{ worker_connections 256; }}\n\
             http {{\n\
             access_log off; default_type text/plain; {}\n\
             ssl_certificate chain.pem; ssl_certificate_key key.pem; ssl_session_ticket_key ticket.key;\n\
             ssl_protocols {protocols}; {clients}\n\
             server {{ listen {address} ssl{http2}; {grpc} location / {{ return 200 \"{body}\"; }} }}\n\
             }}\n",
            temporary.join(" ")
        )
    }
}

/// A running nginx; dropping it stops it. Every request is answered with lines `variable=value`, for the variables
/// `server_protocol`, `ssl_client_s_dn`, `ssl_client_verify`, `ssl_protocol`, `ssl_server_name` and `ssl_session_reused`
/// (`r`, or `.` after a full handshake).
#[derive(Debug)]
pub struct Nginx {
    address: SocketAddr,
    folder: TempDir,
    process: Child,
    program: PathBuf,
}

impl Nginx {
    /// Starts on a free port of 127.0.0.1, and gives it once it presents its certificate. `None` where nginx is not
    /// installed, which is said, and where `UPTLS_REQUIRE_SUITES` is 1 is a panic.
    pub fn start(options: &NginxOptions) -> Option<Nginx> {
        let program = Nginx::program()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        // nginx takes the listening socket as from its predecessor: nobody else can get the port in between.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket can be made nonblocking");
        let address = listener.local_addr().expect("a bound socket has an address");
        options.write(folder.path(), address);
        let stopping = format!("pid {PID}; error_log {LOG}; events {{}}\n");
        fs::write(folder.path().join(STOPPING), stopping).expect("the folder is writable");
        let mut command = command(&program, folder.path(), CONFIGURATION);
        command.env("NGINX", "0;").stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)));
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx starts");
        let mut nginx = Nginx { address, folder, process, program };
        // It owns the socket alone: without it nobody would answer.
        drop(command);
        nginx.wait_until_it_runs(options);
        Some(nginx)
    }

    /// Where nginx is: in `PATH`, or where Debian has it, which is not in everybody's `PATH`. `None` as for [`Nginx::start`].
    #[allow(clippy::disallowed_methods, reason = "UPTLS_REQUIRE_SUITES decides which tests run, nothing else")]
    pub fn program() -> Option<PathBuf> {
        let runs = |program: &&str| {
            let mut command = Command::new(program);
            command.arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let found = ["nginx", "/usr/sbin/nginx"].into_iter().find(runs);
        if found.is_none() {
            let required = std::env::var_os("UPTLS_REQUIRE_SUITES").is_some_and(|value| value == "1");
            assert!(!required, "nginx is not installed and UPTLS_REQUIRE_SUITES=1");
            println!("skipped: nginx is not installed");
        }
        found.map(PathBuf::from)
    }

    /// Where to connect to.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Replaces all files and has them read. Returns once no new connection can meet the old worker and the new leaf was
    /// seen. The old worker finishes requests that are under way, and closes its idle connections.
    pub fn reload(&self, options: &NginxOptions) {
        options.write(self.folder.path(), self.address);
        let before = self.retired();
        assert!(self.signal("reload", CONFIGURATION), "nginx cannot reload: {}", self.log());
        self.wait("the old worker retires", || self.retired() > before);
        self.wait("the new certificate is presented", || self.presented().as_ref() == options.chain.first());
    }

    /// The error log so far, at the level `info`: a client's alerts are in it.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    /// Returns once this is in the log. Panics after a minute.
    pub fn wait_for_log(&self, text: &str) {
        self.wait(text, || self.log().contains(text));
    }

    fn wait_until_it_runs(&mut self, options: &NginxOptions) {
        let begun = Instant::now();
        while self.presented().as_ref() != options.chain.first() {
            let ended = self.process.try_wait().expect("a child can be asked");
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "nginx does not run, {ended:?}: {}", self.log());
            thread::sleep(PAUSE);
        }
    }

    fn wait(&self, what: &str, done: impl Fn() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < PATIENCE, "waited in vain until: {what}; the log: {}", self.log());
            thread::sleep(PAUSE);
        }
    }

    /// How many workers have been told to finish; from then on they accept nothing.
    fn retired(&self) -> usize {
        self.log().matches("gracefully shutting down").count()
    }

    /// The leaf that a connection made now is shown.
    fn presented(&self) -> Option<Vec<u8>> {
        let onlooker = Arc::new(Onlooker::default());
        let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = config.expect("the provider has both versions").dangerous();
        let config = config.with_custom_certificate_verifier(onlooker.clone()).with_no_client_auth();
        let name = ServerName::from(self.address.ip());
        let mut connection = ClientConnection::new(Arc::new(config), name).expect("an address is a name");
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        while connection.complete_io(&mut stream).is_ok() {}
        onlooker.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the signal was sent; it is not when nginx refuses the configuration.
    fn signal(&self, name: &str, configuration: &str) -> bool {
        let mut command = command(&self.program, self.folder.path(), configuration);
        command.args(["-s", name]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A killed master would leave its worker behind: only one that never ran is killed.
        if !self.signal("stop", STOPPING) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// nginx on a configuration in this folder.
fn command(program: &Path, folder: &Path, configuration: &str) -> Command {
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).args(["-c", configuration, "-e", LOG]);
    command
}

/// Looks at the leaf and goes away: nothing is ever accepted.
#[derive(Debug, Default)]
struct Onlooker {
    seen: Mutex<Option<Vec<u8>>>,
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(leaf.to_vec());
        Err(Error::General("it was only to be seen".into()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("nothing is accepted".into()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("nothing is accepted".into()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// The variables of nginx that a response shows.
const BODY: [&str; 6] = [
    "server_protocol",
    "ssl_client_s_dn",
    "ssl_client_verify",
    "ssl_protocol",
    "ssl_server_name",
    "ssl_session_reused",
];

const CONFIGURATION: &str = "nginx.conf";
const LOG: &str = "error.log";
const PID: &str = "nginx.pid";

/// Enough to find the running nginx, and valid whatever the tests have put into the other one.
const STOPPING: &str = "stop.conf";

/// Nothing is ever expected to take this long.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(5);
