//! Connections of a pool whose peers the new policy refuses end, also those that serve requests (R11).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::http::pool_server::{PoolServer, until};
use crate::support::world::{HOST, World, policy};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Request, Response, Version};
use uptls::hyper_client::{CloseReason, Pool, PoolBody, UpstreamService};
use uptls::tokio_client::OpenConnections;
use uptls::{AlpnDraft, Code, Connector, Error, MaterialDraft, PolicySpec};
use uptls_testkit::{Pki, San, ServerOptions, Versions};

/// A server of another CA, which the policy trusts for now, and a response whose body waits there.
struct Waiting {
    connector: Connector,
    /// The codes of what failed.
    failures: Arc<Mutex<Vec<Code>>>,
    pool: Pool<Empty<Bytes>>,
    response: Response<PoolBody>,
    server: PoolServer,
    spec: PolicySpec,
    world: World,
}

async fn waiting(seed: &str, version: Version) -> Waiting {
    let (world, other) = (World::new(seed), Pki::new("a CA that goes"));
    let leaf = other.leaf(&[San::dns(HOST)]);
    let is_http2 = version == Version::HTTP_2;
    let alpn: Vec<&[u8]> = if is_http2 { vec![b"h2"] } else { Vec::new() };
    let options = ServerOptions { alpn, versions: Versions::Both, ..ServerOptions::new(&[&leaf, &other.intermediate]) };
    let server = PoolServer::start(&options).await;
    let protocols = if is_http2 { vec!["h2".to_owned()] } else { Vec::new() };
    let spec = PolicySpec { alpn: AlpnDraft { protocols, required: false }, ..world.spec() };
    let mut both = spec.clone();
    both.trust.bundles.push(MaterialDraft::pem(other.root.pem()));
    let connector = world.connector(both);
    let failures = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&failures);
    let service = UpstreamService::new(connector.clone()).with_address(server.address());
    let pool = Pool::new(service.with_failures(move |_, error| told.lock().unwrap().push(error.code())));
    let request = Request::get(server.uri(HOST, "/body")).body(Empty::new()).unwrap();
    let response = pool.request(request).await.unwrap();
    until("it is held", || server.waiting() == 1).await;
    Waiting { connector, failures, pool, response, server, spec, world }
}

/// Ten seconds pass without any being waited. No connection begins after that: deadlines are by the other clock (H4).
async fn pass_the_window() {
    tokio::time::pause();
    tokio::time::sleep(OpenConnections::WINDOW + Duration::from_secs(1)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_refused_peer_is_ended_under_its_request() {
    ended(Version::HTTP_11).await;
}

#[tokio::test]
async fn a_refused_peer_is_ended_under_its_request_of_http2() {
    ended(Version::HTTP_2).await;
}

async fn ended(version: Version) {
    let Waiting { connector, failures, pool, response, server, spec, world: _world } =
        waiting("pool refused", version).await;
    connector.update(&policy(spec)).unwrap();
    let now = pool.reconsider().await.unwrap();
    assert_eq!((now.open, now.refused.len()), (1, 1));
    pass_the_window().await;
    let error = response.into_body().collect().await.expect_err("it is cut");
    if version == Version::HTTP_11 {
        // h2 keeps no more than the text.
        assert_eq!(Error::find_in(&error).map(Error::code), Some(Code::CertUnknownIssuer), "{error:?}");
    }
    assert_eq!(*failures.lock().unwrap(), [Code::CertUnknownIssuer], "{version:?}");
    until("it is closed", || server.open() == 0 && pool.counts().alive == 0).await;
    assert_eq!(pool.counts().closed, [(CloseReason::Refused, 1)].into());
    assert_eq!(connector.reconsider().unwrap().open, 0, "its end is noted");
}

/// The twin: another generation that still accepts the peer leaves its request alone.
#[tokio::test]
async fn an_accepted_peer_finishes_its_request() {
    finished(Version::HTTP_11).await;
}

#[tokio::test]
async fn an_accepted_peer_finishes_its_request_of_http2() {
    finished(Version::HTTP_2).await;
}

async fn finished(version: Version) {
    let Waiting { connector, failures, pool, response, server, spec, world: _world } =
        waiting("pool kept", version).await;
    let mut more = spec;
    more.trust.bundles.push(MaterialDraft::pem(Pki::new("a CA that goes").root.pem()));
    more.handshake_timeout = Some("9s".to_owned());
    assert_eq!(connector.update(&policy(more)).unwrap().number(), 2);
    let now = pool.reconsider().await.unwrap();
    assert_eq!((now.open, now.refused.len()), (1, 0));
    pass_the_window().await;
    server.release(1);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello world");
    assert!(!pool.counts().closed.contains_key(&CloseReason::Refused));
    assert_eq!(*failures.lock().unwrap(), []);
}

#[tokio::test]
async fn a_rollback_within_the_window_spares_what_is_accepted_again() {
    let Waiting { connector, pool, response, server, spec, .. } = waiting("pool rolled back", Version::HTTP_2).await;
    let before = connector.prepared().unwrap();
    connector.update(&policy(spec)).unwrap();
    assert_eq!(pool.reconsider().await.unwrap().refused.len(), 1);
    connector.publish(before).unwrap();
    pass_the_window().await;
    server.release(1);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello world");
    assert!(!pool.counts().closed.contains_key(&CloseReason::Refused));
}

#[tokio::test]
async fn the_task_that_maintains_the_pool_reconsiders() {
    let Waiting { connector, failures, pool, response, server, spec, .. } =
        waiting("pool maintained", Version::HTTP_2).await;
    tokio::spawn(pool.maintain());
    // It must have looked at the generation before the next one comes.
    tokio::task::yield_now().await;
    connector.update(&policy(spec)).unwrap();
    let body = tokio::spawn(response.into_body().collect());
    tokio::time::pause();
    body.await.unwrap().expect_err("it is cut");
    tokio::time::resume();
    assert_eq!(*failures.lock().unwrap(), [Code::CertUnknownIssuer]);
    until("it is closed", || server.open() == 0).await;
}
