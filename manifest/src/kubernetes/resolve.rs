//! The one policy of a backend and port.

use core::fmt;

use uptls::danger::DangerPermission;
use uptls::{
    Connector, OnInvalid, PolicyDraft, PolicyError, PolicyErrorKind, Problem, Problems, Runtime, UpstreamTlsPolicy,
};

use super::backend_tls_policy::KIND;
use super::imported::{Effect, Imported, ImportedPolicy, Target, TargetState};
use super::object::{DEFAULT_NAMESPACE, ObjectName, quotable};
use super::service::Service;

/// R2: what an update that cannot be used does to a connector whose policy comes from Gateway API objects.
pub const ON_INVALID: OnInvalid = OnInvalid::FailClosed;

/// A Service, and which of its ports.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct BackendRef {
    /// The Service.
    pub name: ObjectName,
    /// The number of the port, as in `backendRefs`; needed only where policies differ by port.
    pub port: Option<u16>,
}

impl BackendRef {
    /// The port `port` of the Service `name` in `namespace`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, port: Option<u16>) -> Self {
        Self { name: ObjectName::new(namespace, name), port }
    }

    /// Parses `[NAMESPACE/]NAME[:PORT]`; without a namespace it is `default`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (rest, port) = match text.rsplit_once(':') {
            None => (text, None),
            Some((rest, port)) => match port.parse::<u16>() {
                Ok(port @ 1..) => (rest, Some(port)),
                _ => return Err(format!("{port:?} is not a port, 1 to 65535")),
            },
        };
        let (namespace, name) = rest.split_once('/').unwrap_or((DEFAULT_NAMESPACE, rest));
        if namespace.is_empty() || name.is_empty() || name.contains('/') {
            return Err("a backend is wanted: [NAMESPACE/]NAME[:PORT]".to_owned());
        }
        Ok(Self::new(namespace, name, port))
    }
}

impl fmt::Display for BackendRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The policy for `backend`, to be checked and prepared.
///
/// # Errors
/// - `reference_unresolved`: no policy is for it; the message says for which backends there are some. Or the Service is
///   needed, since policies differ by port, and is not among the manifests.
/// - `policy_invalid`: the Service has no such port, or policies differ by port and none is given.
/// - Everything that is wrong with the policy for it, if that cannot be used (it fails closed).
/// - Everything that could not be read: the policy for it might stand there.
pub fn resolve(imported: &Imported, backend: &BackendRef) -> Result<PolicyDraft, Problems> {
    imported.policy_of(backend)?.draft.clone()
}

/// A connector for `backend`, that always fails with the reason if there is no policy that can be used.
pub fn connector(
    runtime: &Runtime,
    imported: &Imported,
    backend: &BackendRef,
    permission: DangerPermission,
) -> Connector {
    let policy = resolve(imported, backend).and_then(|draft| UpstreamTlsPolicy::check(draft, permission));
    let connector = policy.and_then(|policy| Connector::with_on_invalid(runtime, &policy, ON_INVALID));
    connector.unwrap_or_else(|reason| Connector::not_ready(runtime, reason, ON_INVALID))
}

impl Imported {
    /// The policy for `backend`, whether it can be used or not.
    ///
    /// # Errors
    /// As [`resolve`], but for what is wrong with the policy.
    pub fn policy_of(&self, backend: &BackendRef) -> Result<&ImportedPolicy, Problems> {
        self.all_read()?;
        let mut targets: Vec<_> = self.attached().filter(|(_, target)| target.name == backend.name).collect();
        // The ones with a section first.
        targets.sort_by_key(|(_, target)| target.section_name.is_none());
        let service = self.services.get(&backend.name);
        let policy = match (targets.first(), service, backend.port) {
            (None, ..) => None,
            (_, Some(service), Some(number)) => {
                let Some(port) = service.port(number) else { return Err(no_such_port(backend, number, service)) };
                of_section(&targets, port.name.as_deref())
            }
            (Some((policy, Target { section_name: None, .. })), ..) => Some(*policy),
            (_, Some(service), None) => common(&targets, backend, service)?,
            (_, None, _) => return Err(unknown_service(backend)),
        };
        policy.ok_or_else(|| self.nothing_for(backend))
    }

    fn attached(&self) -> impl Iterator<Item = (&ImportedPolicy, &Target)> {
        let attached = |target: &&Target| target.state == TargetState::Attached;
        self.policies.iter().flat_map(move |policy| policy.targets.iter().filter(attached).map(move |t| (policy, t)))
    }

    fn all_read(&self) -> Result<(), Problems> {
        let unread = self.diagnostics.iter().filter(|diagnostic| diagnostic.effect == Effect::Unread);
        let mut problems = unread.map(|diagnostic| diagnostic.problem.clone());
        match problems.next() {
            None => Ok(()),
            Some(first) => Err(Problems::new(None, first, problems.collect())),
        }
    }

    /// That a policy is for a port of the backend that there is not.
    fn missing_port(&self, backend: &BackendRef) -> Option<String> {
        let is_it = |target: &&Target| target.name == backend.name && target.state == TargetState::SectionNotFound;
        let find = |policy: &ImportedPolicy| {
            let target = policy.targets.iter().find(is_it)?;
            let port = quotable(target.section_name.as_deref().unwrap_or_default());
            Some(format!("{KIND} {} is for its port {port}, and it has none of that name", policy.name))
        };
        self.policies.iter().find_map(find)
    }

    fn nothing_for(&self, backend: &BackendRef) -> Problems {
        if let Some(reason) = self.missing_port(backend) {
            return unresolved(backend, reason);
        }
        let mut candidates: Vec<_> = self.attached().map(|(_, target)| describe(target)).collect();
        candidates.sort();
        candidates.dedup();
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

/// The policy of the port's own section, or else the one for all ports.
fn of_section<'a>(targets: &[(&'a ImportedPolicy, &Target)], port: Option<&str>) -> Option<&'a ImportedPolicy> {
    let fits = |target: &Target| target.section_name.is_none() || target.section_name.as_deref() == port;
    targets.iter().find(|(_, target)| fits(target)).map(|(policy, _)| *policy)
}

/// The policy that all ports have in common.
fn common<'a>(
    targets: &[(&'a ImportedPolicy, &Target)],
    backend: &BackendRef,
    service: &Service,
) -> Result<Option<&'a ImportedPolicy>, Problems> {
    let mut found = service.ports.iter().map(|port| of_section(targets, port.name.as_deref()));
    let Some(first) = found.next() else { return Ok(None) };
    let name = |policy: Option<&ImportedPolicy>| policy.map(|policy| policy.name.clone());
    if found.all(|other| name(other) == name(first)) {
        return Ok(first);
    }
    let wanted = format!("a backend with one of its ports, since policies differ by port: {}", service.describe());
    Err(problem(BACKEND, PolicyErrorKind::Invalid { given: backend.to_string(), wanted }))
}

fn no_such_port(backend: &BackendRef, port: u16, service: &Service) -> Problems {
    let wanted = format!("a TCP port of Service {}: {}", backend.name, service.describe());
    problem(BACKEND, PolicyErrorKind::Invalid { given: format!("the port {port}"), wanted })
}

fn unknown_service(backend: &BackendRef) -> Problems {
    let reason = "it is not among the manifests, and policies for it name its ports".to_owned();
    unresolved(&BackendRef { port: None, ..backend.clone() }, reason)
}

fn unresolved(backend: &BackendRef, reason: String) -> Problems {
    problem(BACKEND, PolicyErrorKind::ReferenceUnresolved { object: format!("Service {backend}"), reason })
}

fn problem(path: &str, kind: PolicyErrorKind) -> Problems {
    Problem::from(PolicyError::new(path, kind)).into()
}

fn describe(target: &Target) -> String {
    match &target.section_name {
        Some(section) => format!("{} ({})", target.name, quotable(section)),
        None => target.name.to_string(),
    }
}

const BACKEND: &str = "backend";
const SHOWN: usize = 5;
