//! The asynchronous faces against a real nginx: tokio's stream, and hyper-util's client in both versions of HTTP.

use std::sync::Arc;

use crate::support::http::{UpstreamClient, client};
use crate::support::nginx::{Answer, client_root, identity, patient, presenting, value};
use crate::support::world::{BOTH, HOST, World, host, policy, trusting};
use http_body_util::BodyExt;
use hyper::Version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uptls::hyper::{ConnectionInfo, UpstreamService};
use uptls::{AlpnDraft, Code, Connector, Error, MaterialDraft, PolicySpec};
use uptls_testkit::{Nginx, NginxOptions, Pki, San, Versions};

fn offering(world: &World, protocols: &[&str]) -> PolicySpec {
    let protocols = protocols.iter().map(|&protocol| protocol.to_owned()).collect();
    PolicySpec { alpn: AlpnDraft { protocols, required: true }, ..world.spec() }
}

fn pooled(connector: &Connector, nginx: &Nginx) -> UpstreamClient {
    let uri = format!("https://{HOST}/").parse().unwrap();
    client(&UpstreamService::new(connector.clone()).with_address(nginx.addr()), &uri)
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn get(client: &UpstreamClient) -> Result<(Answer, Version), Failure> {
    let response = client.get(format!("https://{HOST}/").parse()?).await?;
    let (parts, body) = response.into_parts();
    let evidence = parts.extensions.get::<ConnectionInfo>().expect("who answered").evidence.clone();
    let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
    Ok((Answer { body, evidence, status: parts.status.as_u16() }, parts.version))
}

fn code(failure: &Failure) -> Code {
    Error::find_in(&**failure).expect("an error of this library").code()
}

#[tokio::test]
async fn tokio_reads_an_answer_to_its_proper_end() {
    let world = World::new("nginx");
    let (right, wrong) = (world.spec(), trusting(&Pki::new("nginx, another CA")));
    for versions in BOTH {
        let Some(nginx) = Nginx::start(&presenting(&world, versions)) else { return };
        let (host, options) = (host(), patient());
        let connector = world.connector(right.clone());
        for resumed in [false, true] {
            let mut stream = connector.connect_async(nginx.addr(), &host, &options).await.unwrap();
            let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(stream.is_clean_eof());
            let wanted = (resumed, if resumed { "r" } else { "." });
            assert_eq!((stream.evidence().resumed, value(&answer, "ssl_session_reused")), wanted);
        }
        let stranger = world.connector(wrong.clone());
        let error = stranger.connect_async(nginx.addr(), &host, &options).await.unwrap_err();
        assert_eq!(error.code(), Code::CertUnknownIssuer, "{error}");
        nginx.wait_for_log("SSL alert number 48");
    }
}

#[tokio::test]
async fn hyper_speaks_both_versions_and_keeps_its_connections() {
    let world = World::new("nginx");
    let Some(nginx) = Nginx::start(&presenting(&world, Versions::Both)) else { return };
    for (protocols, version, theirs) in
        [(&["h2", "http/1.1"][..], Version::HTTP_2, "HTTP/2.0"), (&["http/1.1"], Version::HTTP_11, "HTTP/1.1")]
    {
        let client = pooled(&world.connector(offering(&world, protocols)), &nginx);
        for _ in 0..3 {
            let (answer, spoken) = get(&client).await.unwrap();
            assert_eq!((answer.status, spoken, answer.says("server_protocol")), (200, version, theirs));
            // A second connection would have resumed the session of the first.
            assert!(!answer.resumed());
        }
    }
    let Some(old) = Nginx::start(&NginxOptions { h2: false, ..presenting(&world, Versions::Both) }) else { return };
    let failure = get(&pooled(&world.connector(offering(&world, &["h2"])), &old)).await.err().unwrap();
    assert_eq!(code(&failure), Code::AlpnMismatch, "{failure}");
}

/// I5, in the middle of HTTP/2.
#[tokio::test]
async fn hyper_brings_its_identity() {
    let world = World::new("nginx");
    let root = client_root("ours");
    let ours = crate::support::nginx::client("gateway", &root);
    let Some(nginx) = Nginx::start(&presenting(&world, Versions::Both).with_client_roots(&[&root])) else { return };
    let without = offering(&world, &["h2"]);
    let with = PolicySpec { identity: identity(&ours), ..without.clone() };
    let (answer, _) = get(&pooled(&world.connector(with), &nginx)).await.unwrap();
    assert_eq!((answer.status, answer.says("ssl_client_s_dn")), (200, "CN=gateway"));
    let (answer, _) = get(&pooled(&world.connector(without), &nginx)).await.unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("No required SSL certificate was sent"), "{}", answer.body);
}

/// R7: one client in both versions, while nginx changes its CA with an overlap; and without one.
#[tokio::test]
async fn hyper_follows_a_reload() {
    for protocol in ["h2", "http/1.1"] {
        let (world, next) = (World::new("nginx rotates"), Pki::new("the next CA"));
        let new_leaf = next.leaf(&[San::dns(HOST)]);
        let after = NginxOptions::new(&[&new_leaf, &next.intermediate]);
        let Some(nginx) = Nginx::start(&presenting(&world, Versions::Both)).map(Arc::new) else { return };
        let old = offering(&world, &[protocol]);
        let mut both = old.clone();
        both.trust.bundles.push(MaterialDraft::pem(next.root.pem()));
        let (connector, unprepared) = (world.connector(old.clone()), world.connector(old));
        let (client, alone) = (pooled(&connector, &nginx), pooled(&unprepared, &nginx));
        for client in [&client, &alone] {
            assert_eq!(get(client).await.unwrap().0.evidence.peer.leaf_sha256(), Some(world.leaf.sha256()));
        }
        connector.update(&policy(both)).unwrap();
        let reloaded = nginx.clone();
        tokio::task::spawn_blocking(move || reloaded.reload(&after)).await.unwrap();

        // Its connection is gone with the old nginx, and a new one is not for the key of the old policy.
        let failure = settled(&client).await.err().unwrap();
        assert_eq!(code(&failure), Code::ConnectorSuperseded, "{failure}");
        let (answer, _) = get(&pooled(&connector, &nginx)).await.unwrap();
        assert_eq!(answer.evidence.peer.leaf_sha256(), Some(new_leaf.sha256()));
        assert_eq!(answer.evidence.generation.number(), 2);
        let failure = settled(&alone).await.err().unwrap();
        assert_eq!(code(&failure), Code::CertUnknownIssuer, "{failure}");
    }
}

/// A GET that starts just as nginx takes leave of its connection may fail with it, and is then asked again.
async fn settled(client: &UpstreamClient) -> Result<(Answer, Version), Failure> {
    match get(client).await {
        Err(failure) if Error::find_in(&*failure).is_none() => get(client).await,
        outcome => outcome,
    }
}
