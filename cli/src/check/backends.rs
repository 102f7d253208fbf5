//! Every backend of the manifests: `--manifests DIR --all`.

use std::sync::Arc;

use uptls::{Address, BackendHost, Code, Connector, Problems, Report, Runtime, UpstreamTlsPolicy};
use uptls_manifest::kubernetes::{BackendKind, BackendRef, EffectivePolicy};

use super::plan::{Endpoint, Probe};
use crate::USAGE;
use crate::args::CheckArgs;
use crate::print::CliError;
use crate::source::Opened;
use crate::target::{self, Target};

/// One probe for each port of each Service that has a policy, and for each Gateway whose policy differs.
///
/// # Errors
/// In the result that of the manifests; around it a call that cannot be meant.
pub(super) fn probes(args: &CheckArgs, runtime: &Runtime) -> Result<Result<Vec<Probe>, Problems>, CliError> {
    let resolution = match args.source.resolution() {
        Ok(resolution) => resolution,
        Err(problems) => return Ok(Err(problems)),
    };
    if resolution.policies.is_empty() {
        return Err(CliError::new(USAGE, "--all: no backend with a policy is among the manifests"));
    }
    Ok(Ok(resolution.policies.iter().map(|policy| probe(policy, args, runtime)).collect()))
}

fn probe(policy: &EffectivePolicy, args: &CheckArgs, runtime: &Runtime) -> Probe {
    let (target, opened) = match (target(policy), opened(policy, args, runtime)) {
        (Ok(target), Ok(opened)) => (target, opened),
        (_, Err(problems)) => {
            let mut report = Report::unusable(&problems, runtime.now_text());
            report.backend_host = Some(label(policy));
            return Probe::Failed(Box::new(report));
        }
        (Err(reason), _) => {
            let mut report = Report::without_policy(Code::ReferenceUnresolved, reason, runtime.now_text());
            report.hint = Some(format!("uptls check --manifests PATH --backend {} HOST:PORT", label(policy)));
            report.backend_host = Some(label(policy));
            return Probe::Failed(Box::new(report));
        }
    };
    let address: Address = target::address(&target, args.dial.connect_to.as_ref());
    Probe::Endpoint(Endpoint { address, has_document: false, opened: Arc::new(opened), target })
}

/// `Backend/shop/orders:443`
fn label(policy: &EffectivePolicy) -> String {
    let mut backend = BackendRef::new(&policy.backend.namespace, &policy.backend.name, policy.port);
    backend.kind = Some(policy.backend_kind);
    backend.to_string()
}

/// Where a backend is: a Service has a name in the cluster, and other kinds none that follows from the object.
fn target(policy: &EffectivePolicy) -> Result<Target, String> {
    let name = &policy.backend;
    let (BackendKind::Service, Some(port)) = (policy.backend_kind, policy.port) else {
        return Err(format!("{}: its address is not among the manifests", label(policy)));
    };
    let host = BackendHost::parse(&format!("{}.{}.svc", name.name, name.namespace));
    host.map(|host| Target { host, port }).map_err(|reason| reason.to_string())
}

fn opened(policy: &EffectivePolicy, args: &CheckArgs, runtime: &Runtime) -> Result<Opened, Problems> {
    let checked = UpstreamTlsPolicy::check(policy.draft.clone()?, args.source.permission())?;
    let connector = Connector::with_on_invalid(runtime, &checked, args.source.on_invalid())?;
    Ok(Opened { connector, warnings: policy.warnings.clone() })
}
