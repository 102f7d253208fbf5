//! In the place of `platform` in a build without that feature: there is no such trust.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::system::SystemRoots;

/// No value: [`crate::Runtime::prepare`] refuses a policy that wants it.
pub(crate) enum PlatformTrust {}

impl PlatformTrust {
    pub(crate) fn load(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn roots(&self) -> Option<&Arc<SystemRoots>> {
        match *self {}
    }

    pub(crate) fn verify(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: UnixTime,
    ) -> Result<(), rustls::Error> {
        match *self {}
    }
}
