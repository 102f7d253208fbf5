//! Bytes as an Envoy document: every cluster is judged, never a panic, a policy stands only where the context is verified, and
//! none that was read needs a permission to weaken.

use uptls::danger::DangerPermission::Forbidden;
use uptls::{Code, UpstreamTlsPolicy};
use uptls_manifest::envoy::{Standing, read};

pub fn run(text: &[u8]) {
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
}
