//! Observers are told of each open connection that would be refused now, once (R11, R12).

use super::Observed;
use crate::support::world::{Backend, HOST, host, policy};
use uptls::{PolicySpec, SanDraft};
use uptls_testkit::Versions;

const LINE: &str = r#"uptls_connections_condemned_total{reason="name_mismatch"}"#;

#[test]
fn a_condemned_connection_is_told_once_until_it_is_accepted_again() {
    let observed = Observed::new("condemned observed");
    let world = &observed.world;
    let connector = world.connector(world.spec());
    let visit = Backend::new(world.server(Versions::Both)).visit(&connector).unwrap();
    let open = connector.opened(&host(), &visit.established.evidence().peer);
    observed.told();
    connector.reconsider().unwrap();
    assert_eq!((observed.told().len(), observed.value(LINE).as_str()), (0, "0"), "the twin: nothing has changed");
    let other = || SanDraft { dns: Some("other.example".to_owned()), ..SanDraft::default() };
    let refusing = policy(PolicySpec { subject_alt_names: vec![other()], ..world.spec() });
    let mut condemned = 0;
    for round in [&refusing, &policy(world.spec()), &refusing] {
        connector.update(round).unwrap();
        let generation = connector.generation();
        observed.told();
        connector.reconsider().unwrap();
        let told = observed.told();
        if round == &refusing {
            condemned += 1;
            let wanted = format!(
                r#"{{"observation":"connection_condemned","policy":"test","host":"{HOST}","generation":{generation},"id":{},"code":"name_mismatch"}}"#,
                open.id()
            );
            assert_eq!(told, [wanted]);
        } else {
            assert_eq!(told, [""; 0]);
        }
        connector.reconsider().unwrap();
        assert_eq!(observed.told(), [""; 0], "once");
        assert_eq!(observed.value(LINE), condemned.to_string());
    }
}
