//! The hyper face under hyper-util's client: versions, names and addresses, pools.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;

use crate::support::http::{HttpServer, client, get};
use crate::support::world::{HOST, World, host, policy};
use hyper::{Uri, Version};
use tower_service::Service;
use uptls::hyper::UpstreamService;
use uptls::{Address, AlpnDraft, ConnectOptions, Connector, MaterialDraft, PolicySpec};
use uptls_testkit::{Pki, RESPONSE_BODY, Server, ServerOptions, Versions};

const H1_AND_H2: [&[u8]; 2] = [b"h2", b"http/1.1"];

fn offering(world: &World, protocols: &[&str]) -> Connector {
    let protocols = protocols.iter().map(|&protocol| protocol.to_owned()).collect();
    world.connector(PolicySpec { alpn: AlpnDraft { protocols, required: false }, ..world.spec() })
}

fn speaking(world: &World, alpn: &[&'static [u8]]) -> ServerOptions {
    ServerOptions { alpn: alpn.to_vec(), ..world.server(Versions::Both) }
}

fn service(connector: &Connector, server: &HttpServer) -> UpstreamService {
    UpstreamService::new(connector.clone()).with_address(server.address())
}

#[tokio::test]
async fn the_http_version_follows_the_negotiated_protocol() {
    let world = World::new("versions");
    let both = HttpServer::start(&speaking(&world, &H1_AND_H2)).await;
    let old = HttpServer::start(&speaking(&world, &[])).await;
    let willing = offering(&world, &["h2", "http/1.1"]);
    let plain = offering(&world, &[]);
    let cases = [
        (service(&willing, &both), &both, Version::HTTP_2, Some("h2")),
        (service(&willing, &both).http2_only(), &both, Version::HTTP_2, Some("h2")),
        (service(&willing, &both).http1_only(), &both, Version::HTTP_11, Some("http/1.1")),
        (service(&willing, &old), &old, Version::HTTP_11, None),
        (service(&plain, &both), &both, Version::HTTP_11, None),
        (service(&plain, &both).http1_only(), &both, Version::HTTP_11, None),
    ];
    for (service, server, version, alpn) in cases {
        let text = format!("{service:?}");
        let answer = get(&client(&service, &server.uri(HOST)), server.uri(HOST)).await.unwrap();
        assert_eq!((answer.version, answer.info.evidence.alpn.as_deref()), (version, alpn), "{text}");
        assert_eq!(answer.info.remote_address, Some(server.address()));
    }
}

#[tokio::test]
async fn connections_are_pooled_and_shared() {
    let world = World::new("pooled");
    let server = HttpServer::start(&speaking(&world, &H1_AND_H2)).await;
    let connector = offering(&world, &["h2", "http/1.1"]);
    let pooled = client(&service(&connector, &server), &server.uri(HOST));
    get(&pooled, server.uri(HOST)).await.unwrap();
    let many = (0..20).map(|_| {
        let (client, uri) = (pooled.clone(), server.uri(HOST));
        tokio::spawn(async move { get(&client, uri).await.unwrap().version })
    });
    for request in many.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), Version::HTTP_2);
    }
    assert_eq!(server.connections(), 1);
    // A client of its own makes a connection of its own, and resumes.
    let other = client(&service(&connector, &server).http1_only(), &server.uri(HOST));
    let other = get(&other, server.uri(HOST)).await.unwrap();
    assert!(other.info.evidence.resumed);
    assert_eq!(server.connections(), 2);
}

/// R7, R9: what is pooled under a key was judged by what the key stands for.
#[tokio::test]
async fn the_pool_key_tells_policies_and_their_updates_apart() {
    let world = World::new("pool keys");
    let server = HttpServer::start(&speaking(&world, &H1_AND_H2)).await;
    let connector = offering(&world, &["h2"]);
    let service = service(&connector, &server);
    let uri = server.uri(HOST);
    let key = |service: &UpstreamService, uri: &Uri| service.bind(uri).unwrap().pool_key().clone();
    let before = key(&service, &uri);
    let pooled = client(&service, &uri);
    assert_eq!(get(&pooled, uri.clone()).await.unwrap().info.evidence.pool_key, before);
    assert_eq!(*connector.bind(&host(), &ConnectOptions::default()).unwrap().pool_key(), before);
    let another = offering(&world, &["h2", "http/1.1"]);
    assert_ne!(*another.bind(&host(), &ConnectOptions::default()).unwrap().pool_key(), before);
    assert_ne!(key(&service, &server.uri("other.example")), before);

    let mut next = world.spec();
    next.alpn.protocols = vec!["h2".to_owned()];
    next.trust.bundles.push(MaterialDraft::pem(Pki::new("pool keys, the next CA").root.pem()));
    connector.update(&policy(next)).unwrap();
    let after = key(&service, &uri);
    assert_ne!(after, before);
    // The old pool goes on with its connection; under the new key there is another client.
    let old = get(&pooled, uri.clone()).await.unwrap().info.evidence;
    let new = get(&client(&service, &uri), uri).await.unwrap().info.evidence;
    assert_eq!((&old.pool_key, old.generation.number()), (&before, 1));
    assert_eq!((&new.pool_key, new.generation.number()), (&after, 2));
    assert!(!connector.is_current(&old) && connector.is_current(&new));
}

/// N1
#[tokio::test]
async fn an_address_is_never_an_identity() {
    let world = World::new("addresses");
    let server = HttpServer::start(&speaking(&world, &[])).await;
    let connector = offering(&world, &[]);
    // The host is known, and the URI says where to.
    let named = UpstreamService::new(connector.clone()).with_host(host());
    let uri = server.uri("127.0.0.1");
    let evidence = get(&client(&named, &uri), uri).await.unwrap().info.evidence;
    assert_eq!(evidence.server_name.as_deref(), Some(HOST));
    // The URI names the host, and a resolver of our own says where to.
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (seen, address) = (asked.clone(), server.address());
    let resolved = UpstreamService::new(connector).with_addresses(move |uri| {
        seen.lock().unwrap().push(uri.clone());
        Some(Address::from(vec![SocketAddr::from(([127, 0, 0, 1], 1)), address]))
    });
    let uri: Uri = "https://backend.example/path".parse().unwrap();
    get(&client(&resolved, &uri), uri).await.unwrap();
    let asked: Vec<String> = asked.lock().unwrap().iter().map(Uri::to_string).collect();
    assert!(asked.iter().all(|uri| uri.starts_with("https://backend.example")) && !asked.is_empty(), "{asked:?}");
}

/// tonic with a TLS feature keeps `https` for itself.
#[tokio::test]
async fn http_uris_are_connected_to_by_tls_when_asked_for() {
    let world = World::new("http");
    let server = HttpServer::start(&speaking(&world, &[b"h2"])).await;
    let connector = offering(&world, &["h2"]);
    let service = service(&connector, &server).http2_only().also_for_http_uris();
    let uri: Uri = "http://backend.example/".parse().unwrap();
    let answer = get(&client(&service, &uri), uri).await.unwrap();
    assert_eq!(answer.info.evidence.alpn.as_deref(), Some("h2"));
}

/// For callers that drive HTTP themselves.
#[tokio::test]
async fn a_connection_can_be_taken_out() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::new("taken out");
    let server = Server::start(&world.server(Versions::Both));
    let service = UpstreamService::new(offering(&world, &[])).with_address(server.addr());
    let uri: Uri = "https://backend.example/".parse().unwrap();
    let connection = service.bind(&uri).unwrap().call(uri).await.unwrap();
    assert_eq!(connection.get_ref().evidence().server_name.as_deref(), Some(HOST));
    let mut stream = connection.into_inner();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: backend.example\r\n\r\n").await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with(RESPONSE_BODY));
}
