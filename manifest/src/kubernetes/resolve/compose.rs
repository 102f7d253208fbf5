//! From linked objects to a [`Resolution`]: one effective policy for each backend, port and Gateway.

use std::collections::BTreeSet;
use std::net::IpAddr;

use uptls::{ByPath, Origin, PolicyErrorKind, Problems};

use super::ancestors::Ancestors;
use super::depends::Dependencies;
use super::effective::EffectivePolicy;
use super::imported::{Imported, ImportedPolicy};
use super::index::{Index, Slot};
use super::link::Referrer;
use super::merge::{Merge, OwnIdentity};
use super::room::Full;
use super::scope::{Mode, Scope};
use super::unread::{unknown_service, unread};
use super::{draft, room};
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::diagnostic::{Diagnostic, Effect};
use crate::kubernetes::model::object::{ObjectName, ObjectRef};
use crate::kubernetes::model::provenance::Provenance;
use crate::kubernetes::read::backend_tls_policy::KIND;
use crate::kubernetes::read::extension::Extension;
use crate::kubernetes::read::gateway::GATEWAY;
use crate::kubernetes::read::objects::Objects;
use crate::kubernetes::read::service::Service;
use crate::kubernetes::read::validation::Validation;
use crate::kubernetes::read::xbackend::{CLIENT_AND_SERVER, NO_TLS};

/// What comes of all objects for a scope.
pub(in crate::kubernetes) struct Resolved {
    pub(in crate::kubernetes) ancestors: Ancestors,
    pub(in crate::kubernetes) dependencies: Dependencies,
    /// In the order of backends, ports and Gateways.
    pub(in crate::kubernetes) policies: Vec<EffectivePolicy>,
}

/// Every policy for `scope`, merged from all objects (M5..M9).
pub(in crate::kubernetes) fn compose(imported: &Imported, scope: &Scope) -> Resolved {
    let links = Links::new(imported, scope);
    let resolver = Resolver::new(imported, scope, &links);
    let policies = resolver.all();
    let Links { ancestors, dependencies, .. } = links;
    for policy in &policies {
        dependencies.extend(&policy.depends_on);
    }
    for policy in imported.policies.iter() {
        dependencies.note(ObjectRef::of(KIND, &policy.name), Some(()));
    }
    Resolved { ancestors, dependencies, policies }
}

/// Which objects are for which backends: what changes with them, and not with the content of a Secret.
pub(in crate::kubernetes) struct Links {
    pub(in crate::kubernetes) ancestors: Ancestors,
    dependencies: Dependencies,
    /// The policies whose status has no room for a Gateway.
    full: BTreeSet<Full>,
    pub(in crate::kubernetes) index: Index,
}

impl Links {
    pub(in crate::kubernetes) fn new(imported: &Imported, scope: &Scope) -> Self {
        let dependencies = Dependencies::default();
        let ancestors = Ancestors::new(&imported.objects, &dependencies, scope);
        let index = Index::new(&imported.objects, &imported.policies);
        let full = room::full(imported, scope, &ancestors, &index.upstreams);
        Self { ancestors, dependencies, full, index }
    }

    /// Forgets what they were made of: a Store has it of each policy.
    pub(in crate::kubernetes) fn without_dependencies(mut self) -> Self {
        self.dependencies = Dependencies::default();
        self
    }

    /// Finds anew for which Gateways the status of the policy `name` has no room.
    pub(in crate::kubernetes) fn make_room(&mut self, imported: &Imported, scope: &Scope, name: &ObjectName) {
        let Some(controller) = &scope.controller_name else { return };
        self.full.retain(|full| full.policy != *name);
        let Some(policy) = imported.policy(name) else { return };
        self.full.extend(room::full_of(imported, policy, scope, controller, &self.ancestors, &self.index.upstreams));
    }
}

/// Makes the policy of one slot after the other.
pub(in crate::kubernetes) struct Resolver<'a> {
    imported: &'a Imported,
    links: &'a Links,
    objects: &'a Objects,
    scope: &'a Scope,
    unread: Vec<&'a Diagnostic>,
}

impl<'a> Resolver<'a> {
    pub(in crate::kubernetes) fn new(imported: &'a Imported, scope: &'a Scope, links: &'a Links) -> Self {
        let unread = imported.diagnostics.iter().filter(|diagnostic| diagnostic.effect == Effect::Unread).collect();
        Self { imported, links, objects: &imported.objects, scope, unread }
    }

    /// Those of all slots.
    pub(in crate::kubernetes) fn all(&self) -> Vec<EffectivePolicy> {
        let slots = self.links.index.slots(self.objects);
        let mut policies: Vec<_> = slots.iter().flat_map(|slot| self.slot(slot)).collect();
        policies.shrink_to_fit();
        policies
    }

    /// Those of one slot: for each Gateway that uses it, or for none.
    pub(in crate::kubernetes) fn slot(&self, slot: &Slot) -> Vec<EffectivePolicy> {
        let gateways = self.links.ancestors.of(slot.kind, &slot.name, slot.port);
        if gateways.is_empty() {
            return self.effective(slot, None).into_iter().collect();
        }
        gateways.iter().filter_map(|gateway| self.effective(slot, Some(gateway))).collect()
    }

    /// The policy of `slot` where `gateway` uses it; `None`: nothing speaks of TLS to it.
    fn effective(&self, slot: &Slot, gateway: Option<&ObjectName>) -> Option<EffectivePolicy> {
        let dependencies = Dependencies::default();
        let mut merge = Merge::new(self.objects, &dependencies, self.scope);
        let name = match slot.kind {
            BackendKind::XBackend => self.x_backend(&mut merge, &slot.name)?,
            _ => self.attached(&mut merge, slot, gateway)?,
        };
        if let Some(name) = gateway {
            let found = self.objects.gateways.get(name).map(|declared| &declared.value);
            if let Some(gateway) = dependencies.note(ObjectRef::of(GATEWAY, name), found) {
                merge.gateway(gateway);
            }
        }
        self.protocols(&mut merge, slot, gateway);
        let unread = self.unread_of(slot);
        let more: Vec<_> = unread.iter().flat_map(Problems::iter).filter(|p| !merge.problems.contains(p)).collect();
        merge.problems.extend(more.into_iter().cloned());
        let (draft, provenance) = match merge.draft(name) {
            Ok((draft, provenance)) => (Ok(draft), provenance),
            Err(problems) => (Err(problems), ByPath::default()),
        };
        let Merge { notices, overridden, sources, warnings, .. } = merge;
        Some(EffectivePolicy {
            depends_on: dependencies.into_slice(),
            backend: slot.name.clone(),
            backend_kind: slot.kind,
            draft,
            gateway: gateway.cloned(),
            notices,
            overridden,
            port: slot.port,
            port_name: slot.port_name.clone(),
            provenance,
            sources: sources.into_iter().collect(),
            warnings,
        })
    }

    /// What cannot be read and may concern `slot`, or the port of the Service behind it.
    fn unread_of(&self, slot: &Slot) -> Option<Problems> {
        let behind = self.links.index.behind(self.objects, slot);
        let backends = [(Some(slot.kind), &slot.name), (Some(behind.kind), &behind.name)];
        unread(self.unread.iter().copied(), &backends)
    }

    fn protocols(&self, merge: &mut Merge<'_>, slot: &Slot, gateway: Option<&ObjectName>) {
        let routes = self.links.ancestors.routes_of(slot.kind, &slot.name, slot.port, gateway);
        let behind = self.links.index.behind(self.objects, slot);
        let service = self.objects.services.get(&behind.name).filter(|_| behind.kind == BackendKind::Service);
        let port = behind.port.and_then(|number| service?.value.port(number));
        let object = ObjectRef::of(behind.kind.as_str(), &behind.name);
        merge.protocols(&routes, port.map(|port| (&object, port)));
    }

    /// A standard policy and extensions, of which there is at least one; the name of the policy.
    fn attached(&self, merge: &mut Merge<'_>, slot: &Slot, gateway: Option<&ObjectName>) -> Option<String> {
        self.depend_on(merge.dependencies, slot);
        let standard = match self.links.index.standard(self.imported, slot) {
            Ok(standard) => standard,
            Err(_) => {
                merge.problems.push(unknown_service(&self.links.index.behind(self.objects, slot).name));
                return Some(slot.name.to_string());
            }
        };
        let extensions = self.links.index.extensions(self.objects, slot);
        let speaking: Vec<_> = extensions.iter().copied().filter(|extension| extension.speaks()).collect();
        let name = match (standard, speaking.first()) {
            (Some(policy), _) => policy.name.to_string(),
            (None, Some(extension)) => extension.meta.name.to_string(),
            (None, None) => return None,
        };
        // What stands before TLS matters where there is some.
        merge.problems.extend(extensions.iter().flat_map(|extension| &extension.wire).cloned());
        if let Some(policy) = standard {
            self.standard(merge, policy, gateway);
        }
        if let Some((first, others)) = speaking.split_first() {
            merge.dependencies.note(first.object(), Some(()));
            match standard {
                Some(policy) => merge.beside_standard(first, &ObjectRef::of(KIND, &policy.name)),
                None => merge.alone(first, &self.candidates(slot)),
            }
            for other in others {
                merge.dependencies.note(other.object(), Some(()));
                merge.lose("spec", &whole(first), &whole(other), OLDEST);
            }
        }
        Some(name)
    }

    /// M5: the standard's own fields come first, then its options.
    fn standard(&self, merge: &mut Merge<'_>, policy: &ImportedPolicy, gateway: Option<&ObjectName>) {
        let object = ObjectRef::of(KIND, &policy.name);
        merge.sources.insert(object.clone());
        merge.dependencies.note(object.clone(), Some(()));
        merge.dependencies.extend(&policy.depends_on);
        match &policy.draft {
            Ok(draft) => {
                merge.spec = draft.spec.clone();
                merge.notices.clone_from(&policy.notices);
                merge.provenance = policy.provenance.iter().map(|(path, from)| (path.clone(), from.clone())).collect();
                merge.standard = Some((policy.provenance.clone(), draft.origins.clone()));
            }
            Err(problems) => merge.problems.extend(problems.iter().cloned()),
        }
        let full = gateway.map(|gateway| Full { gateway: gateway.clone(), policy: policy.name.clone() });
        if full.is_some_and(|full| self.links.full.contains(&full)) {
            let reason = format!("the status of {object} has no room for this Gateway: it has 16 ancestors");
            merge.problem("status.ancestors", PolicyErrorKind::NotReady { reason }, None);
        }
        if let Some(options) = self.objects.options.get(&policy.name)
            && let Some(tls) = &options.tls
        {
            // Its problems are the policy's own.
            merge.additions(tls, &object);
        }
    }

    /// M9: what an XBackend says of itself. Without TLS there is no policy, and nothing here ever connects to it.
    fn x_backend(&self, merge: &mut Merge<'_>, name: &ObjectName) -> Option<String> {
        let declared = self.objects.xbackends.get(name)?;
        let x_backend = &declared.value;
        // No vendor has another meaning of it.
        merge.mode = Mode::Strict;
        let object = ObjectRef::of(BackendKind::XBackend.as_str(), name);
        merge.dependencies.note(object.clone(), Some(()));
        merge.sources.insert(object.clone());
        merge.problems.extend(x_backend.problems.iter().cloned());
        if x_backend.tls.is_none() && !x_backend.problems.is_empty() {
            return Some(name.to_string());
        }
        let Some(tls) = x_backend.tls.as_ref().filter(|tls| tls.mode.value != NO_TLS) else {
            let (path, origin) = match &x_backend.tls {
                Some(tls) => ("spec.tls.mode", tls.mode.origin.clone()),
                None => ("spec", x_backend.meta.origin.clone()),
            };
            let reason = "the backend is declared without TLS, and nothing here connects without".to_owned();
            merge.problem(path, PolicyErrorKind::NotReady { reason }, Some(origin));
            return Some(name.to_string());
        };
        match &tls.validation {
            Some(validation) => self.x_validation(merge, name, &x_backend.origins.clone().into(), validation),
            // v1.7 of the standard refuses the object, and v1.6 does not say whom to trust.
            None if !x_backend.problems.is_empty() => {}
            None => {
                let reason = "the field validation is missing: write whom to trust".to_owned();
                let origin = Some(tls.mode.origin.clone());
                merge.problem("spec.tls.validation", PolicyErrorKind::DocumentParse { reason }, origin);
            }
        }
        if let Some(protocol) = &x_backend.protocol {
            let offered = PROTOCOLS.iter().find(|(spelled, _)| *spelled == protocol.value);
            if let Some((_, alpn)) = offered {
                merge.spec.alpn.protocols = vec![(*alpn).to_owned()];
                merge.provenance.insert("spec.alpn".to_owned(), protocol.place(&object));
            }
        }
        let referrer = Referrer { group: BackendKind::XBackend.group(), kind: BackendKind::XBackend.as_str(), name };
        match (&tls.client_certificate, tls.mode.value.as_str()) {
            (Some(written), CLIENT_AND_SERVER) => merge.standard_identity(referrer, written),
            (None, CLIENT_AND_SERVER) => {
                let kind = PolicyErrorKind::IdentityIncomplete { missing: "certificate" };
                merge.problem(&tls.mode.field, kind, Some(tls.mode.origin.clone()));
            }
            _ => merge.identity = OwnIdentity::Nothing(tls.mode.place(&object)),
        }
        Some(name.to_string())
    }

    fn x_validation(
        &self,
        merge: &mut Merge<'_>,
        name: &ObjectName,
        origins: &ByPath<Origin>,
        validation: &Validation,
    ) {
        let path = "spec.tls.validation";
        let written = draft::WrittenValidation { kind: BackendKind::XBackend.as_str(), name, origins, path };
        let mut linker = draft::Linker::new(self.objects, written, merge.dependencies);
        merge.spec = linker.spec(validation);
        let draft::Linked { bundles, provenance, unresolved } = linker.finish();
        merge.provenance = provenance;
        let unresolved = unresolved.into_iter().map(|(_, problem)| problem);
        if bundles > 0 {
            merge.notices.extend(unresolved);
        } else {
            merge.problems.extend(unresolved);
        }
    }

    /// The names that a backend is known by. An address is none (N1).
    fn candidates(&self, slot: &Slot) -> Vec<String> {
        let behind = self.links.index.behind(self.objects, slot);
        let ObjectName { name, namespace } = &behind.name;
        match behind.kind {
            BackendKind::Service => {
                let service = self.objects.services.get(&behind.name);
                let is_external = |service: &&Service| service.kind == "ExternalName";
                let service = service.map(|declared| &*declared.value).filter(is_external);
                let external = service.and_then(|service| service.external_name.clone());
                external.map_or_else(
                    || vec![format!("{name}.{namespace}.svc.cluster.local"), format!("{name}.{namespace}.svc")],
                    |external| vec![external],
                )
            }
            kind => {
                let own = self.objects.backends.get(&slot.name).filter(|_| kind == BackendKind::Backend);
                // Of extensions an Upstream alone has hosts.
                let extensions = self.links.index.extensions(self.objects, slot).into_iter();
                let hosts = own.into_iter().flat_map(|declared| &declared.value.hosts);
                let all = hosts.chain(extensions.flat_map(|extension| &extension.hosts)).map(|host| host.host.clone());
                all.filter(|host| host.parse::<IpAddr>().is_err()).collect()
            }
        }
    }

    fn depend_on(&self, dependencies: &Dependencies, slot: &Slot) {
        let behind = self.links.index.behind(self.objects, slot);
        if behind != *slot {
            self.depend_on(dependencies, &behind);
        }
        let found = match slot.kind {
            BackendKind::Service => self.objects.services.contains_key(&slot.name),
            BackendKind::Backend => self.objects.backends.contains_key(&slot.name),
            BackendKind::Upstream | BackendKind::XBackend => true,
        };
        dependencies.note(ObjectRef::of(slot.kind.as_str(), &slot.name), found.then_some(()));
    }
}

fn whole(extension: &Extension) -> Provenance {
    Provenance { field: "spec".to_owned(), object: extension.object(), origin: extension.meta.origin.clone() }
}

const OLDEST: &str = "the oldest object for a backend counts as a whole";
/// What is negotiated by ALPN. A WebSocket begins as a request of HTTP/1.1 (RFC 6455), and gRPC is HTTP/2.
const PROTOCOLS: [(&str, &str); 4] = [("GRPC", "h2"), ("HTTP11", "http/1.1"), ("HTTP2", "h2"), ("WSS", "http/1.1")];
