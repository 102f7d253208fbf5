//! The policy that is meant: of a document of its own, or the one that Kubernetes objects give a backend.

use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{Connector, OnInvalid, PolicyDraft, Prepared, Problem, Problems, Runtime, UpstreamTlsPolicy};
use uptls_manifest::kubernetes::{self, BackendRef, Scope};

use crate::args::Source;
use crate::print;

impl Source {
    /// The policy with its material.
    pub(crate) fn prepare(&self, runtime: &Runtime) -> Result<Arc<Prepared>, Problems> {
        runtime.prepare(&self.policy()?)
    }

    /// A connector by the policy.
    pub(crate) fn connector(&self, runtime: &Runtime) -> Result<Connector, Problems> {
        let on_invalid = if self.manifests.is_some() { kubernetes::ON_INVALID } else { OnInvalid::default() };
        Connector::with_on_invalid(runtime, &self.policy()?, on_invalid)
    }

    fn policy(&self) -> Result<UpstreamTlsPolicy, Problems> {
        let permission = if self.allow_danger { DangerPermission::Allowed } else { DangerPermission::Forbidden };
        UpstreamTlsPolicy::check(self.draft()?, permission)
    }

    fn draft(&self) -> Result<PolicyDraft, Problems> {
        match (&self.policy, &self.manifests, &self.backend) {
            (_, Some(manifests), Some(backend)) => of_backend(&kubernetes::load(manifests)?, backend),
            (Some(policy), ..) => uptls_manifest::load(policy),
            // The parser of the command line sees to it that there is one.
            _ => Ok(PolicyDraft::default()),
        }
    }
}

/// The policy of a backend. What was left out of it goes to stderr: the verdict is that of the rest.
fn of_backend(imported: &kubernetes::Imported, backend: &BackendRef) -> Result<PolicyDraft, Problems> {
    let resolution = imported.resolve(&Scope::default());
    let policy = resolution.policy_of(backend, None)?;
    let draft = policy.draft.clone()?;
    policy.notices.iter().for_each(|notice| print::complain(&left_out(notice)));
    Ok(draft)
}

fn left_out(notice: &Problem) -> String {
    let place = notice.origin().map(|origin| format!("{}:{}:{}: ", origin.document, origin.line, origin.column));
    print::warning(&format!("{}left out: {notice} ({})", print::printable(&place.unwrap_or_default()), notice.code()))
}
