//! How connections of a pool end: idle ones at once, those that serve a request after its response (R7, L17).

use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use crate::support::http::pool_server::{PoolServer, until};
use crate::support::world::{HOST, World, policy};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Request, Response, Uri, Version};
use tokio::net::TcpStream;
use uptls::hyper_client::{CloseReason, Pool, PoolBody, PoolError, UpstreamService};
use uptls::tokio_client::Destination;
use uptls::{AlpnDraft, Code, Connector, Error, MaterialDraft, PolicySpec};
use uptls_testkit::{NOW, Pki, San, ServerOptions, Template, Versions};

const HTTP: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];
const HOUR: i64 = 3600;

fn spec(world: &World, version: Version) -> PolicySpec {
    let protocols = if version == Version::HTTP_2 { vec!["h2".to_owned()] } else { Vec::new() };
    PolicySpec { alpn: AlpnDraft { protocols, required: false }, ..world.spec() }
}

fn server(world: &World, version: Version) -> ServerOptions {
    let alpn: Vec<&[u8]> = if version == Version::HTTP_2 { vec![b"h2"] } else { Vec::new() };
    ServerOptions { alpn, ..world.server(Versions::Both) }
}

fn pool(connector: &Connector, server: &PoolServer) -> Pool<Empty<Bytes>> {
    Pool::new(UpstreamService::new(connector.clone()).with_address(server.address()))
}

async fn send(pool: &Pool<Empty<Bytes>>, uri: Uri) -> Result<Response<PoolBody>, PoolError> {
    pool.request(Request::get(uri).body(Empty::new()).unwrap()).await
}

async fn get(pool: &Pool<Empty<Bytes>>, uri: Uri) -> Result<(), Code> {
    let response = send(pool, uri).await.map_err(|error| Error::find_in(&error).expect("ours").code())?;
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello world");
    Ok(())
}

fn number(count: usize) -> u64 {
    count.try_into().unwrap()
}

fn reasons(of: &[(CloseReason, u64)]) -> BTreeMap<CloseReason, u64> {
    of.iter().copied().collect()
}

/// A connection that waits for the rest of a body, one that waits for a header, and where HTTP/1.1 makes one, an idle one.
struct Busy {
    body: tokio::task::JoinHandle<Result<(), Code>>,
    connections: usize,
    head: tokio::task::JoinHandle<Result<(), Code>>,
}

async fn busy(pool: &Pool<Empty<Bytes>>, server: &PoolServer, version: Version) -> Busy {
    let start = |path| {
        let (pool, uri) = (pool.clone(), server.uri(HOST, path));
        tokio::spawn(async move { get(&pool, uri).await })
    };
    let (body, head) = (start("/body"), start("/head"));
    until("both are held", || server.waiting() == 2).await;
    get(pool, server.uri(HOST, "/")).await.unwrap();
    let connections = if version == Version::HTTP_2 { 1 } else { 3 };
    until("all are open", || server.open() == connections).await;
    Busy { body, connections, head }
}

impl Busy {
    /// The idle one is closed before an answer comes, and the others after it.
    async fn ends_for(self, reason: CloseReason, pool: &Pool<Empty<Bytes>>, server: &PoolServer) {
        let serving = self.connections.min(2);
        until("the idle one is closed", || server.open() == serving).await;
        until("its end is counted", || pool.counts().alive == number(serving)).await;
        assert_eq!((server.waiting(), pool.counts().idle), (2, 0));
        server.release(2);
        assert_eq!((self.body.await.unwrap(), self.head.await.unwrap()), (Ok(()), Ok(())));
        until("the others are closed", || server.open() == 0 && pool.counts().alive == 0).await;
        assert_eq!(pool.counts().closed, reasons(&[(reason, number(self.connections))]));
    }
}

#[tokio::test]
async fn reduced_trust_closes_idle_connections_and_finishes_the_others() {
    for version in HTTP {
        let world = World::new("drain reduced");
        let server = PoolServer::start(&server(&world, version)).await;
        let mut more = spec(&world, version);
        more.trust.bundles.push(MaterialDraft::pem(Pki::new("a CA that goes").root.pem()));
        let connector = world.connector(more.clone());
        let pool = pool(&connector, &server);
        tokio::spawn(pool.maintain());
        let busy = busy(&pool, &server, version).await;
        // The twin: equal content ends no connection.
        connector.update(&policy(more)).unwrap();
        pool.close_due();
        assert_eq!((server.open(), pool.counts().closed), (busy.connections, BTreeMap::new()));
        connector.update(&policy(spec(&world, version))).unwrap();
        assert!(connector.next_event().unwrap().trust_reduced);
        busy.ends_for(CloseReason::Superseded, &pool, &server).await;
        // What the policy still accepts, it serves by a new connection.
        assert_eq!((get(&pool, server.uri(HOST, "/")).await, pool.counts().alive), (Ok(()), 1));
    }
}

#[tokio::test]
async fn a_withdrawn_policy_refuses_and_ends_connections() {
    for version in HTTP {
        let world = World::new("drain withdrawn");
        let server = PoolServer::start(&server(&world, version)).await;
        let connector = world.connector(spec(&world, version));
        let pool = pool(&connector, &server);
        let busy = busy(&pool, &server, version).await;
        connector.withdraw();
        // Without `maintain`: the request that is refused ends them.
        assert_eq!(get(&pool, server.uri(HOST, "/")).await, Err(Code::PolicyWithdrawn));
        busy.ends_for(CloseReason::Superseded, &pool, &server).await;
        assert_eq!(pool.counts().refused, BTreeMap::from([(Code::PolicyWithdrawn, 1)]));
        assert_eq!(server.requests(), 3);
        connector.update(&policy(spec(&world, version))).unwrap();
        assert_eq!(get(&pool, server.uri(HOST, "/")).await, Ok(()));
    }
}

#[tokio::test]
async fn a_proof_that_has_ended_ends_its_connections() {
    for version in HTTP {
        for maintained in [false, true] {
            let mut world = World::new("drain proof");
            let template = Template::leaf(HOST).with_sans(&[San::dns(HOST)]).with_validity(NOW - HOUR, NOW + HOUR);
            let renewed = world.leaf;
            world.leaf = world.pki.issue(&template);
            let server = PoolServer::start(&server(&world, version)).await;
            let connector = world.connector(spec(&world, version));
            let pool = pool(&connector, &server);
            let busy = busy(&pool, &server, version).await;
            // The twin: until its last second a proof holds.
            world.clock.advance(HOUR);
            pool.close_due();
            assert_eq!(get(&pool, server.uri(HOST, "/")).await, Ok(()));
            assert_eq!((server.accepted(), pool.counts().closed), (busy.connections, BTreeMap::new()), "{version:?}");
            world.clock.advance(1);
            if maintained {
                pool.close_due();
                busy.ends_for(CloseReason::TrustEnded, &pool, &server).await;
            }
            world.leaf = renewed;
            server.renew(&ServerOptions { alpn: self::server(&world, version).alpn, ..world.server(Versions::Both) });
            // Maintained or not, no request uses an ended connection.
            let accepted = server.accepted();
            assert_eq!(get(&pool, server.uri(HOST, "/")).await, Ok(()));
            assert_eq!(server.accepted(), accepted + 1, "{version:?}, maintained: {maintained}");
        }
    }
}

#[tokio::test]
async fn a_dropped_request_leaks_nothing() {
    for (version, path) in [(HTTP[0], "/head"), (HTTP[1], "/head"), (HTTP[0], "/body"), (HTTP[1], "/body")] {
        let world = World::new("drain dropped");
        let server = PoolServer::start(&server(&world, version)).await;
        let pool = pool(&world.connector(spec(&world, version)), &server);
        let task = {
            let (pool, uri) = (pool.clone(), server.uri(HOST, path));
            tokio::spawn(async move { get(&pool, uri).await.unwrap() })
        };
        until("it is held", || server.waiting() == 1).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        until("the server sees it", || server.waiting() == 0).await;
        // HTTP/2 ends the request alone.
        let (alive, closed) = match version {
            Version::HTTP_2 => (1, BTreeMap::new()),
            _ => (0, reasons(&[(CloseReason::Canceled, 1)])),
        };
        until("it is counted", || pool.counts().alive == alive && pool.counts().idle == alive).await;
        assert_eq!(pool.counts().closed, closed, "{version:?} {path}");
        assert_eq!(get(&pool, server.uri(HOST, "/")).await, Ok(()));
        assert_eq!(pool.counts().reused, alive, "{version:?} {path}");
    }
}

/// A request that is dropped while it connects hands the connect over to those that wait for it.
#[tokio::test]
async fn a_dropped_connect_holds_up_no_other_request() {
    let world = World::new("drain connect");
    let server = PoolServer::start(&server(&world, Version::HTTP_2)).await;
    let dialled = Arc::new(AtomicUsize::new(0));
    let (count, address) = (dialled.clone(), server.address());
    let dial = move |_: Destination| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if first { pending::<io::Result<TcpStream>>().await } else { TcpStream::connect(address).await } }
    };
    let connector = world.connector(spec(&world, Version::HTTP_2));
    let pool = Pool::<Empty<Bytes>, _>::new(UpstreamService::new(connector).with_dial(dial));
    let request = || Request::get(server.uri(HOST, "/")).body(Empty::new()).unwrap();
    let mut waiting = pin!(pool.request(request()));
    {
        let mut dialling = pin!(pool.request(request()));
        poll_fn(|cx| {
            assert!(dialling.as_mut().poll(cx).is_pending());
            assert!(waiting.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert_eq!(dialled.load(Ordering::SeqCst), 1, "the second waits for the first");
    }
    assert!(waiting.await.is_ok());
    assert_eq!((dialled.load(Ordering::SeqCst), pool.counts().opened), (2, 1));
}

/// Time stands still here, so that no tick of the task is what closes.
#[tokio::test]
async fn a_publication_wakes_the_task_that_maintains_the_pool() {
    for version in HTTP {
        let world = World::new("drain woken");
        let server = PoolServer::start(&server(&world, version)).await;
        let connector = world.connector(spec(&world, version));
        let pool = pool(&connector, &server);
        tokio::spawn(pool.maintain());
        get(&pool, server.uri(HOST, "/")).await.unwrap();
        tokio::time::pause();
        for (publish, alive) in [(false, 1), (true, 0)] {
            if publish {
                connector.withdraw();
            }
            // Never idle, so that tokio does not move its clock.
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            assert_eq!(pool.counts().alive, alive, "{version:?}");
        }
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_dropped_pool_ends_its_connections_and_its_task() {
    for version in HTTP {
        let world = World::new("drain pool");
        let server = PoolServer::start(&server(&world, version)).await;
        let pool = pool(&world.connector(spec(&world, version)), &server);
        let maintained = tokio::spawn(pool.maintain());
        let response = send(&pool, server.uri(HOST, "/body")).await.unwrap();
        until("it is held", || server.waiting() == 1).await;
        drop(pool);
        maintained.await.unwrap();
        // R7: what is under way is finished.
        server.release(1);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello world");
        until("it is closed", || server.open() == 0).await;
    }
}
