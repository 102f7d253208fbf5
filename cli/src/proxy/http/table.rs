//! The routes of one listener, by the hosts that they are for.

use std::sync::Arc;

use super::super::route::Route;
use super::head::RequestHost;

/// Which request goes where, at one moment. Two routes have no pattern in common.
#[derive(Default)]
pub(in super::super) struct Table(Vec<Arc<Route>>);

impl Table {
    pub(in super::super) fn new(routes: Vec<Arc<Route>>) -> Self {
        Self(routes)
    }

    /// Whether clients begin with a PROXY header: all routes of a listener agree.
    pub(super) fn expects_proxy_header(&self) -> bool {
        self.0.iter().any(|route| route.spec.accept_proxy_header)
    }

    /// The route for a host: one that names it, else that with the longest suffix, else that for every host (P7).
    pub(super) fn route(&self, host: &RequestHost) -> Option<&Arc<Route>> {
        let ranked = self.0.iter().filter_map(|route| {
            let patterns = route.spec.http.iter().flat_map(|http| http.hosts.patterns());
            Some((patterns.filter_map(|pattern| pattern.rank(host)).max()?, route))
        });
        ranked.max_by_key(|(rank, _)| *rank).map(|(_, route)| route)
    }
}
