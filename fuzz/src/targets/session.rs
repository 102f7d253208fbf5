//! Connections, updates and withdrawals in any order against the rules of resumption (H6, R7, L8, L17) as a table: what is
//! resumed was once proven in full, for the same name, under a fingerprint that is still published, and while its proof holds.
//! The address of a connection is an index and no fence, and no ticket of TLS 1.3 is offered twice, whatever it says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arbitrary::Unstructured;
use rustls_pki_types::UnixTime;
use uptls::danger::DangerPermission::Forbidden;
use uptls::{
    BackendHost, Clock, ConnectOptions, Connector, MaterialDraft, PolicyDraft, PolicySpec, Prepared, Runtime,
    TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{DAY, MemoryServer, NOW, Pki, San, ServerOptions, Sessions, Template, Versions};

use crate::draw::Draw as _;

#[derive(Clone)]
struct Moving(Arc<AtomicI64>);

impl Clock for Moving {
    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::SeqCst).unsigned_abs()))
    }
}

struct Bench {
    policies: Vec<UpstreamTlsPolicy>,
    servers: Vec<ServerOptions>,
}

const HOSTS: &[&str] = &["a.test", "b.test"];
/// When the leaf of each server ends, in days.
const ENDS: &[i64] = &[60, 2];

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let (pki, other) = (Pki::new("session"), Pki::new("session, the second"));
    let both = format!("{}{}", pki.root.pem(), other.root.pem());
    let policy = |bundle: String, names: &[&str], resumption: bool| {
        let trust = TrustDraft { bundles: vec![MaterialDraft::pem(bundle)], ..TrustDraft::default() };
        let subject_alt_names = names.iter().map(|name| uptls::SanDraft::dns(*name)).collect();
        let spec = PolicySpec { resumption: Some(resumption), subject_alt_names, trust, ..PolicySpec::default() };
        UpstreamTlsPolicy::check(PolicyDraft::new(spec), Forbidden).expect("a sound policy")
    };
    let policies = vec![
        policy(pki.root.pem(), &[], true),
        policy(both, &[], true),
        policy(pki.root.pem(), &["a.test"], true),
        policy(other.root.pem(), &[], true),
        policy(pki.root.pem(), &[], false),
    ];
    let servers = ENDS.iter().flat_map(|end| {
        [Versions::Tls13, Versions::Tls12].map(|versions| {
            let template =
                Template::leaf("leaf").with_sans(&HOSTS.iter().map(|name| San::dns(name)).collect::<Vec<_>>());
            let leaf = pki.issue(&template.with_validity(NOW - DAY, NOW + end * DAY));
            ServerOptions { versions, ..ServerOptions::new(&[&leaf, &pki.intermediate]) }
        })
    });
    Bench { servers: servers.collect(), policies }
});

/// What the rules know of one world.
struct Model {
    now: i64,
    /// The policy that each connector publishes.
    published: Vec<Option<usize>>,
    /// What was proven: policy, name and server, until when.
    proven: BTreeMap<(usize, usize), i64>,
    /// The tickets of TLS 1.3 that were offered.
    offered: BTreeSet<Vec<u8>>,
    /// How many connections were made: they take turns at addresses.
    visits: u16,
}

impl Model {
    /// Sessions of a policy go with the last connector that published it (R7).
    fn settle(&mut self) {
        let published = &self.published;
        self.proven.retain(|(policy, _), _| published.contains(&Some(*policy)));
    }
}

pub fn run(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let clock = Moving(Arc::new(AtomicI64::new(NOW)));
    let runtime = Runtime::builder(uptls::ring::provider()).clock(clock.clone()).build();
    let prepared: Vec<Arc<Prepared>> =
        BENCH.policies.iter().map(|policy| runtime.prepare(policy).expect("sound")).collect();
    let connectors: Vec<Connector> =
        (0..2).map(|_| Connector::new(&runtime, &BENCH.policies[0]).expect("sound")).collect();
    let memories: Vec<Sessions> = BENCH.servers.iter().map(|_| Sessions::new()).collect();
    let mut model = Model {
        now: NOW,
        published: vec![Some(0), Some(0)],
        proven: BTreeMap::new(),
        offered: BTreeSet::new(),
        visits: 0,
    };
    for _ in 0..u.below(12) + 2 {
        let which = u.below(2);
        let connector = &connectors[which];
        match u.below(10) {
            0..=5 => {
                let (host, server) = (u.below(2), u.below(BENCH.servers.len()));
                connect(&mut model, connector, which, host, server, &memories[server]);
            }
            6 => {
                let policy = u.below(BENCH.policies.len());
                connector.update(&BENCH.policies[policy]).expect("sound");
                model.published[which] = Some(policy);
            }
            7 => {
                let policy = u.below(BENCH.policies.len());
                connector.publish(Arc::clone(&prepared[policy])).expect("one runtime");
                model.published[which] = Some(policy);
            }
            8 => {
                connector.withdraw();
                model.published[which] = None;
            }
            _ => {
                model.now += u.pick(&[3600, DAY, 3 * DAY, -7200]);
                clock.0.store(model.now, Ordering::SeqCst);
            }
        }
        model.settle();
    }
}

fn connect(model: &mut Model, connector: &Connector, which: usize, host: usize, server: usize, memory: &Sessions) {
    let name = BackendHost::parse(HOSTS[host]).expect("a name");
    let mut wanted = ConnectOptions::default();
    model.visits += 1;
    // Every fourth has none.
    wanted.remote_address = (model.visits % 4 > 0).then(|| SocketAddr::from(([10, 0, 0, 1], model.visits % 4)));
    let begun = connector.begin(&name, &wanted);
    assert_eq!(begun.is_ok(), model.published[which].is_some(), "a connection without a policy");
    let (Ok(mut handshake), Some(policy)) = (begun, model.published[which]) else { return };
    let options = ServerOptions { time: Some(model.now), ..BENCH.servers[server].clone() };
    let mut peer = MemoryServer::new(&options.config(memory));
    let end = NOW + ENDS[server / 2] * DAY;
    // The third root vouches for no peer here.
    let accepts = policy != 3 && (NOW - DAY..=end).contains(&model.now);
    let mut failed = false;
    for round in 0..8 {
        let mut out = Vec::new();
        handshake.drain_to(&mut out);
        let offer = if round == 0 { offered_session(&out) } else { None };
        if let Some(ticket) = offer {
            // RFC 8446 appendix C.4; a session of TLS 1.2 may be offered again.
            assert!(ticket.is_empty() || model.offered.insert(ticket), "a ticket is offered twice");
            let proven = model.proven.get(&(policy, host));
            assert!(
                proven.is_some_and(|until| model.now <= *until),
                "offered, and nothing was proven: policy {policy}, host {host}"
            );
        }
        let _ = peer.feed(&out);
        failed |= handshake.feed(&peer.drain()).is_err();
        if handshake.is_done() || failed {
            break;
        }
    }
    assert_eq!(
        handshake.is_done(),
        accepts,
        "policy {policy}, server {server}, {} days: {:?}",
        (model.now - NOW) / DAY,
        handshake.error()
    );
    let Ok(mut established) = handshake.finish() else { return };
    // The last flight, and the tickets that follow it.
    let mut out = Vec::new();
    established.drain_to(&mut out);
    let _ = peer.feed(&out);
    let _ = established.feed(&peer.drain());
    let resumed = established.evidence().resumed;
    assert_eq!(peer.seen().map(|seen| seen.resumed), Some(resumed), "both sides agree");
    if resumed {
        let proven = model.proven.get(&(policy, host));
        assert!(
            proven.is_some_and(|until| model.now <= *until),
            "resumed, and nothing was proven: policy {policy}, host {host}"
        );
        assert_ne!(policy, 4, "resumed although that is off");
    } else {
        let until = model.proven.entry((policy, host)).or_insert(end);
        *until = (*until).max(end);
    }
}

/// The session that a ClientHello offers: the identity of a pre-shared key (RFC 8446), or nothing but that there is a ticket which is
/// not empty (RFC 5077). A server may refuse it for reasons of its own, so that a session of another name shows here first.
fn offered_session(record: &[u8]) -> Option<Vec<u8>> {
    // Record, message, version, random.
    let mut rest = record.get(5 + 4 + 2 + 32..).unwrap_or_default();
    for size in [1, 2, 1] {
        rest = take(rest, size).1;
    }
    let mut extensions = take(rest, 2).0;
    while let [high, low, behind @ ..] = extensions {
        let (content, next) = take(behind, 2);
        match u16::from_be_bytes([*high, *low]) {
            // A list of identities, and we have one.
            41 => return Some(take(take(content, 2).0, 2).0.to_vec()),
            35 if !content.is_empty() => return Some(Vec::new()),
            _ => extensions = next,
        }
    }
    None
}

/// What stands behind a length of so many bytes, and what follows it.
fn take(bytes: &[u8], size: usize) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_at(size.min(bytes.len()));
    let length = length.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte));
    rest.split_at(length.min(rest.len()))
}
