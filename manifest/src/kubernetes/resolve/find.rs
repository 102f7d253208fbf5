//! The one policy of a backend: by its name, port and Gateway, or why there is none.

use std::collections::BTreeSet;

use uptls::{PolicyError, PolicyErrorKind, Problem, Problems};

use super::effective::EffectivePolicy;
use super::resolution::Resolution;
use super::unread::unread;
use crate::kubernetes::model::backend::{BackendKind, BackendRef};
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::read::backend_tls_policy::KIND;
use crate::kubernetes::read::service::Service;

impl Resolution {
    /// The policy for `backend`, as `gateway` uses it, usable or not. A Gateway without a route to the backend has one,
    /// too, because its client certificate is its own. Without `gateway` it is that of the scope.
    ///
    /// # Errors
    /// - `reference_unresolved`: no policy targets the backend (the message lists the backends that have one), or the
    ///   Gateway does not exist.
    /// - `policy_invalid`: the Service has no such port, or the answer depends on a kind, port or Gateway that was not given.
    /// - The problems of everything unreadable: the policy of this backend may be in it.
    pub fn policy_of(&self, backend: &BackendRef, gateway: Option<&ObjectName>) -> Result<&EffectivePolicy, Problems> {
        if let Some(unread) = unread(&self.unread, &[(backend.kind, &backend.name)]) {
            return Err(unread);
        }
        let only = self.elsewhere.only.as_ref();
        let Some(gateway) = gateway.or(only) else {
            return of_any_gateway(&self.of_port(&self.policies, backend)?, backend);
        };
        self.check_gateway(gateway)?;
        if let Some(only) = only.filter(|only| *only != gateway) {
            let reason = format!("the policies are those of Gateway {only}, and of {gateway} there are none");
            return Err(unresolved(backend, reason));
        }
        let is_its = |policy: &&&EffectivePolicy| policy.gateway.as_ref() == Some(gateway);
        if let Some(found) = self.of_port(&self.policies, backend)?.iter().find(is_its) {
            return Ok(found);
        }
        let elsewhere = self.of_port(self.elsewhere.of(gateway), backend)?;
        elsewhere.first().copied().ok_or_else(|| self.nothing_for(backend))
    }

    /// Checks that `gateway` is among the manifests: without it uptls does not know its client certificate (M6).
    ///
    /// # Errors
    /// `reference_unresolved`.
    pub fn check_gateway(&self, gateway: &ObjectName) -> Result<(), Problems> {
        if self.gateways.contains(gateway) {
            return Ok(());
        }
        let reason = "it is not among the manifests, so its client certificate is not known".to_owned();
        let kind = PolicyErrorKind::ReferenceUnresolved { object: format!("Gateway {gateway}"), reason };
        Err(Problem::from(PolicyError::new(GATEWAY, kind)).into())
    }

    /// Those of `policies` for the port, of which there is at least one.
    fn of_port<'a>(
        &self,
        policies: &'a [EffectivePolicy],
        backend: &BackendRef,
    ) -> Result<Vec<&'a EffectivePolicy>, Problems> {
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
        let has_any = |kind: &BackendKind| !of_backend(&self.policies, *kind, &backend.name).is_empty();
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
        if let Some(reason) = self.missing_ports.get(&backend.name) {
            return unresolved(backend, reason.clone());
        }
        let mut candidates: Vec<_> = self.candidates.iter().cloned().collect();
        let more = candidates.len().saturating_sub(SHOWN);
        candidates.truncate(SHOWN);
        let mut reason = match candidates.as_slice() {
            [] => format!("no {KIND} is for any Service"),
            some => format!("no {KIND} is for it, only for {}", some.join(", ")),
        };
        if more > 0 {
            reason.push_str(&format!(" and {more} more"));
        }
        unresolved(backend, reason)
    }
}

/// Those of a backend: policies are in the order of backends.
pub(in crate::kubernetes) fn of_backend<'a>(
    policies: &'a [EffectivePolicy],
    kind: BackendKind,
    name: &ObjectName,
) -> &'a [EffectivePolicy] {
    let order = |policy: &EffectivePolicy| (policy.backend_kind, &policy.backend).cmp(&(kind, name));
    let begin = policies.partition_point(|policy| order(policy).is_lt());
    let end = policies.partition_point(|policy| order(policy).is_le());
    policies.get(begin..end).unwrap_or_default()
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

fn unresolved(backend: &BackendRef, reason: String) -> Problems {
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
const SHOWN: usize = 5;
