//! Where a policy came from: what `replace` changes, and what a pickle says.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use uptls::danger::DangerPermission;
use uptls::{OnInvalid, PolicyDraft, Problems, Runtime, UpstreamTlsPolicy, Warning};
use uptls_manifest::kubernetes;

use crate::material::in_memory;
use crate::policy::PyPolicy;

/// A policy as it was written.
pub(crate) struct Source {
    pub(crate) draft: PolicyDraft,
    /// The effect of an invalid update, unless the connector sets it: Gateway API objects fail closed (R2).
    pub(crate) on_invalid: OnInvalid,
    pub(crate) origin: Origin,
    pub(crate) permission: DangerPermission,
    /// What was overridden or made stricter while it was put together.
    pub(crate) warnings: Vec<Warning>,
}

/// How a pickle makes it again.
pub(crate) enum Origin {
    /// By this call: a static method or the class itself, arguments, keywords.
    Call(Option<&'static str>, Py<PyTuple>, Py<PyDict>),
    /// By none: what it is called, and what to use instead.
    Memory(&'static str, &'static str),
    /// By other fields in another policy.
    Replaced(Py<PyPolicy>, Py<PyDict>),
}

impl Source {
    /// A policy that was written by hand.
    pub(crate) fn new(draft: PolicyDraft, permission: DangerPermission, origin: Origin) -> Self {
        Self { draft, on_invalid: OnInvalid::default(), origin, permission, warnings: Vec::new() }
    }

    /// The policy of Gateway API objects.
    pub(crate) fn of_manifests(mut self, warnings: Vec<Warning>) -> Self {
        self.on_invalid = kubernetes::ON_INVALID;
        self.warnings = warnings;
        self
    }

    /// Checked, and its material read.
    pub(crate) fn prepare(&self, runtime: &Runtime) -> Result<std::sync::Arc<uptls::Prepared>, Problems> {
        runtime.prepare(&UpstreamTlsPolicy::check(self.draft.clone(), self.permission)?)
    }
}

impl Origin {
    /// A function of `uptls._pickle`, and its arguments.
    pub(crate) fn reduce<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let module = py.import("uptls._pickle")?;
        match self {
            Self::Call(maker, arguments, keywords) => {
                Ok((module.getattr("policy")?, (*maker, arguments, keywords).into_pyobject(py)?))
            }
            Self::Memory(what, instead) => Err(in_memory(what, instead)),
            Self::Replaced(original, changes) => {
                Ok((module.getattr("replaced")?, (original, changes).into_pyobject(py)?))
            }
        }
    }
}
