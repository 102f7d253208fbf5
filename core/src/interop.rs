//! The escape hatch: a `rustls::ClientConfig` for libraries that want one. The only public place with rustls types.

use std::sync::Arc;

use crate::prepare::Prepared;

/// The policy as a `rustls::ClientConfig`, for libraries that take nothing else.
///
/// Its verifier is this library's, so the peer is judged exactly as elsewhere. Lost are: resumption (such a config never
/// resumes, H6), the deadline (H4), the ALPN requirement (H3), the typed reason (the error is rustls's, with the right
/// alert), evidence, and rotation: take a new one after each change. The `ServerName` that the library passes is the
/// backend host.
///
/// # Errors
/// A server name that the policy fixes cannot be forced from here: where it is neither `auto` nor equal to what the
/// library passes as `ServerName`, the wrong SNI is sent; the verdict does not change.
pub fn client_config(prepared: &Prepared) -> Arc<rustls::ClientConfig> {
    Arc::clone(prepared.client_config())
}
