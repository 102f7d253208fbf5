//! An honest server whose chain is drawn and whose bytes are changed on the way: a handshake is done only for a chain that is
//! accepted offline, live and offline give one code, and what is read is what was sent, or nothing.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission::Forbidden;
use uptls::sans_io::{Established, Handshake, Incoming};
use uptls::{
    BackendHost, ConnectOptions, Connector, Error, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, Runtime,
    TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{DAY, Key, MemoryServer, NOW, Pki, San, ServerOptions, Template, Versions};

use crate::draw::Draw as _;
use crate::texts;

struct Bench {
    chains: Vec<ServerOptions>,
    connector: Connector,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let pki = Pki::new("honest");
    let plain = || Template::leaf("leaf").with_sans(&[San::dns("a.test")]);
    let good = pki.issue(&plain());
    let ended = pki.issue(&plain().with_validity(NOW - 20 * DAY, NOW - DAY));
    let other = pki.issue(&Template::leaf("other").with_sans(&[San::dns("b.test")]));
    let own = plain().self_signed(&Key::p256("own"));
    let inter = &pki.intermediate;
    let chains = vec![
        ServerOptions::new(&[&good, inter]),
        ServerOptions::new(&[&ended, inter]),
        ServerOptions::new(&[&other, inter]),
        ServerOptions::new(&[&good]),
        ServerOptions::new(&[&own]),
        ServerOptions::new(&[&good, &good, inter]),
        ServerOptions::new(&[&good, inter, &pki.root]),
        ServerOptions { key: Key::p256("another").pkcs8_der(), ..ServerOptions::new(&[&good, inter]) },
        ServerOptions { alpn: vec![b"h2"], ..ServerOptions::new(&[&good, inter]) },
    ];
    let runtime = Runtime::builder(uptls::ring::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
    let trust = TrustDraft { bundles: vec![MaterialDraft::pem(pki.root.pem())], ..TrustDraft::default() };
    let spec = PolicySpec { resumption: Some(false), trust, ..PolicySpec::default() };
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), Forbidden).expect("sound");
    Bench { chains, connector: Connector::new(&runtime, &policy).expect("sound") }
});

/// Changes the bytes of one flight.
#[derive(Clone, Copy, Debug)]
enum Change {
    Nothing,
    Flip(usize, u8),
    Cut(usize),
    Drop(usize, usize),
    Twice(usize, usize),
    Insert(usize, u8),
}

pub fn run(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let which = u.below(BENCH.chains.len());
    let versions = u.pick(&[Versions::Tls12, Versions::Tls13]);
    let mut options = ServerOptions { versions, ..BENCH.chains[which].clone() };
    if u.below(8) == 7 {
        let place = usize::from(u.arbitrary::<u16>().unwrap_or_default());
        let count = options.chain.len();
        let der = &mut options.chain[place % count];
        let length = der.len();
        der[place % length] ^= u.pick(&[1, 0x80, 0xff]);
    }
    let changes: Vec<Change> = (0..4).map(|_| change(&mut u)).collect();
    let piece = u.pick(&[usize::MAX, 1, 7, 600]);
    let is_honest = changes.iter().all(|change| matches!(change, Change::Nothing));
    let mut server = MemoryServer::with_options(&options);
    let host = BackendHost::parse("a.test").expect("a name");
    let mut handshake = BENCH.connector.begin(&host, &ConnectOptions::default()).expect("ready");
    let ended = talk(&mut handshake, &mut server, &changes, piece);
    let chain: Vec<_> = options.chain.iter().map(|der| CertificateDer::from_slice(der)).collect();
    let prepared = BENCH.connector.prepared().expect("ready");
    let offline = prepared.verify(&chain, Some(&host));
    if let Some(report) = handshake.report() {
        texts::check_report(&report);
    }
    if is_honest {
        match (&ended, &offline) {
            (None, Ok(_)) => assert!(handshake.is_done() && which != 7, "V7"),
            (Some(Error::Rejected(live)), Err(offline)) => assert_eq!(live.code(), offline.code()),
            // The key is another one's: only the live one can know.
            (Some(_), Ok(_)) => assert!(which == 7, "{ended:?}"),
            (ended, offline) => panic!("live {ended:?}, offline {offline:?}"),
        }
    }
    if let Ok(established) = handshake.finish() {
        assert!(offline.is_ok(), "done with a peer that is refused");
        assert_eq!(established.evidence().peer.chain_der(), options.chain.as_slice());
        data(established, &mut server, &changes);
    }
}

fn change(u: &mut Unstructured<'_>) -> Change {
    let mut place = || usize::from(u.arbitrary::<u16>().unwrap_or_default());
    let (first, second) = (place(), place());
    match u.below(8) {
        3 => Change::Flip(first, u.pick(&[1, 2, 4, 0x80, 0xff])),
        4 => Change::Cut(first),
        5 => Change::Drop(first, second % 64 + 1),
        6 => Change::Twice(first, second % 64 + 1),
        7 => Change::Insert(first, u.pick(&[0, 21, 22, 23, 0xff])),
        _ => Change::Nothing,
    }
}

impl Change {
    fn apply(self, mut bytes: Vec<u8>) -> Vec<u8> {
        if bytes.is_empty() {
            return bytes;
        }
        let count = bytes.len();
        match self {
            Change::Nothing => {}
            Change::Flip(place, by) => bytes[place % count] ^= by,
            Change::Cut(place) => bytes.truncate(place % count),
            Change::Drop(place, length) => drop(bytes.drain(place % count..count.min(place % count + length))),
            Change::Twice(place, length) => {
                let part = bytes[place % count..count.min(place % count + length)].to_vec();
                bytes.splice(place % count..place % count, part);
            }
            Change::Insert(place, byte) => bytes.insert(place % count, byte),
        }
        bytes
    }
}

/// The error that ended it, if one did.
fn talk(handshake: &mut Handshake, server: &mut MemoryServer, changes: &[Change], piece: usize) -> Option<Error> {
    for change in changes.iter().chain([&Change::Nothing; 4]) {
        let mut out = Vec::new();
        handshake.drain_to(&mut out);
        let _ = server.feed(&out);
        let back = change.apply(server.drain());
        for part in back.chunks(piece.min(back.len().max(1))) {
            if let Err(error) = handshake.feed(part) {
                assert_eq!(handshake.feed(&[0]).err().as_ref(), Some(&error), "an error stays the same");
                return Some(error);
            }
            if handshake.is_done() {
                return None;
            }
        }
    }
    None
}

/// What is read is a beginning of what was sent.
fn data(mut established: Established, server: &mut MemoryServer, changes: &[Change]) {
    let mut out = Vec::new();
    established.drain_to(&mut out);
    if server.feed(&out).is_err() || server.seen().is_none() {
        return;
    }
    server.write(b"pong, and nothing else");
    server.close();
    let _ = established.feed(&changes[3].apply(server.drain()));
    established.feed_eof();
    let (mut read, mut room) = (Vec::new(), [0; 64]);
    let clean = loop {
        match established.read(&mut room) {
            Ok(Incoming::Data(count)) => read.extend_from_slice(&room[..count]),
            Ok(_) => break true,
            Err(_) => break false,
        }
    };
    assert!(b"pong, and nothing else".starts_with(&read), "{read:?}");
    assert!(!clean || read.len() == 22, "a clean end after {} bytes (H8)", read.len());
}
