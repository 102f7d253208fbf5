//! What is bound to a pool key connects by that key or not at all (L8, R7): in memory and over blocking transports.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::support::world::{BOTH, HOST, World, converse, host, identity, policy, trusting};
use uptls::sans_io::{Established, Handshake};
use uptls::{
    AlpnDraft, BackendHost, BoundConnector, Code, ConnectOptions, Connector, MaterialDraft, OnInvalid, PolicySpec,
    PoolKey, Problems, Transport, UpstreamTlsPolicy,
};
use uptls_testkit::{MemoryServer, Pki, Server, Versions, YEAR};

fn offering(world: &World, protocols: &[&str]) -> PolicySpec {
    let protocols = protocols.iter().map(|&protocol| protocol.to_owned()).collect();
    PolicySpec { alpn: AlpnDraft { protocols, required: false }, ..world.spec() }
}

/// Accepts what the world's own policy accepts, and more.
fn wider(world: &World) -> UpstreamTlsPolicy {
    let mut spec = world.spec();
    spec.trust.bundles.push(MaterialDraft::pem(Pki::new("the next CA").root.pem()));
    policy(spec)
}

fn bind(connector: &Connector) -> BoundConnector {
    connector.bind(&host(), &ConnectOptions::default()).unwrap()
}

fn key(connector: &Connector, host: &BackendHost, options: &ConnectOptions) -> PoolKey {
    connector.bind(host, options).unwrap().pool_key().clone()
}

/// As far as the handshake goes with a server of the world, and `meanwhile` before it is finished.
fn shake(
    world: &World,
    versions: Versions,
    handshake: Handshake,
    meanwhile: impl FnOnce(),
) -> (Result<Established, Code>, MemoryServer) {
    let (mut handshake, mut server) = (handshake, MemoryServer::with_options(&world.server(versions)));
    converse(&mut handshake, &mut server).unwrap();
    assert!(handshake.is_done());
    meanwhile();
    let finished = handshake.finish().map_err(|mut unfinished| {
        let code = unfinished.error().expect("why it is not").code();
        let mut out = Vec::new();
        unfinished.drain_to(&mut out);
        assert!(!out.is_empty(), "H5: the peer is told");
        server.feed(&out).unwrap();
        code
    });
    (finished, server)
}

fn problems(world: &World) -> Problems {
    let mut spec = PolicySpec::default();
    spec.trust.bundles.push(MaterialDraft::file(Path::new("/nonexistent/ca.pem")));
    world.runtime.prepare(&policy(spec)).unwrap_err()
}

#[test]
fn the_key_is_that_of_every_connection() {
    let world = World::new("bound");
    let connector = world.connector(offering(&world, &["h2", "http/1.1"]));
    let narrow = ConnectOptions::default().with_alpn(["http/1.1"]);
    for options in [ConnectOptions::default(), narrow] {
        let bound = connector.bind(&host(), &options).unwrap();
        let (established, _) = shake(&world, Versions::Both, bound.begin().unwrap(), || {});
        assert_eq!(established.unwrap().evidence().pool_key, *bound.pool_key());
        // One that is not bound says by the same key what it was judged by.
        let (established, _) = shake(&world, Versions::Both, connector.begin(&host(), &options).unwrap(), || {});
        assert_eq!(established.unwrap().evidence().pool_key, *bound.pool_key());
    }
}

/// H3: what is offered, and whether the answer must be one of it, is part of the key.
#[test]
fn offers_that_differ_share_no_key() {
    let world = World::new("offers");
    let connector = world.connector(offering(&world, &["h2", "http/1.1"]));
    let all = ConnectOptions::default();
    let same = ConnectOptions::default().with_alpn(["h2", "http/1.1"]);
    assert_eq!(key(&connector, &host(), &all), key(&connector, &host(), &same));
    assert_eq!(key(&connector, &host(), &all), key(&connector.clone(), &host(), &all));
    let h2 = ConnectOptions::default().with_alpn(["h2"]);
    let keys = [
        key(&connector, &host(), &all),
        key(&connector, &host(), &h2),
        key(&connector, &host(), &h2.clone().with_alpn_required()),
        key(&connector, &host(), &ConnectOptions::default().with_alpn(["http/1.1"])),
        key(&connector, &BackendHost::parse("other.example").unwrap(), &all),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(keys.iter().position(|other| other == key), Some(index), "{key:?}");
    }
    for wider in [ConnectOptions::default().with_alpn(["h3"]), ConnectOptions::default().with_alpn(["h2", "h3"])] {
        assert_eq!(connector.bind(&host(), &wider).unwrap_err().code(), Code::Misuse);
    }
    let nothing = ConnectOptions::default().with_alpn(Vec::<String>::new()).with_alpn_required();
    assert_eq!(connector.bind(&host(), &nothing).unwrap_err().code(), Code::Misuse);
}

/// H3, and its twin: without the requirement the same answer is accepted.
#[test]
fn a_connection_can_require_a_protocol() {
    let world = World::new("required");
    let connector = world.connector(offering(&world, &["h2"]));
    let required = ConnectOptions::default().with_alpn_required();
    let mut handshake = connector.begin(&host(), &required).unwrap();
    let error = converse(&mut handshake, &mut MemoryServer::with_options(&world.server(Versions::Both))).unwrap_err();
    assert_eq!(error.code(), Code::AlpnMismatch);
    let (established, _) = shake(&world, Versions::Both, bind(&connector).begin().unwrap(), || {});
    assert_eq!(established.unwrap().evidence().alpn, None);
}

#[test]
fn a_publication_ends_what_is_bound_to_the_one_before() {
    let world = World::new("superseded");
    let connector = world.connector(world.spec());
    let bound = bind(&connector);
    connector.update(&policy(world.spec())).unwrap();
    assert!(bound.is_current() && bound.begin().is_ok(), "R5: equal content is no publication");

    connector.update(&wider(&world)).unwrap();
    assert!(!bound.is_current());
    let error = bound.begin().unwrap_err();
    assert_eq!(error.code(), Code::ConnectorSuperseded);
    assert_eq!(error.to_string(), "bound to generation 1, but the connector has published generation 2");
    assert_eq!(error.hint(), "bind the connector again, look into the pool with its new key, and try again");
    // The hint, followed.
    let again = bind(&connector);
    assert_ne!(again.pool_key(), bound.pool_key());
    assert!(again.begin().is_ok());

    // R5: a rollback is what the key stands for, and a pool that finds the old key may go on.
    connector.update(&policy(world.spec())).unwrap();
    assert_eq!(again.begin().unwrap_err().code(), Code::ConnectorSuperseded);
    let (established, _) = shake(&world, Versions::Both, bound.begin().unwrap(), || {});
    let established = established.unwrap();
    let evidence = established.evidence();
    assert_eq!((&evidence.pool_key, evidence.generation.number()), (bound.pool_key(), 3));
}

#[test]
fn a_publication_during_the_handshake_ends_it() {
    for versions in BOTH {
        let world = World::new("meanwhile");
        let connector = world.connector(world.spec());
        let (first, next) = (policy(world.spec()), wider(&world));
        let (ended, mut server) = shake(&world, versions, bind(&connector).begin().unwrap(), || {
            connector.update(&next).unwrap();
        });
        assert_eq!(ended.unwrap_err(), Code::ConnectorSuperseded, "{versions:?}");
        assert_eq!(server.read(), b"", "nothing was sent by the policy that is gone");

        // The twins: nothing is published; what was is rolled back; a connection that is not bound has its own generation (R1).
        connector.update(&first).unwrap();
        let (established, _) = shake(&world, versions, bind(&connector).begin().unwrap(), || {});
        assert!(established.is_ok());
        let (established, _) = shake(&world, versions, bind(&connector).begin().unwrap(), || {
            connector.update(&next).unwrap();
            connector.update(&first).unwrap();
        });
        assert!(established.is_ok());
        let old = key(&connector, &host(), &ConnectOptions::default());
        let unbound = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        let (established, _) = shake(&world, versions, unbound, || {
            connector.update(&next).unwrap();
        });
        let established = established.unwrap();
        assert_eq!(established.evidence().pool_key, old, "its key says by what it was judged");
        assert!(!connector.is_current(established.evidence()));
    }
}

type Stop<'a> = &'a dyn Fn(&Connector);

/// R2, R3: where no connection is made at all, the reason is that, before the handshake and during it.
#[test]
fn a_connector_that_is_stopped_says_so_itself() {
    let world = World::new("stopped");
    let stops: [(Code, Stop<'_>); 2] = [
        (Code::PolicyWithdrawn, &|connector| connector.withdraw()),
        (Code::PolicyNotReady, &|connector| connector.refuse(problems(&world))),
    ];
    for (code, stop) in stops {
        let closed = policy(world.spec());
        let connector = Connector::with_on_invalid(&world.runtime, &closed, OnInvalid::FailClosed).unwrap();
        let bound = bind(&connector);
        let (ended, _) = shake(&world, Versions::Both, bound.begin().unwrap(), || stop(&connector));
        assert_eq!(ended.unwrap_err(), code);
        assert_eq!(bound.begin().unwrap_err().code(), code);
        assert_eq!(connector.bind(&host(), &ConnectOptions::default()).unwrap_err().code(), code);
        assert!(!bound.is_current());
        connector.update(&closed).unwrap();
        assert!(bound.is_current() && bound.begin().is_ok(), "what ends the stop ends it here, too");
    }
    // The twin: with `KeepLastGood` a refusal stops nothing.
    let connector = world.connector(world.spec());
    let bound = bind(&connector);
    connector.refuse(problems(&world));
    assert!(bound.is_current() && bound.begin().is_ok());
}

/// I4, of a connection that is bound: the reason is the certificate's, at each connection.
#[test]
fn an_identity_that_ends_is_found_at_each_connection() {
    let world = World::new("bound identity");
    let client = world.pki.client(&[uptls_testkit::San::dns("gateway.example")]);
    let connector = world.connector(PolicySpec { identity: identity(&world.pki, &client), ..world.spec() });
    let bound = bind(&connector);
    assert!(bound.begin().is_ok());
    world.clock.advance(10 * YEAR);
    assert!(bound.is_current());
    assert_eq!(bound.begin().unwrap_err().code(), Code::IdentityExpired);
}

/// I6: a client that a pool forgot to drop holds neither policy nor key.
#[test]
fn what_is_bound_holds_no_policy() {
    let world = World::new("held");
    let connector = world.connector(world.spec());
    let prepared = connector.prepared().unwrap();
    let before = Arc::strong_count(&prepared);
    let bound = bind(&connector);
    assert_eq!(Arc::strong_count(&prepared), before);
    connector.update(&wider(&world)).unwrap();
    assert_eq!((Arc::strong_count(&prepared), bound.is_current()), (1, false));
}

/// A transport that does something when it is first read: the handshake is under way.
struct Meanwhile<F> {
    act: Option<F>,
    socket: TcpStream,
}

impl<F: FnOnce()> Read for Meanwhile<F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.act.take().into_iter().for_each(|act| act());
        self.socket.read(out)
    }
}

impl<F> Write for Meanwhile<F> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.socket.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl<F: FnOnce()> Transport for Meanwhile<F> {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.socket.set_deadline(deadline)
    }
}

#[test]
fn the_blocking_face_is_bound_as_well() {
    let world = World::new("blocking");
    let server = Server::start(&world.server(Versions::Both));
    let connector = world.connector(world.spec());
    let bound = bind(&connector);
    let stream = bound.connect_blocking(server.addr()).unwrap();
    assert_eq!((&stream.evidence().pool_key, stream.evidence().server_name.as_deref()), (bound.pool_key(), Some(HOST)));

    let socket = || TcpStream::connect(server.addr()).unwrap();
    let publish = || assert!(connector.update(&wider(&world)).is_ok());
    let during = bound.handshake(Meanwhile { act: Some(publish), socket: socket() });
    assert_eq!(during.err().unwrap().code(), Code::ConnectorSuperseded);
    let dialled = server.connections();
    let after = bound.connect_blocking(server.addr());
    assert_eq!(after.err().unwrap().code(), Code::ConnectorSuperseded);
    assert_eq!(server.connections(), dialled, "nothing is dialled by a key that is not published");
    assert!(bind(&connector).handshake(Meanwhile { act: Some(|| {}), socket: socket() }).is_ok());
}

/// L8: of all the ways in which two threads can meet, none hands out a connection under another key.
#[test]
fn no_order_of_updates_files_a_connection_wrongly() {
    let world = World::new("threads");
    let stranger = policy(trusting(&Pki::new("threads, another CA")));
    let ours = policy(world.spec());
    let connector = Connector::new(&world.runtime, &ours).unwrap();
    let accepting = key(&connector, &host(), &ConnectOptions::default());
    let outcomes = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..300 {
                connector.update(&stranger).unwrap();
                std::thread::yield_now();
                connector.update(&ours).unwrap();
                std::thread::yield_now();
            }
        });
        let mut outcomes = std::collections::BTreeMap::new();
        while !writer.is_finished() || !outcomes.contains_key("accepted") {
            let bound = bind(&connector);
            let outcome = match visit(&world, &bound) {
                Ok(found) => {
                    assert_eq!((&found, bound.pool_key()), (&accepting, &accepting));
                    "accepted"
                }
                Err(Code::ConnectorSuperseded) => "superseded",
                Err(Code::CertUnknownIssuer) => {
                    assert_ne!(*bound.pool_key(), accepting);
                    "refused"
                }
                Err(other) => panic!("{other}"),
            };
            *outcomes.entry(outcome).or_insert(0) += 1;
        }
        outcomes
    });
    assert!(outcomes["accepted"] > 0, "{outcomes:?}");
}

fn visit(world: &World, bound: &BoundConnector) -> Result<PoolKey, Code> {
    let mut handshake = bound.begin().map_err(|error| error.code())?;
    let mut server = MemoryServer::with_options(&world.server(Versions::Tls13));
    converse(&mut handshake, &mut server).map_err(|error| error.code())?;
    match handshake.finish() {
        Ok(established) => Ok(established.evidence().pool_key.clone()),
        Err(unfinished) => Err(unfinished.error().expect("why it is not").code()),
    }
}

/// What the user of a pool and the publisher of policies may do.
#[derive(Clone, Copy)]
enum Act {
    /// Publishes a policy that refuses the server.
    Refuse,
    /// Publishes one that accepts it.
    Accept,
    /// Asks the pool for what is wanted now, and uses what is there.
    Look,
    /// Connects by what the last look was for, and files the connection.
    Connect,
}

/// In how many orders of four acts a pool uses a connection that the policy of that moment did not judge.
fn wrongly_used(world: &World, connect: impl Fn(&Connector, &BoundConnector) -> Result<Established, Code>) -> usize {
    let (refuse, accept) = (policy(trusting(&Pki::new("a pool, another CA"))), policy(world.spec()));
    let acts = [Act::Refuse, Act::Accept, Act::Look, Act::Connect];
    let goes_wrong = |order: usize| {
        let connector = Connector::new(&world.runtime, &refuse).unwrap();
        let mut pool = std::collections::HashMap::<PoolKey, Established>::new();
        let mut looked = bind(&connector);
        let mut wrong = false;
        for position in 0..4 {
            match acts[(order >> (2 * position)) & 3] {
                Act::Refuse => drop(connector.update(&refuse)),
                Act::Accept => drop(connector.update(&accept)),
                Act::Look => {
                    looked = bind(&connector);
                    let used = pool.get(looked.pool_key());
                    wrong |= used.is_some_and(|used| !connector.is_current(used.evidence()));
                }
                Act::Connect => {
                    if let Ok(established) = connect(&connector, &looked) {
                        pool.insert(looked.pool_key().clone(), established);
                    }
                }
            }
        }
        wrong
    };
    (0..1 << 8).filter(|order| goes_wrong(*order)).count()
}

/// L8 in every order, and the twin that it catches: connecting by whatever is published.
#[test]
fn a_pool_uses_only_what_the_policy_of_the_moment_judged() {
    let world = World::new("orders");
    let finish = |handshake: Result<Handshake, uptls::Error>| {
        let mut handshake = handshake.map_err(|error| error.code())?;
        let mut server = MemoryServer::with_options(&world.server(Versions::Tls13));
        converse(&mut handshake, &mut server).map_err(|error| error.code())?;
        handshake.finish().map_err(|unfinished| unfinished.error().expect("why it is not").code())
    };
    assert_eq!(wrongly_used(&world, |_, bound| finish(bound.begin())), 0);
    let unbound = wrongly_used(&world, |connector, _| finish(connector.begin(&host(), &ConnectOptions::default())));
    assert!(unbound > 0, "this test sees nothing");
}
