//! Bytes as a policy document: read, checked, prepared where it names no file, and printed as the document that it is: the
//! print is read as the same policy.

use std::sync::{Arc, LazyLock};

use serde_json::Value;
use uptls::danger::DangerPermission;
use uptls::{Material, Prepared, Runtime, SystemTrust, UpstreamTlsPolicy};
use uptls_manifest::envoy::{ExportOptions, export_module};

use crate::provider;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(provider::runtime);

pub fn run(document: &[u8]) {
    let Ok(draft) = uptls_manifest::parse(document, "fuzz", None) else { return };
    let timeout = draft.spec.handshake_timeout.clone();
    let Ok(policy) = UpstreamTlsPolicy::check(draft, DangerPermission::Allowed) else { return };
    if let Some(wanted) = timeout.as_deref().and_then(nanoseconds) {
        assert_eq!(policy.handshake_timeout().as_nanos(), wanted, "{timeout:?}");
    }
    assert!((1_000_000..=3_600_000_000_000).contains(&policy.handshake_timeout().as_nanos()));
    if has_files(&policy) {
        return;
    }
    if let Ok(prepared) = RUNTIME.prepare(&policy) {
        round_trip(&prepared);
    }
}

/// A number with a unit, once more; other forms are not read here.
fn nanoseconds(text: &str) -> Option<u128> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let unit: u128 = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let part = part.bytes().try_fold((0_u128, unit), |(sum, unit), digit| {
        let digit = u128::from(digit.checked_sub(b'0')?);
        Some((sum + digit * unit / 10, unit / 10))
    })?;
    Some(whole.parse::<u128>().ok()? * unit + part.0)
}

fn has_files(policy: &UpstreamTlsPolicy) -> bool {
    let is_file = |material: &Material| !matches!(material, Material::Inline { .. });
    let trust = policy.trust();
    trust.bundles.iter().any(|bundle| is_file(&bundle.material))
        || policy.revocation().is_some_and(|revocation| revocation.crls.iter().any(is_file))
        || policy.identity().is_some()
        || matches!(trust.system, SystemTrust::Native | SystemTrust::Platform)
}

/// What the export to the module writes is the native document of the policy.
pub fn round_trip(prepared: &Arc<Prepared>) {
    let Some(printed) = print(prepared) else { return };
    let draft = uptls_manifest::parse(printed.as_bytes(), "printed", None)
        .unwrap_or_else(|problems| panic!("{problems}: {printed}"));
    let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Allowed)
        .unwrap_or_else(|problems| panic!("{problems}: {printed}"));
    let again = RUNTIME.prepare(&policy).unwrap_or_else(|problems| panic!("{problems}: {printed}"));
    assert_eq!(print(&again).as_ref(), Some(&printed));
    // The timeout is written in milliseconds.
    if prepared.policy().handshake_timeout().subsec_nanos() % 1_000_000 == 0 {
        assert_eq!(policy.spec_digest(), prepared.policy().spec_digest(), "{printed}");
    }
}

fn print(prepared: &Arc<Prepared>) -> Option<String> {
    let export = export_module(prepared, &ExportOptions::default()).ok()?;
    let typed = &export.context["common_tls_context"]["validation_context"]["custom_validator_config"]["typed_config"];
    typed["validator_config"]["value"].as_str().map(str::to_owned)
}

/// For the structured twin of this target.
pub fn run_value(document: &Value) {
    run(document.to_string().as_bytes());
}
