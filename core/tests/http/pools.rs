//! L8: a pool under hyper-util's client never uses again what the current policy refuses, whatever is published when.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use crate::support::http::{HttpServer, recipe};
use crate::support::world::{HOST, World, host, policy, trusting};
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper::body::Bytes;
use hyper::http::uri::Authority;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;
use uptls::hyper::{BoundService, ConnectionInfo, UpstreamService};
use uptls::tokio::AsyncStream;
use uptls::{
    Address, AlpnDraft, Code, ConnectOptions, Connector, Error, MaterialDraft, PolicySpec, PoolKey, UpstreamTlsPolicy,
};
use uptls_testkit::{Pki, ServerOptions, Versions};

type Clients = HashMap<Authority, (PoolKey, Client<BoundService, String>)>;

/// A refuses the server, B accepts it too: a CA was added by mistake.
struct Mistake {
    a: UpstreamTlsPolicy,
    b: UpstreamTlsPolicy,
    connector: Connector,
    server: HttpServer,
}

impl Mistake {
    async fn new(world: &World) -> Mistake {
        let stranger = trusting(&Pki::new("another CA"));
        let mut both = stranger.clone();
        both.trust.bundles.push(MaterialDraft::pem(world.pki.root.pem()));
        let (a, b) = (policy(stranger), policy(both));
        let connector = Connector::new(&world.runtime, &a).unwrap();
        Mistake { a, b, connector, server: HttpServer::start(&world.server(Versions::Both)).await }
    }

    fn service(&self) -> UpstreamService {
        UpstreamService::new(self.connector.clone()).with_address(self.server.address())
    }

    fn uri(&self) -> Uri {
        self.server.uri(HOST)
    }
}

/// The number of the generation whose connection answered.
async fn get(client: &Client<BoundService, String>, uri: Uri) -> Result<u64, Code> {
    let response = client.get(uri).await.map_err(|error| Error::find_in(&error).expect("ours").code())?;
    let generation = response.extensions().get::<ConnectionInfo>().unwrap().evidence.generation.number();
    response.into_body().collect().await.unwrap();
    Ok(generation)
}

#[test]
fn the_recipe_is_that_of_the_documentation() {
    let documentation = include_str!("../../src/connect/hyper.rs").lines().filter_map(|line| line.strip_prefix("//!"));
    let text: String = documentation.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect();
    let (_, recipe) = include_str!("../support/http/recipe.rs").split_once("\n\n").unwrap();
    assert!(text.contains(&format!("```\n{recipe}```\n")), "src/connect/hyper.rs has another recipe");
}

/// The documented recipe under A -> B -> A, with a publication between taking the client and sending by it.
#[tokio::test]
async fn a_rollback_finds_nothing_that_the_mistake_accepted() {
    let world = World::new("mistake");
    let mistake = Mistake::new(&world).await;
    let (mut clients, service, uri) = (Clients::new(), mistake.service(), mistake.uri());
    let client = |clients: &mut Clients| recipe::client(clients, &service, &uri).unwrap();

    assert_eq!(get(&client(&mut clients), uri.clone()).await, Err(Code::CertUnknownIssuer));
    let taken = client(&mut clients);
    mistake.connector.update(&mistake.b).unwrap();
    let dialled = mistake.server.connections();
    assert_eq!(get(&taken, uri.clone()).await, Err(Code::ConnectorSuperseded));
    assert_eq!(mistake.server.connections(), dialled, "nothing is dialled for a key that is not published");
    // What B accepts, it serves: by its own client.
    assert_eq!(get(&client(&mut clients), uri.clone()).await, Ok(2));
    assert_eq!(get(&client(&mut clients), uri.clone()).await, Ok(2));
    let of_b = client(&mut clients);

    mistake.connector.update(&mistake.a).unwrap();
    for client in [client(&mut clients), taken] {
        assert_eq!(get(&client, uri.clone()).await, Err(Code::CertUnknownIssuer));
    }
    // R7: what somebody still holds of B goes on with what it has, and makes nothing new.
    drop(of_b);
}

/// The twin: with no look between the publications the client under A's key is kept, and is still harmless.
#[tokio::test]
async fn a_client_that_saw_neither_publication_is_harmless() {
    let world = World::new("unseen");
    let mistake = Mistake::new(&world).await;
    let (mut clients, service, uri) = (Clients::new(), mistake.service(), mistake.uri());
    let taken = recipe::client(&mut clients, &service, &uri).unwrap();
    mistake.connector.update(&mistake.b).unwrap();
    assert_eq!(get(&taken, uri.clone()).await, Err(Code::ConnectorSuperseded));
    mistake.connector.update(&mistake.a).unwrap();
    let found = recipe::client(&mut clients, &service, &uri).unwrap();
    assert_eq!(get(&found, uri.clone()).await, Err(Code::CertUnknownIssuer), "R5: its key is published again");
    // And the other way round: what A accepts is served by the client that was kept, over the connection that was.
    let world = World::new("kept");
    let (ours, server) = (policy(world.spec()), HttpServer::start(&world.server(Versions::Both)).await);
    let connector = Connector::new(&world.runtime, &ours).unwrap();
    let (mut clients, service) =
        (Clients::new(), UpstreamService::new(connector.clone()).with_address(server.address()));
    let uri = server.uri(HOST);
    let kept = recipe::client(&mut clients, &service, &uri).unwrap();
    assert_eq!(get(&kept, uri.clone()).await, Ok(1));
    connector.update(&policy(trusting(&Pki::new("nobody's CA")))).unwrap();
    connector.update(&ours).unwrap();
    let found = recipe::client(&mut clients, &service, &uri).unwrap();
    assert_eq!((get(&found, uri.clone()).await, server.connections()), (Ok(1), 1));
}

/// The negative twin of all of them: by a connector that is not bound the same pool answers under A over a connection of B.
/// If this fails, the tests above prove nothing.
#[tokio::test]
async fn what_is_not_bound_is_filed_wrongly() {
    let world = World::new("unbound");
    let mistake = Mistake::new(&world).await;
    let uri = mistake.uri();
    let unbound = Unbound { address: mistake.server.address().into(), connector: mistake.connector.clone() };
    let mut clients = HashMap::<PoolKey, Client<Unbound, Empty<Bytes>>>::new();
    let mut client = || {
        let key = mistake.connector.bind(&host(), &ConnectOptions::default()).unwrap().pool_key().clone();
        let new = || Client::builder(TokioExecutor::new()).build(unbound.clone());
        (key.clone(), clients.entry(key).or_insert_with(new).clone())
    };
    let (_, taken) = client();
    mistake.connector.update(&mistake.b).unwrap();
    assert!(taken.get(uri.clone()).await.unwrap().into_body().collect().await.is_ok());
    mistake.connector.update(&mistake.a).unwrap();
    let (wanted, found) = client();
    let response = found.get(uri).await.unwrap();
    let Filed(judged_by) = response.extensions().get::<Filed>().unwrap();
    assert_ne!(*judged_by, wanted);
}

/// What no recipe does: connects by whatever is published when it connects.
#[derive(Clone)]
struct Unbound {
    address: Address,
    connector: Connector,
}

#[derive(Clone)]
struct Filed(PoolKey);

struct UnboundStream(TokioIo<AsyncStream<TcpStream>>);

impl Service<Uri> for Unbound {
    type Response = UnboundStream;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<UnboundStream, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let stream = this.connector.connect_async(this.address, &host(), &ConnectOptions::default()).await?;
            Ok(UnboundStream(TokioIo::new(stream)))
        })
    }
}

impl Connection for UnboundStream {
    fn connected(&self) -> Connected {
        Connected::new().extra(Filed(self.0.inner().evidence().pool_key.clone()))
    }
}

impl Read for UnboundStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl Write for UnboundStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Between the key and the connect, while it is asked where to dial, and while the handshake is under way.
#[tokio::test]
async fn a_publication_at_any_moment_of_a_connect_is_noticed() {
    let world = World::new("moments");
    let mistake = Mistake::new(&world).await;
    mistake.connector.update(&mistake.b).unwrap();
    let uri = mistake.uri();
    let before = mistake.service().bind(&uri).unwrap();
    mistake.connector.update(&mistake.a).unwrap();
    assert_eq!(before.clone().call(uri.clone()).await.err().unwrap().code(), Code::ConnectorSuperseded);

    for rollback in [false, true] {
        mistake.connector.update(&mistake.b).unwrap();
        let publish = {
            let (connector, a, b) = (mistake.connector.clone(), mistake.a.clone(), mistake.b.clone());
            move || {
                connector.update(&a).unwrap();
                if rollback {
                    connector.update(&b).unwrap();
                }
            }
        };
        let (act, address) = (publish.clone(), mistake.server.address());
        let dialling = UpstreamService::new(mistake.connector.clone()).with_addresses(move |_| {
            act();
            Some(address.into())
        });
        let mut dialling = dialling.bind(&uri).unwrap();
        let dialled = dialling.call(uri.clone()).await.map(drop).map_err(|error| error.code());
        mistake.connector.update(&mistake.b).unwrap();

        // A relay that acts once the ClientHello is there.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = listener.local_addr().unwrap();
        let target = mistake.server.address();
        tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.unwrap();
            client.readable().await.unwrap();
            publish();
            let mut server = TcpStream::connect(target).await.unwrap();
            // The client closes when it has noticed.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
        let mut shaking = UpstreamService::new(mistake.connector.clone()).with_address(relay).bind(&uri).unwrap();
        let shaken = shaking.call(uri.clone()).await.map(drop).map_err(|error| error.code());
        let wanted = if rollback { Ok(()) } else { Err(Code::ConnectorSuperseded) };
        assert_eq!((dialled, shaken), (wanted, wanted), "rollback: {rollback}");
    }
}

/// Two services that offer different protocols never share a client, though all the rest is equal.
#[tokio::test]
async fn the_narrowed_offer_is_part_of_the_key() {
    let world = World::new("narrowed");
    let options = ServerOptions { alpn: vec![b"h2", b"http/1.1"], ..world.server(Versions::Both) };
    let server = HttpServer::start(&options).await;
    let alpn = AlpnDraft { protocols: vec!["h2".to_owned(), "http/1.1".to_owned()], required: false };
    let connector = world.connector(PolicySpec { alpn, ..world.spec() });
    let service = UpstreamService::new(connector.clone()).with_address(server.address());
    let uri = server.uri(HOST);
    let both = service.bind(&uri).unwrap().pool_key().clone();
    let http1 = service.clone().http1_only().bind(&uri).unwrap();
    let http2 = service.clone().http2_only().bind(&uri).unwrap();
    assert!(both != *http1.pool_key() && both != *http2.pool_key() && http1.pool_key() != http2.pool_key());
    assert_eq!(both, *service.bind(&uri).unwrap().pool_key());
    for (bound, alpn) in [(http1, "http/1.1"), (http2, "h2")] {
        let key = bound.pool_key().clone();
        let evidence = bound.clone().call(uri.clone()).await.unwrap().get_ref().evidence().clone();
        assert_eq!((evidence.pool_key, evidence.alpn.as_deref()), (key, Some(alpn)));
    }
    // gRPC over a policy that offers h2 alone and demands nothing: HTTP/1.1 would be in the pool of the one, not of the other.
    let alpn = AlpnDraft { protocols: vec!["h2".to_owned()], required: false };
    connector.update(&policy(PolicySpec { alpn, ..world.spec() })).unwrap();
    assert_ne!(service.bind(&uri).unwrap().pool_key(), service.clone().http2_only().bind(&uri).unwrap().pool_key());
}

/// A service connects to the hosts of its key alone; where the policy names the server, that is all of them.
#[tokio::test]
async fn a_host_of_another_key_is_misuse() {
    let world = World::new("hosts");
    let server = HttpServer::start(&world.server(Versions::Both)).await;
    let connector = world.connector(world.spec());
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    let service = UpstreamService::new(connector.clone())
        .with_address(server.address())
        .with_failures(move |host, error| telling.lock().unwrap().push((host.to_string(), error.code())));
    let (ours, other) = (server.uri(HOST), server.uri("other.example"));
    let error = service.bind(&ours).unwrap().call(other.clone()).await.err().unwrap();
    assert_eq!(error.code(), Code::Misuse);
    let text = error.to_string();
    assert!(text.contains("bound to backend.example") && text.contains("bind for other.example"), "{text}");
    assert_eq!(*told.lock().unwrap(), [("other.example".to_owned(), Code::Misuse)]);
    // The hint, followed: it is judged by its own name.
    let error = service.bind(&other).unwrap().call(other.clone()).await.err().unwrap();
    assert_eq!(error.code(), Code::NameMismatch);

    connector.update(&policy(PolicySpec { server_name: Some(HOST.to_owned()), ..world.spec() })).unwrap();
    let mut bound = service.bind(&ours).unwrap();
    assert_eq!(bound.pool_key(), service.bind(&other).unwrap().pool_key());
    assert!(bound.call(other.clone()).await.is_ok());
    connector.withdraw();
    assert_eq!(bound.call(other).await.err().unwrap().code(), Code::PolicyWithdrawn);
}
