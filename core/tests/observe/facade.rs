//! The counters through the crate `metrics`, with a recorder of this test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::support::world::{Backend, MovableClock, World, builder, host, policy};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use uptls::{BackendHost, ConnectOptions, Connector, MetricsFacade};
use uptls_testkit::Versions;

/// The value of each key: a sum, or how many durations were recorded.
#[derive(Clone, Default)]
struct Values(Arc<Mutex<BTreeMap<String, f64>>>);

struct Value {
    key: String,
    values: Values,
}

impl Value {
    fn add(&self, change: f64) {
        *self.values.0.lock().unwrap().entry(self.key.clone()).or_default() += change;
    }
}

impl CounterFn for Value {
    fn increment(&self, value: u64) {
        assert_eq!(value, 1);
        self.add(1.0);
    }

    fn absolute(&self, _: u64) {
        panic!("nothing sets a counter");
    }
}

impl GaugeFn for Value {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, _: f64) {
        panic!("nothing sets a gauge");
    }
}

impl HistogramFn for Value {
    fn record(&self, value: f64) {
        assert!(value > 0.0 && value < 60.0, "seconds: {value}");
        self.add(1.0);
    }
}

impl Values {
    fn of(&self, key: &Key) -> Arc<Value> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Value { key: format!("{}{{{}}}", key.name(), labels.join(",")), values: self.clone() })
    }
}

impl Recorder for Values {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.of(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.of(key))
    }
}

#[test]
fn a_recorder_gets_the_same_numbers() {
    let world = World::new("facade");
    let runtime = builder(&MovableClock::default()).observer(MetricsFacade::default()).build();
    let values = Values::default();
    metrics::with_local_recorder(&values, || {
        let connector = Connector::new(&runtime, &policy(world.spec())).unwrap();
        let backend = Backend::new(world.server(Versions::Tls13));
        for _ in 0..2 {
            drop(backend.visit(&connector).unwrap());
        }
        let stranger = BackendHost::parse("stranger.example").unwrap();
        assert!(backend.visit_as(&connector, &stranger, &ConnectOptions::default()).is_err());
        let mut half = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        half.drain_to(&mut Vec::new());
        drop(half);
        connector.withdraw();
    });
    let found = values.0.lock().unwrap().clone();
    let wanted = [
        ("uptls_active_handshakes{}", 0.0),
        ("uptls_connections_closed_total{reason=closed}", 2.0),
        ("uptls_connections{}", 0.0),
        ("uptls_handshake_duration_seconds{kind=full}", 1.0),
        ("uptls_handshake_duration_seconds{kind=resumed}", 1.0),
        ("uptls_handshake_failures_total{reason=name_mismatch}", 1.0),
        ("uptls_handshakes_abandoned_total{}", 1.0),
        ("uptls_handshakes_total{kind=full,version=1.3}", 1.0),
        ("uptls_handshakes_total{kind=resumed,version=1.3}", 1.0),
        ("uptls_policies{state=ready}", 0.0),
        ("uptls_policies{state=withdrawn}", 0.0),
        ("uptls_policy_updates_total{result=published}", 1.0),
        ("uptls_policy_updates_total{result=withdrawn}", 1.0),
    ];
    assert_eq!(found, wanted.map(|(key, value)| (key.to_owned(), value)).into());
}
