//! What the store holds: never more than its limit, never what is not proven.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use super::*;
use crate::connect::ConnectOptions;
use crate::connect::sans_io::Established;
use crate::danger::DangerPermission;
use crate::name::BackendHost;
use crate::policy::{MaterialDraft, PolicyDraft, PolicySpec, TrustDraft, UpstreamTlsPolicy};
use crate::rotate::Connector;
use crate::runtime::Runtime;
use crate::time::FixedClock;
use rustls::{ServerConfig, ServerConnection};
use uptls_testkit::{NOW, Pki, San, ServerOptions, Sessions, Versions};

const LIMIT: usize = 64 * 1024;

struct World {
    connector: Connector,
    options: ServerOptions,
    runtime: Runtime,
}

impl World {
    /// Trusts everything below one root; the server has all of `names`.
    fn new(names: &[String], versions: Versions) -> Self {
        let pki = Pki::new("session store");
        let sans: Vec<San> = names.iter().map(|name| San::dns(name)).collect();
        let options = ServerOptions { versions, ..ServerOptions::new(&[&pki.leaf(&sans), &pki.intermediate]) };
        let clock = FixedClock::at(NOW.try_into().unwrap());
        let runtime = Runtime::builder(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .clock(clock)
            .session_bytes(LIMIT)
            .build();
        let trust = TrustDraft { bundles: vec![MaterialDraft::pem(pki.root.pem())], ..TrustDraft::default() };
        let draft = PolicyDraft::new(PolicySpec { trust, ..PolicySpec::default() });
        let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap();
        let connector = Connector::new(&runtime, &policy).unwrap();
        Self { connector, options, runtime }
    }

    fn config(&self, tickets: usize) -> Arc<ServerConfig> {
        let mut config = ServerConfig::clone(&self.options.config(&Sessions::new()));
        config.send_tls13_tickets = tickets;
        Arc::new(config)
    }

    /// A complete connection to `name`.
    fn visit(&self, name: &str, config: &Arc<ServerConfig>) -> Established {
        let host = BackendHost::parse(name).unwrap();
        let mut handshake = self.connector.begin(&host, &ConnectOptions::default()).unwrap();
        let mut server = ServerConnection::new(config.clone()).unwrap();
        while !handshake.is_done() {
            let mut out = Vec::new();
            handshake.drain_to(&mut out);
            handshake.feed(&answer(&mut server, &out)).unwrap();
        }
        let mut established = handshake.finish().unwrap();
        let mut out = Vec::new();
        established.drain_to(&mut out);
        established.feed(&answer(&mut server, &out)).unwrap();
        established
    }

    fn store(&self) -> &Arc<SessionStore> {
        self.runtime.sessions()
    }
}

fn answer(server: &mut ServerConnection, mut bytes: &[u8]) -> Vec<u8> {
    while !bytes.is_empty() {
        server.read_tls(&mut bytes).unwrap();
        server.process_new_packets().unwrap();
    }
    let mut out = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut out).unwrap();
    }
    out
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("n{n}.example")).collect()
}

#[test]
fn a_flood_of_tickets_leaves_eight() {
    let names = names(1);
    let world = World::new(&names, Versions::Tls13);
    world.visit(&names[0], &world.config(100));
    assert_eq!(world.store().held().count, TICKETS);
    assert!((1..LIMIT).contains(&world.store().held().bytes), "{}", world.store().held().bytes);
}

/// Mutation: without the loop in `SessionCache::edit` the limit is passed; with `pop_last` in it the newest is lost.
#[test]
fn the_limit_holds_and_the_least_recently_used_gives_way() {
    let names = names(60);
    for versions in [Versions::Tls12, Versions::Tls13] {
        let world = World::new(&names, versions);
        let config = world.config(4);
        for name in &names {
            world.visit(name, &config);
            assert!(world.store().held().bytes <= LIMIT, "{}", world.store().held().bytes);
        }
        assert!(world.visit(&names[59], &config).evidence().resumed);
        assert!(!world.visit(&names[0], &config).evidence().resumed, "it gave way, {versions:?}");
    }
}

#[test]
fn what_is_charged_is_no_less_than_what_is_held() {
    let names = names(1);
    for versions in [Versions::Tls12, Versions::Tls13] {
        let world = World::new(&names, versions);
        let established = world.visit(&names[0], &world.config(2));
        let chain: usize = world.options.chain.iter().map(Vec::len).sum();
        let sessions = world.store().held().count;
        assert_eq!(sessions, if versions == Versions::Tls13 { 2 } else { 1 });
        // The tickets of the testkit's servers hold no chain, and are below 512 bytes.
        let least = sessions * (2 * chain + 512);
        assert!((least..6 * least).contains(&world.store().held().bytes), "{} {least}", world.store().held().bytes);
        assert!(established.evidence().peer.trusted_until() > NOW);
    }
}

#[test]
fn forgetting_a_fingerprint_leaves_the_others() {
    let names = names(3);
    let world = World::new(&names, Versions::Tls13);
    let config = world.config(2);
    for name in &names {
        world.visit(name, &config);
    }
    let held = world.store().held().count;
    Publication::new(world.store(), [7; 32]).end();
    assert_eq!(world.store().held().count, held);
    world.connector.withdraw();
    assert_eq!((world.store().held().count, world.store().held().bytes), (0, 0));
}

/// Operations are counted, and no time is taken: with a walk over the store each update would look at every server.
#[test]
fn updates_look_at_no_session_of_another_fingerprint() {
    let store = Arc::new(SessionStore::new(1 << 20));
    let steady = Publication::new(&store, [0; 32]);
    let servers = 200;
    let key = |fingerprint: u8, server: usize| {
        SessionKey::new([fingerprint; 32], &ServerName::try_from(format!("n{server}.example")).unwrap())
    };
    let keep =
        |fingerprint, server| store.edit(&key(fingerprint, server), |entry| entry.group = Some(NamedGroup::X25519));
    (0..servers).for_each(|server| keep(0, server));
    for update in 1..=100 {
        let publication = Publication::new(&store, [update; 32]);
        keep(update, 0);
        publication.end();
    }
    assert_eq!((store.held().servers, store.lock().visits), (servers, 100));
    steady.end();
    assert_eq!((store.held().servers, store.held().bytes, store.lock().visits), (0, 0, 100 + servers));
    keep(0, 0);
    assert_eq!(store.held().servers, 0, "nobody publishes it");
}

/// What is dropped is not withdrawn; what is neither published nor kept takes no room.
#[test]
fn fingerprints_take_room_while_they_are_published_or_stored_under() {
    let store = Arc::new(SessionStore::new(1 << 20));
    let key = SessionKey::new([1; 32], &ServerName::try_from("a.example").unwrap());
    let [one, two] = [(); 2].map(|()| Publication::new(&store, [1; 32]));
    store.edit(&key, |entry| entry.group = Some(NamedGroup::X25519));
    one.end();
    one.end();
    drop(one);
    assert_eq!(store.held().servers, 1, "it counts once");
    drop(two);
    assert_eq!((store.held().servers, store.lock().fingerprints()), (1, 1));
    store.lock().remove(&key);
    assert_eq!(store.lock().fingerprints(), 0);
}

#[test]
fn a_handle_that_is_not_committed_stores_nothing() {
    let names = names(1);
    let world = World::new(&names, Versions::Tls12);
    let host = BackendHost::parse(&names[0]).unwrap();
    let mut handshake = world.connector.begin(&host, &ConnectOptions::default()).unwrap();
    let mut server = ServerConnection::new(world.config(0)).unwrap();
    let mut out = Vec::new();
    handshake.drain_to(&mut out);
    handshake.feed(&answer(&mut server, &out)).unwrap();
    drop(handshake);
    assert_eq!(world.store().held().count, 0);
}

#[test]
fn keys_differ_by_fingerprint_name_and_kind_of_name() {
    let dns = ServerName::try_from("a.example").unwrap();
    let ip = ServerName::try_from("10.0.0.1").unwrap();
    let keys = [
        SessionKey::new([1; 32], &dns),
        SessionKey::new([2; 32], &dns),
        SessionKey::new([1; 32], &ip),
        SessionKey::new([1; 32], &ServerName::try_from("b.example").unwrap()),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(keys.iter().position(|other| other == key), Some(index));
    }
    assert!(format!("{:?}", keys[2]).starts_with("ip:10.0.0.1 01"));
}

/// T8: one caught panic must not end resumption.
#[test]
fn a_panic_under_the_lock_does_not_poison() {
    let store = Arc::new(SessionStore::new(LIMIT));
    let inner = store.clone();
    let _ = std::thread::spawn(move || {
        let _held = inner.lock();
        panic!("on purpose");
    })
    .join();
    assert_eq!((store.held().count, store.held().bytes), (0, 0));
}
