//! The certificate of the path that ends first bounds the proof, and every session that descends from it (H6).

use crate::support::world::{BOTH, Backend, HOST, World};
use uptls::{Code, MaterialDraft, PolicySpec, TrustDraft};
use uptls_testkit::{Certificate, DAY, Key, NOW, San, ServerOptions, Template};

const HOUR: i64 = 3600;

/// A root, an intermediate and a leaf that end so many seconds from now.
fn chain(ends: [i64; 3]) -> [Certificate; 3] {
    let [root, intermediate, leaf] = ["root", "intermediate", "leaf"].map(Key::p256);
    let lasting = |template: Template, end| template.with_validity(NOW - DAY, NOW + end);
    let top = lasting(Template::ca("bounded root"), ends[0]).self_signed(&root);
    let middle = lasting(Template::ca("bounded intermediate"), ends[1]).issued_by(&top, &intermediate);
    let template = lasting(Template::leaf("bounded leaf"), ends[2]).with_sans(&[San::dns(HOST)]);
    let bottom = template.issued_by(&middle, &leaf);
    [top, middle, bottom]
}

#[test]
fn the_earliest_end_bounds_proof_and_sessions() {
    let (early, late) = (HOUR, 10 * DAY);
    for (first, code) in [(0, Code::IssuerExpired), (1, Code::CertExpired), (2, Code::CertExpired)] {
        for versions in BOTH {
            let mut ends = [late; 3];
            ends[first] = early;
            let [root, intermediate, leaf] = chain(ends);
            let world = World::new("bounds");
            let trust = TrustDraft { bundles: vec![MaterialDraft::pem(root.pem())], ..TrustDraft::default() };
            let connector = world.connector(PolicySpec { trust, ..PolicySpec::default() });
            let backend = Backend::new(ServerOptions { versions, ..ServerOptions::new(&[&leaf, &intermediate]) });
            let visit = backend.visit(&connector).unwrap();
            assert_eq!(visit.established.evidence().peer.trusted_until(), NOW + early, "{first} ends first");
            world.clock.advance(early - 1);
            assert!(backend.visit(&connector).unwrap().resumed(), "{first} {versions:?}");
            // If it were resumed once more, nothing would check the path.
            world.clock.advance(2);
            assert_eq!(backend.visit(&connector).err().unwrap().code(), code, "{first} {versions:?}");
        }
    }
}

#[test]
fn with_equal_ends_it_is_that_end() {
    let [root, intermediate, leaf] = chain([DAY; 3]);
    let world = World::new("bounds");
    let trust = TrustDraft { bundles: vec![MaterialDraft::pem(root.pem())], ..TrustDraft::default() };
    let connector = world.connector(PolicySpec { trust, ..PolicySpec::default() });
    let visit = Backend::new(ServerOptions::new(&[&leaf, &intermediate])).visit(&connector).unwrap();
    assert_eq!(visit.established.evidence().peer.trusted_until(), NOW + DAY);
}
