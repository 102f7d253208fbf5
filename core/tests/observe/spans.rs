//! One span for each handshake, for subscribers of tracing.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use crate::support::world::{Backend, World, host, trusting};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use uptls::ConnectOptions;
use uptls_testkit::{Pki, Versions};

/// Notes spans: one line when it is made, for each field that is recorded later, and when it is closed.
struct Spans {
    level: Level,
    lines: Arc<Mutex<Vec<String>>>,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Spans {
    fn note(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "uptls" && metadata.is_span() && *metadata.level() <= self.level
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(String::new());
        span.record(&mut fields);
        self.note(format!("{} {}{}", span.metadata().level(), span.metadata().name(), fields.0));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut fields = Fields(String::new());
        values.record(&mut fields);
        self.note(fields.0.trim_start().to_owned());
    }

    fn try_close(&self, _: Id) -> bool {
        self.note("closed".to_owned());
        true
    }

    fn event(&self, _: &Event<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn spans(level: Level, body: impl FnOnce()) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    tracing::subscriber::with_default(Spans { level, lines: Arc::clone(&lines) }, body);
    std::mem::take(&mut *lines.lock().unwrap())
}

const BEGUN: &str = r#"DEBUG tls.client.handshake otel.kind="client" server.address=backend.example uptls.policy="test" uptls.generation=1"#;

#[test]
fn a_handshake_is_one_span() {
    let world = World::new("spans");
    let connector = world.connector(world.spec());
    let backend = Backend::new(world.server(Versions::Tls13));
    let lines = spans(Level::DEBUG, || drop(backend.visit(&connector).unwrap()));
    assert_eq!(
        lines,
        [
            BEGUN,
            r#"tls.protocol.version="1.3""#,
            r#"tls.cipher="TLS_AES_256_GCM_SHA384""#,
            r#"tls.curve="X25519MLKEM768""#,
            "tls.resumed=false",
            "tls.established=true",
            "closed"
        ]
    );
    let lines = spans(Level::DEBUG, || drop(backend.visit(&connector).unwrap()));
    assert!(lines.contains(&"tls.resumed=true".to_owned()), "{lines:?}");
    assert!(spans(Level::INFO, || drop(backend.visit(&connector).unwrap())).is_empty());
}

#[test]
fn a_failed_one_says_why_and_an_abandoned_one_nothing() {
    let world = World::new("spans");
    let connector = world.connector(trusting(&Pki::new("another CA")));
    let backend = Backend::new(world.server(Versions::Tls13));
    let lines = spans(Level::DEBUG, || drop(backend.visit(&connector).err().unwrap()));
    assert_eq!(lines, [BEGUN, "tls.established=false", r#"error.type="cert_unknown_issuer""#, "closed"]);
    let lines = spans(Level::DEBUG, || drop(connector.begin(&host(), &ConnectOptions::default()).unwrap()));
    assert_eq!(lines, [BEGUN, "closed"]);
}
