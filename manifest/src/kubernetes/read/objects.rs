//! All objects that have been read: data alone.

use std::collections::BTreeMap;

use uptls::Origin;

use super::backend_tls_policy::BackendTlsPolicy;
use super::cluster_trust_bundle::ClusterTrustBundle;
use super::config_map::ConfigMap;
use super::extension::backend::KgatewayBackend;
use super::extension::{Extension, Vendor};
use super::gateway::Gateway;
use super::listener_set::ListenerSet;
use super::reference_grant::ReferenceGrant;
use super::route::Route;
use super::secret::SecretObject;
use super::service::Service;
use super::xbackend::XBackend;
use crate::kubernetes::model::diagnostic::Diagnostic;
use crate::kubernetes::model::object::ObjectName;

/// All objects that have been read so far.
#[derive(Default)]
pub(in crate::kubernetes) struct Objects {
    pub(in crate::kubernetes) backends: BTreeMap<ObjectName, Declared<KgatewayBackend>>,
    /// By name; `None`: nobody asks for them.
    pub(in crate::kubernetes) cluster_trust_bundles: Option<BTreeMap<String, Declared<ClusterTrustBundle>>>,
    pub(in crate::kubernetes) config_maps: BTreeMap<ObjectName, Declared<ConfigMap>>,
    pub(in crate::kubernetes) diagnostics: Vec<Diagnostic>,
    pub(in crate::kubernetes) extensions: BTreeMap<(Vendor, ObjectName), Extension>,
    /// The `spec.controllerName` of each GatewayClass.
    pub(in crate::kubernetes) gateway_classes: BTreeMap<String, Declared<String>>,
    pub(in crate::kubernetes) gateways: BTreeMap<ObjectName, Declared<Gateway>>,
    /// How many objects of each other kind there are.
    pub(in crate::kubernetes) ignored: BTreeMap<String, usize>,
    /// By kind and name. One that is declared twice leads nowhere.
    pub(in crate::kubernetes) listener_sets: BTreeMap<(&'static str, ObjectName), Declared<ListenerSet>>,
    /// `kgateway.dev/*` of a BackendTLSPolicy.
    pub(in crate::kubernetes) options: BTreeMap<ObjectName, Extension>,
    pub(in crate::kubernetes) policies: BTreeMap<ObjectName, Declared<BackendTlsPolicy>>,
    /// One that is declared twice, or is not understood, permits nothing.
    pub(in crate::kubernetes) reference_grants: BTreeMap<ObjectName, Declared<ReferenceGrant>>,
    /// By kind and name. One that is declared twice leads nowhere.
    pub(in crate::kubernetes) routes: BTreeMap<(&'static str, ObjectName), Declared<Route>>,
    pub(in crate::kubernetes) secrets: BTreeMap<ObjectName, Declared<SecretObject>>,
    pub(in crate::kubernetes) services: BTreeMap<ObjectName, Declared<Service>>,
    pub(in crate::kubernetes) xbackends: BTreeMap<ObjectName, Declared<XBackend>>,
}

/// An object, and where it was written; `again` where the same name is declared a second time.
pub(in crate::kubernetes) struct Declared<T> {
    pub(in crate::kubernetes) again: Option<Origin>,
    pub(in crate::kubernetes) origin: Origin,
    pub(in crate::kubernetes) value: T,
}

impl<T> Declared<T> {
    /// The object, unless its name is declared twice.
    pub(in crate::kubernetes) fn once(&self) -> Option<&T> {
        Some(&self.value).filter(|_| self.again.is_none())
    }
}
