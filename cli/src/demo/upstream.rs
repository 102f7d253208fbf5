//! An upstream on a free port of 127.0.0.1: it makes TLS handshakes, and tells who asks as whom it knows them.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use uptls::Inspection;

use super::mint::{Authority, Minted};

/// A running upstream; dropping it ends the accepting.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    config: Mutex<Arc<ServerConfig>>,
    provider: Arc<CryptoProvider>,
    /// Kept when the certificate changes: a client that asked could still resume.
    sessions: Arc<dyn StoresServerSessions>,
    stopped: AtomicBool,
}

/// Whom an upstream lets in.
#[derive(Clone, Copy)]
pub(super) enum Clients<'a> {
    Anybody,
    /// Clients with a certificate of this authority.
    Of(&'a Authority),
}

impl Upstream {
    /// Starts with this certificate.
    pub(super) fn start(
        provider: Arc<CryptoProvider>,
        certificate: &Minted,
        clients: Clients<'_>,
    ) -> Result<Self, io::Error> {
        let sessions: Arc<dyn StoresServerSessions> = ServerSessionMemoryCache::new(64);
        let config = config(&provider, &sessions, certificate, clients)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stopped = AtomicBool::new(false);
        let shared = Arc::new(Shared { config: Mutex::new(config), provider, sessions, stopped });
        let serving = Arc::clone(&shared);
        thread::Builder::new().name("uptls-demo".to_owned()).spawn(move || accept(&listener, &serving))?;
        Ok(Self { address, shared })
    }

    /// New connections are shown this certificate.
    pub(super) fn present(&self, certificate: &Minted) -> Result<(), io::Error> {
        let config = config(&self.shared.provider, &self.shared.sessions, certificate, Clients::Anybody)?;
        *self.shared.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting; if that fails, it ends with the process.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    sessions: &Arc<dyn StoresServerSessions>,
    certificate: &Minted,
    clients: Clients<'_>,
) -> Result<Arc<ServerConfig>, io::Error> {
    let verifier = match clients {
        Clients::Anybody => WebPkiClientVerifier::no_client_auth(),
        Clients::Of(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from(authority.der.clone())).map_err(io::Error::other)?;
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            builder.build().map_err(io::Error::other)?
        }
    };
    let chain = vec![CertificateDer::from(certificate.der.clone())];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificate.key_der.clone()));
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    config.session_storage = Arc::clone(sessions);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let config = Arc::clone(&shared.config.lock().unwrap_or_else(PoisonError::into_inner));
        // A client that goes away is its own affair; the step that it belongs to says what happened.
        let serving = thread::Builder::new().spawn(move || drop(serve(config, stream)));
        drop(serving);
    }
}

/// Shakes hands, answers if there is a request, then reads until the client is done.
fn serve(config: Arc<ServerConfig>, mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut shaken = Ok(());
    while tls.is_handshaking() && shaken.is_ok() {
        shaken = tls.complete_io(&mut stream).map(drop);
    }
    while tls.wants_write() && tls.write_tls(&mut stream)? > 0 {}
    // A client that only shakes hands sends no request.
    if shaken.is_err() || answer(&mut tls, &mut stream).is_ok() {
        stream.shutdown(Shutdown::Write)?;
    }
    // Closing with unread bytes would reset the connection, and the client lose our last alert.
    io::copy(&mut stream, &mut io::sink())?;
    shaken
}

/// Answers one request with the names of the client's certificate.
fn answer(tls: &mut ServerConnection, stream: &mut TcpStream) -> io::Result<()> {
    let client = names(tls);
    let mut plain = rustls::Stream::new(tls, stream);
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        plain.read_exact(&mut byte)?;
        request.extend(byte);
    }
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: ";
    write!(plain, "{head}{}\r\n\r\n{client}", client.len())?;
    tls.send_close_notify();
    while tls.wants_write() && tls.write_tls(stream)? > 0 {}
    Ok(())
}

fn names(tls: &ServerConnection) -> String {
    let leaf = tls.peer_certificates().and_then(<[_]>::first);
    let facts = leaf.and_then(|leaf| Inspection::of_der(leaf, "client").ok());
    facts.map_or_else(|| "nobody".to_owned(), |facts| facts.certificate.sans.join(", "))
}

const PATIENCE: Duration = Duration::from_secs(10);
