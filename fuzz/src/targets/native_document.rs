//! Octets as a policy document: read and checked, never a panic.
#![no_main]

use uptls::UpstreamTlsPolicy;
use uptls::danger::DangerPermission;

libfuzzer_sys::fuzz_target!(|document: &[u8]| {
    if let Ok(draft) = uptls_manifest::parse(document, "fuzz", None) {
        let _ = UpstreamTlsPolicy::check(draft, DangerPermission::Allowed);
    }
});
