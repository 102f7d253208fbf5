//! The upstream: full handshakes only, and as many bytes as a client asks for.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use uptls_testkit::Certificate;

/// It ends with the process.
pub(crate) struct Upstream(SocketAddr);

impl Upstream {
    /// A server with this certificate that demands one of `clients`.
    pub(crate) fn start(certificate: &Certificate, clients: &Certificate) -> Self {
        let config = Arc::new(config(certificate, clients));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                thread::spawn(move || serve(config, stream));
            }
        });
        Self(address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0
    }
}

fn config(certificate: &Certificate, clients: &Certificate) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(clients.der().to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build().unwrap();
    let key = PrivatePkcs8KeyDer::from(certificate.key().pkcs8_der());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_client_cert_verifier(verifier);
    let mut config = builder.with_single_cert(vec![certificate.der().to_vec().into()], key.into()).unwrap();
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config
}

/// Each request is a number of bytes in eight bytes, and the answer that many.
fn serve(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut tls = StreamOwned::new(ServerConnection::new(config).map_err(io::Error::other)?, stream);
    let chunk = vec![0; 256 << 10];
    loop {
        let mut wanted = [0; 8];
        tls.read_exact(&mut wanted)?;
        let mut left = usize::try_from(u64::from_be_bytes(wanted)).unwrap_or_default();
        while left > 0 {
            let part = chunk.get(..left.min(chunk.len())).unwrap_or_default();
            tls.write_all(part)?;
            left -= part.len();
        }
        tls.flush()?;
    }
}
