//! `--fix`: what a hint asks for, done to the document: printed, or written where it came from.

use std::fs;
use std::path::Path;

use uptls::danger::DangerPermission;
use uptls::{Fix, Report};
use uptls_manifest::fix::{self, Fixed};

use crate::USAGE;
use crate::args::{FixArgs, Source};
use crate::input::read_named;
use crate::print::{self, CliError, printable};

/// The policy document of `source`, with the fix of each of its problems, or else with those of `reports`.
pub(crate) fn policy(source: &Source, reports: &[Report], args: &FixArgs) -> Result<(), CliError> {
    let Some(path) = source.policy.as_deref() else {
        return Err(CliError::new(
            USAGE,
            "uptls check --fix changes the document of --policy; of manifests, uptls import --fix does",
        ));
    };
    let text = read_named(path).map_err(|error| CliError::unreadable(path, &error))?;
    let permission = if source.allow_danger { DangerPermission::Allowed } else { DangerPermission::Forbidden };
    let name = path.display().to_string();
    let mut fixed = fix::policy(&text, &name, path.parent(), permission).ok_or_else(nothing)?;
    for fix in reports.iter().filter_map(|report| report.fix.as_ref()) {
        // Several targets can have the same fix, and what was done is not done again.
        if !fixed.applied.contains(fix)
            && let Some(text) = fix::apply(fixed.text.as_bytes(), fix)
        {
            fixed.text = text;
            fixed.applied.push(fix.clone());
        }
    }
    if fixed.applied.is_empty() {
        return Err(nothing());
    }
    show(&[fixed], args)
}

/// Prints the documents, or writes each where it came from.
pub(crate) fn show(fixed: &[Fixed], args: &FixArgs) -> Result<(), CliError> {
    if fixed.is_empty() {
        return Err(nothing());
    }
    for document in fixed {
        document.applied.iter().for_each(|fix| print::print_error(&done(&document.name, fix)));
        if args.in_place {
            write(Path::new(&document.name), &document.text)?;
            continue;
        }
        let title = if fixed.len() > 1 { format!("# {}\n", printable(&document.name)) } else { String::new() };
        let begin = if document.text.starts_with("---") { "" } else { "---\n" };
        let begin = if fixed.len() > 1 { begin } else { "" };
        print::out(&format!("{begin}{title}{}", *document.text))?;
    }
    Ok(())
}

/// The file as it will be, in one step: a reader sees the old text or the new one.
fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(USAGE, format!("cannot write {}: {error}", printable(&path.display().to_string())))
    };
    // Through a link to the file itself, which keeps its mode.
    let path = fs::canonicalize(path).map_err(failed)?;
    let mode = fs::metadata(&path).map_err(failed)?.permissions();
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    fs::set_permissions(file.path(), mode).map_err(failed)?;
    file.persist(&path).map(drop).map_err(|error| failed(error.error))
}

fn done(document: &str, fix: &Fix) -> String {
    let object = fix.object.as_deref().map(|object| format!("{object}: ")).unwrap_or_default();
    let patch = serde_json::to_string(&fix.patch).unwrap_or_default();
    format!("fixed: {}: {}{}", printable(document), printable(&object), printable(&patch))
}

fn nothing() -> CliError {
    let text = "there is nothing that --fix may change: what is wrong leaves a choice, needs a file, or is not in the document";
    CliError::new(USAGE, text)
}
