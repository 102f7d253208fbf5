//! What the policy of a backend, or the reason why there is none, does to a connector.

use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{Connector, Generation, Prepared, Problems, Runtime};

use crate::kubernetes::{EffectivePolicy, ON_INVALID};

/// A connector for a backend, which fails every connection with the reason if it has no policy that can be used.
pub(crate) fn connector(prepared: Result<Arc<Prepared>, Problems>, runtime: &Runtime) -> Connector {
    match prepared {
        Ok(prepared) => Connector::of_prepared(prepared, ON_INVALID),
        Err(reason) => Connector::not_ready(runtime, reason, ON_INVALID),
    }
}

/// R2: gives a connector the policy that its backend has now, or makes every new connection fail with the reason.
pub(crate) fn publish(
    found: Result<&EffectivePolicy, Problems>,
    connector: &Connector,
    permission: DangerPermission,
) -> Result<Generation, Problems> {
    found.inspect_err(|reason| connector.refuse(reason.clone()))?.publish(connector, permission)
}
