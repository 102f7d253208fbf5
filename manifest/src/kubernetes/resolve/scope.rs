//! What a resolution is for: whose controller, which Gateway, how true to a vendor, and when.

use std::collections::BTreeMap;
use std::path::PathBuf;

use uptls::Runtime;
use uptls::danger::DangerPermission;

use crate::kubernetes::model::backend::BackendRef;
use crate::kubernetes::model::object::{ObjectName, ObjectRef};

/// The controller, the Gateways and the mode to resolve objects for. The default: no controller, every Gateway, strict.
///
/// A Gateway belongs to the controller that its GatewayClass names, if the GatewayClass is among the objects.
///
/// ```
/// use uptls_manifest::kubernetes::{ObjectName, Scope};
///
/// // A controller that lists all objects of its cluster, for one of its Gateways.
/// let scope = Scope::new("example.com/gateway").with_complete(true).with_gateway(ObjectName::new("edge", "public"));
/// # let _ = scope;
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Scope {
    /// The Gateways that use each backend; `None`: as HTTPRoute, GRPCRoute and TLSRoute say. The protocol that a route
    /// speaks with a backend comes from the route in either case.
    pub ancestors: Option<Vec<(BackendRef, ObjectName)>>,
    /// Whether these are all objects of a cluster. A missing Service is then `TargetNotFound`, and a missing Gateway is
    /// not an ancestor; otherwise either may exist.
    pub complete: bool,
    /// The `controllerName` of our entries in a status. Without it there are no status patches.
    pub controller_name: Option<String>,
    /// The present `status` of objects, instead of that in the objects themselves.
    pub existing_status: BTreeMap<ObjectRef, serde_json::Value>,
    /// The folder with the files of the proxy that vendors' objects name (`files`, `sslFiles`). `None`: an object that
    /// names a file is not ready. Its author means the proxy's disk and not this one: without a root, any tenant could
    /// make uptls read any file of this machine.
    pub files_root: Option<PathBuf>,
    /// Only policies of this Gateway, for every backend.
    pub gateway: Option<ObjectName>,
    /// How to read a vendor's form that verifies less than it seems to (M8).
    pub mode: Mode,
    /// The time for `lastTransitionTime`, unix seconds; the default is 1970.
    pub now: u64,
    /// Whether statuses accept a policy that weakens verification (M9). It decides statuses alone: the program that uses
    /// a draft checks it with its own permission.
    pub permission: DangerPermission,
    /// The runtime whose provider checks that a client certificate and its key belong together (I2), for the statuses of
    /// objects that refer to them. Without it a status says only that they exist; a connector fails closed either way.
    pub runtime: Option<Runtime>,
    /// Whether the controller is none, and its patches only say how objects stand: Gateways of any class count as its own, and
    /// every status has room, since nothing is written.
    pub(crate) is_placeholder: bool,
}

/// How to read a vendor's form that verifies less than it seems to (M8).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Mode {
    /// As the vendor does. A check that the vendor skips becomes D1 or D2, which the caller must permit. The Gateway's client
    /// certificate wins over the backend's own, and an Upstream may use a Secret of any namespace without a ReferenceGrant
    /// (M6).
    Faithful,
    /// Every check is made, and each difference from the vendor is a warning.
    #[default]
    Strict,
}

impl Scope {
    /// For the controller of this name.
    pub fn new(controller_name: impl Into<String>) -> Self {
        Self { controller_name: Some(controller_name.into()), ..Self::default() }
    }

    /// Sets whether these are all objects of a cluster.
    #[must_use]
    pub fn with_complete(mut self, complete: bool) -> Self {
        self.complete = complete;
        self
    }

    /// Sets which Gateways use which backends, instead of the routes.
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

    /// Resolves the policies of this Gateway alone.
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

    /// Sets whether statuses accept a policy that weakens verification.
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
