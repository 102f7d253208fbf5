//! The same counters through the crate `metrics`, for programs that have a recorder already.

use ::metrics::{counter, gauge, histogram};

use crate::observe::{
    CertificateExpiring, ConnectionAbandoned, ConnectionClosed, ConnectionCondemned, ConnectionFailed,
    ConnectionOpened, ConnectorChanged, GenerationPublished, HandshakeStarted, Observer, PolicyRecovered,
    PolicyWithdrawn, ShadowRefused, Standing, UpdateRefused,
};

/// An observer that counts through the facade of the crate `metrics`: names and labels are those of
/// [`Metrics`](crate::Metrics), without sessions and ends of certificates, which are no sums. Durations are in seconds. It
/// keeps nothing, so one serves many runtimes.
///
/// ```
/// let builder = uptls::Runtime::builder(uptls::aws_lc_rs::provider()).observer(uptls::MetricsFacade::default());
/// # let _ = builder;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct MetricsFacade;

impl MetricsFacade {
    fn stand(standing: &Standing, change: f64) {
        gauge!("uptls_policies", "state" => standing.state).increment(change);
    }
}

fn updated(result: &'static str) {
    counter!("uptls_policy_updates_total", "result" => result).increment(1);
}

impl Observer for MetricsFacade {
    fn handshake_started(&self, _: &HandshakeStarted<'_>) {
        gauge!("uptls_active_handshakes").increment(1);
    }

    fn connection_opened(&self, opened: &ConnectionOpened<'_>) {
        gauge!("uptls_active_handshakes").decrement(1);
        gauge!("uptls_connections").increment(1);
        let kind = if opened.resumed { "resumed" } else { "full" };
        counter!("uptls_handshakes_total", "kind" => kind, "version" => opened.version.as_str()).increment(1);
        histogram!("uptls_handshake_duration_seconds", "kind" => kind).record(opened.handshake);
        if let Some(dial) = opened.dial {
            histogram!("uptls_dial_duration_seconds").record(dial);
        }
    }

    fn connection_failed(&self, failed: &ConnectionFailed<'_>) {
        if failed.handshake.is_some() {
            gauge!("uptls_active_handshakes").decrement(1);
        }
        counter!("uptls_handshake_failures_total", "reason" => failed.code.as_str()).increment(1);
    }

    fn connection_abandoned(&self, _: &ConnectionAbandoned<'_>) {
        gauge!("uptls_active_handshakes").decrement(1);
        counter!("uptls_handshakes_abandoned_total").increment(1);
    }

    fn shadow_refused(&self, refused: &ShadowRefused<'_>) {
        counter!("uptls_shadow_refusals_total", "reason" => refused.code.as_str()).increment(1);
    }

    fn connection_condemned(&self, condemned: &ConnectionCondemned<'_>) {
        counter!("uptls_connections_condemned_total", "reason" => condemned.code.as_str()).increment(1);
    }

    fn connection_closed(&self, closed: &ConnectionClosed<'_>) {
        gauge!("uptls_connections").decrement(1);
        let reason = closed.code.map_or("closed", crate::error::Code::as_str);
        counter!("uptls_connections_closed_total", "reason" => reason).increment(1);
    }

    fn generation_published(&self, _: &GenerationPublished<'_>) {
        updated("published");
    }

    fn update_refused(&self, _: &UpdateRefused<'_>) {
        updated("refused");
    }

    fn policy_recovered(&self, _: &PolicyRecovered<'_>) {
        updated("recovered");
    }

    fn policy_withdrawn(&self, _: &PolicyWithdrawn<'_>) {
        updated("withdrawn");
    }

    fn certificate_expiring(&self, _: &CertificateExpiring<'_>) {
        counter!("uptls_expiry_warnings_total").increment(1);
    }

    fn connector_changed(&self, changed: &ConnectorChanged<'_>) {
        if let Some(after) = &changed.after {
            Self::stand(after, 1.0);
        }
        if let Some(before) = &changed.before {
            Self::stand(before, -1.0);
        }
    }
}
