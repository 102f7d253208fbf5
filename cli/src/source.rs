//! The policy that is meant: of a document of its own, the one that Kubernetes objects give a backend, or that of options.

use std::path::Path;
use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{
    Connector, OnInvalid, PolicyDraft, PolicyError, PolicyErrorKind, Prepared, Problem, Problems, Runtime,
    UpstreamTlsPolicy, Warning,
};
use uptls_manifest::envoy::{Owner, OwnerError};
use uptls_manifest::kubernetes::{self, BackendRef, Manifests, Mode, ReadOptions, Resolution, Scope};
use uptls_manifest::report::ImportOptions;

use crate::USAGE;
use crate::args::Source;
use crate::input;
use crate::print::{self, CliError};

/// A policy with its material, and what was overridden or made stricter while it was put together.
pub(crate) struct Ready {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) warnings: Vec<Warning>,
}

/// A connector by a policy, and what was overridden or made stricter while that was put together.
pub(crate) struct Opened {
    pub(crate) connector: Connector,
    pub(crate) warnings: Vec<Warning>,
}

/// A draft, and what was overridden or made stricter in it.
struct Written {
    draft: PolicyDraft,
    warnings: Vec<Warning>,
}

impl Source {
    /// The policy with its material.
    pub(crate) fn prepare(&self, runtime: &Runtime) -> Result<Ready, Problems> {
        let Written { draft, warnings } = self.written()?;
        Ok(Ready { prepared: runtime.prepare(&self.checked(draft)?)?, warnings })
    }

    /// A connector by the policy.
    pub(crate) fn connector(&self, runtime: &Runtime) -> Result<Opened, Problems> {
        let Written { draft, warnings } = self.written()?;
        let connector = Connector::with_on_invalid(runtime, &self.checked(draft)?, self.on_invalid())?;
        Ok(Opened { connector, warnings })
    }

    /// R2: what an invalid update of it does.
    pub(crate) fn on_invalid(&self) -> OnInvalid {
        if self.manifests.is_some() { kubernetes::ON_INVALID } else { OnInvalid::default() }
    }

    /// Whose the files are that are written for it.
    pub(crate) fn owner(&self) -> Result<Owner, OwnerError> {
        match (&self.policy, &self.manifests, &self.backend) {
            (_, Some(manifests), Some(backend)) => {
                Owner::of_backend(manifests, backend, self.gateway.as_ref(), mode(self.faithful))
            }
            (Some(policy), ..) => Owner::of_document(policy),
            // A policy without a name, for which no file is written (L12).
            _ => Ok(Owner::named("")),
        }
    }

    /// `--print-policy`: the document of a policy by options, if that can be used.
    pub(crate) fn print_document(&self) -> Result<u8, CliError> {
        let printed = self.policy().and_then(|_| self.options.document());
        match printed {
            Ok(text) => print::out(&text).map(|()| 0),
            Err(problems) => Err(CliError::new(USAGE, format!("{problems} ({})", problems.code()))),
        }
    }

    /// The policy alone.
    pub(crate) fn policy(&self) -> Result<UpstreamTlsPolicy, Problems> {
        self.checked(self.written()?.draft)
    }

    /// How the manifests are read.
    pub(crate) fn import_options(&self) -> ImportOptions {
        let mut options = ImportOptions::default();
        options.cluster_trust_bundles = self.cluster_trust_bundles;
        options.files_root.clone_from(&self.files_root);
        options.gateway.clone_from(&self.gateway);
        options.mode = mode(self.faithful);
        options.permission = self.permission();
        options
    }

    pub(crate) fn permission(&self) -> DangerPermission {
        if self.allow_danger { DangerPermission::Allowed } else { DangerPermission::Forbidden }
    }

    fn checked(&self, draft: PolicyDraft) -> Result<UpstreamTlsPolicy, Problems> {
        UpstreamTlsPolicy::check(draft, self.permission())
    }

    /// The policies of all backends of the manifests.
    pub(crate) fn resolution(&self) -> Result<Resolution, Problems> {
        let manifests = load(self.manifests.as_slice(), self.recursive)?;
        let options = ReadOptions::default().with_cluster_trust_bundles(self.cluster_trust_bundles);
        let mut scope = Scope::default().with_mode(mode(self.faithful));
        scope.gateway.clone_from(&self.gateway);
        scope.files_root.clone_from(&self.files_root);
        Ok(kubernetes::import_with(manifests.documents(), options).resolve(&scope))
    }

    fn written(&self) -> Result<Written, Problems> {
        match (&self.policy, &self.manifests, &self.backend) {
            (_, Some(_), Some(backend)) => self.of_backend(backend),
            (Some(policy), ..) => Ok(Written { draft: document(policy)?, warnings: Vec::new() }),
            _ => Ok(Written { draft: self.options.draft()?, warnings: Vec::new() }),
        }
    }

    /// The policy of a backend. What was left out of it goes to stderr: the verdict is that of the rest.
    fn of_backend(&self, backend: &BackendRef) -> Result<Written, Problems> {
        let resolution = self.resolution()?;
        let policy = resolution.policy_of(backend, self.gateway.as_ref())?;
        let draft = policy.draft.clone()?;
        policy.notices.iter().for_each(|notice| print::print_error(&left_out(notice)));
        Ok(Written { draft, warnings: policy.warnings.clone() })
    }
}

/// The document in a file, or on standard input: its files are then relative to the current folder.
fn document(path: &Path) -> Result<PolicyDraft, Problems> {
    if !input::is_standard_input(path) {
        return uptls_manifest::load(path);
    }
    let name = input::name(path);
    match input::read(path, "--policy") {
        Ok(text) => uptls_manifest::parse(&text, &name, None),
        Err(error) => {
            let kind = PolicyErrorKind::DocumentUnreadable { document: name, reason: error.to_string() };
            Err(Problem::from(PolicyError::new("", kind)).into())
        }
    }
}

/// The manifests at some paths.
pub(crate) fn load<P: AsRef<Path>>(paths: &[P], recursively: bool) -> Result<Manifests, Problems> {
    match recursively {
        true => kubernetes::load_recursively(paths),
        false => kubernetes::load(paths),
    }
}

/// How true to a vendor manifests are read.
pub(crate) fn mode(faithful: bool) -> Mode {
    if faithful { Mode::Faithful } else { Mode::Strict }
}

fn left_out(notice: &Problem) -> String {
    let place = notice.origin().map(|origin| format!("{origin}: ")).unwrap_or_default();
    print::warning(&format!("{place}left out: {} ({})", notice.message(), notice.code()))
}
