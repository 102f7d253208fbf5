//! From text to a prepared policy or a report in one call: what the command, C, Python and the test vectors call.

use std::path::Path;
use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{PolicyDraft, Prepared, Problems, Report, Runtime, UpstreamTlsPolicy};

use crate::native::{load, parse};

/// Reads, checks and prepares a policy document.
///
/// # Errors
/// Every problem of the first stage that has one: those of [`parse`], of [`UpstreamTlsPolicy::check`] or of
/// [`Runtime::prepare`]. Each names the line of its field.
pub fn prepare(
    runtime: &Runtime,
    text: &[u8],
    name: &str,
    base: Option<&Path>,
    permission: DangerPermission,
) -> Result<Arc<Prepared>, Problems> {
    prepare_draft(runtime, parse(text, name, base)?, permission)
}

/// Reads, checks and prepares the policy document in a file.
///
/// # Errors
/// As [`prepare`]; `document_unreadable` too if the file cannot be read.
pub fn prepare_file(runtime: &Runtime, path: &Path, permission: DangerPermission) -> Result<Arc<Prepared>, Problems> {
    prepare_draft(runtime, load(path)?, permission)
}

/// Verifies a certificate chain (PEM, leaf first) with a policy document, offline. The report also holds every problem
/// of the document, with the verdict `error`.
pub fn verify_document(
    runtime: &Runtime,
    text: &[u8],
    name: &str,
    base: Option<&Path>,
    permission: DangerPermission,
    chain_pem: &[u8],
    backend_host: Option<&str>,
) -> Report {
    match prepare(runtime, text, name, base, permission) {
        Ok(prepared) => prepared.report_pem(chain_pem, backend_host),
        Err(problems) => Report::unusable(&problems, runtime.now_text()),
    }
}

fn prepare_draft(
    runtime: &Runtime,
    draft: PolicyDraft,
    permission: DangerPermission,
) -> Result<Arc<Prepared>, Problems> {
    runtime.prepare(&UpstreamTlsPolicy::check(draft, permission)?)
}
