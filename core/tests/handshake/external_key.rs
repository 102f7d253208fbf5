//! Identities whose key is elsewhere (I7): the library asks for signatures, and sends none that the certificate's key did not make.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::SignatureScheme;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use uptls::danger::DangerPermission;
use uptls::sans_io::Handshake;
use uptls::{
    Code, ConnectOptions, Connector, Error, ExternalKey, Fed, IdentityDraft, MaterialDraft, PolicyDraft, PolicySpec,
    Secret, SecretDraft, SignatureWanted, UpstreamTlsPolicy, interop,
};
use uptls_testkit::{CLIENT_AUTH, Certificate, Key, MemoryServer, San, Template, Versions, chain_pem};

use crate::support::world::{BOTH, World, converse, host, policy};

type Sign = Box<dyn Fn(SignatureScheme, &[u8]) -> Result<Vec<u8>, String> + Send + Sync>;

/// What a token would do with the key.
fn sign(key: &Key, scheme: SignatureScheme, message: &[u8]) -> Vec<u8> {
    let provider: CryptoProvider = rustls::crypto::aws_lc_rs::default_provider();
    let der = PrivateKeyDer::try_from(key.pkcs8_der()).unwrap();
    let signing = provider.key_provider.load_private_key(der).unwrap();
    signing.choose_scheme(&[scheme]).expect("the key can do it").sign(message).unwrap()
}

struct Token {
    client: Certificate,
    world: World,
}

impl Token {
    fn new() -> Self {
        let world = World::new("external key");
        let client = world.pki.client(&[San::dns("gateway.example")]);
        Self { client, world }
    }

    fn of(key: &Key) -> Self {
        let world = World::new("external key");
        let template = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf("client") };
        let client = template.issued_by(&world.pki.intermediate, key);
        Self { client, world }
    }

    fn spec(&self, key: ExternalKey) -> PolicySpec {
        let chain = chain_pem(&[&self.client, &self.world.pki.intermediate]);
        let identity = IdentityDraft {
            certificate: Some(MaterialDraft::pem(chain)),
            key: Some(SecretDraft::external(key)),
            passphrase: None,
        };
        PolicySpec { identity: Some(identity), ..self.world.spec() }
    }

    fn connector(&self, key: ExternalKey) -> Connector {
        self.world.connector(self.spec(key))
    }

    fn server(&self, versions: Versions) -> MemoryServer {
        MemoryServer::with_options(&self.world.server(versions).with_client_roots(&[&self.world.pki.root]))
    }

    /// A handshake with a server that wants a certificate; the certificate that it got.
    fn connect(&self, connector: &Connector, versions: Versions) -> Result<Vec<u8>, Error> {
        let mut server = self.server(versions);
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        converse(&mut handshake, &mut server)?;
        assert!(handshake.is_done());
        Ok(server.seen().unwrap().client_certificate.unwrap_or_default())
    }

    /// A handshake that stands where it needs a signature, and its server.
    fn asked(&self, connector: &Connector, versions: Versions) -> (Box<SignatureWanted>, MemoryServer) {
        let mut server = self.server(versions);
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        loop {
            let mut out = Vec::new();
            handshake.drain_to(&mut out);
            let _ = server.feed(&out);
            match handshake.feed_asking(&server.drain()).unwrap() {
                Fed::WantsSignature(wanted) => return (Box::new(wanted), server),
                Fed::Processed { handshake: next, used, .. } => {
                    used.unwrap();
                    handshake = *next;
                }
                _ => panic!("unknown"),
            }
        }
    }
}

fn processed(fed: Fed) -> (Handshake, Result<usize, Error>) {
    match fed {
        Fed::Processed { handshake, used, .. } => (*handshake, used),
        _ => panic!("a handshake asks once"),
    }
}

#[test]
fn a_signer_makes_the_signatures_of_every_kind_of_key() {
    let keys = [Key::p256("t"), Key::p384("t"), Key::p521("t"), Key::ed25519("t"), Key::rsa2048(0)];
    for key in keys {
        for versions in BOTH {
            let token = Token::of(&key);
            let calls = Arc::new(AtomicUsize::new(0));
            let (counted, key) = (Arc::clone(&calls), key.clone());
            let connector = token.connector(ExternalKey::new(move |scheme, message: &[u8]| {
                counted.fetch_add(1, Ordering::SeqCst);
                Ok(sign(&key, scheme, message))
            }));
            assert_eq!(token.connect(&connector, versions).unwrap(), token.client.der());
            assert_eq!(calls.load(Ordering::SeqCst), 1);
        }
    }
}

/// What is no signature by the certificate's key never leaves, and the reason is told.
#[test]
fn a_signer_that_fails_or_lies_ends_the_handshake() {
    let token = Token::new();
    let own = token.client.key().clone();
    let other = own.clone();
    let table: Vec<(Sign, &str)> = vec![
        (Box::new(|_, _| Err("the token was pulled out".to_owned())), "the token was pulled out"),
        (Box::new(|_, _| Ok(Vec::new())), "0 bytes that are no ECDSA_NISTP256_SHA256 signature"),
        (Box::new(|_, _| Ok(vec![0x30; 100_000])), "100000 bytes"),
        (Box::new(|scheme, message| Ok(sign(&Key::p256("another"), scheme, message))), "by the certificate's key"),
        (Box::new(move |scheme, _| Ok(sign(&other, scheme, b"another message"))), "of the message"),
        (Box::new(|_, _| panic!("in the token")), "the signer panicked: in the token"),
    ];
    for (signer, text) in table {
        let connector = token.connector(ExternalKey::new(signer));
        for versions in BOTH {
            let error = token.connect(&connector, versions).unwrap_err();
            assert_eq!(error.code(), Code::IdentitySignFailed, "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
        // Where nothing has to be signed, nothing is wrong.
        let mut server = MemoryServer::with_options(&token.world.server(Versions::Tls13));
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        converse(&mut handshake, &mut server).unwrap();
        assert!(handshake.is_done());
    }
    let good = token.connector(ExternalKey::new(move |scheme, message: &[u8]| Ok(sign(&own, scheme, message))));
    assert_eq!(token.connect(&good, Versions::Tls13).unwrap(), token.client.der());
}

#[test]
fn schemes_are_those_of_the_certificate() {
    let token = Token::new();
    let key = || ExternalKey::new(|_, _: &[u8]| Err("not asked".to_owned()));
    let prepare = |key| token.world.runtime.prepare(&policy(token.spec(key)));
    assert!(prepare(key().with_schemes([SignatureScheme::ECDSA_NISTP256_SHA256])).is_ok());
    for schemes in [vec![], vec![SignatureScheme::ECDSA_NISTP384_SHA384], vec![SignatureScheme::RSA_PSS_SHA256]] {
        let problems = prepare(key().with_schemes(schemes)).unwrap_err();
        assert_eq!(problems.code(), Code::IdentityParse, "{problems}");
        assert!(problems.to_string().contains("P-256"), "{problems}");
    }
    // There is no key to give away.
    let prepared = prepare(key()).unwrap();
    let error = interop::private_key(&prepared).err().unwrap();
    assert_eq!(error.code(), Code::NotExportable, "{error}");
    // What only a key in bytes has.
    let identity = token.spec(key()).identity.unwrap();
    let with = IdentityDraft { passphrase: Some(SecretDraft::pem(Secret::new("x"))), ..identity };
    let spec = PolicySpec { identity: Some(with), ..token.world.spec() };
    assert!(UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).is_err());
}

/// Two keys for one certificate are two identities: no connection of one policy is signed for by the other's signer.
#[test]
fn each_key_signs_for_its_own_connections() {
    let token = Token::new();
    let key = token.client.key().clone();
    let good = token.connector(ExternalKey::new(move |scheme, message: &[u8]| Ok(sign(&key, scheme, message))));
    let bad = token.connector(ExternalKey::new(|_, _: &[u8]| Err("the other token".to_owned())));
    assert!(token.connect(&good, Versions::Tls13).is_ok());
    assert!(token.connect(&bad, Versions::Tls13).unwrap_err().to_string().contains("the other token"));
    assert_ne!(good.prepared().unwrap().fingerprint(), bad.prepared().unwrap().fingerprint());
}

#[test]
fn a_handshake_stops_until_it_has_its_signature() {
    for versions in BOTH {
        let token = Token::new();
        let connector = token.connector(ExternalKey::asking());
        let (wanted, mut server) = token.asked(&connector, versions);
        assert_eq!(wanted.scheme(), SignatureScheme::ECDSA_NISTP256_SHA256);
        let signature = sign(token.client.key(), wanted.scheme(), wanted.message());
        let (mut handshake, used) = processed(wanted.give(Ok(signature)).unwrap());
        used.unwrap();
        converse(&mut handshake, &mut server).unwrap();
        assert!(handshake.is_done());
        assert_eq!(server.seen().unwrap().client_certificate.as_deref(), Some(token.client.der()));
    }
}

#[test]
fn what_is_no_signature_ends_a_handshake_that_asked() {
    let token = Token::new();
    let connector = token.connector(ExternalKey::asking());
    let ended = |fed: Result<Fed, Error>| processed(fed.unwrap()).1.unwrap_err();
    let asked = || token.asked(&connector, Versions::Tls13).0;
    let error = ended(asked().give(Err("the user said no".to_owned())));
    assert!(error.code() == Code::IdentitySignFailed && error.to_string().contains("the user said no"), "{error}");
    let error = ended(asked().give(Ok(b"no signature".to_vec())));
    assert_eq!(error.code(), Code::IdentitySignFailed, "{error}");
    assert_eq!(ended(asked().expire()).code(), Code::HandshakeTimeout);
    let reset = io::Error::from(rustix::io::Errno::CONNRESET);
    assert_eq!(ended(asked().feed_error(&reset)).code(), Code::PeerReset);
    // Never: the thread that waits ends with what is dropped.
    drop(asked());
    // Every other way to connect says what it lacks, where the peer asks; and needs nothing where it does not.
    let error = token.connect(&connector, Versions::Tls13).unwrap_err();
    assert!(error.code() == Code::IdentitySignFailed && error.to_string().contains("cannot ask"), "{error}");
    let mut server = MemoryServer::with_options(&token.world.server(Versions::Tls13));
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    converse(&mut handshake, &mut server).unwrap();
    assert!(handshake.is_done());
}
