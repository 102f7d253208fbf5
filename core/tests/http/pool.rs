//! The pool of the hyper face: which connection serves a request, and what the counters say (L8, R7).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::http::pool_server::{PoolServer, until};
use crate::support::world::{HOST, World, policy, trusting};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Request, Uri, Version};
use tokio::net::{TcpListener, TcpStream};
use uptls::hyper_client::{CloseReason, ConnectionInfo, Pool, PoolCounts, PoolOptions, UpstreamService};
use uptls::tokio_client::{Destination, Dial};
use uptls::{AlpnDraft, Code, Connector, Error, MaterialDraft, PolicySpec, UpstreamTlsPolicy};
use uptls_testkit::{Pki, ServerOptions, Versions};

const HTTP: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// A policy and a server for one version of HTTP.
fn spec(world: &World, version: Version) -> PolicySpec {
    let protocols = if version == Version::HTTP_2 { vec!["h2".to_owned()] } else { Vec::new() };
    PolicySpec { alpn: AlpnDraft { protocols, required: false }, ..world.spec() }
}

fn server(world: &World, version: Version) -> ServerOptions {
    let alpn: Vec<&[u8]> = if version == Version::HTTP_2 { vec![b"h2"] } else { Vec::new() };
    ServerOptions { alpn, ..world.server(Versions::Both) }
}

fn service(connector: &Connector, server: &PoolServer) -> UpstreamService {
    UpstreamService::new(connector.clone()).with_address(server.address())
}

fn pool(connector: &Connector, server: &PoolServer) -> Pool<Empty<Bytes>> {
    Pool::new(service(connector, server))
}

/// The generation whose connection answered.
async fn get<D: Dial>(pool: &Pool<Empty<Bytes>, D>, uri: Uri) -> Result<u64, Code> {
    let request = Request::get(uri).body(Empty::new()).unwrap();
    let response = pool.request(request).await.map_err(|error| Error::find_in(&error).expect("ours").code())?;
    let generation = response.extensions().get::<ConnectionInfo>().unwrap().evidence.generation.number();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello world");
    Ok(generation)
}

fn number(count: usize) -> u64 {
    count.try_into().unwrap()
}

fn closed(counts: &PoolCounts) -> Vec<(CloseReason, u64)> {
    counts.closed.iter().map(|(reason, count)| (*reason, *count)).collect()
}

/// A refuses the server, B accepts it too: a CA was added by mistake.
fn mistake(world: &World, version: Version) -> (UpstreamTlsPolicy, UpstreamTlsPolicy) {
    let stranger = PolicySpec { alpn: spec(world, version).alpn, ..trusting(&Pki::new("another CA")) };
    let mut both = stranger.clone();
    both.trust.bundles.push(MaterialDraft::pem(world.pki.root.pem()));
    (policy(stranger), policy(both))
}

#[tokio::test]
async fn a_rollback_finds_nothing_that_the_mistake_accepted() {
    for version in HTTP {
        let world = World::new("pool rollback");
        let (a, b) = mistake(&world, version);
        let server = PoolServer::start(&server(&world, version)).await;
        let connector = Connector::new(&world.runtime, &a).unwrap();
        let pool = pool(&connector, &server);
        let uri = server.uri(HOST, "/");
        assert_eq!(get(&pool, uri.clone()).await, Err(Code::CertUnknownIssuer));
        for generation in [2, 4] {
            connector.update(&b).unwrap();
            assert_eq!(get(&pool, uri.clone()).await, Ok(generation));
            assert_eq!(get(&pool, uri.clone()).await, Ok(generation));
            // No look into the pool between the publications either way.
            connector.update(&a).unwrap();
            assert_eq!(get(&pool, uri.clone()).await, Err(Code::CertUnknownIssuer));
        }
        until("what B accepted is closed", || pool.counts().alive == 0).await;
        let counts = pool.counts();
        assert_eq!((counts.opened, counts.reused, counts.idle), (2, 2, 0), "{version:?}");
        assert_eq!(closed(&counts), [(CloseReason::Superseded, 2)], "{version:?}");
        assert_eq!(counts.refused.into_iter().collect::<Vec<_>>(), [(Code::CertUnknownIssuer, 3)], "{version:?}");
        assert_eq!(server.requests(), 4, "{version:?}");
    }
}

/// The twin: if both policies accept the peer, each has a connection of its own, and the first one serves again after a rollback
/// without a request in between.
#[tokio::test]
async fn what_is_published_again_finds_its_connections() {
    for version in HTTP {
        let world = World::new("pool again");
        let server = PoolServer::start(&server(&world, version)).await;
        let mut other = spec(&world, version);
        other.trust.bundles.push(MaterialDraft::pem(Pki::new("one more CA").root.pem()));
        let (a, b) = (policy(spec(&world, version)), policy(other));
        let connector = Connector::new(&world.runtime, &a).unwrap();
        let pool = pool(&connector, &server);
        let uri = server.uri(HOST, "/");
        assert_eq!(get(&pool, uri.clone()).await, Ok(1));
        // R5: equal content is no new generation, and costs no connection.
        connector.update(&a).unwrap();
        assert_eq!((get(&pool, uri.clone()).await, server.accepted()), (Ok(1), 1));
        connector.update(&b).unwrap();
        connector.update(&a).unwrap();
        assert_eq!((get(&pool, uri.clone()).await, server.accepted()), (Ok(1), 1), "{version:?}");
        connector.update(&b).unwrap();
        assert_eq!((get(&pool, uri.clone()).await, server.accepted()), (Ok(4), 2), "{version:?}");
    }
}

/// The first `count` connects meet a publication while they are under way.
fn publishing(
    connector: &Connector,
    policies: [UpstreamTlsPolicy; 2],
    count: usize,
) -> impl Dial<Transport = TcpStream> + use<> {
    let (connector, dialled) = (connector.clone(), AtomicUsize::new(0));
    move |destination: Destination| {
        let attempt = dialled.fetch_add(1, Ordering::SeqCst);
        if attempt < count {
            connector.update(&policies[attempt % 2]).unwrap();
        }
        let address = destination.address().resolve_here().unwrap();
        TcpStream::connect(address[0])
    }
}

#[tokio::test]
async fn a_publication_during_a_connect_costs_another_connect_and_no_request() {
    for version in HTTP {
        for (publications, answer) in [(0, Ok(1)), (1, Ok(2)), (3, Ok(4)), (4, Err(Code::ConnectorSuperseded))] {
            let world = World::new("pool publications");
            let server = PoolServer::start(&server(&world, version)).await;
            let first = policy(spec(&world, version));
            let mut other = spec(&world, version);
            other.trust.bundles.push(MaterialDraft::pem(Pki::new("one more CA").root.pem()));
            let connector = Connector::new(&world.runtime, &first).unwrap();
            let dial = publishing(&connector, [policy(other), first], publications);
            let pool = Pool::new(service(&connector, &server).with_dial(dial));
            assert_eq!(get(&pool, server.uri(HOST, "/")).await, answer, "{version:?}, {publications} publications");
            let superseded = pool.counts().refused.get(&Code::ConnectorSuperseded).copied().unwrap_or_default();
            assert_eq!((superseded, server.requests()), (number(publications), usize::from(answer.is_ok())));
        }
    }
}

/// The policy, with a pin that no peer has: another fingerprint for each number.
fn pinning(mut spec: PolicySpec, number: usize) -> UpstreamTlsPolicy {
    spec.trust.pinned_certificates.push(format!("{number:064x}"));
    policy(spec)
}

/// 400 requests of eight tasks, and a publication after every tenth: none fails, and none is judged by a policy older than itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_policies_are_published() {
    for version in HTTP {
        let world = World::new("pool load");
        let server = Arc::new(PoolServer::start(&server(&world, version)).await);
        let policies: Arc<Vec<_>> = Arc::new((0..41).map(|number| pinning(spec(&world, version), number)).collect());
        let connector = Connector::new(&world.runtime, &policies[0]).unwrap();
        let pool = pool(&connector, &server);
        let maintained = tokio::spawn(pool.maintain());
        let sent = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (pool, server, connector) = (pool.clone(), server.clone(), connector.clone());
                let (policies, sent) = (policies.clone(), sent.clone());
                tokio::spawn(async move {
                    for _ in 0..50 {
                        let number = sent.fetch_add(1, Ordering::SeqCst);
                        if number % 10 == 9 {
                            connector.update(&policies[number / 10 + 1]).unwrap();
                        }
                        let published = connector.generation().number();
                        let answered = get(&pool, server.uri(HOST, "/")).await.unwrap();
                        assert!(answered >= published, "published {published}, answered by {answered}");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let counts = pool.counts();
        assert_eq!((connector.generation().number(), server.requests()), (41, 400), "{version:?}");
        assert_eq!(counts.opened, counts.alive + counts.closed.values().sum::<u64>(), "{version:?}: {counts:?}");
        assert!(counts.reused > 0 && counts.opened > 20, "{version:?}: {counts:?}");
        drop(pool);
        maintained.await.unwrap();
        until("all are closed", || server.open() == 0).await;
    }
}

#[tokio::test]
async fn counters_are_exact() {
    for version in HTTP {
        let world = World::new("pool counters");
        let server = PoolServer::start(&server(&world, version)).await;
        let connector = world.connector(spec(&world, version));
        let pool = pool(&connector, &server);
        assert_eq!(pool.counts(), PoolCounts::default());
        for reused in 0..3 {
            get(&pool, server.uri(HOST, "/")).await.unwrap();
            let counts = pool.counts();
            let numbers = (counts.opened, counts.alive, counts.idle, counts.reused, counts.resumed);
            assert_eq!(numbers, (1, 1, 1, reused, 0), "{version:?}");
        }
        let held = tokio::spawn({
            let (pool, uri) = (pool.clone(), server.uri(HOST, "/body"));
            async move { get(&pool, uri).await }
        });
        until("it is held", || server.waiting() == 1).await;
        assert_eq!((pool.counts().alive, pool.counts().idle), (1, 0), "{version:?}");
        // HTTP/1.1 needs another connection, and resumes.
        get(&pool, server.uri(HOST, "/")).await.unwrap();
        let counts = pool.counts();
        let numbers = (counts.opened, counts.alive, counts.idle, counts.reused, counts.resumed);
        let wanted = if version == Version::HTTP_2 { (1, 1, 0, 4, 0) } else { (2, 2, 1, 3, 1) };
        assert_eq!(numbers, wanted, "{version:?}");
        server.release(1);
        assert_eq!(held.await.unwrap(), Ok(1));
        let counts = pool.counts();
        assert_eq!((counts.alive, counts.idle, closed(&counts)), (counts.opened, counts.opened, vec![]), "{version:?}");
    }
}

/// With h2 in the offer requests wait for one connect, and share what it gives; where the peer speaks HTTP/1.1 they do not wait long.
#[tokio::test]
async fn a_burst_shares_one_connection_of_http2_and_none_of_http1() {
    for (speaks, connections) in [(Version::HTTP_2, 1), (Version::HTTP_11, 8)] {
        let world = World::new("pool burst");
        let server = Arc::new(PoolServer::start(&server(&world, speaks)).await);
        let both = vec!["h2".to_owned(), "http/1.1".to_owned()];
        let alpn = AlpnDraft { protocols: both, required: false };
        let pool = pool(&world.connector(PolicySpec { alpn, ..world.spec() }), &server);
        let burst: Vec<_> = (0..8)
            .map(|_| {
                let (pool, uri) = (pool.clone(), server.uri(HOST, "/head"));
                tokio::spawn(async move { get(&pool, uri).await })
            })
            .collect();
        until("all are held", || server.waiting() == 8).await;
        assert_eq!((server.accepted(), pool.counts().opened), (connections, number(connections)), "{speaks:?}");
        server.release(8);
        for request in burst {
            assert_eq!(request.await.unwrap(), Ok(1));
        }
    }
}

#[tokio::test]
async fn a_dead_upstream_fails_each_request_and_no_other_authority() {
    for version in HTTP {
        let world = World::new("pool dead");
        let server = PoolServer::start(&server(&world, version)).await;
        let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let connector = world.connector(spec(&world, version));
        let alive = server.address();
        let service = UpstreamService::new(connector)
            .with_addresses(move |uri| Some(if uri.port_u16() == Some(1) { dead } else { alive }.into()));
        let pool = Pool::new(service);
        let uri: Uri = format!("https://{HOST}:1/").parse().unwrap();
        let failing: Vec<_> = (0..8)
            .map(|_| {
                let (pool, uri) = (pool.clone(), uri.clone());
                tokio::spawn(async move { get(&pool, uri).await })
            })
            .collect();
        for request in failing {
            assert_eq!(request.await.unwrap(), Err(Code::TcpRefused));
        }
        assert_eq!(get(&pool, server.uri(HOST, "/")).await, Ok(1));
        let counts = pool.counts();
        assert_eq!((counts.opened, counts.refused.keys().copied().collect::<Vec<_>>()), (1, vec![Code::TcpRefused]));
    }
}

#[tokio::test]
async fn what_the_upstream_closed_is_not_used_again() {
    for version in HTTP {
        let world = World::new("pool killed");
        let server = PoolServer::start(&server(&world, version)).await;
        let pool = pool(&world.connector(spec(&world, version)), &server);
        for round in 1..=5 {
            assert_eq!(get(&pool, server.uri(HOST, "/")).await, Ok(1));
            server.kill_connections().await;
            until("the end is noticed", || pool.counts().alive == 0).await;
            assert_eq!(closed(&pool.counts()), [(CloseReason::Ended, round)], "{version:?}");
        }
    }
}

/// I5: a TLS 1.3 peer refuses after the handshake, and h2 keeps no more of it than a text.
#[tokio::test]
async fn a_refusal_after_the_handshake_has_its_code() {
    for version in HTTP {
        for (wants, answer) in [(true, Err(Code::IdentityRequired)), (false, Ok(1))] {
            let world = World::new("pool identity");
            let mut options = server(&world, version);
            options.versions = Versions::Tls13;
            if wants {
                options = options.with_client_roots(&[&world.pki.root]);
            }
            let server = PoolServer::start(&options).await;
            let pool = pool(&world.connector(spec(&world, version)), &server);
            assert_eq!(get(&pool, server.uri(HOST, "/")).await, answer, "{version:?}");
            until("its end is counted", || pool.counts().alive == u64::from(!wants)).await;
            // It is the connection that was refused, after it was opened.
            assert_eq!((pool.counts().opened, pool.counts().refused.len()), (1, 0), "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_request_without_https_or_authority_is_misuse() {
    let world = World::new("pool misuse");
    let server = PoolServer::start(&server(&world, Version::HTTP_11)).await;
    let pool = pool(&world.connector(world.spec()), &server);
    for uri in ["http://backend.example/", "/path"] {
        assert_eq!(get(&pool, uri.parse().unwrap()).await, Err(Code::Misuse), "{uri}");
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn no_more_is_kept_than_the_options_permit() {
    let world = World::new("pool bounds");
    let server = PoolServer::start(&server(&world, Version::HTTP_11)).await;
    let connector = world.connector(PolicySpec { server_name: Some(HOST.to_owned()), ..world.spec() });
    let of = |options| Pool::<Empty<Bytes>>::with_options(service(&connector, &server), options);
    let two = async |pool: &Pool<Empty<Bytes>>| {
        let held: Vec<_> = (0..2)
            .map(|_| {
                let (pool, uri) = (pool.clone(), server.uri(HOST, "/head"));
                tokio::spawn(async move { get(&pool, uri).await })
            })
            .collect();
        until("both are held", || server.waiting() == 2).await;
        server.release(2);
        for request in held {
            request.await.unwrap().unwrap();
        }
    };
    for (most, reasons) in [(1, vec![(CloseReason::Limit, 1)]), (2, vec![])] {
        let pool = of(PoolOptions::default().max_idle(most));
        two(&pool).await;
        until("the rest is closed", || pool.counts().alive == number(most)).await;
        assert_eq!(closed(&pool.counts()), reasons);
    }
    for (most, reasons) in [(1, vec![(CloseReason::Limit, 1)]), (2, vec![])] {
        let pool = of(PoolOptions::default().max_clients(most));
        get(&pool, server.uri(HOST, "/")).await.unwrap();
        get(&pool, server.uri("other.example", "/")).await.unwrap();
        until("the rest is closed", || pool.counts().alive == number(most)).await;
        assert_eq!(closed(&pool.counts()), reasons);
        // The one that was used last stays.
        get(&pool, server.uri("other.example", "/")).await.unwrap();
        assert_eq!(pool.counts().reused, 1);
    }
    for (timeout, reasons) in [(Duration::ZERO, vec![(CloseReason::Idle, 1)]), (Duration::from_secs(3600), vec![])] {
        let pool = of(PoolOptions::default().idle_timeout(timeout));
        get(&pool, server.uri(HOST, "/")).await.unwrap();
        pool.close_due();
        until("it is closed", || pool.counts().alive == 1 - number(reasons.len())).await;
        assert_eq!(closed(&pool.counts()), reasons);
    }
}
