//! R3: what is withdrawn while an update is validated stays withdrawn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::support::world::{policy, trusting};
use rustls::pki_types::UnixTime;
use uptls::{Clock, Code, Connector, ConnectorState, EventKind, Runtime};
use uptls_testkit::{NOW, Pki};

/// A clock in whose reading something else happens, once: every preparation reads it.
#[derive(Clone, Default)]
struct Meanwhile(Arc<Inner>);

#[derive(Default)]
struct Inner {
    connector: OnceLock<Connector>,
    is_armed: AtomicBool,
}

impl Clock for Meanwhile {
    fn now(&self) -> UnixTime {
        if self.0.is_armed.swap(false, Ordering::SeqCst) {
            self.0.connector.get().unwrap().withdraw();
        }
        UnixTime::since_unix_epoch(Duration::from_secs(NOW.unsigned_abs()))
    }
}

#[test]
fn an_update_does_not_undo_a_withdrawal_that_came_meanwhile() {
    for content in ["the same", "another", "none that is valid"] {
        let clock = Meanwhile::default();
        let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock.clone()).build();
        let pki = Pki::new("withdrawn");
        let connector = Connector::new(&runtime, &policy(trusting(&pki))).unwrap();
        assert!(clock.0.connector.set(connector.clone()).is_ok());
        let next = match content {
            "the same" => trusting(&pki),
            "another" => trusting(&Pki::new("another")),
            _ => {
                let mut broken = trusting(&pki);
                broken.trust.bundles[0].pem = Some("no certificate".into());
                broken
            }
        };
        clock.0.is_armed.store(true, Ordering::SeqCst);
        let refused = connector.update(&policy(next.clone())).unwrap_err();
        assert!(!clock.0.is_armed.load(Ordering::SeqCst), "it was withdrawn meanwhile");
        assert_eq!(refused.code(), Code::PolicyWithdrawn, "{content}");
        assert!(matches!(connector.state(), ConnectorState::Withdrawn { .. }), "{content}: {:?}", connector.state());
        assert!(connector.prepared().is_none());
        let event = connector.next_event().unwrap();
        assert!(matches!(event.kind, EventKind::Withdrawn { .. }) && connector.next_event().is_none(), "{content}");
        // The twin: the next update is later than the withdrawal, and ends it.
        connector.update(&policy(trusting(&pki))).unwrap();
        assert!(matches!(connector.state(), ConnectorState::Ready));
    }
}
