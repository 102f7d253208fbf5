//! Runs the asynchronous examples as a user would: as processes, against real sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::http::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;
use uptls_testkit::{ServerOptions, Sessions};

use crate::support::{Upstream, text};

/// Answers HTTP/2 and HTTP/1.1, gRPC health checks among them, until the process of the tests ends.
fn http_server(upstream: &Upstream, alpn: &[&'static [u8]]) -> SocketAddr {
    tls_server(&ServerOptions { alpn: alpn.to_vec(), ..ServerOptions::new(&[&upstream.leaf]) })
}

/// The same with these options.
pub(crate) fn tls_server(options: &ServerOptions) -> SocketAddr {
    start(Some(TlsAcceptor::from(options.config(&Sessions::new()))))
}

/// The same in plaintext: what stands behind an nginx.
pub(crate) fn health_server() -> SocketAddr {
    start(None)
}

fn start(acceptor: Option<TlsAcceptor>) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async { serve_http(TcpListener::from_std(listener).unwrap(), acceptor).await });
    });
    address
}

async fn serve_http(listener: TcpListener, acceptor: Option<TlsAcceptor>) {
    while let Ok((socket, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            match acceptor {
                None => serve_connection(socket).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(socket).await {
                        serve_connection(stream).await;
                    }
                }
            }
        });
    }
}

async fn serve_connection(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
    let service = service_fn(async |request| Ok::<_, Infallible>(answer(&request)));
    // The client may go away at any moment.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

fn answer(request: &Request<Incoming>) -> Response<Frames> {
    if request.uri().path() != "/grpc.health.v1.Health/Check" {
        return Response::new(Frames(vec![Frame::data(Bytes::from_static(b"hello"))]));
    }
    let ok = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    // Not compressed, two bytes: field 1 is 1.
    let serving = Frame::data(Bytes::from_static(&[0, 0, 0, 0, 2, 8, 1]));
    let response = Response::builder().header("content-type", "application/grpc");
    response.body(Frames(vec![Frame::trailers(ok), serving])).unwrap()
}

/// A body of these frames, the last one first.
struct Frames(Vec<Frame<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.pop().map(Ok))
    }
}

#[test]
fn tokio_get_reads_an_answer_from_the_right_peer_alone() {
    for (name, right) in [("pay.test", true), ("other.test", false)] {
        let upstream = Upstream::new(name, "");
        let server = upstream.serve();
        let address = server.addr().to_string();
        let output = upstream.run(env!("CARGO_BIN_EXE_tokio_get"), &["policy.yaml", "pay.test:443", &address]);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        match right {
            true => assert!(out.starts_with("HTTP/1.1 200") && err.contains("dns:pay.test"), "{out} {err}"),
            false => assert!(out.is_empty() && err.starts_with("name_mismatch: "), "{out} {err}"),
        }
        assert_eq!(output.status.code(), Some(if right { 0 } else { 1 }));
    }
}

/// The same on a Unix socket.
fn unix_server(upstream: &Upstream, path: &Path) {
    let acceptor = TlsAcceptor::from(ServerOptions::new(&[&upstream.leaf]).config(&Sessions::new()));
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let listener = UnixListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(socket).await {
                    serve_connection(stream).await;
                }
            }
        });
    });
}

#[test]
fn dials_judges_the_same_peer_over_any_transport() {
    let folder = tempfile::tempdir().unwrap();
    for (name, right) in [("pay.test", true), ("other.test", false)] {
        let upstream = Upstream::new(name, "");
        let path = folder.path().join(name);
        unix_server(&upstream, &path);
        let tcp = http_server(&upstream, &[]).to_string();
        for way in [format!("unix:{}", path.display()), tcp.clone()] {
            let output = upstream.run(env!("CARGO_BIN_EXE_dials"), &["policy.yaml", "https://pay.test:8443/", &way]);
            let (out, err) = (text(&output.stdout), text(&output.stderr));
            match right {
                true => assert_eq!(out, "HTTP/1.1 200 OK\nhello\n", "{err}"),
                false => assert!(out.is_empty() && err.contains("name_mismatch: "), "{out} {err}"),
            }
            assert_eq!(output.status.code(), Some(if right { 0 } else { 1 }));
            assert_eq!(err.contains(&format!("pay.test:8443 is reached at {tcp}")), way == tcp, "{err}");
        }
    }
    // No process listens there.
    let way = format!("unix:{}", folder.path().join("nobody").display());
    let output =
        Upstream::new("pay.test", "").run(env!("CARGO_BIN_EXE_dials"), &["policy.yaml", "https://pay.test/", &way]);
    assert!(text(&output.stderr).starts_with("tcp_refused: "), "{}", text(&output.stderr));
}

#[test]
fn hyper_pool_makes_a_new_connection_for_a_new_policy() {
    let upstream = Upstream::new("pay.test", "h2, http/1.1");
    upstream.write_policy("next.yaml", "pay.test", "http/1.1");
    upstream.write_policy("wrong.yaml", "other.test", "h2");
    let address = http_server(&upstream, &[b"h2", b"http/1.1"]).to_string();
    let pool = |next| {
        let arguments = ["policy.yaml", "https://pay.test/", &address, next];
        upstream.run(env!("CARGO_BIN_EXE_hyper_pool"), &arguments)
    };
    let followed = pool("next.yaml");
    let expected = "generation 1: HTTP/2.0 200 OK, 5 bytes\ngeneration 1: HTTP/2.0 200 OK, 5 bytes\n\
                    generation 2: HTTP/1.1 200 OK, 5 bytes\ngeneration 2: HTTP/1.1 200 OK, 5 bytes\n";
    assert_eq!(text(&followed.stdout), expected, "{}", text(&followed.stderr));
    // The connection of the old policy is still open, and does not serve the new one.
    let refused = pool("wrong.yaml");
    assert_eq!(text(&refused.stdout), expected.split_inclusive('\n').take(2).collect::<String>());
    assert!(text(&refused.stderr).starts_with("name_mismatch: "), "{}", text(&refused.stderr));
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn hyper_pool_never_speaks_plaintext() {
    let upstream = Upstream::new("pay.test", "");
    let arguments = ["policy.yaml", "http://pay.test/", "127.0.0.1:9"];
    let output = upstream.run(env!("CARGO_BIN_EXE_hyper_pool"), &arguments);
    assert!(text(&output.stderr).starts_with("misuse: "), "{}", text(&output.stderr));
}

#[test]
fn tonic_channel_asks_the_right_peer_over_h2_alone() {
    let cases = [
        ("pay.test", "h2", vec!["h2"], "SERVING\n"),
        ("other.test", "h2", vec!["h2"], "name_mismatch: "),
        ("pay.test", "h2", vec![], "alpn_mismatch: "),
        ("pay.test", "http/1.1", vec!["h2"], "misuse: "),
    ];
    for (name, offered, alpn, wanted) in cases {
        let upstream = Upstream::new(name, offered);
        let alpn: Vec<&[u8]> = alpn.into_iter().map(str::as_bytes).collect();
        let address = http_server(&upstream, &alpn).to_string();
        let output = upstream.run(env!("CARGO_BIN_EXE_tonic_channel"), &["policy.yaml", "pay.test:443", &address]);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.starts_with(wanted), "{said}");
        assert_eq!(output.status.success(), wanted.starts_with("SERVING"));
    }
}

#[test]
fn reqwest_get_reads_an_answer_from_the_right_peer_alone() {
    for (name, right) in [("pay.test", true), ("other.test", false)] {
        let upstream = Upstream::new(name, "");
        let server = upstream.serve();
        let (address, url) = (server.addr().to_string(), format!("https://pay.test:{}/", server.addr().port()));
        let output = upstream.run(env!("CARGO_BIN_EXE_reqwest_get"), &["policy.yaml", &url, &address]);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        match right {
            true => assert_eq!(out.trim_end(), uptls_testkit::RESPONSE_BODY.trim_end(), "{err}"),
            false => assert!(out.is_empty() && err.contains("error sending request"), "{out} {err}"),
        }
        assert_eq!(output.status.success(), right);
        if !right {
            // H5: the peer is told why, even so.
            let failures = format!("{:?}", server.wait_for_failures(1));
            assert!(failures.contains("AlertReceived(BadCertificate)"), "{failures}");
        }
    }
}
