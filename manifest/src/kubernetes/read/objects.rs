//! All objects that have been read: data alone.

use std::collections::BTreeMap;

use uptls::Origin;

use super::backend_tls_policy::BackendTlsPolicy;
use super::cluster_trust_bundle::ClusterTrustBundle;
use super::config_map::ConfigMap;
use super::extension::backend::KgatewayBackend;
use super::extension::{Extension, Vendor};
use super::gateway::Gateway;
use super::listener_set;
use super::listener_set::ListenerSet;
use super::reference_grant::ReferenceGrant;
use super::route::{Route, TELEMETRY};
use super::secret::SecretObject;
use super::selector::Labels;
use super::service::Service;
use super::texts::Texts;
use super::xbackend::XBackend;
use crate::kubernetes::model::diagnostic::Diagnostic;
use crate::kubernetes::model::object::{ByName, ObjectName, ObjectRef};

/// All objects that have been read so far.
#[derive(Default)]
pub(in crate::kubernetes) struct Objects {
    pub(in crate::kubernetes) backends: BTreeMap<ObjectName, Declared<KgatewayBackend>>,
    /// By name; `None`: they are not asked for.
    pub(in crate::kubernetes) cluster_trust_bundles: Option<BTreeMap<String, Declared<ClusterTrustBundle>>>,
    pub(in crate::kubernetes) config_maps: BTreeMap<ByName, Declared<ConfigMap>>,
    pub(in crate::kubernetes) diagnostics: Vec<Diagnostic>,
    pub(in crate::kubernetes) extensions: BTreeMap<(Vendor, ObjectName), Extension>,
    /// The `spec.controllerName` of each GatewayClass.
    pub(in crate::kubernetes) gateway_classes: BTreeMap<String, Declared<String>>,
    pub(in crate::kubernetes) gateways: BTreeMap<ObjectName, Declared<Gateway>>,
    /// How many objects of each other kind there are.
    pub(in crate::kubernetes) ignored: BTreeMap<String, usize>,
    /// By kind and name. One that is declared twice leads nowhere.
    pub(in crate::kubernetes) listener_sets: BTreeMap<(&'static str, ObjectName), Declared<ListenerSet>>,
    /// The labels of each Namespace. Those of one that is declared twice are not known.
    pub(in crate::kubernetes) namespaces: BTreeMap<String, Declared<Labels>>,
    /// `kgateway.dev/*` of a BackendTLSPolicy.
    pub(in crate::kubernetes) options: BTreeMap<ObjectName, Extension>,
    pub(in crate::kubernetes) policies: BTreeMap<ObjectName, Declared<BackendTlsPolicy>>,
    /// One that is declared twice, or is not understood, permits nothing.
    pub(in crate::kubernetes) reference_grants: BTreeMap<ObjectName, Declared<ReferenceGrant>>,
    /// By kind and name. One that is declared twice leads nowhere.
    pub(in crate::kubernetes) routes: BTreeMap<(&'static str, ObjectName), Declared<Route>>,
    pub(in crate::kubernetes) secrets: BTreeMap<ByName, Declared<SecretObject>>,
    pub(in crate::kubernetes) services: BTreeMap<ObjectName, Declared<Service>>,
    /// Those of the bundles of all objects.
    pub(in crate::kubernetes) texts: Texts,
    pub(in crate::kubernetes) xbackends: BTreeMap<ObjectName, Declared<XBackend>>,
}

/// An object, and where it was written; `again` where the same name is declared a second time.
pub(in crate::kubernetes) struct Declared<T> {
    pub(in crate::kubernetes) again: Option<Box<Origin>>,
    pub(in crate::kubernetes) origin: Origin,
    /// Apart from the map, whose nodes are not full.
    pub(in crate::kubernetes) value: Box<T>,
}

impl<T> Declared<T> {
    /// The object, unless its name is declared twice.
    pub(in crate::kubernetes) fn once(&self) -> Option<&T> {
        Some(&*self.value).filter(|_| self.again.is_none())
    }
}

impl Objects {
    /// Adds what was read of other objects.
    pub(in crate::kubernetes) fn absorb(&mut self, mut other: Self) {
        self.backends.extend(other.backends);
        if let (Some(bundles), Some(mut more)) = (&mut self.cluster_trust_bundles, other.cluster_trust_bundles) {
            more.values_mut().flat_map(|of| &mut of.value.bundle).for_each(|bundle| self.texts.share(&mut bundle.text));
            bundles.extend(more);
        }
        other
            .config_maps
            .values_mut()
            .flat_map(|of| &mut of.value.bundle)
            .for_each(|bundle| self.texts.share(&mut bundle.text));
        self.config_maps.extend(other.config_maps);
        self.extensions.extend(other.extensions);
        self.gateway_classes.extend(other.gateway_classes);
        self.gateways.extend(other.gateways);
        self.listener_sets.extend(other.listener_sets);
        self.namespaces.extend(other.namespaces);
        self.options.extend(other.options);
        self.policies.extend(other.policies);
        self.reference_grants.extend(other.reference_grants);
        self.routes.extend(other.routes);
        other
            .secrets
            .values_mut()
            .flat_map(|of| of.value.ca.iter_mut().flatten())
            .for_each(|bundle| self.texts.share(&mut bundle.text));
        self.secrets.extend(other.secrets);
        self.services.extend(other.services);
        self.xbackends.extend(other.xbackends);
    }

    /// The labels of a namespace, if they are known.
    pub(in crate::kubernetes) fn labels_of(&self, namespace: &str) -> Option<&Labels> {
        self.namespaces.get(namespace)?.once()
    }

    /// The route, if there is one of that kind.
    pub(in crate::kubernetes) fn route_of(&self, object: &ObjectRef) -> Option<&Route> {
        let kind = route_kind(&object.kind)?;
        self.routes.get(&(kind, object.object_name())).and_then(Declared::once)
    }

    /// Whether the ConfigMap, Secret or ClusterTrustBundle is there.
    pub(in crate::kubernetes) fn has_content(&self, object: &ObjectRef) -> bool {
        let name = ByName::of(&object.object_name());
        match object.kind.as_ref() {
            "ClusterTrustBundle" => self.cluster_trust_bundles.as_ref().is_some_and(|all| all.contains_key(&name.name)),
            "ConfigMap" => self.config_maps.contains_key(&name),
            "Secret" => self.secrets.contains_key(&name),
            _ => false,
        }
    }

    /// Takes out what was read of an object; whether there was something.
    pub(in crate::kubernetes) fn withdraw(&mut self, object: &ObjectRef) -> bool {
        let name = object.object_name();
        let kind = object.kind.as_ref();
        let mut found = false;
        for vendor in Vendor::all().into_iter().filter(|vendor| vendor.kind() == kind) {
            found |= self.extensions.remove(&(vendor, name.clone())).is_some();
        }
        if let Some(kind) = route_kind(kind) {
            found |= self.routes.remove(&(kind, name.clone())).is_some();
        }
        for (_, kind) in listener_set::KINDS.into_iter().filter(|(_, set)| *set == kind) {
            found |= self.listener_sets.remove(&(kind, name.clone())).is_some();
        }
        let bundles = self.cluster_trust_bundles.as_mut();
        found
            | match kind {
                "Backend" => self.backends.remove(&name).is_some(),
                "BackendTLSPolicy" => {
                    self.options.remove(&name);
                    self.policies.remove(&name).is_some()
                }
                "ClusterTrustBundle" => bundles.is_some_and(|all| all.remove(&name.name).is_some()),
                "ConfigMap" => self.config_maps.remove(&ByName::of(&name)).is_some(),
                "Gateway" => self.gateways.remove(&name).is_some(),
                "GatewayClass" => self.gateway_classes.remove(&name.name).is_some(),
                "Namespace" => self.namespaces.remove(&name.name).is_some(),
                "ReferenceGrant" => self.reference_grants.remove(&name).is_some(),
                "Secret" => self.secrets.remove(&ByName::of(&name)).is_some(),
                "Service" => self.services.remove(&name).is_some(),
                "XBackend" => self.xbackends.remove(&name).is_some(),
                _ => false,
            }
    }
}

/// The kind, if it is one of routes.
pub(in crate::kubernetes) fn route_kind(kind: &str) -> Option<&'static str> {
    ROUTES.into_iter().find(|route| *route == kind)
}

const ROUTES: [&str; 5] = ["GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute", TELEMETRY];
