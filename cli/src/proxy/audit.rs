//! The shadow of a route: a second policy that judges the same upstreams, and decides nothing (R14).

use uptls::{Connector, FileSource, Problems, Registry, UpstreamTlsPolicy, Watch, WatchedSource};

use super::live::{Judged, judged};
use super::log::tell;
use super::route::RouteSpec;
use crate::print::printable;

/// It follows its files, and its events have a name of its own.
pub(super) struct Shadow {
    pub(super) judged: Judged,
    followed: WatchedSource,
    name: String,
}

impl Shadow {
    /// The name of a route's shadow in events.
    pub(super) fn name_of(route: &str) -> String {
        format!("{route} (audit)")
    }

    /// Begins to audit `connector`, the route's.
    pub(super) fn begin(
        spec: &RouteSpec,
        policy: Result<UpstreamTlsPolicy, Problems>,
        connector: &Connector,
        registry: &Registry,
        watch: &Watch,
    ) -> Option<Self> {
        let name = Self::name_of(&spec.name);
        let judged = judged(&policy);
        let _ = registry.apply([(name.clone(), policy)]);
        // It was applied just now.
        let shadow = registry.connector(&name)?;
        if let Err(error) = connector.audit(&shadow) {
            tell(&format!("{}: {error}", printable(&name)));
        }
        Some(Self { judged, followed: watch.add(FileSource::following(&shadow)), name })
    }

    pub(super) fn end(self, registry: &Registry, watch: &Watch) {
        watch.remove(self.followed);
        registry.remove(&self.name);
    }
}
