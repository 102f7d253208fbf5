//! Observers are told of each connection that the shadow of an audit would have refused (R14).

use super::{Observed, steady};
use crate::support::world::{Backend, HOST, policy};
use uptls::{Code, PolicySpec, SanDraft};
use uptls_testkit::Versions;

const LINE: &str = r#"uptls_shadow_refusals_total{reason="name_mismatch"}"#;

#[test]
fn a_shadow_refusal_is_told_and_counted_and_an_acceptance_is_not() {
    let observed = Observed::new("shadow observed");
    let world = &observed.world;
    let subject_alt_names = vec![SanDraft { dns: Some("other.example".to_owned()), ..SanDraft::default() }];
    let shadow = world.connector(PolicySpec { subject_alt_names, ..world.spec() });
    let connector = world.connector(world.spec());
    connector.audit(&shadow).unwrap();
    observed.told();
    let backend = Backend::new(world.server(Versions::Tls13));
    backend.visit(&connector).unwrap();
    let told: Vec<_> = observed.told().iter().map(|json| steady(json)).collect();
    let refused = format!(
        r#"{{"code":"name_mismatch","generation":1,"host":"{HOST}","observation":"shadow_refused","policy":"test","shadow":"test","shadow_generation":1}}"#
    );
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(told[1].contains(r#""observation":"connection_opened""#), "{told:#?}");
    assert_eq!(told[2], refused);
    assert_eq!(observed.value(LINE), "1");
    // A resumed connection counts, too; its verdict is remembered.
    assert!(backend.visit(&connector).unwrap().resumed());
    assert_eq!(observed.value(LINE), "2");
    // The twin: the shadow accepts.
    shadow.update(&policy(world.spec())).unwrap();
    observed.told();
    backend.visit(&connector).unwrap();
    assert!(observed.told().iter().all(|json| !json.contains("shadow_refused")));
    assert_eq!(observed.value(LINE), "2");
    assert_eq!(connector.audit_report().unwrap().refused[&Code::NameMismatch], 2);
}
