//! `uptls import`: manifests in, policies out, and what Envoy clusters verify.

use std::path::Path;

use uptls::danger::DangerPermission;
use uptls::{Code, Envelope, PolicyErrorKind, Problem, Problems};
use uptls_manifest::envoy::Standing;
use uptls_manifest::report::{Backend, Import, ImportOptions};

use crate::USAGE;
use crate::args::{CONTROLLER, ImportArgs};
use crate::describe::runtime_at;
use crate::input::read_named;
use crate::output::Format;
use crate::print::{self, CliError, printable, review};
use crate::source;

pub(crate) fn run(args: &ImportArgs) -> Result<u8, CliError> {
    if args.fix.fix {
        return fix(args);
    }
    args.output.settle(SCHEMA, show(args))
}

fn show(args: &ImportArgs) -> Result<u8, CliError> {
    let mut import = import(args)?;
    let code = if import.ready { 0 } else { USAGE };
    if args.sarif || args.junit {
        let text = if args.sarif { format!("{:#}\n", review::sarif(&import)) } else { review::junit(&import) };
        return print::out(&text).map(|()| code);
    }
    if args.output.format() != Format::Text {
        args.output.print(Envelope::new(SCHEMA, vec![import]), |_| String::new())?;
        return Ok(code);
    }
    let count = print::import::count(&import);
    if args.only_problems {
        keep_problems(&mut import);
    }
    print::out(&print::import::whole(&import, &count))?;
    print::import::complaints(&import).iter().for_each(|text| print::print_error(text));
    if !import.ready && args.strict {
        print::print_error(&print::warning("with --strict nothing may be left to say"));
    }
    Ok(code)
}

/// What fails: backends, clusters, the objects of those backends, and those that are for no backend.
fn keep_problems(import: &mut Import) {
    let (ready, failing): (Vec<_>, Vec<_>) = import.backends.drain(..).partition(|backend| backend.ready);
    let has = |backends: &[Backend], object: &String| backends.iter().any(|backend| backend.objects.contains(object));
    import.policies.retain(|policy| has(&failing, &policy.object) || !has(&ready, &policy.object));
    import.backends = failing;
    import.clusters.retain(|cluster| cluster.standing != Standing::Verified);
}

/// The documents that can be mended, and what is left to say of them then.
fn fix(args: &ImportArgs) -> Result<u8, CliError> {
    let runtime = runtime_at(args.clock.at);
    let manifests = source::load(&args.paths, args.recursive).map_err(|problems| unreadable(&problems))?;
    let fixed = uptls_manifest::fix::manifests(&manifests.documents(), &runtime, &read_file, &options(args));
    let fixed = fixed.map_err(|problems| refused(&problems))?;
    crate::fix::show(&fixed, &args.fix).map(|()| 0)
}

fn import(args: &ImportArgs) -> Result<Import, CliError> {
    let runtime = runtime_at(args.clock.at);
    let manifests = source::load(&args.paths, args.recursive).map_err(|problems| {
        let mut error = unreadable(&problems);
        // `--status NAME` is the option without a value, and one path more.
        if args.status.as_deref() == Some(CONTROLLER) {
            error.text.push_str("\nhint: the controller follows an equals sign: --status=NAME");
        }
        error
    })?;
    let import = Import::of(&manifests.documents(), &runtime, &read_file, &options(args));
    let import = import.map_err(|problems| refused(&problems))?;
    if import.is_empty() {
        let names: Vec<_> = args.paths.iter().map(|path| printable(&path.display().to_string())).collect();
        let expected = "expected a BackendTLSPolicy, a vendor's object for a backend, or an Envoy configuration";
        return Err(CliError::coded(
            Code::ReferenceUnresolved,
            format!("{}: no policy and no cluster; {expected}", names.join(", ")),
        ));
    }
    Ok(import)
}

fn options(args: &ImportArgs) -> ImportOptions {
    let mut options = ImportOptions::default();
    options.controller_name.clone_from(&args.status);
    // What a controller writes is about a cluster, and a cluster has all of its objects.
    options.complete = args.status.is_some();
    options.cluster_trust_bundles = args.cluster_trust_bundles;
    options.files_root.clone_from(&args.files_root);
    options.gateway.clone_from(&args.gateway);
    options.mode = source::mode(args.faithful);
    options.permission = if args.allow_danger { DangerPermission::Allowed } else { DangerPermission::Forbidden };
    options.strict = args.strict;
    options
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    read_named(path).map_err(|error| error.to_string())
}

fn refused(problems: &Problems) -> CliError {
    CliError::problems(problems, format!("{problems} ({})", problems.code()))
}

/// What is not there, or too much.
fn unreadable(problems: &Problems) -> CliError {
    let one = |problem: &Problem| {
        let document = problem.origin().map(|origin| printable(&origin.document)).unwrap_or_default();
        match problem {
            Problem::Policy(error) => match &error.kind {
                PolicyErrorKind::DocumentParse { reason } => format!("cannot read {document}: {reason}"),
                PolicyErrorKind::DocumentUnreadable { .. } => problem.message(),
                _ => format!("cannot read {document}: {}", problem.message()),
            },
            problem => format!("cannot read {document}: {}", problem.message()),
        }
    };
    CliError::problems(problems, problems.iter().map(one).collect::<Vec<_>>().join("; "))
}

const SCHEMA: &str = "uptls.import/v1";
