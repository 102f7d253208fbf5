//! What a resolution is for: whose controller, which Gateway, how true to a vendor, and when.

use std::collections::BTreeMap;
use std::path::PathBuf;

use uptls::Runtime;
use uptls::danger::DangerPermission;

use crate::kubernetes::model::backend::BackendRef;
use crate::kubernetes::model::object::{ObjectName, ObjectRef};

/// For whom the objects are resolved. The default: no controller, every Gateway, strict.
///
/// Which Gateways are the controller's own, their GatewayClasses say, as far as those are among the objects.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Scope {
    /// Which Gateway uses which backend; `None`: what HTTPRoute, GRPCRoute and TLSRoute say. What a route speaks with a
    /// backend, it says in either case.
    pub ancestors: Option<Vec<(BackendRef, ObjectName)>>,
    /// Whether these are all objects of a cluster. Then a Service that is not among them is `TargetNotFound`, and a
    /// Gateway that is missing is no ancestor; otherwise either may exist.
    pub complete: bool,
    /// The `controllerName` of our entries in a status; without it there are no status patches.
    pub controller_name: Option<String>,
    /// The `status` of objects, in place of what stands in the objects themselves.
    pub existing_status: BTreeMap<ObjectRef, serde_json::Value>,
    /// Below which folder the files of the proxy lie that vendors' objects name (`files`, `sslFiles`); `None`: an
    /// object that names one is not ready. Its author means the proxy's disk and not the importer's: without a root any
    /// tenant could have any file of this machine read.
    pub files_root: Option<PathBuf>,
    /// Only policies of this Gateway, for every backend.
    pub gateway: Option<ObjectName>,
    /// How to read a vendor's form that verifies less than it seems to (M8).
    pub mode: Mode,
    /// The time for `lastTransitionTime`, unix seconds; the default is 1970.
    pub now: u64,
    /// Whether a policy is accepted that gives up a part of the verification (M9). It decides statuses alone: drafts
    /// are checked with the permission of the program that uses them.
    pub permission: DangerPermission,
    /// Whose provider proves that a client certificate and its key belong together (I2), for the status of who refers to
    /// them. Without one a status says only that they are there; a connector fails closed either way.
    pub runtime: Option<Runtime>,
    /// Whether the controller is none, and its patches only say how objects stand: Gateways of any class count as its own, and
    /// every status has room, since nothing is written.
    pub(crate) is_placeholder: bool,
}

/// How to read a vendor's form that verifies less than it seems to (M8).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Mode {
    /// As the vendor does: what it does not verify becomes D1 or D2, which the caller has to permit; the Gateway's client
    /// certificate wins over the backend's own, and an Upstream has a Secret of any namespace without a ReferenceGrant (M6).
    Faithful,
    /// Everything is verified, and each difference from the vendor is a warning.
    #[default]
    Strict,
}

impl Scope {
    /// For the controller of this name.
    pub fn new(controller_name: impl Into<String>) -> Self {
        Self { controller_name: Some(controller_name.into()), ..Self::default() }
    }

    /// Says that these are all objects of a cluster.
    #[must_use]
    pub fn with_complete(mut self, complete: bool) -> Self {
        self.complete = complete;
        self
    }

    /// Says which Gateways use which backends, in place of the routes.
    #[must_use]
    pub fn with_ancestors(mut self, ancestors: impl IntoIterator<Item = (BackendRef, ObjectName)>) -> Self {
        self.ancestors = Some(ancestors.into_iter().collect());
        self
    }

    /// Replaces the `status` of the object `name`.
    #[must_use]
    pub fn with_existing_status(
        mut self,
        kind: impl Into<String>,
        name: ObjectName,
        status: serde_json::Value,
    ) -> Self {
        self.existing_status.insert(ObjectRef::of(kind.into(), &name), status);
        self
    }

    /// Only the policies of this Gateway.
    #[must_use]
    pub fn with_gateway(mut self, gateway: ObjectName) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// Maps the files of the proxy that vendors' objects name: `/etc/ca.pem` is `etc/ca.pem` below this folder.
    #[must_use]
    pub fn with_files_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.files_root = Some(root.into());
        self
    }

    /// Sets the mode.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets whether statuses accept a policy that gives up a part of the verification.
    #[must_use]
    pub fn with_permission(mut self, permission: DangerPermission) -> Self {
        self.permission = permission;
        self
    }

    /// Lets statuses say whether a client certificate and its key belong together.
    #[must_use]
    pub fn with_runtime(mut self, runtime: &Runtime) -> Self {
        self.runtime = Some(runtime.clone());
        self
    }

    /// How many entries there is room for in a list of a status that has at most `most`.
    pub(in crate::kubernetes) fn room(&self, most: usize) -> usize {
        if self.is_placeholder { usize::MAX } else { most }
    }

    /// Sets the time, unix seconds.
    #[must_use]
    pub fn with_now(mut self, now: u64) -> Self {
        self.now = now;
        self
    }
}
