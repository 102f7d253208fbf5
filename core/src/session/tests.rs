//! What the store holds: never more than its limit, never what is not proven.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use super::endpoints::NAME_SESSIONS;
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

const LIMIT: usize = 128 * 1024;

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
        self.visit_by(name, config, &ConnectOptions::default())
    }

    fn visit_by(&self, name: &str, config: &Arc<ServerConfig>, options: &ConnectOptions) -> Established {
        let host = BackendHost::parse(name).unwrap();
        let mut handshake = self.connector.begin(&host, options).unwrap();
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

/// A connection that finds no session to resume is no use of the server: one that is only dialled keeps no place.
#[test]
fn looking_for_a_session_is_no_use_of_a_server() {
    let key = |name: &str| SessionKey::new([1; 32], &ServerName::try_from(format!("{name}.example")).unwrap());
    for (looks_only, gives_way) in [(true, "a"), (false, "b")] {
        // Each takes its entry, and its name in two maps: there is room for two, to the byte.
        let room = 2 * (512 + 2 * "dns:a.example".len());
        let store = Arc::new(SessionStore::new(room));
        let publication = Publication::new(&store, [1; 32]);
        let keep = |name| store.edit(&key(name), |entry| entry.group = Some(NamedGroup::X25519));
        keep("a");
        keep("b");
        if looks_only {
            let handle = SessionHandle::new(&publication, key("a"), None, NOW);
            let name = ServerName::try_from("a.example").unwrap();
            assert!(handle.take_tls13_ticket(&name).is_none() && handle.tls12_session(&name).is_none());
            handle.remove_tls12_session(&name);
        } else {
            keep("a");
        }
        assert_eq!((store.held().bytes, store.held().servers), (room, 2));
        keep("c");
        let held = ["a", "b", "c"].map(|name| store.lock().by_key.contains_key(&key(name)));
        assert_eq!(held, ["a", "b", "c"].map(|name| name != gives_way), "looks only: {looks_only}");
    }
}

fn endpoint(number: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], u16::try_from(number).unwrap()))
}

/// A ticket is used once. Pods that send one, and have ticket keys of their own, lose it to each other only until that was
/// tried. Mutation: with `Lending::Untried` for ever none resumes.
#[test]
fn an_endpoint_keeps_its_last_ticket_where_tickets_are_not_shared() {
    let names = names(1);
    let world = World::new(&names, Versions::Tls13);
    let pods: Vec<_> = (0..4).map(|_| world.config(1)).collect();
    let round = || {
        let visits = pods.iter().enumerate().map(|(pod, config)| {
            let options = ConnectOptions::default().with_remote_address(endpoint(pod));
            world.visit_by(&names[0], config, &options).evidence().resumed
        });
        visits.filter(|resumed| *resumed).count()
    };
    assert_eq!(round(), 0);
    assert!(round() >= 2, "one ticket was spent on finding out");
    assert_eq!((round(), round()), (4, 4));
}

/// The tickets that one name keeps are bounded in number and bytes, however many endpoints it has, and one that has a single
/// ticket keeps it while others have two. Mutation: `pop_front` in the place of `give_way` loses those of the first.
#[test]
fn endpoints_share_what_a_name_may_keep() {
    let names = names(1);
    let world = World::new(&names, Versions::Tls13);
    let configs = [1, 8].map(|tickets| world.config(tickets));
    for pod in 0..100 {
        let options = ConnectOptions::default().with_remote_address(endpoint(pod));
        world.visit_by(&names[0], &configs[usize::from(pod > 0)], &options);
        let held = world.store().held();
        assert!(held.count <= NAME_SESSIONS && held.bytes <= LIMIT / 2, "{held:?}");
    }
    let cache = world.store().lock();
    let entry = cache.by_key.values().next().unwrap();
    let most = (0..100).map(|pod| entry.tls13.of(Some(endpoint(pod)))).max().unwrap();
    assert_eq!(most, 1, "more endpoints than there is room for have one each");
}

/// TLS 1.2 sessions can be copied, so one handshake fills ten thousand names of four endpoints.
#[test]
fn ten_thousand_names_of_four_endpoints_stay_apart_and_bounded() {
    let names = names(1);
    let world = World::new(&names, Versions::Tls12);
    world.visit(&names[0], &world.config(0));
    let (handle, _, name) = handle(&world);
    let value = handle.tls12_session(&name).unwrap();
    let proof = handle.offered().unwrap();
    let limit = 512 << 20;
    let store = Arc::new(SessionStore::new(limit));
    let publication = Publication::new(&store, [1; 32]);
    let key = |n: usize| SessionKey::new([1; 32], &ServerName::try_from(format!("n{n}.example")).unwrap());
    for (n, pod) in (0..10_000).flat_map(|n| (0..4).map(move |pod| (n, pod))) {
        let handle = SessionHandle::new(&publication, key(n), Some(endpoint(pod)), NOW);
        handle.set_tls12_session(name.clone(), value.clone());
        handle.commit(&proof);
    }
    let held = store.held();
    assert_eq!((held.servers, held.count), (10_000, 40_000));
    assert!(held.bytes <= limit, "{held:?}");
    let bytes = held.bytes;
    let other = SessionKey::new([2; 32], &ServerName::try_from("n1.example").unwrap());
    let absent = key(10_000);
    for key in [other, absent] {
        let handle = SessionHandle::new(&publication, key, Some(endpoint(1)), NOW);
        assert!(handle.tls12_session(&name).is_none(), "another fingerprint, another name");
    }
    let own = SessionHandle::new(&publication, key(5), Some(endpoint(3)), NOW);
    assert!(own.tls12_session(&name).is_some());
    own.remove_tls12_session(&name);
    assert_eq!((store.held().count, store.lock().by_key[&key(5)].tls12.of(Some(endpoint(3)))), (39_999, 0));
    publication.end();
    assert_eq!((store.held().count, store.held().bytes, bytes > 0), (0, 0, true));
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
        // rustls's value takes more than 700 bytes beside chain and ticket. A ticket comes in more than 100, and those of the
        // testkit's servers, which hold no chain, are below 512.
        let least = sessions * (2 * chain + 700 + 100) + 512;
        assert!((least..6 * least).contains(&world.store().held().bytes), "{} {least}", world.store().held().bytes);
        assert!(established.evidence().peer.trusted_until() > NOW);
    }
}

/// A connection to the only server, with its key and name.
fn handle(world: &World) -> (SessionHandle, SessionKey, ServerName<'static>) {
    let store = world.store();
    let key = store.lock().by_key.keys().next().unwrap().clone();
    let name = ServerName::try_from("n0.example").unwrap();
    (SessionHandle::new(&Publication::new(store, *key.fingerprint()), key.clone(), None, NOW), key, name)
}

#[test]
fn a_removed_session_is_gone() {
    let names = names(1);
    let world = World::new(&names, Versions::Tls12);
    world.visit(&names[0], &world.config(0));
    let (handle, _, name) = handle(&world);
    assert!(handle.tls12_session(&name).is_some() && handle.tls12_session(&name).is_some(), "it may be used again");
    handle.remove_tls12_session(&name);
    assert!(handle.tls12_session(&name).is_none());
    assert_eq!((world.store().held().count, world.store().held().servers), (0, 0));
}

/// A server may send tickets before its peer has verified it, as many as it likes.
#[test]
fn a_flood_of_staged_tickets_leaves_the_last_eight() {
    let names = names(1);
    let world = World::new(&names, Versions::Tls13);
    let taken = || {
        world.visit(&names[0], &world.config(TICKETS));
        let (handle, key, name) = handle(&world);
        assert!(handle.kx_hint(&name).is_some(), "the group is remembered beside them");
        let values: Vec<_> = core::iter::from_fn(|| handle.take_tls13_ticket(&name)).collect();
        (handle.offered().unwrap(), values, key, name)
    };
    let (_, first, ..) = taken();
    let (proof, second, key, name) = taken();
    assert_eq!((first.len(), second.len(), world.store().held().count), (TICKETS, TICKETS, 0));
    let staging = SessionHandle::new(&Publication::new(world.store(), *key.fingerprint()), key, None, NOW);
    for value in first.into_iter().chain(second) {
        staging.insert_tls13_ticket(name.clone(), value);
        let Stage::Staged(staged) = &staging.lock().stage else { panic!("nothing is committed") };
        assert!(staged.tls13.len() <= TICKETS);
    }
    assert_eq!(world.store().held().count, 0, "nothing is proven");
    staging.commit(&proof);
    assert_eq!(world.store().held().count, TICKETS);
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
    assert!(store.lock().is_published(&[1; 32]), "the other publishes it");
    drop(two);
    assert!(!store.lock().is_published(&[1; 32]));
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
    assert_eq!(keys.map(|key| key.fingerprint()[0]), [1, 2, 1, 1]);
}

#[test]
fn what_is_logged_has_counts_and_keys_and_no_session() {
    let store = Arc::new(SessionStore::new(LIMIT));
    let key = SessionKey::new([1; 32], &ServerName::try_from("10.0.0.1").unwrap());
    assert!(format!("{key:?}").starts_with("ip:10.0.0.1 01"));
    assert!(format!("{store:?}").starts_with("SessionStore { held: HeldSessions { count: 0, limit: 131072"));
    let handle = SessionHandle::new(&Publication::new(&store, [1; 32]), key, None, NOW);
    assert!(format!("{handle:?}").starts_with("SessionHandle { key: ip:10.0.0.1 01"));
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
