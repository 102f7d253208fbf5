//! What the tests of the hyper face share: an HTTP server for both versions, and a client.

pub mod recipe;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Response, Uri, Version};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use uptls::hyper::{BoundService, ConnectionInfo, UpstreamService};
use uptls_testkit::{ServerOptions, Sessions};

pub const BODY: &str = "hello over HTTP";

/// Answers every request with [`BODY`], for as long as the test's runtime lives.
pub struct HttpServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl HttpServer {
    pub async fn start(options: &ServerOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, acceptor) = (connections.clone(), TlsAcceptor::from(options.config(&Sessions::new())));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    let answer = service_fn(async |_| Ok::<_, Infallible>(Response::new(BODY.to_owned())));
                    // The client may go away at any moment.
                    let _ =
                        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { address, connections }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many TCP connections were accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The URI of the server under this host name.
    pub fn uri(&self, host: &str) -> Uri {
        format!("https://{host}:{}/", self.address.port()).parse().unwrap()
    }
}

pub type UpstreamClient = Client<BoundService, Empty<Bytes>>;

/// A client by what `service` is now.
pub fn client(service: &UpstreamService, uri: &Uri) -> UpstreamClient {
    bound(service.bind(uri).unwrap())
}

pub fn bound(service: BoundService) -> UpstreamClient {
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(service)
}

/// What came of a GET.
pub struct Answer {
    pub info: ConnectionInfo,
    pub version: Version,
}

pub async fn get(client: &UpstreamClient, uri: Uri) -> Result<Answer, ClientError> {
    let response = client.get(uri).await?;
    let version = response.version();
    let info = response.extensions().get::<ConnectionInfo>().expect("who answered").clone();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, BODY);
    Ok(Answer { info, version })
}
