//! An HTTP upstream behind TLS, both versions by ALPN.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use uptls_testkit::{ServerOptions, Sessions};

/// `/seen` tells the request, `/echo` gives its body back with its trailers, `/held` waits for [`Upstream::release`], `/ws` echoes
/// bytes after 101.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    connections: AtomicUsize,
    held: AtomicUsize,
    released: Semaphore,
}

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

impl Upstream {
    /// With h2 and http/1.1.
    pub(super) fn start(options: ServerOptions) -> Upstream {
        Upstream::offering(options, &[b"h2", b"http/1.1"])
    }

    pub(super) fn offering(options: ServerOptions, alpn: &[&'static [u8]]) -> Upstream {
        let options = ServerOptions { alpn: alpn.to_vec(), ..options };
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (held, connections) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = Arc::new(Shared { connections, held, released: Semaphore::new(0) });
        let (address, serving) = (listener.local_addr().unwrap(), Arc::clone(&shared));
        let acceptor = TlsAcceptor::from(options.config(&Sessions::new()));
        runtime.spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&serving));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                    let http = auto::Builder::new(TokioExecutor::new());
                    // The proxy may go away at any moment.
                    let _ = http.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
                });
            }
        });
        Upstream { address, shared, _runtime: runtime }
    }

    /// How many handshakes were completed.
    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many requests for `/held` wait.
    pub(super) fn held(&self) -> usize {
        self.shared.held.load(Ordering::SeqCst)
    }

    pub(super) fn release(&self) {
        self.shared.released.add_permits(1);
    }
}

/// An upstream of HTTP/1.1 that says this to one request, and goes away without TLS's own end.
pub(super) fn saying(options: ServerOptions, answer: &'static [u8]) -> (SocketAddr, Runtime) {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(options.config(&Sessions::new()));
    runtime.spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(socket).await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(answer).await.unwrap();
        stream.flush().await.unwrap();
    });
    (address, runtime)
}

async fn answer(shared: Arc<Shared>, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(match request.uri().path() {
        "/echo" => Response::new(request.into_body().boxed_unsync()),
        "/held" => {
            shared.held.fetch_add(1, Ordering::SeqCst);
            shared.released.acquire().await.unwrap().forget();
            Response::new(text("held\n".to_owned()))
        }
        "/ws" => {
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded.await.unwrap()));
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
                let _ = writer.shutdown().await;
            });
            let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
            let response = response.header(CONNECTION, "upgrade").header(UPGRADE, "websocket");
            response.body(text(String::new())).unwrap()
        }
        _ => Response::builder()
            .header("keep-alive", "timeout=5")
            .header("x-own", "1")
            .body(text(seen(&request)))
            .unwrap(),
    })
}

/// The request, a line for each thing.
fn seen(request: &Request<Incoming>) -> String {
    let mut lines = vec![format!("{} {} {:?}", request.method(), request.uri(), request.version())];
    lines.extend(request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())));
    lines.sort();
    lines.join("\n") + "\n"
}

fn text(text: String) -> Body {
    Full::from(text).map_err(|never| match never {}).boxed_unsync()
}
