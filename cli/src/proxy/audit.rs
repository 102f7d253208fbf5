//! The shadow of a route: a second policy that judges the same upstreams, and decides nothing (R14).

use std::sync::Arc;

use uptls::{Connector, FileSource, Prepared, Problems, Registry, Watch, WatchedSource};

use super::live::Judged;
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
        prepared: Result<Arc<Prepared>, Problems>,
        connector: &Connector,
        registry: &Registry,
        watch: &Watch,
    ) -> Option<Self> {
        let name = Self::name_of(&spec.name);
        let judged = match &prepared {
            Ok(prepared) => Ok(prepared.policy().spec_digest()),
            Err(problems) => Err(problems.clone()),
        };
        let shadow = match prepared {
            // Of this runtime.
            Ok(prepared) => registry.publish(&name, prepared).ok()?,
            Err(problems) => {
                let _ = registry.apply([(name.clone(), Err(problems))]);
                registry.connector(&name)?
            }
        };
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
