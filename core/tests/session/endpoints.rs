//! Sessions know their endpoint (H6): pods behind one name resume in turn and at random, and the address is never a fence.

use std::net::SocketAddr;

use crate::support::world::{Backend, World, host};
use uptls::{Address, ConnectOptions, Connector, PolicySpec, SanDraft};
use uptls_testkit::{Server, ServerOptions, Sessions, Versions};

/// Who has the keys of the tickets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Keys {
    Own,
    Shared,
}

/// In which order the endpoints are visited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    Random,
    Turns,
}

struct Fleet {
    pods: Vec<Backend>,
    state: u64,
}

impl Fleet {
    fn new(options: &ServerOptions, size: usize, keys: Keys) -> Self {
        let shared = Sessions::new();
        let pods = (0..size).map(|_| match keys {
            Keys::Own => Backend::new(options.clone()),
            Keys::Shared => Backend::with_sessions(options.clone(), shared.clone()),
        });
        Self { pods: pods.collect(), state: 1 }
    }

    /// By a linear congruential generator: every run visits the same pods.
    fn random_pod(&mut self) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).unwrap() % self.pods.len()
    }

    /// How many of `visits` resumed, and how many could.
    fn visit(&mut self, connector: &Connector, visits: usize, keys: Keys, order: Order) -> (usize, usize) {
        let mut seen = vec![false; self.pods.len()];
        let (mut possible, mut resumed) = (0, 0);
        for visit in 0..visits {
            let pod = match order {
                Order::Random => self.random_pod(),
                Order::Turns => visit % self.pods.len(),
            };
            possible += usize::from(if keys == Keys::Own { seen[pod] } else { visit > 0 });
            seen[pod] = true;
            let options = ConnectOptions::default().with_remote_address(address(pod));
            resumed += usize::from(self.pods[pod].visit_as(connector, &host(), &options).unwrap().resumed());
        }
        (resumed, possible)
    }
}

fn address(pod: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 8000 + u16::try_from(pod).unwrap()))
}

#[test]
fn endpoints_behind_one_name_resume() {
    let world = World::new("endpoints");
    for (versions, size) in
        [1, 2, 3, 8, 32].map(|size| (Versions::Tls13, size)).into_iter().chain([(Versions::Tls12, 3)])
    {
        for (keys, order) in
            [Keys::Own, Keys::Shared].iter().flat_map(|keys| [(*keys, Order::Random), (*keys, Order::Turns)])
        {
            let connector = world.connector(world.spec());
            let visits = (3 * size).max(24);
            let (resumed, possible) =
                Fleet::new(&world.server(versions), size, keys).visit(&connector, visits, keys, order);
            assert!(
                100 * resumed >= 95 * possible,
                "{versions:?}, {size} endpoints, {keys:?}, {order:?}: {resumed} of {possible}"
            );
            connector.withdraw();
        }
    }
}

/// Mutation: with the endpoint left out of `SessionHandle`, the last visit takes the ticket of the other pod.
#[test]
fn an_address_that_is_told_after_the_beginning_counts_as_well() {
    let world = World::new("endpoints, told late");
    let connector = world.connector(world.spec());
    let pods = [0, 1].map(|_| Backend::new(world.server(Versions::Tls13)));
    for (round, pod) in [0, 1, 0, 1].into_iter().enumerate() {
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        assert!(handshake.wants_write() && !handshake.wants_read() && !handshake.is_done());
        handshake.dialled(None, Some(address(pod).to_string()));
        assert_eq!(pods[pod].finish(handshake).unwrap().resumed(), round > 1, "{round}");
    }
}

/// The negative twin of every rate: at one address another fingerprint, another name and a changed policy resume nothing.
#[test]
fn the_address_is_no_fence_and_no_key() {
    let world = World::new("endpoints, fences");
    let backend = Backend::new(world.server(Versions::Tls13));
    let connector = world.connector(world.spec());
    let options = ConnectOptions::default().with_remote_address(address(0));
    let visit = |connector: &Connector| backend.visit_as(connector, &host(), &options).unwrap().resumed();
    assert!(!visit(&connector) && visit(&connector));
    let subject_alt_names = vec![SanDraft::dns(crate::support::world::HOST)];
    let other = world.connector(PolicySpec { subject_alt_names, ..world.spec() });
    assert!(!visit(&other), "another fingerprint");
    let named = world.connector(PolicySpec { server_name: Some("other.example".to_owned()), ..world.spec() });
    assert!(backend.visit_as(&named, &host(), &options).is_err(), "another name is verified, and never resumed");
    assert!(visit(&connector) && visit(&other));
    let elsewhere = ConnectOptions::default().with_remote_address(address(1));
    assert!(backend.visit_as(&connector, &host(), &elsewhere).unwrap().resumed(), "the newest of the name");
    assert!(backend.visit(&connector).unwrap().resumed(), "an address that is not known");
    connector.withdraw();
}

/// The calls that dial know the address: two servers with keys of their own, in turn.
#[test]
fn the_calls_that_dial_pass_the_address_themselves() {
    let world = World::new("endpoints, dialled");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for face in 0..3 {
        let connector = world.connector(world.spec());
        let servers = [0, 1].map(|_| Server::start(&world.server(Versions::Tls12)));
        for round in 0..6 {
            let (address, options) = (Address::from(servers[round % 2].addr()), ConnectOptions::default());
            let evidence = match face {
                0 => connector.connect_blocking(address, &host(), &options).unwrap().evidence().clone(),
                1 => {
                    let socket = std::net::TcpStream::connect(servers[round % 2].addr()).unwrap();
                    connector.handshake(socket, &host(), &options).unwrap().evidence().clone()
                }
                _ => {
                    let made = runtime.block_on(connector.connect_async(address, &host(), &options));
                    made.unwrap().evidence().clone()
                }
            };
            assert_eq!(evidence.resumed, round > 1, "face {face}, round {round}");
        }
        connector.withdraw();
    }
}
