//! What rustls calls during a handshake: a thin shell around the one verifier, and the resolver of our identity.
//!
//! Both are shared by all connections of a policy (rustls refuses to resume between different ones), so what they find
//! leaves them by a slot of the thread: [`observe`] clears it, runs rustls and takes what was noted. The error that is
//! returned to rustls only picks the alert.

use core::cell::RefCell;
use core::fmt;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::certificate::raw_name_text;
use crate::error::{Alert, Category, Code, Rejection};
use crate::identity::ClientIdentity;
use crate::identity::asking::{Refusal, take_refusal};
use crate::name::{BackendHost, DnsName};
use crate::panic;
use crate::text::SHOWN;
use crate::verify::{VerifiedPeer, Verifier};

/// The one verifier as rustls wants it.
pub(crate) struct HandshakeVerifier {
    verifier: Arc<Verifier>,
}

impl HandshakeVerifier {
    pub(crate) fn new(verifier: Arc<Verifier>) -> Self {
        Self { verifier }
    }
}

impl ServerCertVerifier for HandshakeVerifier {
    #[allow(clippy::disallowed_methods, reason = "the one place that asserts: Verifier::verify returned a proof")]
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = core::iter::once(end_entity).chain(intermediates);
        let chain: Vec<CertificateDer<'_>> = chain.map(|der| CertificateDer::from(der.as_ref())).collect();
        let host = backend_host(server_name);
        match panic::catch(|| self.verifier.verify(&chain, host.as_ref(), now)) {
            Ok(Ok(peer)) => {
                note(|noted| noted.verdict = Some(Verdict::Accepted(peer)));
                Ok(ServerCertVerified::assertion())
            }
            Ok(Err(rejection)) => {
                let error = error_for_rustls(rejection.code());
                note(|noted| noted.verdict = Some(Verdict::Rejected(rejection)));
                Err(error)
            }
            Err(_) => {
                note(|noted| noted.verdict = Some(Verdict::Panicked));
                Err(unspecific())
            }
        }
    }

    // V7, also under D1..D4.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, self.verifier.algorithms())
    }

    // V7, also under D1..D4.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, self.verifier.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.algorithms().supported_schemes()
    }
}

impl fmt::Debug for HandshakeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeVerifier").finish_non_exhaustive()
    }
}

/// Answers a request for a client certificate with our identity, if there is one.
pub(crate) struct IdentityResolver {
    identity: Option<Arc<ClientIdentity>>,
}

impl IdentityResolver {
    pub(crate) fn new(identity: Option<Arc<ClientIdentity>>) -> Self {
        Self { identity }
    }
}

impl ResolvesClientCert for IdentityResolver {
    /// The acceptable issuers are counted, not obeyed: peers list them incompletely, and one identity is all there is.
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let acceptable_issuers = issuers.len();
        let key = self.identity.as_ref().map(|identity| identity.certified_key().clone());
        let usable = key.filter(|key| key.key.choose_scheme(schemes).is_some());
        let request = match usable {
            None => IdentityUse::RequestedNotSent { acceptable_issuers },
            Some(_) => IdentityUse::Sent { acceptable_issuers },
        };
        let asked = Asked::new(issuers, schemes);
        note(|noted| {
            noted.asked = Some(asked);
            noted.request = Some(request);
        });
        usable
    }

    fn has_certs(&self) -> bool {
        self.identity.is_some()
    }
}

impl fmt::Debug for IdentityResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityResolver").field("identity", &self.identity.is_some()).finish_non_exhaustive()
    }
}

/// Whether the peer got our identity in a handshake (I5).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum IdentityUse {
    /// The peer did not ask for a certificate.
    #[default]
    NotRequested,
    /// The peer asked, and an empty answer was sent: there is no identity, or none of its signature schemes is accepted.
    #[non_exhaustive]
    RequestedNotSent {
        /// How many issuers the peer listed.
        acceptable_issuers: usize,
    },
    /// The peer asked, and the identity was sent.
    #[non_exhaustive]
    Sent {
        /// How many issuers the peer listed.
        acceptable_issuers: usize,
    },
}

/// What the peer's CertificateRequest accepts, for reports.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The names of the issuers that it lists, RFC 4514, at most ten.
    pub(crate) issuers: Vec<String>,
    /// The signature schemes, as TLS names them.
    pub(crate) schemes: Vec<String>,
}

impl Asked {
    fn new(issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Self {
        let scheme = |scheme: &SignatureScheme| match scheme.as_str() {
            Some(name) => name.to_ascii_lowercase(),
            None => format!("{:#06x}", u16::from(*scheme)),
        };
        Self {
            issuers: issuers.iter().take(SHOWN).map(|name| raw_name_text(name)).collect(),
            schemes: schemes.iter().take(MAX_SCHEMES).map(scheme).collect(),
        }
    }
}

/// More than there are; a list of a peer is as long as it likes.
const MAX_SCHEMES: usize = 32;

/// What was noted while rustls processed bytes.
#[derive(Default)]
pub(crate) struct Noted {
    pub(crate) asked: Option<Asked>,
    /// Why our identity's external key gave no signature (I7).
    pub(crate) refusal: Option<Refusal>,
    pub(crate) request: Option<IdentityUse>,
    pub(crate) verdict: Option<Verdict>,
}

/// The outcome of a verification.
pub(crate) enum Verdict {
    Accepted(VerifiedPeer),
    /// A bug: the verifier panicked.
    Panicked,
    Rejected(Box<Rejection>),
}

/// Runs `process` and gives what verifier and resolver noted meanwhile on this thread. Every adapter drives rustls through
/// here, and nothing of another connection is ever seen.
pub(crate) fn observe<T>(process: impl FnOnce() -> T) -> (T, Noted) {
    SLOT.take();
    take_refusal();
    let outcome = process();
    (outcome, Noted { refusal: take_refusal(), ..SLOT.take() })
}

thread_local! {
    static SLOT: RefCell<Noted> = RefCell::default();
}

fn note(change: impl FnOnce(&mut Noted)) {
    SLOT.with_borrow_mut(change);
}

/// The host as rustls was given it; the verifier uses it only where the policy's server name is `auto` (N3).
fn backend_host(name: &ServerName<'_>) -> Option<BackendHost> {
    match name {
        ServerName::DnsName(name) => DnsName::parse(name.as_ref()).ok().map(BackendHost::Dns),
        ServerName::IpAddress(ip) => Some(BackendHost::Ip((*ip).into())),
        _ => None,
    }
}

/// The error that makes rustls send the alert of `code` (its `impl From<CertificateError> for AlertDescription`); H5.
/// Through `interop` its text is all that a host gets.
fn error_for_rustls(code: Code) -> rustls::Error {
    let error = match code.alert() {
        Some(Alert::CertificateExpired) => CertificateError::Expired,
        Some(Alert::CertificateRevoked) => CertificateError::Revoked,
        Some(Alert::CertificateUnknown) => CertificateError::Other(OtherError(Arc::new(fmt::Error))),
        Some(Alert::DecryptError) => CertificateError::BadSignature,
        Some(Alert::UnknownCa) => CertificateError::UnknownIssuer,
        Some(Alert::UnsupportedCertificate) => CertificateError::InvalidPurpose,
        Some(Alert::BadCertificate) if code.category() == Category::Name => CertificateError::NotValidForName,
        Some(Alert::BadCertificate) => CertificateError::BadEncoding,
        _ => return unspecific(),
    };
    rustls::Error::InvalidCertificate(error)
}

/// rustls sends handshake_failure for what is not about a certificate.
fn unspecific() -> rustls::Error {
    rustls::Error::General("verification failed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::AlertDescription;

    #[test]
    fn every_rejection_sends_its_alert() {
        for code in Code::ALL {
            let Some(alert) = code.alert() else { continue };
            let sent = match error_for_rustls(*code) {
                rustls::Error::InvalidCertificate(error) => AlertDescription::from(error),
                _ => AlertDescription::HandshakeFailure,
            };
            let wanted = match alert {
                Alert::BadCertificate => AlertDescription::BadCertificate,
                Alert::CertificateExpired => AlertDescription::CertificateExpired,
                Alert::CertificateRevoked => AlertDescription::CertificateRevoked,
                Alert::CertificateUnknown => AlertDescription::CertificateUnknown,
                Alert::DecryptError => AlertDescription::DecryptError,
                Alert::UnknownCa => AlertDescription::UnknownCA,
                Alert::UnsupportedCertificate => AlertDescription::UnsupportedCertificate,
                // Negotiation: rustls itself sends these.
                _ => AlertDescription::HandshakeFailure,
            };
            assert_eq!(sent, wanted, "{code}");
            if wanted != AlertDescription::HandshakeFailure {
                assert_eq!(AlertDescription::from(alert.number()), wanted, "{code}");
            }
        }
    }

    #[test]
    fn nothing_noted_outlives_its_connection() {
        note(|noted| noted.verdict = Some(Verdict::Panicked));
        let (_, noted) = observe(|| note(|noted| noted.request = Some(IdentityUse::NotRequested)));
        assert!(noted.verdict.is_none() && noted.request.is_some());
        let (_, noted) = observe(|| ());
        assert!(noted.verdict.is_none() && noted.request.is_none());
    }
}
