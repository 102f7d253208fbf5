//! R10: a log has one line for each change, never one for each call.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::support::rotation::{Stepper, tempdir};
use crate::support::world::{Backend, World, host, policy, trusting};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use uptls::{
    BackendHost, Code, ConnectOptions, Connector, MaterialDraft, OnInvalid, PolicySpec, PollOutcome, Problems,
    Registry, TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{Pki, San, Versions};

/// The lines of this thread: `WARN update refused: ... code=trust_unreadable`.
#[derive(Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn of(body: impl FnOnce(&Lines)) {
        let lines = Lines::default();
        let written = Arc::clone(&lines.0);
        let write = move |event: &Event<'_>| {
            let mut line = Line::default();
            event.record(&mut line);
            let level = event.metadata().level();
            written.lock().unwrap().push(format!("{level} {}{}", line.message, line.fields));
        };
        tracing::subscriber::with_default(Told(write), || body(&lines));
    }

    /// Those since the last call.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// One, which contains `text`.
    fn expect(&self, level: Level, text: &str) -> String {
        let [line] = self.take().try_into().unwrap();
        assert!(line.starts_with(&format!("{level} ")) && line.contains(text), "{line}");
        line
    }
}

/// A subscriber that calls this for each event of the library.
struct Told<F>(F);

impl<F: Fn(&Event<'_>) + 'static> Subscriber for Told<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "uptls"
    }

    fn event(&self, event: &Event<'_>) {
        self.0(event);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    fields: String,
    message: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => write!(self.message, "{value:?}").unwrap(),
            name => write!(self.fields, " {name}={value:?}").unwrap(),
        }
    }
}

fn by_file(path: &Path) -> UpstreamTlsPolicy {
    let bundles = vec![MaterialDraft::file(path)];
    policy(PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() })
}

fn problems(world: &World, policy: &UpstreamTlsPolicy) -> Problems {
    world.runtime.prepare(policy).unwrap_err()
}

#[test]
fn an_update_is_logged_when_it_changes_something() {
    let world = World::new("updates");
    let (good, missing) = (policy(world.spec()), by_file(Path::new("/nonexistent/ca.pem")));
    let mut empty = PolicySpec::default();
    empty.trust.bundles.push(MaterialDraft::pem("no certificate"));
    let empty = policy(empty);
    for on_invalid in [OnInvalid::KeepLastGood, OnInvalid::FailClosed] {
        Lines::of(|lines| {
            let connector = Connector::with_on_invalid(&world.runtime, &good, on_invalid).unwrap();
            let refuse = |policy: &UpstreamTlsPolicy| {
                for _ in 0..100 {
                    connector.update(policy).unwrap_err();
                    connector.refuse(problems(&world, policy));
                }
            };
            connector.update(&good).unwrap();
            assert_eq!(lines.take(), [""; 0], "nothing happened");
            refuse(&missing);
            lines.expect(Level::WARN, "update refused: policy test:");
            // The twins: each change is one more line.
            refuse(&empty);
            assert!(lines.expect(Level::WARN, "update refused").contains("code=\"trust_bundle_empty\""));
            connector.update(&good).unwrap();
            connector.update(&good).unwrap();
            lines.expect(Level::INFO, "the last update is used again");
            refuse(&missing);
            lines.expect(Level::WARN, "update refused");
            connector.withdraw();
            connector.withdraw();
            refuse(&missing);
            lines.expect(Level::WARN, "withdrawn by the caller");
            connector.update(&policy(trusting(&Pki::new("another")))).unwrap();
            let [published, used] = lines.take().try_into().unwrap();
            assert!(published.contains("INFO a generation was published") && used.contains("used again"));
        });
    }
}

/// A controller that reconciles without end, over many backends behind one broken document.
#[test]
fn a_registry_logs_each_name_once() {
    let world = World::new("registry");
    Lines::of(|lines| {
        let registry = Registry::new(&world.runtime, OnInvalid::FailClosed);
        let broken = || problems(&world, &by_file(Path::new("/nonexistent/ca.pem")));
        let reconcile = |good: usize| {
            let policy = |index| if index < good { Ok(policy(world.spec())) } else { Err(broken()) };
            registry.apply((0..10).map(|index| (format!("backend {index}"), policy(index))));
            lines.take().len()
        };
        assert_eq!(reconcile(0), 10);
        assert_eq!((0..50).map(|_| reconcile(0)).sum::<usize>(), 0);
        // The twin: three are repaired, a generation and a recovery each.
        assert_eq!(reconcile(3), 6);
        assert_eq!((0..50).map(|_| reconcile(3)).sum::<usize>(), 0);
        assert_eq!(reconcile(0), 3);
    });
}

#[test]
fn a_poll_logs_what_changed() {
    let (world, folder) = (World::new("polls"), tempdir());
    let path = folder.path().join("ca.pem");
    fs::write(&path, world.pki.root.pem()).unwrap();
    Lines::of(|lines| {
        let mut stepper = Stepper::with_on_invalid(&world, &by_file(&path), OnInvalid::KeepLastGood);
        let mut poll = |until: fn(&PollOutcome) -> bool| {
            while !until(&stepper.step()) {}
            (0..50).for_each(|_| drop(stepper.step()));
        };
        poll(|outcome| *outcome == PollOutcome::Unchanged);
        assert_eq!(lines.take(), [""; 0]);
        fs::write(&path, "no certificate").unwrap();
        poll(|outcome| matches!(outcome, PollOutcome::Invalid(_)));
        lines.expect(Level::WARN, "update refused");
        fs::remove_file(&path).unwrap();
        poll(|outcome| *outcome == PollOutcome::Withdrawn);
        lines.expect(Level::WARN, "withdrawn: policy test:");
        fs::write(&path, world.pki.root.pem()).unwrap();
        poll(|outcome| matches!(outcome, PollOutcome::Updated(_)));
        lines.expect(Level::INFO, "used again");
        fs::remove_file(&path).unwrap();
        poll(|outcome| *outcome == PollOutcome::Withdrawn);
        lines.expect(Level::WARN, "withdrawn");
    });
}

#[test]
fn a_certificate_that_comes_near_its_end_is_logged_once() {
    let world = World::new("expiry");
    Lines::of(|lines| {
        let connector = world.connector(world.spec());
        let mut lines_seen = 0;
        for _ in 0..400 {
            world.clock.advance(uptls_testkit::DAY * 30);
            (0..10).for_each(|_| connector.check_expiry());
            lines_seen += lines.take().len();
        }
        assert!((1..=6).contains(&lines_seen), "at most one for each mark: {lines_seen}");
    });
}

#[test]
fn a_connection_that_fails_again_and_again_is_logged_once() {
    let world = World::new("failures");
    let stranger = Pki::new("failures, another CA");
    let connector = world.connector(trusting(&stranger));
    let strange = Backend::new(world.server(Versions::Tls13));
    let leaf = stranger.leaf(&[San::dns(crate::support::world::HOST)]);
    let known = uptls_testkit::ServerOptions::new(&[&leaf, &stranger.intermediate]);
    let known = Backend::new(known);
    Lines::of(|lines| {
        let fail = |host: &BackendHost| {
            let error = strange.visit_as(&connector, host, &ConnectOptions::default()).err().unwrap();
            assert_eq!(error.code(), Code::CertUnknownIssuer);
        };
        (0..200).for_each(|_| fail(&host()));
        let line = lines.expect(Level::INFO, "connection failed: ");
        for field in
            ["code=\"cert_unknown_issuer\"", "policy=\"test\"", "generation=1", "host=backend.example", "unlogged=0"]
        {
            assert!(line.contains(field), "{field}: {line}");
        }
        // The twins: another host is news, and so is another generation, and each says how many were not logged.
        let other = BackendHost::parse("other.example").unwrap();
        (0..3).for_each(|_| fail(&other));
        assert!(lines.expect(Level::INFO, "host=other.example").contains("unlogged=199"));
        let mut wider = trusting(&stranger);
        wider.trust.bundles.push(MaterialDraft::pem(Pki::new("failures, a third CA").root.pem()));
        connector.update(&policy(wider)).unwrap();
        lines.expect(Level::INFO, "a generation was published");
        (0..3).for_each(|_| fail(&host()));
        assert!(lines.expect(Level::INFO, "generation=2").contains("unlogged=2"));
        // What succeeds is not logged, and neither is a backend of which one in two connections fails.
        for _ in 0..20 {
            known.visit(&connector).unwrap();
            fail(&host());
        }
        assert_eq!(lines.take(), [""; 0]);
    });
}

/// A subscriber may ask the connector that it is told of: no lock is held meanwhile.
#[test]
fn a_subscriber_may_ask_the_connector() {
    let world = World::new("asking");
    let connector = world.connector(world.spec());
    let asked = connector.clone();
    let ask = move |_: &Event<'_>| assert!(asked.next_event().is_some(), "the event is there before its line");
    tracing::subscriber::with_default(Told(ask), || {
        connector.update(&policy(trusting(&Pki::new("asking, another")))).unwrap();
        connector.withdraw();
    });
    assert_eq!(connector.next_event(), None);
}
