//! /metrics: the counts of each route and of the library, in Prometheus' text format.

use std::sync::Arc;

use uptls::Metric;

use super::live::Proxy;
use super::route::{Route, Snapshot};

/// Name, type, help, and where the figure comes from.
type Family = (&'static str, &'static str, &'static str, fn(&Route, &Snapshot) -> u64);

const FAMILIES: &[Family] = &[
    (
        "uptls_proxy_audit_refusals_total",
        "counter",
        "Connections that were made, and that the policy of the audit would have refused.",
        |route, _| route.connector.audit_report().map_or(0, |report| report.refusals()),
    ),
    (
        "uptls_proxy_bytes_from_client_total",
        "counter",
        "Bytes that clients sent, of connections that ended.",
        |_, now| now.bytes_from_client,
    ),
    (
        "uptls_proxy_bytes_from_upstream_total",
        "counter",
        "Bytes that upstreams sent, of connections that ended.",
        |_, now| now.bytes_from_upstream,
    ),
    ("uptls_proxy_connections", "gauge", "Verified connections that are open.", |_, now| now.open),
    ("uptls_proxy_connections_total", "counter", "Verified connections that were made.", |_, now| now.opened),
    ("uptls_proxy_failures_total", "counter", "Clients or requests that got no connection.", |_, now| now.failed),
    ("uptls_proxy_generation", "gauge", "The generation of the policy.", |route, _| {
        route.connector.generation().number()
    }),
    ("uptls_proxy_requests_total", "counter", "HTTP requests that ended.", |_, now| now.requests),
    ("uptls_proxy_route_ready", "gauge", "1 if the route makes connections, else 0.", |route, _| {
        u64::from(route.is_ready())
    }),
];

/// All of it.
pub(super) fn text(proxy: &Proxy) -> String {
    let routes: Vec<(Arc<Route>, Snapshot)> = proxy
        .routes()
        .into_iter()
        .map(|route| {
            let now = route.snapshot();
            (route, now)
        })
        .collect();
    let mut text = proxy.library_metrics();
    // Writing to a String cannot fail.
    let _ = FAMILIES.iter().try_for_each(|(name, kind, help, figure)| {
        let mut metric = Metric::begin(&mut text, name, kind, help)?;
        routes.iter().try_for_each(|(route, now)| metric.value(&[("route", &route.spec.name)], figure(route, now)))
    });
    text
}
