//! An upstream that a test commands: it holds answers back, and knows which connections are open.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use uptls_testkit::{ServerOptions, Sessions};

/// `/` is answered at once, `/head` once [`PoolServer::release`] was called, `/body` at once but for the second half of its body.
pub struct PoolServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    accepted: AtomicUsize,
    acceptor: Mutex<TlsAcceptor>,
    open: Mutex<BTreeMap<usize, AbortHandle>>,
    released: Semaphore,
    requests: AtomicUsize,
    sessions: Sessions,
    waiting: AtomicUsize,
}

impl PoolServer {
    pub async fn start(options: &ServerOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sessions = Sessions::new();
        let shared = Arc::new(Shared {
            accepted: AtomicUsize::new(0),
            acceptor: Mutex::new(TlsAcceptor::from(options.config(&sessions))),
            open: Mutex::default(),
            released: Semaphore::new(0),
            requests: AtomicUsize::new(0),
            sessions,
            waiting: AtomicUsize::new(0),
        });
        let accepting = shared.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let id = accepting.accepted.fetch_add(1, Ordering::SeqCst);
                // Held, so that the connection is listed before it can end.
                let mut open = accepting.open.lock().unwrap();
                let serving = accepting.clone();
                let task = tokio::spawn(async move {
                    let acceptor = serving.acceptor.lock().unwrap().clone();
                    if let Ok(stream) = acceptor.accept(socket).await {
                        let shared = serving.clone();
                        let answer = service_fn(move |request| shared.clone().answer(request));
                        // The client may go away at any moment.
                        let _ = auto::Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), answer)
                            .await;
                    }
                    serving.open.lock().unwrap().remove(&id);
                });
                open.insert(id, task.abort_handle());
            }
        });
        Self { address, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn uri(&self, host: &str, path: &str) -> Uri {
        format!("https://{host}:{}{path}", self.address.port()).parse().unwrap()
    }

    /// How many connections were accepted.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.shared.open.lock().unwrap().len()
    }

    /// How many answers are held back.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::SeqCst)
    }

    /// Completes so many answers that are held back, or will be.
    pub fn release(&self, answers: usize) {
        self.shared.released.add_permits(answers);
    }

    /// New connections get this certificate.
    pub fn renew(&self, options: &ServerOptions) {
        *self.shared.acceptor.lock().unwrap() = TlsAcceptor::from(options.config(&self.shared.sessions));
    }

    /// Ends all connections without a word.
    pub async fn kill_connections(&self) {
        std::mem::take(&mut *self.shared.open.lock().unwrap()).into_values().for_each(|task| task.abort());
    }
}

impl Shared {
    async fn answer(self: Arc<Self>, request: Request<hyper::body::Incoming>) -> Result<Response<Halves>, Infallible> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let whole = Halves { first: Some("hello world"), last: None };
        Ok(Response::new(match request.uri().path() {
            "/head" => {
                self.wait().await;
                whole
            }
            "/body" => Halves { first: Some("hello "), last: Some(Box::pin(self.wait())) },
            _ => whole,
        }))
    }

    async fn wait(self: Arc<Self>) {
        let waiting = Waiting(&self.waiting);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.released.acquire().await.unwrap().forget();
        drop(waiting);
    }
}

/// A client that goes away ends the wait.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A body in two parts, the second of which may be waited for.
pub struct Halves {
    first: Option<&'static str>,
    last: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Body for Halves {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(first.as_bytes())))));
        }
        let Some(last) = &mut self.last else { return Poll::Ready(None) };
        std::task::ready!(last.as_mut().poll(cx));
        self.last = None;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"world")))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.last.is_none()
    }
}

/// Waits for what other tasks do. Only a hang fails by time.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
