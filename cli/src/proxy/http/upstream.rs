//! The connections of a route to its upstream, for requests.

use std::sync::Arc;

use hyper::Uri;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use tokio::sync::Semaphore;
use uptls::hyper_client::{Pool, PoolCounts, UpstreamService};
use uptls::{Address, BackendHost, Connector, RefusedConnection};

use super::exchange::RequestBody;
use super::head::RequestHost;
use crate::target::Target;

/// Both pools follow the connector: no request goes over what the policy of now does not accept (P8).
pub(in super::super) struct Upstream {
    /// What the upstream is asked for; `None`: for what the client asked for.
    authority: Option<Authority>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) pool: Pool<RequestBody>,
    /// HTTP/1.1 alone, which has upgrades.
    pub(super) upgrades: Pool<RequestBody>,
}

impl Upstream {
    /// Dials nothing. Within the runtime of tokio.
    pub(in super::super) fn new(
        connector: &Connector,
        target: &Target,
        address: Address,
        preserves_host: bool,
        permits: Arc<Semaphore>,
    ) -> Self {
        let service = UpstreamService::new(connector.clone()).with_host(target.host.clone()).with_address(address);
        let (pool, upgrades) = (Pool::new(service.clone()), Pool::new(service.http1_only()));
        tokio::spawn(pool.maintain());
        tokio::spawn(upgrades.maintain());
        let authority = if preserves_host { None } else { authority_of(target) };
        Self { authority, permits, pool, upgrades }
    }

    /// R11: ends the connections of both pools whose peers the policy of now refuses, and says which.
    pub(in super::super) async fn reconsider(&self) -> Vec<RefusedConnection> {
        let both = [self.pool.reconsider().await, self.upgrades.reconsider().await];
        both.into_iter().flatten().flat_map(|reconsidered| reconsidered.refused).collect()
    }

    /// The numbers of both pools.
    pub(in super::super) fn counts(&self) -> [PoolCounts; 2] {
        [self.pool.counts(), self.upgrades.counts()]
    }

    /// What to ask the upstream for.
    pub(super) fn uri(&self, host: &RequestHost, target: &Uri) -> Result<Uri, hyper::http::Error> {
        let path = target.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let authority = self.authority.as_ref().unwrap_or(host.authority()).clone();
        Uri::builder().scheme(Scheme::HTTPS).authority(authority).path_and_query(path).build()
    }
}

/// Without the port that https means anyway. Every backend host is a valid one.
fn authority_of(target: &Target) -> Option<Authority> {
    let text = match (&target.host, target.port) {
        (BackendHost::Ip(core::net::IpAddr::V6(ip)), HTTPS) => format!("[{ip}]"),
        (host, HTTPS) => host.to_string(),
        _ => target.to_string(),
    };
    text.parse().ok()
}

const HTTPS: u16 = 443;
