//! Bytes as a peer, behind the sizes of three pieces in turn: no panic, an error stays the same, and no peer is
//! verified.

use std::sync::LazyLock;

use uptls::danger::DangerPermission::Forbidden;
use uptls::{BackendHost, ConnectOptions, Connector, FixedClock, Runtime, UpstreamTlsPolicy};

static CONNECTOR: LazyLock<Connector> = LazyLock::new(|| {
    let runtime = Runtime::builder(uptls::ring::provider()).clock(FixedClock::at(1_795_392_000)).build();
    let draft = uptls_manifest::parse(include_bytes!("../../policy.json"), "policy.json", None).unwrap();
    Connector::new(&runtime, &UpstreamTlsPolicy::check(draft, Forbidden).unwrap()).unwrap()
});

pub fn run(bytes: &[u8]) {
    let Some((sizes, mut rest)) = bytes.split_first_chunk::<3>() else { return };
    let host = BackendHost::parse("fuzz.example").unwrap();
    let mut handshake = CONNECTOR.begin(&host, &ConnectOptions::default()).unwrap();
    let (mut out, mut ended) = (Vec::new(), None);
    for size in sizes.iter().cycle() {
        handshake.drain_to(&mut out);
        let (piece, behind) = rest.split_at(rest.len().min(usize::from(*size) + 1));
        let fed = handshake.feed(piece);
        assert!(!handshake.is_done());
        match &ended {
            Some(error) => assert_eq!(fed.as_ref().err(), Some(error)),
            None => assert_eq!(fed.as_ref().is_ok_and(|taken| *taken == piece.len()), fed.is_ok()),
        }
        ended = fed.err();
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(handshake.error(), ended.as_ref());
    let closed = handshake.feed_eof().unwrap_err();
    assert!(ended.is_none_or(|error| error == closed));
    assert!(handshake.finish().is_err());
}
