//! The mapping from rustls: every alert and every error it names has a code that tells somebody what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, ClientConnection, InvalidMessage, PeerIncompatible, PeerMisbehaved};
use uptls_testkit::{NOW, Pki};

use super::failure::{Answered, Attempt, alert_name, moment};
use crate::danger::DangerPermission;
use crate::error::{AlertMoment, Code, ConnectError, Error};
use crate::handshake::IdentityUse;
use crate::name::BackendHost;
use crate::policy::{MaterialDraft, PolicyDraft, PolicySpec, TrustDraft, UpstreamTlsPolicy, VersionsDraft};
use crate::runtime::Runtime;
use crate::time::FixedClock;

fn attempt() -> (Attempt, ClientConnection) {
    attempt_of(PolicySpec::default())
}

/// With trust added to what the policy says.
fn attempt_of(spec: PolicySpec) -> (Attempt, ClientConnection) {
    let clock = FixedClock::at(NOW.try_into().unwrap());
    let runtime = Runtime::builder(Arc::new(rustls::crypto::aws_lc_rs::default_provider())).clock(clock).build();
    let bundles = vec![MaterialDraft::pem(Pki::new("alerts").root.pem())];
    let spec = PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..spec };
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap();
    let prepared = runtime.prepare(&policy).unwrap();
    let host = BackendHost::parse("backend.example").unwrap();
    let tls = ClientConnection::new(Arc::clone(prepared.client_config()), host.to_server_name().unwrap()).unwrap();
    let attempt = Attempt {
        alpn: vec!["h2".to_owned()],
        answered: Answered::NotYet,
        asked: crate::handshake::Asked::default(),
        host,
        identity: IdentityUse::NotRequested,
        first_bytes: b"\x16\x03\x03".to_vec(),
        prepared,
        server_name: Some("backend.example".to_owned()),
        verified: None,
    };
    (attempt, tls)
}

fn code(attempt: &Attempt, tls: &ClientConnection, error: rustls::Error) -> Code {
    attempt.failure(error, tls).code()
}

const NOT_SENT: IdentityUse = IdentityUse::RequestedNotSent { acceptable_issuers: 0 };
const SENT: IdentityUse = IdentityUse::Sent { acceptable_issuers: 0 };

#[test]
fn all_alerts_have_a_code_and_a_name() {
    let (mut attempt, tls) = attempt();
    for identity in [IdentityUse::NotRequested, NOT_SENT, SENT] {
        for answered in [Answered::NotYet, Answered::Yes] {
            attempt.identity = identity;
            attempt.answered = answered;
            for byte in 0..=255 {
                let alert = AlertDescription::from(byte);
                let code = code(&attempt, &tls, rustls::Error::AlertReceived(alert));
                assert!(!matches!(code, Code::Internal | Code::Misuse | Code::Panic), "{byte} {identity:?}: {code}");
                let named = !alert_name(alert).starts_with("unknown (");
                let known = !matches!(alert, AlertDescription::Unknown(_)) || matches!(byte, 52 | 117);
                assert_eq!(named, known, "{byte}");
            }
        }
    }
}

#[test]
fn alerts_about_our_identity_are_told_apart() {
    const TABLE: &[(u8, IdentityUse, Code)] = &[
        (116, IdentityUse::NotRequested, Code::IdentityRequired),
        (116, NOT_SENT, Code::IdentityRequired),
        (116, SENT, Code::IdentityRejected),
        (40, IdentityUse::NotRequested, Code::NoCommonCipher),
        (40, NOT_SENT, Code::IdentityRequired),
        (40, SENT, Code::NoCommonCipher),
        (42, IdentityUse::NotRequested, Code::RemoteAlert),
        (42, NOT_SENT, Code::IdentityRequired),
        (42, SENT, Code::IdentityRejected),
        (43, SENT, Code::IdentityRejected),
        (44, SENT, Code::IdentityRejected),
        (45, SENT, Code::IdentityRejected),
        (46, SENT, Code::IdentityRejected),
        (48, SENT, Code::IdentityRejected),
        (49, SENT, Code::IdentityRejected),
        (51, NOT_SENT, Code::RemoteAlert),
        (51, SENT, Code::IdentityRejected),
        (0, SENT, Code::PeerClosed),
        (70, SENT, Code::NoCommonVersion),
        (112, SENT, Code::ServerNameRejected),
        (120, SENT, Code::AlpnMismatch),
        (80, SENT, Code::RemoteAlert),
        (71, IdentityUse::NotRequested, Code::NoCommonCipher),
        (200, SENT, Code::RemoteAlert),
    ];
    let (mut attempt, tls) = attempt();
    for (byte, identity, wanted) in TABLE {
        attempt.identity = *identity;
        let alert = rustls::Error::AlertReceived(AlertDescription::from(*byte));
        assert_eq!(code(&attempt, &tls, alert), *wanted, "{byte} {identity:?}");
    }
    // I5: after the peer's first data an alert is about something else.
    attempt.identity = SENT;
    attempt.answered = Answered::Yes;
    let late = rustls::Error::AlertReceived(AlertDescription::BadCertificate);
    assert_eq!(code(&attempt, &tls, late), Code::RemoteAlert);
}

/// RFC 8446 section 9.1: a TLS 1.3 peer has one suite and one group for certain.
#[test]
fn a_tls_1_3_peer_that_must_have_the_suite_lacks_the_group() {
    let spec = |min: &str, groups: &[&str], suites: &[&str]| PolicySpec {
        versions: VersionsDraft { min: Some(min.to_owned()), max: None },
        groups: groups.iter().map(ToString::to_string).collect(),
        cipher_suites: suites.iter().map(ToString::to_string).collect(),
        ..PolicySpec::default()
    };
    let table = [
        (spec("1.3", &["X25519"], &[]), Code::NoCommonGroup),
        (spec("1.3", &["X25519"], &["TLS_AES_128_GCM_SHA256"]), Code::NoCommonGroup),
        // The twins: the other version may be at fault, the suite, or something else than the group.
        (spec("1.2", &["X25519"], &[]), Code::NoCommonCipher),
        (spec("1.3", &["X25519"], &["TLS_AES_256_GCM_SHA384"]), Code::NoCommonCipher),
        (spec("1.3", &["X25519", "secp256r1"], &[]), Code::NoCommonCipher),
    ];
    for (index, (spec, wanted)) in table.into_iter().enumerate() {
        let (attempt, tls) = attempt_of(spec);
        let alert = rustls::Error::AlertReceived(AlertDescription::HandshakeFailure);
        assert_eq!(code(&attempt, &tls, alert), wanted, "row {index}");
    }
}

/// H7: what a TLS 1.2 peer says that asked to renegotiate.
#[test]
fn a_refused_renegotiation_is_told_from_other_alerts() {
    use rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
    let table = [
        (AlertDescription::HandshakeFailure, Some(TLSv1_2), false, AlertMoment::Renegotiation),
        (AlertDescription::NoRenegotiation, Some(TLSv1_2), false, AlertMoment::Renegotiation),
        // The twins: during the handshake, in TLS 1.3, and another alert.
        (AlertDescription::HandshakeFailure, Some(TLSv1_2), true, AlertMoment::Later),
        (AlertDescription::HandshakeFailure, Some(TLSv1_3), false, AlertMoment::Later),
        (AlertDescription::InternalError, Some(TLSv1_2), false, AlertMoment::Later),
        (AlertDescription::InternalError, None, true, AlertMoment::FirstAnswer { server_name: None }),
    ];
    for (alert, version, is_handshaking, wanted) in table {
        assert_eq!(moment(alert, version, is_handshaking, None), wanted, "{alert:?} {version:?} {is_handshaking}");
    }
    let error = ConnectError::RemoteAlert { alert: "handshake_failure".to_owned(), moment: AlertMoment::Renegotiation };
    assert!(error.to_string().contains("renegotiate"), "{error}");
    assert!(error.hint().contains("in the first handshake"), "{}", error.hint());
}

#[test]
fn incompatibilities_are_told_apart() {
    let (attempt, tls) = attempt();
    let table = [
        (PeerIncompatible::ServerDoesNotSupportTls12Or13, Code::NoCommonVersion),
        (PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig, Code::NoCommonVersion),
        (PeerIncompatible::NoCipherSuitesInCommon, Code::NoCommonCipher),
        (PeerIncompatible::NoKxGroupsInCommon, Code::NoCommonGroup),
        (PeerIncompatible::NoSignatureSchemesInCommon, Code::PeerMisbehaved),
        (PeerIncompatible::ExtendedMasterSecretExtensionRequired, Code::PeerMisbehaved),
    ];
    for (error, wanted) in table {
        assert_eq!(code(&attempt, &tls, error.clone().into()), wanted, "{error:?}");
    }
    let text = attempt.failure(PeerIncompatible::NoKxGroupsInCommon.into(), &tls).to_string();
    assert!(text.contains("X25519MLKEM768"), "{text}");
}

#[test]
fn the_rest_is_told_apart() {
    let (mut attempt, tls) = attempt();
    let table = [
        (rustls::Error::DecryptError, Code::PeerMisbehaved),
        (rustls::Error::NoCertificatesPresented, Code::CertNone),
        (rustls::Error::PeerSentOversizedRecord, Code::MessageTooLarge),
        (InvalidMessage::CertificatePayloadTooLarge.into(), Code::MessageTooLarge),
        (InvalidMessage::HandshakePayloadTooLarge.into(), Code::MessageTooLarge),
        (InvalidMessage::MissingData("x").into(), Code::PeerMisbehaved),
        (PeerMisbehaved::TooManyEmptyFragments.into(), Code::PeerMisbehaved),
        (PeerMisbehaved::SelectedUnofferedApplicationProtocol.into(), Code::AlpnMismatch),
        (CertificateError::BadSignature.into(), Code::CertBadSignature),
        (rustls::Error::FailedToGetRandomBytes, Code::Internal),
    ];
    for (error, wanted) in table {
        assert_eq!(code(&attempt, &tls, error.clone()), wanted, "{error:?}");
    }
    let missing = attempt.failure(rustls::Error::NoCertificatesPresented, &tls);
    assert!(matches!(missing, Error::Rejected(rejection) if rejection.server_name.is_some()));
    attempt.first_bytes = b"GET".to_vec();
    assert_eq!(code(&attempt, &tls, InvalidMessage::InvalidContentType.into()), Code::PeerNotTls);
}
