//! What an error of rustls means: one function from every `rustls::Error` to a coded error.

use core::any::Any;
use std::sync::Arc;

use rustls::{
    AlertDescription as Alert, CertificateError, ClientConnection, Error as TlsError, InvalidMessage, PeerIncompatible,
    PeerMisbehaved, ProtocolVersion,
};

use super::evidence::Negotiated;
use super::internal;
use crate::error::{
    AlertMoment, AlgorithmFault, ConnectError, Error, KnownPeer, Oversized, Rejection, RejectionKind, UnusableIdentity,
};
use crate::handshake::{Asked, IdentityUse};
use crate::name::BackendHost;
use crate::policy::{TlsVersion, group_name, suite_name};
use crate::prepare::Prepared;
use crate::text::{digest, printable, printable_bytes};
use crate::time::{rfc3339, seconds};
use crate::verify::VerifiedPeer;

/// What is known of a connection, for the case that it fails.
pub(super) struct Attempt {
    /// The protocols that were offered.
    pub(super) alpn: Vec<String>,
    /// Whether application data of the peer arrived: from then on alerts are not about our identity (I5).
    pub(super) answered: Answered,
    /// What the peer's request for a certificate accepts, if there was one.
    pub(super) asked: Asked,
    pub(super) host: BackendHost,
    pub(super) identity: IdentityUse,
    /// The first bytes from the peer, at most [`FIRST_BYTES`].
    pub(super) first_bytes: Vec<u8>,
    pub(super) prepared: Arc<Prepared>,
    /// The server name that is sent.
    pub(super) server_name: Option<String>,
    /// The proof, once there is one.
    pub(super) verified: Option<Arc<VerifiedPeer>>,
}

/// Whether application data arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answered {
    NotYet,
    Yes,
}

impl Attempt {
    /// The one mapping from rustls.
    pub(super) fn failure(&self, error: TlsError, tls: &ClientConnection) -> Error {
        match error {
            TlsError::AlertReceived(alert) => self.alert(alert, tls).into(),
            TlsError::InvalidCertificate(error) => self.bad_handshake_signature(&error),
            TlsError::InvalidMessage(error) => self.invalid_message(error, tls).into(),
            TlsError::NoCertificatesPresented => self.no_certificate(),
            TlsError::PeerIncompatible(error) => self.incompatible(&error).into(),
            TlsError::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
                self.alpn_mismatch(tls).into()
            }
            TlsError::PeerSentOversizedRecord => ConnectError::MessageTooLarge(Oversized::Record).into(),
            TlsError::DecryptError
            | TlsError::InappropriateHandshakeMessage { .. }
            | TlsError::InappropriateMessage { .. }
            | TlsError::InvalidCertRevocationList(_)
            | TlsError::InvalidEncryptedClientHello(_)
            | TlsError::NoApplicationProtocol
            | TlsError::PeerMisbehaved(_) => misbehaved(&error).into(),
            // Our configuration, clock, randomness or provider: not the peer's doing.
            _ => internal(error),
        }
    }

    /// Adds to an error what is known of the peer.
    pub(super) fn with_known(&self, error: Error, tls: &ClientConnection, peer: Option<&Arc<VerifiedPeer>>) -> Error {
        let Some(facts) = Negotiated::of(tls).map(|negotiated| negotiated.facts(tls)) else { return error };
        match error {
            Error::Connect { error, .. } => {
                let chain = peer.map(|peer| peer.chain_der().to_vec()).unwrap_or_default();
                let proof = peer.map(|peer| -> Arc<dyn Any + Send + Sync> { Arc::<VerifiedPeer>::clone(peer) });
                Error::Connect { error, known: Some(Arc::new(KnownPeer::new(chain, proof, facts))) }
            }
            Error::Rejected(mut rejection) => {
                rejection.tls = Some(facts);
                Error::Rejected(rejection)
            }
            other => other,
        }
    }

    /// How far it came, for timeouts and ends of the transport.
    pub(super) fn phase(&self, tls: &ClientConnection) -> String {
        let phase = match (self.first_bytes.is_empty(), tls.protocol_version()) {
            (true, _) => "nothing was received",
            (false, None) => "no complete server hello was received",
            (false, Some(_)) => "the server hello was received, the rest of the handshake was not",
        };
        phase.to_owned()
    }

    /// The transport ended within the handshake.
    pub(super) fn closed(&self, tls: &ClientConnection) -> ConnectError {
        ConnectError::PeerClosed { heard: !self.first_bytes.is_empty(), phase: self.phase(tls) }
    }

    pub(super) fn alpn_mismatch(&self, tls: &ClientConnection) -> ConnectError {
        let selected = tls.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned());
        ConnectError::AlpnMismatch { offered: self.alpn.clone(), selected }
    }

    fn alert(&self, alert: Alert, tls: &ClientConnection) -> ConnectError {
        let name = alert_name(alert);
        let identity = match self.answered {
            Answered::NotYet => self.identity,
            Answered::Yes => IdentityUse::NotRequested,
        };
        let required = || ConnectError::IdentityRequired { alert: name.clone(), unusable: self.unusable_identity() };
        // I5. Some peers say bad_certificate to an empty answer; TLS 1.2 has handshake_failure for it.
        match identity {
            IdentityUse::NotRequested if alert == Alert::CertificateRequired => return required(),
            IdentityUse::RequestedNotSent { .. }
                if is_about_certificates(alert) || alert == Alert::HandshakeFailure =>
            {
                return required();
            }
            IdentityUse::Sent { .. } if is_about_certificates(alert) || alert == Alert::DecryptError => {
                let identity = self.prepared.identity();
                return ConnectError::IdentityRejected {
                    acceptable: self.asked.issuers.clone(),
                    alert: name,
                    issuer: identity.map(|identity| identity.facts().issuer.clone()),
                };
            }
            _ => {}
        }
        match alert {
            Alert::CloseNotify => self.closed(tls),
            Alert::NoApplicationProtocol => self.alpn_mismatch(tls),
            Alert::ProtocolVersion => ConnectError::NoCommonVersion { offered: self.versions() },
            Alert::UnrecognisedName => ConnectError::ServerNameRejected { server_name: self.server_name.clone() },
            Alert::HandshakeFailure | Alert::InsufficientSecurity if tls.protocol_version().is_none() => {
                self.nothing_in_common(name)
            }
            _ => {
                let server_name = self.server_name.clone();
                let moment = moment(alert, tls.protocol_version(), tls.is_handshaking(), server_name);
                ConnectError::RemoteAlert { alert: name, moment }
            }
        }
    }

    /// A TLS 1.3 peer has TLS_AES_128_GCM_SHA256 and secp256r1 (RFC 8446 section 9.1). If the offer has that suite and not that
    /// group, the groups are at fault; otherwise the alert does not say.
    fn nothing_in_common(&self, alert: String) -> ConnectError {
        let (groups, suites, versions) = (self.groups(), self.suites(), self.versions());
        let has = |names: &[String], wanted: &str| names.iter().any(|name| name == wanted);
        let is_tls13 = versions == [TlsVersion::V1_3.as_str()];
        if is_tls13 && has(&suites, "TLS_AES_128_GCM_SHA256") && !has(&groups, "secp256r1") {
            return ConnectError::NoCommonGroup { offered: groups };
        }
        ConnectError::NothingInCommon { alert, groups, suites, versions }
    }

    /// Our identity, if the peer asked for one and accepts no signature of its key.
    fn unusable_identity(&self) -> Option<UnusableIdentity> {
        let identity = self.prepared.identity()?;
        let accepted = self.asked.schemes.clone();
        (!accepted.is_empty()).then(|| UnusableIdentity { accepted, key: identity.key() })
    }

    fn groups(&self) -> Vec<String> {
        let provider = self.prepared.provider();
        provider.kx_groups.iter().map(|group| group_name(group.name())).collect()
    }

    fn suites(&self) -> Vec<String> {
        let provider = self.prepared.provider();
        provider.cipher_suites.iter().map(|suite| suite_name(suite.suite())).collect()
    }

    fn invalid_message(&self, error: InvalidMessage, tls: &ClientConnection) -> ConnectError {
        if !begins_like_tls(&self.first_bytes) {
            return ConnectError::PeerNotTls {
                first_bytes: printable_bytes(&self.first_bytes),
                looks_like: looks_like(&self.first_bytes),
            };
        }
        match error {
            InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge => {
                oversized_message(tls)
            }
            InvalidMessage::MessageTooLarge => ConnectError::MessageTooLarge(Oversized::Record),
            _ => misbehaved(&TlsError::InvalidMessage(error)),
        }
    }

    fn incompatible(&self, error: &PeerIncompatible) -> ConnectError {
        match error {
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled => ConnectError::NoCommonVersion { offered: self.versions() },
            PeerIncompatible::NoCipherSuitesInCommon => ConnectError::NoCommonCipher { offered: self.suites() },
            PeerIncompatible::EcPointsExtensionRequired
            | PeerIncompatible::KeyShareExtensionRequired
            | PeerIncompatible::NamedGroupsExtensionRequired
            | PeerIncompatible::NoEcPointFormatsInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::UncompressedEcPointsRequired => ConnectError::NoCommonGroup { offered: self.groups() },
            _ => misbehaved(&TlsError::PeerIncompatible(error.clone())),
        }
    }

    fn versions(&self) -> Vec<String> {
        let permitted = self.prepared.policy().versions();
        let versions = [TlsVersion::V1_2, TlsVersion::V1_3].into_iter().filter(|version| permitted.contains(*version));
        versions.map(|version| version.to_string()).collect()
    }

    /// The one verifier says it (V1).
    fn no_certificate(&self) -> Error {
        match self.prepared.verifier().verify(&[], Some(&self.host), self.prepared.runtime().now()) {
            Err(rejection) => rejection.into(),
            Ok(_) => internal("no certificate was accepted"),
        }
    }

    /// V7: the chain was accepted, but the peer does not hold its key.
    fn bad_handshake_signature(&self, error: &CertificateError) -> Error {
        let kind = handshake_signature(error);
        let verifier = self.prepared.verifier();
        let leaf = self.verified.as_ref().and_then(|peer| peer.chain().into_iter().next());
        let rejection = Rejection {
            chain: self.verified.as_ref().map(|peer| peer.chain_der().to_vec()).unwrap_or_default(),
            at: rfc3339(seconds(self.prepared.runtime().now())),
            expected: verifier.reference_names(Some(&self.host)).iter().map(ToString::to_string).collect(),
            fingerprint: Some(digest(self.prepared.fingerprint())),
            judgement: self.verified.as_ref().map(|peer| verifier.judgement_of_peer(peer)).unwrap_or_default(),
            kind: kind.bounded(),
            policy: self.prepared.policy().name().map(printable),
            presented: leaf.as_ref().map(|leaf| leaf.sans.clone()).unwrap_or_default(),
            peer: leaf,
            server_name: self.server_name.clone(),
            tls: None,
        };
        Box::new(rejection).into()
    }
}

/// Only the signature of the handshake is left to rustls, so whatever it says is about that. Every variant is named: a new
/// one is looked at before it is put here.
fn handshake_signature(error: &CertificateError) -> RejectionKind {
    #[allow(deprecated, reason = "rustls may still give the variant without context")]
    match error {
        CertificateError::UnsupportedSignatureAlgorithm
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            let (algorithm, subject) = ("of its signature".to_owned(), "the handshake".to_owned());
            RejectionKind::AlgorithmUnsupported { algorithm, fault: AlgorithmFault::Unknown, subject }
        }
        CertificateError::ApplicationVerificationFailure
        | CertificateError::BadEncoding
        | CertificateError::BadSignature
        | CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. }
        | CertificateError::InvalidOcspResponse
        | CertificateError::InvalidPurpose
        | CertificateError::InvalidPurposeContext { .. }
        | CertificateError::NotValidForName
        | CertificateError::NotValidForNameContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. }
        | CertificateError::Other(_)
        | CertificateError::Revoked
        | CertificateError::UnhandledCriticalExtension
        | CertificateError::UnknownIssuer
        | CertificateError::UnknownRevocationStatus
        | _ => RejectionKind::BadSignature { issuer: None, subject: "the handshake".to_owned() },
    }
}

/// How far a handshake had come when an alert ended it. OpenSSL sends handshake_failure after a handshake if a client refuses
/// to renegotiate; RFC 5246 has the alert no_renegotiation for that.
pub(super) fn moment(
    alert: Alert,
    version: Option<ProtocolVersion>,
    is_handshaking: bool,
    server_name: Option<String>,
) -> AlertMoment {
    let is_about_renegotiation = matches!(alert, Alert::HandshakeFailure | Alert::NoRenegotiation);
    match version {
        None => AlertMoment::FirstAnswer { server_name },
        Some(ProtocolVersion::TLSv1_2) if is_about_renegotiation && !is_handshaking => AlertMoment::Renegotiation,
        Some(_) => AlertMoment::Later,
    }
}

/// The alerts with which a peer refuses a client certificate.
fn is_about_certificates(alert: Alert) -> bool {
    matches!(
        alert,
        Alert::AccessDenied
            | Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate
    )
}

/// The name that the RFCs give an alert.
pub(super) fn alert_name(alert: Alert) -> String {
    let number = u8::from(alert);
    let known = ALERTS.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("unknown ({number})"), |(_, name)| (*name).to_owned())
}

/// IANA's registry of TLS alerts.
const ALERTS: &[(u8, &str)] = &[
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (52, "too_many_cids_requested"),
    (60, "export_restriction"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (117, "general_error"),
    (120, "no_application_protocol"),
    (121, "ech_required"),
];

/// rustls does not say which message it was; how far the handshake had come leaves few.
pub(super) fn oversized_message(tls: &ClientConnection) -> ConnectError {
    ConnectError::MessageTooLarge(match tls.protocol_version() {
        None => Oversized::FirstAnswer,
        Some(_) if tls.is_handshaking() => Oversized::Handshake,
        Some(_) => Oversized::AfterHandshake,
    })
}

fn misbehaved(error: &TlsError) -> ConnectError {
    ConnectError::PeerMisbehaved { detail: printable(&error.to_string()) }
}

/// A handshake message, or an alert, in a record of SSL 3.0 or later.
fn begins_like_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x15 | 0x16] | [0x15 | 0x16, 0x03, ..])
}

/// What speaks like this to somebody who greets with a ClientHello.
fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    const GREETINGS: &[(&[u8], &str)] = &[
        (b"HTTP/", "HTTP"),
        (b"<!DOCTYPE", "HTTP"),
        (b"<html", "HTTP"),
        (b"SSH-", "SSH"),
        (b"* OK", "IMAP"),
        (b"+OK", "POP3"),
        (b"-ERR", "Redis"),
        (b"220-", "SMTP"),
        (b"220 ", "SMTP"),
        (b"421 ", "SMTP"),
        (b"500 ", "SMTP"),
        (b"554 ", "SMTP"),
        (b"AMQP", "AMQP"),
        (b"INFO {", "NATS"),
    ];
    // HTTP/2 without TLS opens with a SETTINGS frame on stream 0 (RFC 9113 section 3.4).
    if matches!(bytes, [0, 0, _, 0x04, 0, 0, 0, 0, 0, ..]) {
        return Some("HTTP");
    }
    // Length, sequence number 0 and protocol version 10.
    if matches!(bytes, [_, _, 0, 0, 0x0a, ..]) {
        return Some("MySQL");
    }
    GREETINGS.iter().find(|(greeting, _)| bytes.starts_with(greeting)).map(|(_, protocol)| *protocol)
}
