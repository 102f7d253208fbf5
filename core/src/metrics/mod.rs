//! Counters of connections and policies, and their text for Prometheus. `docs/observability.md` has each of them.

#[cfg(feature = "metrics")]
mod facade;
mod histogram;
mod text;

#[cfg(feature = "metrics")]
pub use facade::MetricsFacade;

use core::fmt;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::error::Code;
use crate::observe::{
    CertificateExpiring, ConnectionAbandoned, ConnectionClosed, ConnectionCondemned, ConnectionFailed,
    ConnectionOpened, ConnectorChanged, GenerationPublished, HandshakeStarted, Observer, PolicyRecovered,
    PolicyWithdrawn, ShadowRefused, Standing, Terms, UpdateRefused,
};
use crate::policy::TlsVersion;
use crate::runtime::Runtime;
use histogram::Histogram;
pub use text::Metric;

/// An observer that counts, and says so to Prometheus.
///
/// Its labels have few values: codes, versions, states. A hundred thousand policies are as many lines as one. It holds no
/// connector: gauges follow what connectors report of themselves.
///
/// ```
#[doc = include_str!("../../doc/policy.txt")]
/// use std::sync::Arc;
/// use uptls::{Connector, Metrics, Runtime};
///
/// let metrics = Arc::new(Metrics::default());
/// let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).observer(Arc::clone(&metrics)).build();
/// let connector = Connector::new(&runtime, &policy)?;
/// // What an endpoint `/metrics` answers, as `text/plain; version=0.0.4`.
/// let text = metrics.prometheus_text(&runtime);
/// assert!(text.contains("uptls_policies{state=\"ready\"} 1\n"));
/// drop(connector);
/// assert!(metrics.prometheus_text(&runtime).contains("uptls_policies{state=\"ready\"} 0\n"));
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Metrics {
    abandoned: AtomicU64,
    /// By [`Code::ALL`]; the last one is of those that ended without a code.
    closed: Vec<AtomicU64>,
    /// By [`Code::ALL`].
    condemned: Vec<AtomicU64>,
    connections: AtomicI64,
    dials: Histogram,
    ends: Mutex<BTreeMap<(Role, i64), u64>>,
    expiring: AtomicU64,
    /// By [`Code::ALL`].
    failures: Vec<AtomicU64>,
    /// By [`KINDS`].
    handshake_durations: [Histogram; KINDS.len()],
    handshaking: AtomicI64,
    /// By [`KINDS`] and [`VERSIONS`].
    handshakes: [[AtomicU64; VERSIONS.len()]; KINDS.len()],
    /// By [`Code::ALL`].
    shadow_refusals: Vec<AtomicU64>,
    /// By [`STATES`].
    policies: [AtomicI64; STATES.len()],
    /// By [`RESULTS`].
    updates: [AtomicU64; RESULTS.len()],
}

/// What ends.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Role {
    Identity,
    RevocationList,
    Trust,
}

impl Default for Metrics {
    fn default() -> Self {
        let zeros = |count| core::iter::repeat_with(AtomicU64::default).take(count).collect();
        Self {
            abandoned: AtomicU64::default(),
            closed: zeros(Code::ALL.len() + 1),
            condemned: zeros(Code::ALL.len()),
            connections: AtomicI64::default(),
            dials: Histogram::default(),
            ends: Mutex::default(),
            expiring: AtomicU64::default(),
            failures: zeros(Code::ALL.len()),
            handshake_durations: Default::default(),
            handshaking: AtomicI64::default(),
            handshakes: Default::default(),
            shadow_refusals: zeros(Code::ALL.len()),
            policies: Default::default(),
            updates: Default::default(),
        }
    }
}

impl Metrics {
    /// All of it in the text format of Prometheus (0.0.4), with the sessions that `runtime` holds. Counters begin with 0,
    /// so that the first increase is one; durations are in seconds, times in unix seconds.
    pub fn prometheus_text(&self, runtime: &Runtime) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut out, runtime);
        out
    }

    fn write(&self, out: &mut String, runtime: &Runtime) -> fmt::Result {
        self.write_handshakes(out)?;
        self.write_connections(out)?;
        self.write_policies(out)?;
        let held = runtime.held_sessions();
        let mut metric = Metric::begin(out, "uptls_sessions", "gauge", "Sessions that are held for resumption.")?;
        metric.value(&[], held.count)?;
        let help = "Bytes that are charged for the held sessions.";
        Metric::begin(out, "uptls_session_bytes", "gauge", help)?.value(&[], held.bytes)
    }

    fn write_handshakes(&self, out: &mut String) -> fmt::Result {
        let help = "Handshakes that gave a verified connection.";
        let mut metric = Metric::begin(out, "uptls_handshakes_total", "counter", help)?;
        for (kind, by_version) in KINDS.iter().zip(&self.handshakes) {
            for (version, count) in VERSIONS.iter().zip(by_version) {
                let labels = [("kind", *kind), ("version", version.as_str())];
                metric.value(&labels, count.load(Ordering::Relaxed))?;
            }
        }
        let help = "Connections that were not made, by the code of the reason.";
        let mut metric = Metric::begin(out, "uptls_handshake_failures_total", "counter", help)?;
        for (code, count) in Code::ALL.iter().zip(&self.failures) {
            metric.value(&[("reason", code.as_str())], count.load(Ordering::Relaxed))?;
        }
        let help = "Handshakes that the program dropped before they ended.";
        let mut metric = Metric::begin(out, "uptls_handshakes_abandoned_total", "counter", help)?;
        metric.value(&[], self.abandoned.load(Ordering::Relaxed))?;
        let help = "Handshakes under way.";
        let mut metric = Metric::begin(out, "uptls_active_handshakes", "gauge", help)?;
        metric.value(&[], self.handshaking.load(Ordering::Relaxed))?;
        let help = "How long handshakes took that gave a verified connection.";
        let mut metric = Metric::begin(out, "uptls_handshake_duration_seconds", "histogram", help)?;
        for (kind, durations) in KINDS.iter().zip(&self.handshake_durations) {
            durations.write(&mut metric, &[("kind", kind)])?;
        }
        let help = "How long it took to reach peers whose connections were opened, with the look-up of names.";
        self.dials.write(&mut Metric::begin(out, "uptls_dial_duration_seconds", "histogram", help)?, &[])
    }

    fn write_connections(&self, out: &mut String) -> fmt::Result {
        let mut metric = Metric::begin(out, "uptls_connections", "gauge", "Open connections.")?;
        metric.value(&[], self.connections.load(Ordering::Relaxed))?;
        let help = "Connections that were open, by the code that ended them; closed: none did.";
        let mut metric = Metric::begin(out, "uptls_connections_closed_total", "counter", help)?;
        let reasons = Code::ALL.iter().map(|code| code.as_str()).chain(["closed"]);
        for (reason, count) in reasons.zip(&self.closed) {
            metric.value(&[("reason", reason)], count.load(Ordering::Relaxed))?;
        }
        let help = "Open connections whose peers the policy would refuse now, by its code.";
        let mut metric = Metric::begin(out, "uptls_connections_condemned_total", "counter", help)?;
        for (code, count) in Code::ALL.iter().zip(&self.condemned) {
            metric.value(&[("reason", code.as_str())], count.load(Ordering::Relaxed))?;
        }
        let help = "Connections that were made, and that the shadow of an audit would have refused, by its code.";
        let mut metric = Metric::begin(out, "uptls_shadow_refusals_total", "counter", help)?;
        for (code, count) in Code::ALL.iter().zip(&self.shadow_refusals) {
            metric.value(&[("reason", code.as_str())], count.load(Ordering::Relaxed))?;
        }
        Ok(())
    }

    fn write_policies(&self, out: &mut String) -> fmt::Result {
        let help = "Connectors by their state: degraded uses the last good generation, not_ready and withdrawn make no connection.";
        let mut metric = Metric::begin(out, "uptls_policies", "gauge", help)?;
        for (state, count) in STATES.iter().zip(&self.policies) {
            metric.value(&[("state", state)], count.load(Ordering::Relaxed))?;
        }
        let mut metric =
            Metric::begin(out, "uptls_policy_updates_total", "counter", "Changes of policies, by result.")?;
        for (result, count) in RESULTS.iter().zip(&self.updates) {
            metric.value(&[("result", result)], count.load(Ordering::Relaxed))?;
        }
        let help = "Warnings of certificates and lists that come near their end, each mark once.";
        let mut metric = Metric::begin(out, "uptls_expiry_warnings_total", "counter", help)?;
        metric.value(&[], self.expiring.load(Ordering::Relaxed))?;
        let help = "When the first certificate or list of a published policy ends; absent without any.";
        let mut metric = Metric::begin(out, "uptls_certificate_not_after_timestamp_seconds", "gauge", help)?;
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        for (role, name) in
            [(Role::Identity, "identity"), (Role::RevocationList, "revocation_list"), (Role::Trust, "trust")]
        {
            if let Some(((_, end), _)) = ends.range((role, i64::MIN)..=(role, i64::MAX)).next() {
                metric.value(&[("role", name)], end)?;
            }
        }
        Ok(())
    }

    fn updated(&self, result: &str) {
        add(RESULTS.iter().position(|known| *known == result).and_then(|index| self.updates.get(index)));
    }

    fn stand(&self, standing: &Standing, change: i64) {
        let index = STATES.iter().position(|known| *known == standing.state);
        if let Some(count) = index.and_then(|index| self.policies.get(index)) {
            count.fetch_add(change, Ordering::Relaxed);
        }
        let Terms { trust, identity, revocation_list } = standing.terms;
        let roles = [(Role::Trust, trust), (Role::Identity, identity), (Role::RevocationList, revocation_list)];
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        for (role, end) in roles {
            let Some(end) = end else { continue };
            let count = ends.entry((role, end)).or_default();
            // Changes of two threads may come in either order: what wraps below 0 comes back.
            *count = count.wrapping_add_signed(change);
            if *count == 0 {
                ends.remove(&(role, end));
            }
        }
    }
}

impl Observer for Metrics {
    fn handshake_started(&self, _: &HandshakeStarted<'_>) {
        self.handshaking.fetch_add(1, Ordering::Relaxed);
    }

    fn connection_opened(&self, opened: &ConnectionOpened<'_>) {
        self.handshaking.fetch_sub(1, Ordering::Relaxed);
        self.connections.fetch_add(1, Ordering::Relaxed);
        let kind = usize::from(opened.resumed);
        let version = VERSIONS.iter().position(|known| *known == opened.version);
        add(version.and_then(|version| self.handshakes.get(kind)?.get(version)));
        if let Some(durations) = self.handshake_durations.get(kind) {
            durations.observe(opened.handshake);
        }
        if let Some(dial) = opened.dial {
            self.dials.observe(dial);
        }
    }

    fn connection_failed(&self, failed: &ConnectionFailed<'_>) {
        if failed.handshake.is_some() {
            self.handshaking.fetch_sub(1, Ordering::Relaxed);
        }
        add(place(failed.code).and_then(|index| self.failures.get(index)));
    }

    fn connection_abandoned(&self, _: &ConnectionAbandoned<'_>) {
        self.handshaking.fetch_sub(1, Ordering::Relaxed);
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    fn shadow_refused(&self, refused: &ShadowRefused<'_>) {
        add(place(refused.code).and_then(|index| self.shadow_refusals.get(index)));
    }

    fn connection_condemned(&self, condemned: &ConnectionCondemned<'_>) {
        add(place(condemned.code).and_then(|index| self.condemned.get(index)));
    }

    fn connection_closed(&self, closed: &ConnectionClosed<'_>) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
        let index = closed.code.map_or(Some(Code::ALL.len()), place);
        add(index.and_then(|index| self.closed.get(index)));
    }

    fn generation_published(&self, _: &GenerationPublished<'_>) {
        self.updated("published");
    }

    fn update_refused(&self, _: &UpdateRefused<'_>) {
        self.updated("refused");
    }

    fn policy_recovered(&self, _: &PolicyRecovered<'_>) {
        self.updated("recovered");
    }

    fn policy_withdrawn(&self, _: &PolicyWithdrawn<'_>) {
        self.updated("withdrawn");
    }

    fn certificate_expiring(&self, _: &CertificateExpiring<'_>) {
        self.expiring.fetch_add(1, Ordering::Relaxed);
    }

    fn connector_changed(&self, changed: &ConnectorChanged<'_>) {
        // First what it is, so that no gauge is briefly without it.
        if let Some(after) = &changed.after {
            self.stand(after, 1);
        }
        if let Some(before) = &changed.before {
            self.stand(before, -1);
        }
    }
}

fn add(count: Option<&AtomicU64>) {
    if let Some(count) = count {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// In the order of their numbers.
fn place(code: Code) -> Option<usize> {
    Code::ALL.binary_search_by_key(&code.number(), |known| known.number()).ok()
}

const KINDS: [&str; 2] = ["full", "resumed"];
const RESULTS: [&str; 4] = ["published", "recovered", "refused", "withdrawn"];
const STATES: [&str; 4] = ["degraded", "not_ready", "ready", "withdrawn"];
const VERSIONS: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_place() {
        for (index, code) in Code::ALL.iter().enumerate() {
            assert_eq!(place(*code), Some(index), "{code}");
        }
    }
}
