//! Bytes as Kubernetes objects: imported, resolved and reported, never a panic. What is ready trusts something, and nothing is
//! ready while a document cannot be read. What cannot be read of one object closes what it may concern, and nothing else (L6).

use std::sync::LazyLock;

use uptls::danger::DangerPermission::Forbidden;
use uptls::{FixedClock, Runtime, UpstreamTlsPolicy};
use uptls_manifest::kubernetes::{BackendRef, Document, Effect, Mode, Scope, import, resolve};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::builder(uptls::ring::provider()).clock(FixedClock::at(1_795_392_000)).build());

pub fn run(text: &[u8]) {
    let imported = import([Document::new("fuzz", text)]);
    for mode in [Mode::Strict, Mode::Faithful] {
        let resolution = imported.resolve(&Scope::new("fuzz/controller").with_mode(mode));
        let mut diagnostics = resolution.diagnostics.iter();
        let unread = diagnostics.any(|diagnostic| diagnostic.effect == Effect::Unread && diagnostic.object.is_none());
        for policy in &resolution.policies {
            let _ = resolve(&imported, &BackendRef::new(&policy.backend.namespace, &policy.backend.name, policy.port));
            let checked = policy.draft.clone().and_then(|draft| UpstreamTlsPolicy::check(draft, Forbidden));
            let Ok(prepared) = checked.and_then(|policy| RUNTIME.prepare(&policy)) else { continue };
            assert!(!unread, "{} is ready", policy.backend);
            let trusts = prepared.describe().trusts;
            let system = trusts.system.and_then(|system| system.roots).unwrap_or_default();
            assert!(system + trusts.anchors.len() + trusts.pinned_certificates.len() + trusts.pinned_keys.len() > 0);
        }
    }
}
