//! From objects to the one policy of a Gateway, backend and port (M4..M9).

mod ancestors;
mod backend;
mod compose;
mod depends;
mod effective;
mod find;
mod index;
pub(super) mod link;
mod merge;
mod protocols;
mod scope;
mod strict;

pub use backend::{BackendKind, BackendRef};
pub use depends::{Dependency, Presence};
pub use effective::{EffectivePolicy, Overridden, Resolution};
pub use scope::{Mode, Scope};

pub(super) use ancestors::Ancestors;
pub(super) use depends::Dependencies;
pub(super) use index::{targets, unsupported_targets, upstreams};
pub(super) use link::{PublicText, Referrer};
pub(super) use merge::{GATEWAY, GATEWAY_GROUP, client_certificate, object};

use uptls::danger::DangerPermission;
use uptls::{Connector, OnInvalid, PolicyDraft, Problems, Runtime};

use super::imported::Imported;

/// R2: what an update that cannot be used does to a connector whose policy comes from Gateway API objects.
pub const ON_INVALID: OnInvalid = OnInvalid::FailClosed;

/// The policy for `backend`, to be checked and prepared: that of [`Imported::resolve`] with a default [`Scope`].
///
/// # Errors
/// Those of [`Resolution::policy_of`], and everything that is wrong with the policy for it, if that cannot be used (it
/// fails closed).
pub fn resolve(imported: &Imported, backend: &BackendRef) -> Result<PolicyDraft, Problems> {
    imported.resolve(&Scope::default()).policy_of(backend, None)?.draft.clone()
}

/// A connector for `backend`, that always fails with the reason if there is no policy that can be used.
pub fn connector(
    runtime: &Runtime,
    imported: &Imported,
    backend: &BackendRef,
    permission: DangerPermission,
) -> Connector {
    effective::connector(runtime, resolve(imported, backend), permission)
}
