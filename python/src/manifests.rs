//! The policy of a backend from Kubernetes objects.

use std::path::PathBuf;

use pyo3::prelude::*;
use uptls::danger::DangerPermission;
use uptls::{Misuse, PolicyDraft, Problems, Runtime, Warning};
use uptls_manifest::ManifestSet;
use uptls_manifest::kubernetes::{self, BackendRef, EffectivePolicy, Mode, ObjectName};
use uptls_manifest::report::ImportOptions;

use crate::errors;
use crate::guard::attached;
use crate::material::{members, path_of};
use crate::policy::PyPolicy;
use crate::source::{Origin, Source};

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
        let paths = paths_of(paths)?;
        Ok(Self {
            backend: backend_of(py, backend)?,
            gateway: gateway_of(py, gateway)?,
            mode: mode_of(py, mode)?,
            paths,
        })
    }

    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    pub(crate) fn find(&self, runtime: &Runtime) -> Result<Found, Problems> {
        let mut options = ImportOptions::default();
        (options.gateway, options.mode) = (self.gateway.clone(), self.mode);
        let manifests = kubernetes::load(&self.paths)?;
        let policy = ManifestSet::policy_from(manifests.documents(), &self.backend, runtime, options)?;
        Found::of(&policy, format!("{:?}", (&self.backend, &self.gateway, &self.paths)))
    }
}

/// A path, or a sequence of paths.
pub(crate) fn paths_of(paths: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    let found = match path_of("paths", paths) {
        Ok(path) => vec![path],
        Err(_) => {
            let members = members("paths", "a path, or a sequence of paths", paths)?;
            members.iter().map(|path| path_of("paths", path)).collect::<PyResult<_>>()?
        }
    };
    match found.is_empty() {
        true => Err(errors::misuse(paths.py(), &Misuse::new("paths names no file and no folder"))),
        false => Ok(found),
    }
}

/// Of `[[KIND/]NAMESPACE/]NAME[:PORT]`.
pub(crate) fn backend_of(py: Python<'_>, text: &str) -> PyResult<BackendRef> {
    BackendRef::parse(text).map_err(|reason| errors::misuse(py, &Misuse::new(format!("backend: {reason}"))))
}

/// Of `[NAMESPACE/]NAME`.
pub(crate) fn gateway_of(py: Python<'_>, text: Option<&str>) -> PyResult<Option<ObjectName>> {
    let misuse = |reason| errors::misuse(py, &Misuse::new(format!("gateway: {reason}")));
    text.map(ObjectName::parse).transpose().map_err(misuse)
}

pub(crate) fn mode_of(py: Python<'_>, text: &str) -> PyResult<Mode> {
    match text {
        "faithful" => Ok(Mode::Faithful),
        "strict" => Ok(Mode::Strict),
        other => {
            let reason = format!("mode must be strict or faithful, not {other:?}");
            Err(errors::misuse(py, &Misuse::new(reason)))
        }
    }
}

/// The policy of a backend as it was put together.
pub(crate) struct Found {
    draft: PolicyDraft,
    /// What the notices are without their texts, which may have the time of day.
    kinds: Vec<String>,
    notices: Vec<String>,
    /// What was overridden or made stricter.
    warnings: Vec<Warning>,
    /// Whose policy it is, for the log.
    whose: String,
}

impl Found {
    /// `whose` tells it from the policies of other backends, for the log.
    pub(crate) fn of(policy: &EffectivePolicy, whose: String) -> Result<Self, Problems> {
        Ok(Self {
            draft: policy.draft.clone()?,
            notices: policy.notices.iter().map(ToString::to_string).collect(),
            kinds: policy.notices.iter().map(|notice| format!("{} {}", notice.code(), notice.path())).collect(),
            warnings: policy.warnings.clone(),
            whose,
        })
    }

    /// The policy with its material, after what was left out has been logged.
    pub(crate) fn load(
        self,
        py: Python<'_>,
        runtime: &Runtime,
        permission: DangerPermission,
        origin: Origin,
    ) -> PyResult<PyPolicy> {
        self.tell(py)?;
        PyPolicy::load(py, runtime, Source::new(self.draft, permission, origin).of_manifests(self.warnings))
    }

    /// Logs what the import left out of it, once until that changes (R10): the rest decides the verdict.
    fn tell(&self, py: Python<'_>) -> PyResult<()> {
        let log = py.import("uptls._errors")?;
        attached(|| log.call_method1("log_left_out", (&self.whose, &self.kinds, &self.notices)).map(drop))
    }
}
