//! R11: which open connections the policy of now would refuse.

use std::sync::Arc;

use crate::support::world::{Backend, HOST, World, host, policy, trusting};
use uptls::{BackendHost, Code, Connector, MaterialDraft, OpenConnection, Registry, RevocationDraft, VerifiedPeer};
use uptls_testkit::{CrlTemplate, DAY, Pki, San, ServerOptions, Versions, crl_pem};

fn peer(backend: &Backend, connector: &Connector) -> Arc<VerifiedPeer> {
    Arc::clone(&backend.visit(connector).unwrap().established.evidence().peer)
}

#[test]
fn a_ca_that_is_gone_condemns_what_it_vouched_for() {
    let (world, other) = (World::new("reconsidered"), Pki::new("reconsidered other"));
    let mut both = world.spec();
    both.trust.bundles.push(MaterialDraft::pem(other.root.pem()));
    let connector = world.connector(both.clone());
    let of_other = other.leaf(&[San::dns(HOST)]);
    let options = ServerOptions::new(&[&of_other, &other.intermediate]);
    let backends = [Backend::new(world.server(Versions::Both)), Backend::new(options)];
    let open: Vec<OpenConnection> =
        (0..6).map(|index| connector.opened(&host(), &peer(&backends[index % 2], &connector))).collect();
    let ids: Vec<u64> = open.iter().map(OpenConnection::id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    // The twin: nothing has changed.
    let now = connector.reconsider().unwrap();
    assert_eq!((now.open, now.judged, now.refused.len()), (6, 2, 0));
    connector.update(&policy(world.spec())).unwrap();
    let now = connector.reconsider().unwrap();
    assert_eq!((now.generation.number(), now.open, now.judged), (2, 6, 2));
    let refused: Vec<_> = now.refused.iter().map(|refused| (refused.id, refused.rejection.code())).collect();
    let code = Code::CertUnknownIssuer;
    assert_eq!(refused, [(2, code), (4, code), (6, code)]);
    assert!(Arc::ptr_eq(&now.refused[0].rejection, &now.refused[2].rejection), "judged once");
    // What has ended is not named.
    drop(open);
    assert_eq!(connector.reconsider().unwrap().open, 0);
}

#[test]
fn an_end_is_noted_and_another_host_is_another_verdict() {
    let world = World::new("reconsidered hosts");
    let connector = world.connector(world.spec());
    let peer = peer(&Backend::new(world.server(Versions::Both)), &connector);
    let first = connector.opened(&host(), &peer);
    let second = connector.opened(&BackendHost::parse("other.internal").unwrap(), &peer);
    assert_eq!(connector.reconsider().unwrap().judged, 2);
    drop(first);
    let now = connector.reconsider().unwrap();
    assert_eq!((now.open, now.judged), (1, 1));
    drop(second);
    assert_eq!(connector.reconsider().unwrap().open, 0);
}

#[test]
fn a_list_and_the_time_condemn_too() {
    let world = World::new("reconsidered lists");
    let connector = world.connector(world.spec());
    let peer = peer(&Backend::new(world.server(Versions::Both)), &connector);
    let open = connector.opened(&host(), &peer);
    let list = |revoked: &[&uptls_testkit::Certificate], issuer| crl_pem(&CrlTemplate::new(revoked).issued_by(issuer));
    let mut spec = world.spec();
    let crls =
        [list(&[&world.leaf], &world.pki.intermediate), list(&[], &world.pki.root)].map(MaterialDraft::pem).to_vec();
    spec.revocation = Some(RevocationDraft { crls, ..RevocationDraft::default() });
    connector.update(&policy(spec)).unwrap();
    let now = connector.reconsider().unwrap();
    assert_eq!(
        now.refused.iter().map(|refused| (refused.id, refused.rejection.code())).collect::<Vec<_>>(),
        [(open.id(), Code::CertRevoked)]
    );
    // The twin: the list is gone, and then the certificate ends.
    connector.update(&policy(world.spec())).unwrap();
    assert!(connector.reconsider().unwrap().refused.is_empty());
    world.clock.advance(40 * 365 * DAY);
    let ended = connector.reconsider().unwrap();
    assert_eq!(ended.refused.len(), 1);
}

#[test]
fn a_withdrawn_policy_says_nothing_of_a_peer() {
    let world = World::new("reconsidered withdrawn");
    let registry = Registry::new(&world.runtime, uptls::OnInvalid::FailClosed);
    registry.apply([("pay".to_owned(), Ok(policy(trusting(&world.pki))))]);
    let connector = registry.connector("pay").unwrap();
    let peer = peer(&Backend::new(world.server(Versions::Both)), &connector);
    let _open = connector.opened(&host(), &peer);
    assert_eq!(registry.reconsider("pay").unwrap().open, 1);
    assert!(registry.reconsider("absent").is_none());
    connector.withdraw();
    assert!(registry.reconsider("pay").is_none());
}
