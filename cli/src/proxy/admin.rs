//! The admin socket: state, metrics and health over HTTP. It only answers; nothing can be changed through it.

use core::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::listen::Listen;
use super::live::Proxy;
use super::log::tell;
use super::status::Status;
use super::{metrics, page};

/// Ends the admin socket when it is dropped.
pub(super) struct Admin(JoinHandle<()>);

impl Drop for Admin {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens at `place`.
///
/// # Errors
/// The system's: the address is in use.
pub(super) fn start(place: &Listen, proxy: &Arc<Proxy>) -> io::Result<Admin> {
    let listener = place.bind()?;
    tell(&format!("the admin socket listens on {}", listener.place()?));
    let proxy = Arc::clone(proxy);
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    Ok(Admin(tokio::spawn(async move {
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let client = listener.accept("the admin socket").await;
            let proxy = Arc::clone(&proxy);
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer(&request, &proxy);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(MAX_HEAD).keep_alive(false);
                // What a client of this socket breaks is its own.
                let _ = tokio::time::timeout(PATIENCE * 2, http.serve_connection(TokioIo::new(client), service)).await;
                drop(permit);
            });
        }
    })))
}

fn answer(request: &Request<Incoming>, proxy: &Proxy) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/" => respond(StatusCode::OK, "text/html; charset=utf-8", page::html(&Status::of(proxy))),
        "/status" => match serde_json::to_string_pretty(&Status::of(proxy)) {
            Ok(json) => respond(StatusCode::OK, "application/json", json + "\n"),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        },
        "/metrics" => respond(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics::text(proxy)),
        // The process answers.
        "/healthz" => text(StatusCode::OK, "ok\n"),
        "/readyz" if proxy.is_ready() => text(StatusCode::OK, "ready\n"),
        "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, &not_ready(proxy)),
        _ => text(StatusCode::NOT_FOUND, "/, /status, /metrics, /healthz or /readyz\n"),
    }
}

fn not_ready(proxy: &Proxy) -> String {
    if proxy.is_draining() {
        return "draining\n".to_owned();
    }
    let routes = proxy.routes();
    let waiting = routes.iter().filter(|route| !route.is_ready());
    waiting.map(|route| format!("{} is {}\n", route.spec.name, route.connector.state())).collect()
}

fn text(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", text.to_owned())
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

const MAX_HEAD: usize = 16 << 10;
const MOST_CONNECTIONS: usize = 64;
/// How long a request may take to be sent.
const PATIENCE: Duration = Duration::from_secs(5);
