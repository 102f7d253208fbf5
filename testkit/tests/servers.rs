//! The servers: full and resumed handshakes in memory and over TCP, client certificates, misbehaviour.
#![allow(clippy::unwrap_used, reason = "tests")]

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, Error, RootCertStore, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use uptls_testkit::{
    Certificate, HostileServer, Key, MemoryServer, Misbehaviour, NOW, Pki, ProtocolVersion, RESPONSE_BODY, San, Server,
    ServerOptions, Sessions, Template, Versions,
};

const NAME: &str = "backend.example";

#[derive(Debug)]
struct Fixed;

impl TimeProvider for Fixed {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(NOW.try_into().unwrap())))
    }
}

fn client(versions: Versions, root: &Certificate, identity: Option<&Certificate>) -> Arc<ClientConfig> {
    let versions: &[_] = match versions {
        Versions::Both => &[&TLS12, &TLS13],
        Versions::Tls12 => &[&TLS12],
        Versions::Tls13 => &[&TLS13],
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(root.der())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_details(provider, Arc::new(Fixed))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::try_from(identity.key().pkcs8_der()).unwrap();
            let chain = vec![CertificateDer::from(identity.der().to_vec())];
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.resumption = Resumption::in_memory_sessions(16);
    Arc::new(config)
}

fn connect(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(config.clone(), ServerName::try_from(NAME).unwrap()).unwrap()
}

fn options(pki: &Pki, leaf: &Certificate) -> ServerOptions {
    ServerOptions::new(&[leaf, &pki.intermediate])
}

fn fetch(config: &Arc<ClientConfig>, address: SocketAddr) -> std::io::Result<String> {
    let mut stream = StreamOwned::new(connect(config), TcpStream::connect(address)?);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

#[test]
fn sessions_resume_in_memory_in_both_versions() {
    let pki = Pki::new("servers");
    let leaf = pki.leaf(&[San::dns(NAME)]);
    for versions in [Versions::Tls12, Versions::Tls13] {
        let client = client(versions, &pki.root, None);
        let config = options(&pki, &leaf).config(&Sessions::new());
        for resumed in [false, true, true] {
            let (mut client, mut server) = (connect(&client), MemoryServer::new(&config));
            server.converse(&mut client).unwrap();
            let seen = server.seen().unwrap();
            assert_eq!(seen.resumed, resumed, "{versions:?}");
            assert_eq!(seen.sni.as_deref(), Some(NAME));
        }
    }
}

#[test]
fn sessions_do_not_resume_without_tickets() {
    let pki = Pki::new("servers");
    let leaf = pki.leaf(&[San::dns(NAME)]);
    for versions in [Versions::Tls12, Versions::Tls13] {
        let client = client(versions, &pki.root, None);
        let config = ServerOptions { tickets: false, ..options(&pki, &leaf) };
        let config = config.config(&Sessions::new());
        for _ in 0..2 {
            let (mut client, mut server) = (connect(&client), MemoryServer::new(&config));
            server.converse(&mut client).unwrap();
            assert!(!server.seen().unwrap().resumed);
        }
    }
}

#[test]
fn plaintext_goes_both_ways_in_memory() {
    let pki = Pki::new("servers");
    let leaf = pki.leaf(&[San::dns(NAME)]);
    let mut client = connect(&client(Versions::Both, &pki.root, None));
    let mut server = MemoryServer::with_options(&options(&pki, &leaf));
    assert_eq!(server.seen(), None);
    let question = vec![7; 100_000];
    client.set_buffer_limit(None);
    client.writer().write_all(&question).unwrap();
    server.write(b"pong");
    server.converse(&mut client).unwrap();
    assert_eq!(server.read(), question);
    server.close();
    server.converse(&mut client).unwrap();
    let mut answer = Vec::new();
    client.reader().read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"pong");
    assert_eq!(server.seen().unwrap().version, ProtocolVersion::TLSv1_3);
}

#[test]
fn errors_come_out_of_the_conversation() {
    let (pki, other) = (Pki::new("servers"), Pki::new("other"));
    let leaf = pki.leaf(&[San::dns(NAME)]);
    let mut client = connect(&client(Versions::Both, &other.root, None));
    let mut server = MemoryServer::with_options(&options(&pki, &leaf));
    let outcome = server.converse(&mut client);
    assert!(matches!(outcome, Err(Error::InvalidCertificate(_))), "{outcome:?}");
    assert!(matches!(server.feed(&[0; 64]), Err(Error::AlertReceived(_))));
}

#[test]
fn the_server_answers_and_remembers() {
    let pki = Pki::new("servers");
    let leaf = pki.leaf(&[San::dns(NAME)]);
    let server = Server::start(&ServerOptions { alpn: vec![b"http/1.1"], ..options(&pki, &leaf) });
    let mut config = client(Versions::Both, &pki.root, None);
    Arc::get_mut(&mut config).unwrap().alpn_protocols = vec![b"http/1.1".to_vec()];
    for resumed in [false, true] {
        let response = fetch(&config, server.addr()).unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with(RESPONSE_BODY));
        let seen = server.handshakes().pop().unwrap();
        assert_eq!(seen.resumed, resumed);
        assert_eq!(seen.alpn.as_deref(), Some(b"http/1.1".as_slice()));
    }
    assert_eq!((server.connections(), server.handshakes().len()), (2, 2));
}

#[test]
fn a_session_outlives_the_certificate_of_the_server() {
    let (pki, other) = (Pki::new("servers"), Pki::new("other"));
    for versions in [Versions::Tls12, Versions::Tls13] {
        let server = Server::start(&options(&pki, &pki.leaf(&[San::dns(NAME)])));
        let config = client(versions, &pki.root, None);
        fetch(&config, server.addr()).unwrap();
        server.set_options(&options(&other, &other.leaf(&[San::dns(NAME)])));
        fetch(&config, server.addr()).unwrap();
        assert!(server.handshakes()[1].resumed);
        fetch(&client(versions, &pki.root, None), server.addr()).unwrap_err();
        let failures = server.wait_for_failures(1);
        assert!(matches!(failures[0], Error::AlertReceived(_)), "{failures:?}");
    }
}

#[test]
fn a_client_certificate_is_demanded_or_only_asked_for() {
    let pki = Pki::new("servers");
    let identity = pki.client(&[San::uri("spiffe://td.example/client")]);
    let strict = options(&pki, &pki.leaf(&[San::dns(NAME)])).with_client_roots(&[&pki.intermediate]);
    let lax = ServerOptions { client_auth_optional: true, ..strict.clone() };
    for versions in [Versions::Tls12, Versions::Tls13] {
        let anonymous = client(versions, &pki.root, None);
        let named = client(versions, &pki.root, Some(&identity));
        let server = Server::start(&strict);
        fetch(&anonymous, server.addr()).unwrap_err();
        assert_eq!(server.wait_for_failures(1), [Error::NoCertificatesPresented]);
        for _ in 0..2 {
            fetch(&named, server.addr()).unwrap();
            let seen = server.handshakes().pop().unwrap();
            assert_eq!(seen.client_certificate.as_deref(), Some(identity.der()));
        }
        server.set_options(&lax);
        fetch(&anonymous, server.addr()).unwrap();
        assert_eq!(server.handshakes().pop().unwrap().client_certificate, None);
    }
}

#[test]
fn a_server_can_present_what_no_honest_one_would() {
    let pki = Pki::new("servers");
    let sans = [San::dns(NAME)];
    let short = Template::leaf("short").with_sans(&sans).issued_by(&pki.intermediate, &Key::rsa1024());
    let stolen = ServerOptions { key: Key::p256("x").pkcs8_der(), ..options(&pki, &pki.leaf(&sans)) };
    for (versions, options) in [
        (Versions::Tls12, options(&pki, &short)),
        (Versions::Tls13, options(&pki, &short)),
        (Versions::Tls12, stolen.clone()),
        (Versions::Tls13, stolen),
    ] {
        let mut server = MemoryServer::with_options(&options);
        let outcome = server.converse(&mut connect(&client(versions, &pki.root, None)));
        let expected = Error::InvalidCertificate(rustls::CertificateError::BadSignature);
        assert_eq!(outcome, Err(expected), "{versions:?}");
    }
}

#[test]
fn hostile_servers_misbehave_as_announced() {
    let pki = Pki::new("servers");
    let config = client(Versions::Both, &pki.root, None);
    let outcome = |misbehaviour| {
        let server = HostileServer::start(misbehaviour);
        let error = fetch(&config, server.addr()).unwrap_err();
        assert_eq!(server.connections(), 1);
        error.kind()
    };
    assert_eq!(outcome(Misbehaviour::CloseAtOnce), ErrorKind::UnexpectedEof);
    assert_eq!(outcome(Misbehaviour::CloseAfterClientHello), ErrorKind::UnexpectedEof);
    assert_eq!(outcome(Misbehaviour::ResetAfterClientHello), ErrorKind::ConnectionReset);
    assert_eq!(outcome(Misbehaviour::Garbage), ErrorKind::InvalidData);
    assert_eq!(outcome(Misbehaviour::PlainHttp), ErrorKind::InvalidData);
    assert_eq!(outcome(Misbehaviour::SshBanner), ErrorKind::InvalidData);
    let options = Box::new(options(&pki, &pki.leaf(&[San::dns(NAME)])));
    assert_eq!(outcome(Misbehaviour::TruncatesAfterResponse(options)), ErrorKind::UnexpectedEof);
}

#[test]
fn a_silent_server_accepts_and_says_nothing() {
    let server = HostileServer::start(Misbehaviour::Silent);
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stream.write_all(b"hello").unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error:?}");
}
