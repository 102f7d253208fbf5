//! The state of the proxy at one moment, for programs and for the page.

use serde::Serialize;
use uptls::{AuditReport, Code, ConnectorState, Prepared};

use super::live::Proxy;
use super::route::{Refusal, Route, Snapshot, now};

/// The document of /status.
#[derive(Serialize)]
pub(super) struct Status {
    pub(super) schema: &'static str,
    pub(super) at: String,
    pub(super) version: &'static str,
    /// Whether every route makes connections, and new clients are taken.
    pub(super) ready: bool,
    pub(super) draining: bool,
    /// Why the document with routes, as it stands, does not count.
    pub(super) routes_error: Option<String>,
    pub(super) routes: Vec<RouteStatus>,
}

#[derive(Serialize)]
pub(super) struct RouteStatus {
    pub(super) name: String,
    pub(super) listen: String,
    /// Which hosts of HTTP requests it is for; `null`: it moves bytes of any protocol.
    pub(super) hosts: Option<String>,
    pub(super) upstream: String,
    pub(super) policy: Option<String>,
    /// `ready`, `degraded`, `not_ready` or `withdrawn`.
    pub(super) state: &'static str,
    pub(super) generation: u64,
    pub(super) code: Option<Code>,
    pub(super) reason: Option<String>,
    pub(super) connections: Snapshot,
    /// What the shadow would have said, which decides nothing; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audit: Option<AuditReport>,
    /// The certificates of the policy, those that end first before the others.
    pub(super) expires: Vec<Expiry>,
    /// Why clients got no connection, the newest first.
    pub(super) refusals: Vec<Refusal>,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) struct Expiry {
    /// RFC 3339.
    pub(super) not_after: String,
    /// `anchor` or `identity`.
    pub(super) what: &'static str,
    pub(super) subject: String,
}

impl Status {
    pub(super) fn of(proxy: &Proxy) -> Self {
        Self {
            schema: "uptls.proxy/v1",
            at: now(),
            version: env!("CARGO_PKG_VERSION"),
            ready: proxy.is_ready(),
            draining: proxy.is_draining(),
            routes_error: proxy.document_error(),
            routes: proxy.routes().iter().map(|route| RouteStatus::of(route)).collect(),
        }
    }
}

impl RouteStatus {
    fn of(route: &Route) -> Self {
        let (spec, state) = (&route.spec, route.connector.state());
        Self {
            name: spec.name.clone(),
            listen: spec.listen.to_string(),
            hosts: spec.http.as_ref().map(|http| http.hosts.to_string()),
            upstream: spec.target.to_string(),
            policy: spec.origin().map(|path| path.display().to_string()),
            state: state.as_str(),
            generation: route.connector.generation().number(),
            code: state.reason().map(|reason| reason.code()),
            reason: state.reason().map(ToString::to_string).or_else(|| withdrawn(&state, route)),
            connections: route.snapshot(),
            audit: route.connector.audit_report(),
            expires: route.connector.prepared().map(|prepared| expiries(&prepared)).unwrap_or_default(),
            refusals: route.refusals(),
        }
    }
}

/// Which file is gone.
fn withdrawn(state: &ConnectorState, route: &Route) -> Option<String> {
    matches!(state, ConnectorState::Withdrawn { .. }).then(|| route.last_event()).flatten()
}

fn expiries(prepared: &Prepared) -> Vec<Expiry> {
    let description = prepared.describe();
    let anchors = description.trusts.anchors.iter().map(|anchor| ("anchor", &anchor.certificate));
    let identity = description.sends.identity.iter().map(|own| ("identity", own));
    let mut all: Vec<Expiry> = anchors
        .chain(identity)
        .map(|(what, facts)| Expiry { not_after: facts.not_after.clone(), what, subject: facts.subject.clone() })
        .collect();
    all.sort();
    all.truncate(MOST_EXPIRIES);
    all
}

/// How many certificates of a route are shown: those that end first.
const MOST_EXPIRIES: usize = 16;
