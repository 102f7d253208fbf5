//! The policy that Kubernetes objects give a backend.

use std::path::PathBuf;

use pyo3::prelude::*;
use uptls::{Misuse, PolicyDraft, PolicyError, PolicyErrorKind, Problem, Problems, Warning};
use uptls_manifest::kubernetes::{self, BackendRef, Dependency, Mode, ObjectName, Presence, Resolution, Scope};

use crate::errors;
use crate::guard::attached;
use crate::material::{members, path_of};

/// Which policy is meant.
pub(crate) struct Wanted {
    backend: BackendRef,
    gateway: Option<ObjectName>,
    mode: Mode,
    paths: Vec<PathBuf>,
}

impl Wanted {
    /// Of `[[KIND/]NAMESPACE/]NAME[:PORT]` and `[NAMESPACE/]NAME`.
    pub(crate) fn new(paths: &Bound<'_, PyAny>, backend: &str, gateway: Option<&str>, mode: &str) -> PyResult<Self> {
        let py = paths.py();
        let paths = match path_of("paths", paths) {
            Ok(path) => vec![path],
            Err(_) => {
                let members = members("paths", "a path, or a sequence of paths", paths)?;
                members.iter().map(|path| path_of("paths", path)).collect::<PyResult<_>>()?
            }
        };
        if paths.is_empty() {
            return Err(errors::misuse(py, &Misuse::new("paths names no file and no folder")));
        }
        let misuse = |reason: String| errors::misuse(py, &Misuse::new(reason));
        let backend = BackendRef::parse(backend).map_err(|reason| misuse(format!("backend: {reason}")))?;
        let gateway = gateway.map(object_name).transpose().map_err(|reason| misuse(format!("gateway: {reason}")))?;
        let mode = match mode {
            "faithful" => Mode::Faithful,
            "strict" => Mode::Strict,
            other => return Err(misuse(format!("mode must be strict or faithful, not {other:?}"))),
        };
        Ok(Self { backend, gateway, mode, paths })
    }

    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    pub(crate) fn find(&self) -> Result<Found, Problems> {
        let imported = kubernetes::import(kubernetes::load(&self.paths)?.documents());
        let scope = Scope::default().with_mode(self.mode);
        let scope = match &self.gateway {
            Some(gateway) => scope.with_gateway(gateway.clone()),
            None => scope,
        };
        let resolution = imported.resolve(&scope);
        self.known(&resolution)?;
        let policy = resolution.policy_of(&self.backend, self.gateway.as_ref())?;
        Ok(Found {
            draft: policy.draft.clone()?,
            notices: policy.notices.iter().map(ToString::to_string).collect(),
            warnings: policy.warnings.clone(),
        })
    }

    /// A Gateway that is asked for must be there: nobody would know its client certificate (M6).
    fn known(&self, resolution: &Resolution) -> Result<(), Problems> {
        let missed = |dependency: &&Dependency| dependency.kind == "Gateway" && dependency.presence == Presence::Missed;
        let mut missed = resolution.depends_on.iter().filter(missed);
        match &self.gateway {
            Some(gateway) if missed.any(|dependency| dependency.name == *gateway) => {
                let reason = "it is not among the manifests, so its client certificate is not known".to_owned();
                let kind = PolicyErrorKind::ReferenceUnresolved { object: format!("Gateway {gateway}"), reason };
                Err(Problem::from(PolicyError::new("gateway", kind)).into())
            }
            _ => Ok(()),
        }
    }
}

/// The policy of a backend as it was put together.
pub(crate) struct Found {
    pub(crate) draft: PolicyDraft,
    notices: Vec<String>,
    /// What was overridden or made stricter.
    pub(crate) warnings: Vec<Warning>,
}

impl Found {
    /// Logs what was left out of it: the verdict is that of the rest.
    pub(crate) fn tell(&self, py: Python<'_>) -> PyResult<()> {
        let log = py.import("uptls._errors")?;
        attached(|| self.notices.iter().try_for_each(|notice| log.call_method1("log_left_out", (notice,)).map(drop)))
    }
}

fn object_name(text: &str) -> Result<ObjectName, String> {
    let (namespace, name) = text.split_once('/').unwrap_or(("default", text));
    match namespace.is_empty() || name.is_empty() || name.contains(['/', ':']) {
        true => Err("a Gateway is wanted: [NAMESPACE/]NAME".to_owned()),
        false => Ok(ObjectName::new(namespace, name)),
    }
}
