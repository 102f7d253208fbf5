//! `uptls export`: the policy for another TLS stack.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use uptls::{Prepared, Problems, Report, Runtime, Warning, WarningCode};
use uptls_manifest::envoy::{self, Export, ExportOptions, Owner, Placement};

use crate::USAGE;
use crate::args::{ExportArgs, ExportEnvoyArgs, ExportTarget};
use crate::describe::runtime_at;
use crate::print::{self, CliError, report};
use crate::source::Ready;

pub(crate) fn run(args: &ExportArgs) -> Result<u8, CliError> {
    match &args.target {
        ExportTarget::Envoy(args) => export_envoy(args),
    }
}

/// The result goes to stdout, and nothing else does: it is meant for a file.
fn export_envoy(args: &ExportEnvoyArgs) -> Result<u8, CliError> {
    let runtime = runtime_at(args.clock.at);
    let options = options(args)?;
    let exported = args.source.prepare(&runtime).and_then(|Ready { prepared, warnings }| {
        let mut exported = of_one_state(args, &runtime, &options, prepared)?;
        exported.iter_mut().for_each(|(_, export)| export.warnings.extend(warnings.clone()));
        Ok(exported)
    });
    let (prepared, export) = match exported {
        Ok(Some(exported)) => exported,
        Ok(None) => return Err(CliError::new(USAGE, RESTLESS)),
        Err(problems) => return refuse(&problems, runtime.now_text()),
    };
    export.write().map_err(|error| CliError::new(USAGE, error.to_string()))?;
    warn(&export);
    let result: Value = match &args.cluster {
        None => export.context,
        Some(target) => envoy::cluster(&prepared, &export, &target.host, target.port),
    };
    print::out(&format!("{result:#}\n"))?;
    Ok(0)
}

/// R1: files that are replaced while they are read one after the other would be the CA of one state and the identity of another.
/// What is the same before and after was read of one; `None` if that never was so.
fn of_one_state(
    args: &ExportEnvoyArgs,
    runtime: &Runtime,
    options: &ExportOptions,
    mut prepared: Arc<Prepared>,
) -> Result<Option<(Arc<Prepared>, Export)>, Problems> {
    let export = if args.module { envoy::export_module } else { envoy::export };
    for _ in 0..ATTEMPTS {
        let exported = export(&prepared, options);
        let again = runtime.prepare(prepared.policy())?;
        if again.fingerprint() == prepared.fingerprint() {
            return exported.map(|export| Some((prepared, export)));
        }
        prepared = again;
    }
    Ok(None)
}

fn options(args: &ExportEnvoyArgs) -> Result<ExportOptions, CliError> {
    let mut options = ExportOptions::default();
    options.backend_host = args.host.clone().or_else(|| args.cluster.as_ref().map(|target| target.host.clone()));
    options.current_folder = Some(absolute(Path::new("."))?);
    options.on_invalid = args.source.on_invalid();
    options.placement = match (&args.ca_file, &args.sds) {
        (_, Some(folder)) => Placement::Sds { folder: named(folder)?, owner: owner(args)? },
        (Some(file), None) => Placement::CaFile { file: named(file)?, owner: owner(args)? },
        (None, None) => Placement::Inline,
    };
    Ok(options)
}

/// Envoy runs in a folder of its own.
fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    let absolute = std::path::absolute(path).map_err(|error| CliError::unreadable(path, &error))?;
    // `.` at the end would stay.
    Ok(absolute.components().collect())
}

/// The same of what Envoy's configuration names, which is text.
fn named(path: &Path) -> Result<PathBuf, CliError> {
    let absolute = absolute(path)?;
    if absolute.to_str().is_none() {
        let name = print::printable(&absolute.display().to_string());
        let reason = "the configuration of Envoy cannot name it, since it is not UTF-8; give another path";
        return Err(CliError::new(USAGE, format!("{name}: {reason}")));
    }
    Ok(absolute)
}

/// Whose the files are: what one policy's export wrote no other one replaces (L12).
fn owner(args: &ExportEnvoyArgs) -> Result<Owner, CliError> {
    args.source.owner().map_err(|error| CliError::new(USAGE, error.to_string()))
}

/// What is wrong goes to stderr, as elsewhere with `describe`.
fn refuse(problems: &Problems, now: String) -> Result<u8, CliError> {
    let report = Report::unusable(problems, now);
    print::print_error(report::whole(&report).trim_end());
    Ok(report.exit_code())
}

/// The differences in one line, what else is odd in one each.
fn warn(export: &Export) {
    let is_difference = |warning: &&Warning| warning.code == WarningCode::EngineDifference;
    let number = |warning: &Warning| warning.detail.get("difference").cloned().unwrap_or_default();
    let (differences, others): (Vec<_>, Vec<_>) = export.warnings.iter().partition(is_difference);
    let numbers: Vec<String> = differences.into_iter().map(number).collect();
    if !numbers.is_empty() {
        let text =
            "engine_difference: Envoy decides differently about some certificates, see docs/envoy-differences.md:";
        print::print_error(&print::warning(&format!("{text} {}", numbers.join(" "))));
    }
    for warning in others {
        print::print_error(print::warnings(std::slice::from_ref(warning)).trim());
    }
}

/// A rotation is over before the second.
const ATTEMPTS: usize = 8;
const RESTLESS: &str = "the files of the policy were others each time that they were read: export again when they rest";
