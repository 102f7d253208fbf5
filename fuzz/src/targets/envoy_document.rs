//! Octets as an Envoy document: every cluster is judged, never a panic, and a policy stands only where the context is verified.
#![no_main]

use uptls::danger::DangerPermission::Forbidden;
use uptls::{Code, UpstreamTlsPolicy};
use uptls_manifest::envoy::{Standing, read};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let read_file = |_: &std::path::Path| Ok(text.to_vec());
    let Ok(reading) = read(text, "fuzz", &read_file) else { return };
    for cluster in reading.clusters {
        assert!(cluster.standing == Standing::Verified || !cluster.findings.is_empty());
        if let Some(draft) = cluster.draft {
            assert_eq!(cluster.standing, Standing::Verified);
            let refused = UpstreamTlsPolicy::check(draft, Forbidden).err().map(|problems| problems.code());
            assert_ne!(refused, Some(Code::DangerForbidden));
        }
    }
});
