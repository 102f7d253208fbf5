//! `uptls export`: the policy for somebody else's TLS stack.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use uptls::{Problems, Report, Warning, WarningCode};
use uptls_manifest::envoy::{self, Export, ExportOptions, ExportedFile, Placement, Secrecy};

use crate::USAGE;
use crate::args::{ExportArgs, ExportEnvoyArgs, ExportTarget};
use crate::explain::runtime_at;
use crate::print::{self, Complaint, report};
use crate::source::Ready;

pub(crate) fn run(args: &ExportArgs) -> Result<u8, Complaint> {
    match &args.target {
        ExportTarget::Envoy(args) => export_envoy(args),
    }
}

/// The result goes to stdout, and nothing else does: it is meant for a file.
fn export_envoy(args: &ExportEnvoyArgs) -> Result<u8, Complaint> {
    let runtime = runtime_at(args.clock.at);
    let options = options(args)?;
    let exported = args.source.prepare(&runtime).and_then(|Ready { prepared, warnings }| {
        let export = if args.module { envoy::export_module } else { envoy::export };
        let mut export = export(&prepared, &options)?;
        export.warnings.extend(warnings);
        Ok((prepared, export))
    });
    let (prepared, export) = match exported {
        Ok(exported) => exported,
        Err(problems) => return refuse(&problems, runtime.now_text()),
    };
    write(&export.files)?;
    warn(&export);
    let result: Value = match &args.cluster {
        None => export.context,
        Some(target) => envoy::cluster(&prepared, &export, &target.host, target.port),
    };
    print::out(&format!("{result:#}\n"))?;
    Ok(0)
}

fn options(args: &ExportEnvoyArgs) -> Result<ExportOptions, Complaint> {
    let mut options = ExportOptions::default();
    options.backend_host = args.host.clone().or_else(|| args.cluster.as_ref().map(|target| target.host.clone()));
    options.current_folder = Some(absolute(Path::new("."))?);
    options.on_invalid = args.source.on_invalid();
    options.placement = match (&args.ca_file, &args.sds) {
        (_, Some(folder)) => Placement::Sds(absolute(folder)?),
        (Some(file), None) => Placement::CaFile(absolute(file)?),
        (None, None) => Placement::Inline,
    };
    Ok(options)
}

/// Envoy runs in a folder of its own.
fn absolute(path: &Path) -> Result<PathBuf, Complaint> {
    let absolute = std::path::absolute(path).map_err(|error| Complaint::unreadable(path, &error))?;
    // `.` at the end would stay.
    Ok(absolute.components().collect())
}

/// What is wrong goes to stderr, as elsewhere with `explain`.
fn refuse(problems: &Problems, now: String) -> Result<u8, Complaint> {
    let report = Report::unusable(problems, now);
    print::complain(report::whole(&report).trim_end());
    Ok(report.exit_code())
}

/// Each file appears whole or not at all: SDS watches what is moved into its folder.
fn write(files: &[ExportedFile]) -> Result<(), Complaint> {
    for file in files {
        write_one(file).map_err(|error| {
            let name = print::printable(&file.path.display().to_string());
            Complaint::new(USAGE, format!("cannot write {name}: {error}"))
        })?;
    }
    Ok(())
}

fn write_one(file: &ExportedFile) -> io::Result<()> {
    let folder = file.path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // A temporary file is its owner's alone from the beginning.
    let mut temporary = tempfile::Builder::new().prefix(".uptls-").tempfile_in(folder)?;
    temporary.write_all(&file.content)?;
    temporary.as_file().sync_all()?;
    if file.secrecy == Secrecy::Public {
        publish(temporary.as_file())?;
    }
    temporary.persist(&file.path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(unix)]
fn publish(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn publish(_: &fs::File) -> io::Result<()> {
    Ok(())
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
        print::complain(&print::warning(&format!("{text} {}", numbers.join(" "))));
    }
    for warning in others {
        print::complain(print::warnings(std::slice::from_ref(warning)).trim());
    }
}
