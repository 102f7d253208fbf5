//! An upstream of HTTP behind TLS, HTTP/2 and HTTP/1.1 by ALPN, whose certificate can be replaced.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use uptls_testkit::{Former, RESPONSE_BODY};

/// It answers every request with [`RESPONSE_BODY`], and ends no connection by itself.
pub(crate) struct HttpUpstream {
    address: SocketAddr,
    config: Arc<RwLock<Arc<Serving>>>,
    _runtime: Runtime,
}

/// What new connections get. Each holds it to its end.
struct Serving(Arc<ServerConfig>);

impl HttpUpstream {
    pub(crate) fn start(config: Arc<ServerConfig>) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::new(RwLock::new(Arc::new(Serving(config))));
        let current = Arc::clone(&config);
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let serving = Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner));
                tokio::spawn(async move { serve(&serving, socket).await });
            }
        });
        Self { address, config, _runtime: runtime }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// New connections get this. Gives those that began before.
    pub(crate) fn replace(&self, config: Arc<ServerConfig>) -> Former {
        let mut current = self.config.write().unwrap_or_else(PoisonError::into_inner);
        Former::of(&std::mem::replace(&mut *current, Arc::new(Serving(config))))
    }
}

async fn serve(Serving(config): &Serving, socket: TcpStream) {
    socket.set_nodelay(true).unwrap();
    let Ok(stream) = TlsAcceptor::from(Arc::clone(config)).accept(socket).await else { return };
    let service = service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(RESPONSE_BODY.as_bytes()))))
    });
    // The proxy ends it.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}
