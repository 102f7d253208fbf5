//! The platform's own verifier (T6): it decides the path, our rules the names.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;

use super::system::{NativeRoots, SystemRoots};
use crate::input::Unreadable;

/// The platform's verifier, asked once for each verification: on some systems it goes to the network.
pub(crate) struct PlatformTrust {
    /// Where the platform's verifier is webpki over the root files: those of them that may issue (T3).
    roots: Option<Arc<SystemRoots>>,
    /// Which load of the platform's roots this is: what is in them is not known where it has a store of its own.
    load: u64,
    verifier: Verifier,
}

impl PlatformTrust {
    /// # Errors
    /// Why the platform's roots cannot be used. On systems without a verifier of their own that is also an environment
    /// that would change the roots: no environment variable has a say (D5).
    pub(crate) fn new(provider: &Arc<CryptoProvider>, load: u64) -> Result<Self, Unreadable> {
        refuse_environment().map_err(Unreadable::unfit)?;
        let verifier = Verifier::new(Arc::clone(provider)).map_err(|error| Unreadable::unfit(error.to_string()))?;
        let roots = if HAS_OWN_VERIFIER { None } else { Some(Arc::new(SystemRoots::native(&NativeRoots::default())?)) };
        Ok(Self { load, roots, verifier })
    }

    /// A number that no other load of the same runtime has.
    pub(crate) fn load(&self) -> u64 {
        self.load
    }

    /// The root files behind the platform's verifier, where it has no store of its own.
    pub(crate) fn roots(&self) -> Option<&Arc<SystemRoots>> {
        self.roots.as_ref()
    }

    /// The platform's roots and `extra` ones: the tests' own.
    #[cfg(test)]
    pub(crate) fn with_extra_roots(
        provider: &Arc<CryptoProvider>,
        extra: Vec<CertificateDer<'static>>,
        load: u64,
    ) -> Result<Self, String> {
        let roots = SystemRoots::of_certificates(&extra).map(Arc::new).filter(|_| !HAS_OWN_VERIFIER);
        let verifier =
            Verifier::new_with_extra_roots(extra, Arc::clone(provider)).map_err(|error| error.to_string())?;
        Ok(Self { load, roots, verifier })
    }

    pub(crate) fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        self.verifier.verify_server_cert(leaf, rest, name, &[], now).map(|_| ())
    }
}

#[allow(clippy::disallowed_methods, reason = "read so that it has no say")]
fn refuse_environment() -> Result<(), String> {
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        if !HAS_OWN_VERIFIER && std::env::var_os(variable).is_some() {
            return Err(format!("{variable} is set and would replace the platform's roots; unset it, or use native"));
        }
    }
    Ok(())
}

/// Elsewhere the platform's verifier is webpki over the root files.
const HAS_OWN_VERIFIER: bool = cfg!(any(target_vendor = "apple", windows, target_os = "android"));
