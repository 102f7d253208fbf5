//! The pool of `hyper_pool`, word for word as it is shipped, under a mistake that is rolled back (L8).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../pool.rs"]
mod pool;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper::{Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use pool::Pool;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use uptls::danger::DangerPermission;
use uptls::hyper_client::{ConnectionInfo, UpstreamService};
use uptls::{
    Code, Connector, Error, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, Runtime, TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{NOW, Pki, San, ServerOptions, Sessions};

const HOST: &str = "backend.example";

fn trusting(bundles: &[&Pki]) -> UpstreamTlsPolicy {
    let bundles = bundles.iter().map(|pki| MaterialDraft::pem(pki.root.pem())).collect();
    let spec = PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() };
    UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap()
}

/// Answers every request, and calls `accepted` before each handshake.
async fn serve(pki: &Pki, accepted: Arc<dyn Fn() + Send + Sync>) -> SocketAddr {
    let leaf = pki.leaf(&[San::dns(HOST)]);
    let options = ServerOptions::new(&[&leaf, &pki.intermediate]);
    let acceptor = TlsAcceptor::from(options.config(&Sessions::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            accepted();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(socket).await else { return };
                let answer = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::from("hello"))));
                // The client may go away at any moment.
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    address
}

/// The generation whose connection answered.
async fn get(pool: &mut Pool, uri: &Uri) -> Result<u64, Code> {
    let code = |error: Box<dyn StdError>| Error::find_in(&*error).expect("ours").code();
    let response = pool.get(uri).await.map_err(code)?;
    let generation = response.extensions().get::<ConnectionInfo>().unwrap().evidence.generation.number();
    response.into_body().collect().await.unwrap();
    Ok(generation)
}

fn connector(policy: &UpstreamTlsPolicy) -> Connector {
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.try_into().unwrap())).build();
    Connector::new(&runtime, policy).unwrap()
}

#[tokio::test]
async fn a_mistake_that_is_rolled_back_leaves_nothing_in_the_pool() {
    let (ours, another) = (Pki::new("the server's CA"), Pki::new("another CA"));
    let (a, b) = (trusting(&[&another]), trusting(&[&another, &ours]));
    let address = serve(&ours, Arc::new(|| {})).await;
    let connector = connector(&a);
    let mut pool = Pool::new(UpstreamService::new(connector.clone()).with_address(address));
    let uri: Uri = format!("https://{HOST}/").parse().unwrap();

    assert_eq!(get(&mut pool, &uri).await, Err(Code::CertUnknownIssuer));
    let taken = pool.client(&uri).unwrap();
    connector.update(&b).unwrap();
    let error = taken.get(uri.clone()).await.unwrap_err();
    assert_eq!(Error::find_in(&error).unwrap().code(), Code::ConnectorSuperseded);
    // No look into the pool between B and A: the client under A's key is that of the beginning.
    connector.update(&a).unwrap();
    assert_eq!(get(&mut pool, &uri).await, Err(Code::CertUnknownIssuer));
    // The twin: what B accepts is answered while B is published, also after it was not.
    for generation in [4, 6] {
        connector.update(&b).unwrap();
        assert_eq!(get(&mut pool, &uri).await, Ok(generation));
        assert_eq!(get(&mut pool, &uri).await, Ok(generation));
        connector.update(&a).unwrap();
        assert_eq!(get(&mut pool, &uri).await, Err(Code::CertUnknownIssuer));
    }
}

/// What `Pool::get` is for: a publication while it connects costs a second attempt, and no request.
#[tokio::test]
async fn a_publication_while_it_connects_costs_another_attempt() {
    let (ours, another) = (Pki::new("the server's CA"), Pki::new("another CA"));
    let (first, next) = (trusting(&[&ours]), trusting(&[&ours, &another]));
    let connector = connector(&first);
    let publishing = connector.clone();
    let address = serve(&ours, Arc::new(move || assert!(publishing.update(&next).is_ok()))).await;
    let mut pool = Pool::new(UpstreamService::new(connector).with_address(address));
    let uri: Uri = format!("https://{HOST}/").parse().unwrap();
    assert_eq!(get(&mut pool, &uri).await, Ok(2));
}
