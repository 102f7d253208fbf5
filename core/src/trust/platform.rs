//! The platform's own verifier (T6): it decides the path, our rules the names.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;

/// The platform's verifier, asked once for each verification: on some systems it goes to the network.
pub(crate) struct PlatformTrust(Verifier);

impl PlatformTrust {
    /// # Errors
    /// Why the platform's roots cannot be used. On systems without a verifier of their own that is also an environment
    /// that would change the roots: no environment variable has a say (D5).
    pub(crate) fn new(provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        refuse_environment()?;
        Verifier::new(Arc::clone(provider)).map(Self).map_err(|error| error.to_string())
    }

    /// The platform's roots and `extra` ones: the tests' own.
    #[cfg(test)]
    pub(crate) fn with_extra_roots(
        provider: &Arc<CryptoProvider>,
        extra: Vec<CertificateDer<'static>>,
    ) -> Result<Self, String> {
        Verifier::new_with_extra_roots(extra, Arc::clone(provider)).map(Self).map_err(|error| error.to_string())
    }

    pub(crate) fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        self.0.verify_server_cert(leaf, rest, name, &[], now).map(|_| ())
    }
}

#[allow(clippy::disallowed_methods, reason = "read so that it has no say")]
fn refuse_environment() -> Result<(), String> {
    let has_own_verifier = cfg!(any(target_vendor = "apple", windows, target_os = "android"));
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        if !has_own_verifier && std::env::var_os(variable).is_some() {
            return Err(format!("{variable} is set and would replace the platform's roots; unset it, or use native"));
        }
    }
    Ok(())
}
