//! What observers are told (R12), by each face and of each change.

mod condemned;
#[cfg(feature = "metrics")]
mod facade;
#[cfg(all(feature = "hyper", feature = "tokio-rustls"))]
mod faces;
mod policies;
mod prometheus;
mod rotation;
mod shadow;
mod spans;

use std::sync::Arc;

use crate::support::world::{HOST, MovableClock, World, builder};
use uptls::{Metrics, ObservationQueue, Observer};
use uptls_testkit::{Pki, San};

/// A world whose runtime has these observers.
pub(crate) struct Observed {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) queue: Arc<ObservationQueue>,
    pub(crate) world: World,
}

impl Observed {
    pub(crate) fn new(seed: &str) -> Observed {
        Observed::with(seed, Silent)
    }

    /// `first` is told first.
    pub(crate) fn with(seed: &str, first: impl Observer + 'static) -> Observed {
        let (clock, metrics, queue) = (MovableClock::default(), Arc::default(), Arc::new(ObservationQueue::new(4096)));
        let builder = builder(&clock).observer(first);
        let runtime = builder.observer(Arc::clone(&metrics)).observer(Arc::clone(&queue)).build();
        let pki = Pki::new(seed);
        let leaf = pki.leaf(&[San::dns(HOST)]);
        Observed { metrics, queue, world: World { clock, leaf, pki, runtime } }
    }

    /// What came since the last call; changes of connectors, which are for gauges, apart.
    pub(crate) fn told(&self) -> Vec<String> {
        let all = std::iter::from_fn(|| self.queue.next());
        all.filter(|one| one.name != "connector_changed").map(|one| one.json).collect()
    }

    /// The lines of the text that begin with `prefix`, without it.
    pub(crate) fn text(&self, prefix: &str) -> Vec<String> {
        let text = self.metrics.prometheus_text(&self.world.runtime);
        text.lines().filter_map(|line| line.strip_prefix(prefix)).map(str::to_owned).collect()
    }

    /// The value of one line.
    pub(crate) fn value(&self, line: &str) -> String {
        let [value] = self.text(&format!("{line} ")).try_into().unwrap_or_else(|found| panic!("{line}: {found:?}"));
        value
    }
}

/// Every method does nothing unless it is written.
struct Silent;

impl Observer for Silent {}

/// A document without what differs from run to run: durations and addresses.
pub(crate) fn steady(json: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
    let object = value.as_object_mut().unwrap();
    object.retain(|key, _| !key.ends_with("_seconds") && key != "address");
    value.to_string()
}
