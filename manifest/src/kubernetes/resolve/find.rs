//! The one policy of a backend: by its name, port and Gateway, or why there is none.

use core::ops::Range;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use uptls::{PolicyError, PolicyErrorKind, Problem, Problems};

use super::effective::EffectivePolicy;
use super::hints::Hints;
use super::imported::ImportedPolicy;
use super::unread::unread;
use crate::kubernetes::model::backend::{BackendKind, BackendRef};
use crate::kubernetes::model::diagnostic::Diagnostic;
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::read::objects::Objects;
use crate::kubernetes::read::service::Service;

/// What the policy of a backend is found in.
pub(in crate::kubernetes) struct Find<'a> {
    pub(in crate::kubernetes) hints: &'a OnceLock<Hints>,
    pub(in crate::kubernetes) objects: &'a Objects,
    /// Every Gateway but this one is none of the scope's.
    pub(in crate::kubernetes) only: Option<&'a ObjectName>,
    pub(in crate::kubernetes) policies: &'a [EffectivePolicy],
    /// The standard policies, for a message.
    pub(in crate::kubernetes) standard: &'a [ImportedPolicy],
    /// Of the diagnostics those that close backends.
    pub(in crate::kubernetes) unread: &'a [Diagnostic],
}

impl<'a> Find<'a> {
    /// The policy for `backend` where `gateway` uses it; without a Gateway, that of the scope's, or of all of them. `None`:
    /// no route leads from that Gateway to the backend.
    ///
    /// # Errors
    /// Those of [`super::Resolution::policy_of`].
    pub(in crate::kubernetes) fn policy_of(
        &self,
        backend: &BackendRef,
        gateway: Option<&ObjectName>,
    ) -> Result<Option<&'a EffectivePolicy>, Problems> {
        if let Some(unread) = unread(self.unread, &[(backend.kind, &backend.name)]) {
            return Err(unread);
        }
        let Some(gateway) = gateway.or(self.only) else {
            return of_any_gateway(&self.of_port(self.policies, backend)?, backend).map(Some);
        };
        check_gateway(self.objects, gateway)?;
        if let Some(only) = self.only.filter(|only| *only != gateway) {
            let reason = format!("the policies are those of Gateway {only}, and of {gateway} there are none");
            return Err(unresolved(backend, reason));
        }
        let is_its = |policy: &&'a EffectivePolicy| policy.gateway.as_ref() == Some(gateway);
        Ok(self.of_port(self.policies, backend)?.into_iter().find(is_its))
    }

    /// The first of `policies` for the port.
    ///
    /// # Errors
    /// There is none.
    pub(in crate::kubernetes) fn first<'b>(
        &self,
        policies: &'b [EffectivePolicy],
        backend: &BackendRef,
    ) -> Result<&'b EffectivePolicy, Problems> {
        self.of_port(policies, backend)?.first().copied().ok_or_else(|| self.nothing_for(backend))
    }

    /// Those of `policies` for the port, of which there is at least one.
    fn of_port<'b>(
        &self,
        policies: &'b [EffectivePolicy],
        backend: &BackendRef,
    ) -> Result<Vec<&'b EffectivePolicy>, Problems> {
        let kind = self.kind_of(backend)?;
        let all: Vec<_> = of_backend(policies, kind, &backend.name).iter().collect();
        let service =
            self.objects.services.get(&backend.name).map(|of| &of.value).filter(|_| kind == BackendKind::Service);
        let of_port = match service {
            Some(service) if !all.is_empty() && !service.ports.is_empty() => of_service(&all, backend, service)?,
            _ => of_others(&all, backend)?,
        };
        if of_port.is_empty() {
            return Err(self.nothing_for(backend));
        }
        Ok(of_port)
    }

    /// The kind of the backend that goes by the name.
    fn kind_of(&self, backend: &BackendRef) -> Result<BackendKind, Problems> {
        if let Some(kind) = backend.kind {
            return Ok(kind);
        }
        let has_any = |kind: &BackendKind| !of_backend(self.policies, *kind, &backend.name).is_empty();
        let mut kinds: BTreeSet<_> = BackendKind::all().into_iter().filter(has_any).collect();
        if self.objects.services.contains_key(&backend.name) {
            kinds.insert(BackendKind::Service);
        }
        let mut found = kinds.iter();
        match (found.next(), found.next()) {
            (None, _) => Ok(BackendKind::Service),
            (Some(kind), None) => Ok(*kind),
            _ => {
                let with = |kind: &BackendKind| backend.clone().with_kind(*kind).to_string();
                let named: Vec<_> = kinds.iter().map(with).collect();
                let wanted = format!("one backend, but the name of several: {}", named.join(", "));
                Err(invalid(backend, wanted))
            }
        }
    }

    fn nothing_for(&self, backend: &BackendRef) -> Problems {
        let hints = self.hints.get_or_init(|| Hints::new(self.standard, self.policies));
        unresolved(backend, hints.why_none(&backend.name))
    }
}

/// Whether `gateway` is among the objects: without it uptls does not know its client certificate (M6).
///
/// # Errors
/// `reference_unresolved`.
pub(in crate::kubernetes) fn check_gateway(objects: &Objects, gateway: &ObjectName) -> Result<(), Problems> {
    if objects.gateways.contains_key(gateway) {
        return Ok(());
    }
    let reason = "it is not among the manifests, so its client certificate is not known".to_owned();
    let kind = PolicyErrorKind::ReferenceUnresolved { object: format!("Gateway {gateway}"), reason };
    Err(Problem::from(PolicyError::new(GATEWAY, kind)).into())
}

/// Those of a backend: policies are in the order of backends.
pub(in crate::kubernetes) fn of_backend<'a>(
    policies: &'a [EffectivePolicy],
    kind: BackendKind,
    name: &ObjectName,
) -> &'a [EffectivePolicy] {
    policies.get(range_of(policies, kind, name)).unwrap_or_default()
}

/// Where those of a backend stand, or would.
pub(in crate::kubernetes) fn range_of(
    policies: &[EffectivePolicy],
    kind: BackendKind,
    name: &ObjectName,
) -> Range<usize> {
    let order = |policy: &EffectivePolicy| (policy.backend_kind, &policy.backend).cmp(&(kind, name));
    policies.partition_point(|policy| order(policy).is_lt())..policies.partition_point(|policy| order(policy).is_le())
}

/// Those of one port of a Service, or of all of them where they agree.
fn of_service<'a>(
    all: &[&'a EffectivePolicy],
    backend: &BackendRef,
    service: &Service,
) -> Result<Vec<&'a EffectivePolicy>, Problems> {
    let of = |number: u16| all.iter().copied().filter(|policy| policy.port == Some(number)).collect::<Vec<_>>();
    let Some(number) = backend.port else {
        let mut ports = service.ports.iter().map(|port| of(port.number));
        let first = ports.next().unwrap_or_default();
        let agree = |other: &Vec<&EffectivePolicy>| {
            let same = |(a, b): (&&EffectivePolicy, &&EffectivePolicy)| a.gateway == b.gateway && a.is_same(b);
            other.len() == first.len() && other.iter().zip(&first).all(same)
        };
        if ports.all(|other| agree(&other)) {
            return Ok(first);
        }
        let wanted = format!("a backend with one of its ports, since policies differ by port: {}", service.describe());
        return Err(invalid(backend, wanted));
    };
    if service.port(number).is_none() {
        let wanted = format!("a TCP port of Service {}: {}", backend.name, service.describe());
        let given = format!("the port {number}");
        return Err(problem(PolicyErrorKind::Invalid { given, wanted }));
    }
    Ok(of(number))
}

/// Those of a backend whose ports are not known, or that has only one.
fn of_others<'a>(all: &[&'a EffectivePolicy], backend: &BackendRef) -> Result<Vec<&'a EffectivePolicy>, Problems> {
    let of = |port: Option<u16>| all.iter().copied().filter(|policy| policy.port == port).collect::<Vec<_>>();
    let ports: BTreeSet<_> = all.iter().map(|policy| policy.port).collect();
    match (backend.port, ports.len()) {
        (Some(_), _) => {
            let own = of(backend.port);
            Ok(if own.is_empty() { of(None) } else { own })
        }
        (None, 0 | 1) => Ok(all.to_vec()),
        (None, _) => {
            let numbers: Vec<_> = ports.into_iter().flatten().map(|port| port.to_string()).collect();
            let wanted = format!("a backend with its port, since policies differ by port: {}", numbers.join(", "));
            Err(invalid(backend, wanted))
        }
    }
}

/// The one of all Gateways, which have to agree.
fn of_any_gateway<'a>(all: &[&'a EffectivePolicy], backend: &BackendRef) -> Result<&'a EffectivePolicy, Problems> {
    let found = all.first().filter(|first| all.iter().all(|other| other.is_same(first)));
    found.copied().ok_or_else(|| {
        let names: Vec<_> = all.iter().filter_map(|policy| policy.gateway.as_ref()).map(ToString::to_string).collect();
        let wanted = format!("a backend with one Gateway, since policies differ by Gateway: {}", names.join(", "));
        invalid(backend, wanted)
    })
}

fn invalid(backend: &BackendRef, wanted: String) -> Problems {
    problem(PolicyErrorKind::Invalid { given: backend.to_string(), wanted })
}

pub(in crate::kubernetes) fn unresolved(backend: &BackendRef, reason: String) -> Problems {
    let object = match backend.kind {
        None => format!("Service {backend}"),
        Some(_) => backend.to_string(),
    };
    problem(PolicyErrorKind::ReferenceUnresolved { object, reason })
}

fn problem(kind: PolicyErrorKind) -> Problems {
    Problem::from(PolicyError::new(BACKEND, kind)).into()
}

const BACKEND: &str = "backend";
const GATEWAY: &str = "gateway";
