//! The one table of codes: number, name, category, alert, meaning and remedy of each.
//!
//! Everything else that lists codes (the Rust enum, the C constants, the Python attributes, `docs/errors.md`) is
//! generated from or tested against this table. Rows are only ever added at the end of their block: a number or a name
//! that was published is never changed or used again.

use core::fmt;

/// Who must act, and which block of numbers a [`Code`] stands in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Category {
    /// 4xx: the certificate chain failed the policy.
    Chain,
    /// 3xx: the transport failed before or during the handshake.
    Connect,
    /// 2xx: our own client identity cannot be used.
    Identity,
    /// 6xx: the certificate is for another name.
    Name,
    /// 7xx: no common parameters.
    Negotiation,
    /// 1xx: the policy or its material cannot be used.
    Policy,
    /// 9xx: a protocol violation, or a bug on our side.
    Protocol,
    /// 8xx: the peer refused us.
    Remote,
    /// 5xx: revocation.
    Revocation,
}

impl Category {
    /// The lower-case name used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Connect => "connect",
            Self::Identity => "identity",
            Self::Name => "name",
            Self::Negotiation => "negotiation",
            Self::Policy => "policy",
            Self::Protocol => "protocol",
            Self::Remote => "remote",
            Self::Revocation => "revocation",
        }
    }
}

/// How bad it is for an operator who reads a log.
///
/// ```
/// use uptls::{Code, Severity};
///
/// // Whom a failure is counted against.
/// assert_eq!(Code::TcpRefused.severity(), Severity::Transient);
/// assert_eq!(Code::LocalResources.severity(), Severity::Local);
/// assert_eq!(Code::NameMismatch.severity(), Severity::Error);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Severity {
    /// A bug: please report it.
    Bug,
    /// Something must be changed before it can work.
    Error,
    /// This side could not try. It says nothing of the peer: to try again at once makes it worse, and an endpoint that is
    /// ejected for it was healthy.
    Local,
    /// It may work when tried again.
    Transient,
}

impl Severity {
    /// The lower-case name used in documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bug => "bug",
            Self::Error => "error",
            Self::Local => "local",
            Self::Transient => "transient",
        }
    }
}

/// A TLS alert (RFC 8446 section 6) that a verification failure is answered with.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Alert {
    /// 42 `bad_certificate`.
    BadCertificate,
    /// 45 `certificate_expired`.
    CertificateExpired,
    /// 44 `certificate_revoked`.
    CertificateRevoked,
    /// 46 `certificate_unknown`.
    CertificateUnknown,
    /// 51 `decrypt_error`.
    DecryptError,
    /// 50 `decode_error`.
    DecodeError,
    /// 40 `handshake_failure`.
    HandshakeFailure,
    /// 120 `no_application_protocol`.
    NoApplicationProtocol,
    /// 70 `protocol_version`.
    ProtocolVersion,
    /// 48 `unknown_ca`.
    UnknownCa,
    /// 43 `unsupported_certificate`.
    UnsupportedCertificate,
}

impl Alert {
    /// The number that is sent.
    pub const fn number(self) -> u8 {
        match self {
            Self::BadCertificate => 42,
            Self::CertificateExpired => 45,
            Self::CertificateRevoked => 44,
            Self::CertificateUnknown => 46,
            Self::DecodeError => 50,
            Self::DecryptError => 51,
            Self::HandshakeFailure => 40,
            Self::NoApplicationProtocol => 120,
            Self::ProtocolVersion => 70,
            Self::UnknownCa => 48,
            Self::UnsupportedCertificate => 43,
        }
    }

    /// The name that RFC 8446 gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadCertificate => "bad_certificate",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateRevoked => "certificate_revoked",
            Self::CertificateUnknown => "certificate_unknown",
            Self::DecodeError => "decode_error",
            Self::DecryptError => "decrypt_error",
            Self::HandshakeFailure => "handshake_failure",
            Self::NoApplicationProtocol => "no_application_protocol",
            Self::ProtocolVersion => "protocol_version",
            Self::UnknownCa => "unknown_ca",
            Self::UnsupportedCertificate => "unsupported_certificate",
        }
    }
}

macro_rules! codes {
    ($($number:literal $variant:ident $name:literal $severity:ident $alert:expr, $meaning:literal, $remedy:literal;)*) => {
        /// A stable reason: a number, a `snake_case` name and what they mean.
        ///
        /// ```
        /// use uptls::{Code, Severity};
        ///
        /// let code = Code::from_name("tcp_refused").ok_or("a known name")?;
        /// assert_eq!((code, code.number(), code.severity()), (Code::TcpRefused, 302, Severity::Transient));
        /// assert!(Code::ALL.iter().all(|code| Code::from_name(code.as_str()) == Some(*code)));
        /// # Ok::<_, Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!("`", $name, "` (", stringify!($number), "): ", $meaning)] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The permanent number, `100 * block + position`.
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The permanent `snake_case` name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// The alert that a live handshake sends for it, if it is found there and one is sent.
            pub const fn alert(self) -> Option<Alert> {
                match self { $(Self::$variant => $alert,)* }
            }

            /// One line: what happened.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// One line: what to do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }
    };
}

use Alert::{
    BadCertificate, CertificateExpired, CertificateRevoked, CertificateUnknown, DecryptError, HandshakeFailure,
    NoApplicationProtocol, ProtocolVersion, UnknownCa, UnsupportedCertificate,
};

codes! {
    101 PolicyInvalid "policy_invalid" Error None, "A field of the policy holds a value that it may not have.", "Correct the field that the error names.";
    102 PolicyNotReady "policy_not_ready" Error None, "The policy has no usable material yet.", "Fix the material that the reason names; connections fail until then.";
    103 PolicyWithdrawn "policy_withdrawn" Error None, "The policy or its material was withdrawn.", "Publish the policy again, or stop using this connector.";
    104 TrustMissing "trust_missing" Error None, "The policy names nothing to trust.", "Add trust.bundles, trust.system or a pin.";
    105 TrustBundleEmpty "trust_bundle_empty" Error None, "A bundle holds no certificate.", "Put at least one CERTIFICATE block into it.";
    106 TrustBundleParse "trust_bundle_parse" Error None, "A bundle holds something that is not a well-formed CERTIFICATE block.", "Repair or remove the block that the error names.";
    107 TrustBundleExpired "trust_bundle_expired" Error None, "Every certificate that the policy trusts has expired.", "Replace the bundles with the current CA certificates.";
    108 TrustUnreadable "trust_unreadable" Error None, "A bundle or the system store cannot be read.", "Make the file readable, or correct its path.";
    109 CrlParse "crl_parse" Error None, "A revocation list cannot be parsed.", "Replace it with a complete X.509 CRL.";
    110 CrlUnreadable "crl_unreadable" Error None, "A revocation list cannot be read.", "Make the file readable, or correct its path.";
    111 NameInvalid "name_invalid" Error None, "A name in the policy is not one that a certificate can be matched with.", "Write the name in its canonical form.";
    112 NameMissing "name_missing" Error None, "There is no name to look for in the certificate.", "Set serverName, or list subjectAltNames.";
    113 DangerForbidden "danger_forbidden" Error None, "The policy weakens verification and the caller did not allow it.", "Remove the weakening, or allow it explicitly.";
    114 UnsupportedOption "unsupported_option" Error None, "An option or value is not supported.", "Use one of the supported values that the error lists.";
    115 NotExportable "not_exportable" Error None, "The policy has a feature that the target cannot express.", "Remove the feature, or do not export this policy.";
    116 ReferenceUnresolved "reference_unresolved" Error None, "An object that the policy refers to does not exist.", "Create the object, or correct the reference.";
    117 ReferenceNotPermitted "reference_not_permitted" Error None, "A reference crosses namespaces without a grant.", "Add a ReferenceGrant in the target's namespace.";
    118 Conflicted "conflicted" Error None, "Another policy for the same target takes precedence.", "Remove one of the two policies.";
    119 DocumentParse "document_parse" Error None, "The document is not well-formed, or has an unknown or duplicate field.", "Correct the line that the error names.";
    120 DocumentTooLarge "document_too_large" Error None, "The document exceeds a size, depth or alias limit.", "Split it, or refer to files.";
    121 ChainParse "chain_parse" Error None, "The text of a chain cannot be read.", "Give the certificates in PEM, leaf first, or one in DER.";
    122 DocumentUnreadable "document_unreadable" Error None, "The document cannot be read.", "Correct the path, or let this process read the file.";

    201 IdentityIncomplete "identity_incomplete" Error None, "A client certificate without its key, or a key without its certificate.", "Give both, or neither.";
    202 IdentityKeyMismatch "identity_key_mismatch" Error None, "The private key does not belong to the client certificate.", "Use the key that the certificate was issued for.";
    203 IdentityParse "identity_parse" Error None, "The client certificate or key cannot be parsed.", "Give PEM: CERTIFICATE blocks, and one PKCS#8, PKCS#1 or SEC1 key.";
    204 IdentityExpired "identity_expired" Error None, "The client certificate has expired.", "Renew it.";
    205 IdentityNotYetValid "identity_not_yet_valid" Error None, "The client certificate is not valid yet.", "Check the clock, or wait.";
    206 IdentityUnreadable "identity_unreadable" Error None, "The client certificate or key cannot be read.", "Make the file readable, or correct its path.";
    207 IdentityKeyTooWeak "identity_key_too_weak" Error None, "The client key is of a kind or size that uptls does not accept.", "Use RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519, or with the provider aws-lc-rs P-521, ML-DSA-44, ML-DSA-65 or ML-DSA-87.";
    208 IdentityPassphrase "identity_passphrase" Error None, "The passphrase is missing, wrong, or its work factor is too high.", "Give the right passphrase, or re-encrypt the key.";
    209 IdentityEncrypted "identity_encrypted" Error None, "The key is encrypted by a scheme that uptls does not read.", "Convert it with openssl pkcs8 -topk8.";
    210 IdentityChainOrder "identity_chain_order" Error None, "The client certificate chain is not in order.", "Put the leaf first, then each issuer in turn.";
    211 IdentitySignFailed "identity_sign_failed" Local None, "The external key of the client certificate gave no valid signature.", "Look into the token or service that signs, and count nothing against the peer.";

    301 DnsFailed "dns_failed" Transient None, "The backend host could not be resolved.", "Check the name, or dial an address.";
    302 TcpRefused "tcp_refused" Transient None, "The peer or the network refused the connection.", "Check that the peer listens there.";
    303 TcpTimeout "tcp_timeout" Transient None, "No TCP connection before the deadline.", "Check the address and the path to it.";
    304 HandshakeTimeout "handshake_timeout" Transient None, "The handshake did not finish before the deadline.", "Check that a TLS server listens there, or raise handshakeTimeout.";
    305 PeerClosed "peer_closed" Transient None, "The peer closed the connection during the handshake.", "Look into the peer's log.";
    306 PeerReset "peer_reset" Transient None, "The connection was reset.", "Look into the peer's log.";
    307 PeerNotTls "peer_not_tls" Error None, "The peer does not speak TLS.", "Use the TLS port of the backend.";
    308 Truncated "truncated" Transient None, "The connection ended without a close_notify.", "Treat what was read as incomplete.";
    309 ConnectorSuperseded "connector_superseded" Transient None, "The connection is bound to a generation that the connector no longer publishes.", "Bind the connector again, look into the pool with its new key, and try again.";
    310 LocalResources "local_resources" Local None, "This side lacks what a connection needs: descriptors, ports, memory, threads or a permission.", "Free or raise what the hint names, and count nothing against the peer.";
    311 ConnectionLost "connection_lost" Transient None, "The network or the peer's host stopped answering on a connection that existed.", "Check the path to the peer.";

    401 CertUnknownIssuer "cert_unknown_issuer" Error Some(UnknownCa), "No CA that the policy trusts issued the certificate.", "Fix the upstream; or add the issuing CA to the bundle, if its owner confirms its digest.";
    402 CertSelfSigned "cert_self_signed" Error Some(UnknownCa), "The certificate is self-signed and not trusted as itself.", "Issue one from a trusted CA; or put this certificate into the bundle, if the owner of the upstream confirms its digest.";
    403 CertMissingIntermediate "cert_missing_intermediate" Error Some(UnknownCa), "The peer did not send an intermediate certificate.", "Configure the full chain on the upstream.";
    404 CertIssuerKeyChanged "cert_issuer_key_changed" Error Some(UnknownCa), "The bundle has a CA of this name, but with another key.", "A rotation or an impostor: add the new CA certificate only if the owner of the CA confirms its digest.";
    405 CertExpired "cert_expired" Error Some(CertificateExpired), "A certificate of the peer has expired.", "Renew it on the upstream.";
    406 IssuerExpired "issuer_expired" Error Some(CertificateExpired), "The trusted certificate that completes the path has expired.", "Replace it in the bundle.";
    407 CertNotYetValid "cert_not_yet_valid" Error Some(CertificateExpired), "A certificate of the path is not valid yet.", "Check the clock on both sides.";
    408 CertBadSignature "cert_bad_signature" Error Some(DecryptError), "A signature in the chain or the handshake is wrong.", "Re-issue the certificate; suspect corruption or an attack.";
    409 CertAlgorithmUnsupported "cert_algorithm_unsupported" Error Some(BadCertificate), "A signature algorithm is not accepted.", "Re-issue the certificate with SHA-256 or better.";
    410 CertKeyTooWeak "cert_key_too_weak" Error Some(BadCertificate), "A key in the chain is too small.", "Re-issue it with RSA 2048 or P-256.";
    411 CertCaAsLeaf "cert_ca_as_leaf" Error Some(BadCertificate), "The peer presented a CA certificate as its own.", "Issue a leaf; or put exactly this certificate into the bundle, if the owner of the upstream confirms its digest.";
    412 CertIssuerNotCa "cert_issuer_not_ca" Error Some(UnknownCa), "A certificate that may not issue signed another one.", "Issue the leaf from a real CA.";
    413 CertPurpose "cert_purpose" Error Some(UnsupportedCertificate), "The extended key usage does not permit server authentication.", "Re-issue it with serverAuth.";
    414 CertKeyUsage "cert_key_usage" Error Some(UnsupportedCertificate), "The key usage of the leaf does not permit digital signatures.", "Re-issue it with digitalSignature.";
    415 CertNameConstraint "cert_name_constraint" Error Some(BadCertificate), "A name violates a name constraint of its CA.", "Issue the leaf from a CA that may issue for this name.";
    416 CertPathTooLong "cert_path_too_long" Error Some(BadCertificate), "The path is longer than a CA or this library permits.", "Shorten the chain.";
    417 CertBudgetExceeded "cert_budget_exceeded" Error Some(BadCertificate), "The chain is too large or too costly to verify.", "Send only the certificates that are needed.";
    418 CertMalformed "cert_malformed" Error Some(BadCertificate), "A certificate does not parse.", "Re-issue it.";
    419 CertDistrusted "cert_distrusted" Error Some(BadCertificate), "The chain holds a key that is distrusted by name.", "Get a certificate from another CA.";
    420 CertCriticalExtension "cert_critical_extension" Error Some(BadCertificate), "A certificate has a critical extension that uptls does not understand.", "Re-issue it without that extension.";
    421 CertPinMismatch "cert_pin_mismatch" Error Some(BadCertificate), "The key of the leaf is not one of the pinned ones.", "Restore the key; or add the new pin, if the owner of the upstream confirms it.";
    422 CertNone "cert_none" Error Some(HandshakeFailure), "The peer sent no certificate.", "Configure a certificate on the upstream.";

    501 CertRevoked "cert_revoked" Error Some(CertificateRevoked), "A certificate of the path is revoked.", "Replace it on the upstream.";
    502 RevocationUnknown "revocation_unknown" Error Some(UnknownCa), "No revocation list covers a certificate of the path.", "Add the issuer's CRL, or check the leaf only.";
    503 CrlExpired "crl_expired" Error Some(CertificateUnknown), "The revocation list is past its nextUpdate.", "Fetch the current CRL.";
    504 CrlUntrusted "crl_untrusted" Error Some(CertificateUnknown), "The issuer did not sign the revocation list, or may not sign lists.", "Fetch the CRL from the issuer again.";

    601 NameMismatch "name_mismatch" Error Some(BadCertificate), "The certificate holds none of the wanted names.", "Re-issue the certificate with that name, or correct the policy.";
    602 SanMissing "san_missing" Error Some(BadCertificate), "The certificate has no subjectAltName; its CN is never read.", "Re-issue it with a subjectAltName.";
    603 SanTypeMismatch "san_type_mismatch" Error Some(BadCertificate), "The certificate holds the expected value under another type.", "Re-issue it with the right type of name.";
    604 SpiffeIdInvalid "spiffe_id_invalid" Error Some(BadCertificate), "The certificate is not a valid X.509-SVID.", "Issue it as a leaf with one URI name, a SPIFFE ID with a path, and without keyCertSign and cRLSign.";
    605 SpiffeTrustDomain "spiffe_trust_domain" Error Some(BadCertificate), "The certificate has a SPIFFE ID of a trust domain that its CA does not vouch for.", "Have a CA of that trust domain issue it.";

    701 NoCommonVersion "no_common_version" Error Some(ProtocolVersion), "The peer speaks none of the permitted TLS versions.", "Enable TLS 1.2 or 1.3 on the upstream, or widen versions.";
    702 NoCommonCipher "no_common_cipher" Error Some(HandshakeFailure), "There is no common cipher suite.", "Enable one of the offered suites on the upstream.";
    703 NoCommonGroup "no_common_group" Error Some(HandshakeFailure), "There is no common key exchange group.", "Enable one of the offered groups on the upstream.";
    704 AlpnMismatch "alpn_mismatch" Error Some(NoApplicationProtocol), "The peer selected none of the offered protocols.", "Enable one of them on the upstream.";

    801 RemoteAlert "remote_alert" Error None, "The peer ended the handshake with an alert.", "Look into the peer's log for the reason.";
    802 IdentityRequired "identity_required" Error None, "The peer wants a client certificate and none was sent.", "Configure identity in the policy.";
    803 IdentityRejected "identity_rejected" Error None, "The peer refused our client certificate.", "Have the peer trust its issuer, or use another certificate.";
    804 ServerNameRejected "server_name_rejected" Error None, "The peer does not serve the name that was sent.", "Correct serverName.";

    901 PeerMisbehaved "peer_misbehaved" Error None, "The peer violated the TLS protocol.", "Look for a middlebox, or upgrade the peer.";
    902 MessageTooLarge "message_too_large" Error None, "The peer sent a record or a handshake message over the limit.", "Have the peer send its leaf and intermediates alone; if it does so already, look for a middlebox.";
    903 Cancelled "cancelled" Transient None, "The caller gave up.", "Nothing to do.";
    904 Internal "internal" Bug None, "The library met a state that should be impossible.", "Please report it.";
    905 Panic "panic" Bug None, "A panic was caught at the border.", "Please report it.";
    906 Misuse "misuse" Bug None, "The program called the library wrongly.", "Correct the call that the message names.";
}

impl Code {
    /// The code with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// The remedy as a hint: a clause without capital and full stop, as all hints are.
    pub fn hint(self) -> String {
        let remedy = self.remedy().trim_end_matches('.');
        let mut characters = remedy.chars();
        let first = characters.next().map(|c| c.to_ascii_lowercase());
        first.into_iter().chain(characters).collect()
    }

    /// Which block it stands in.
    pub const fn category(self) -> Category {
        match self.number() / 100 {
            1 => Category::Policy,
            2 => Category::Identity,
            3 => Category::Connect,
            4 => Category::Chain,
            5 => Category::Revocation,
            6 => Category::Name,
            7 => Category::Negotiation,
            8 => Category::Remote,
            _ => Category::Protocol,
        }
    }

    /// The exit code of the command: 1 the peer was refused, 2 the policy cannot be used, 3 no connection,
    /// 4 the peer refused us, 5 internal.
    pub const fn exit_code(self) -> u8 {
        match (self, self.category()) {
            (Self::PeerMisbehaved | Self::MessageTooLarge, _) => 3,
            (_, Category::Policy | Category::Identity) => 2,
            (_, Category::Connect) => 3,
            (_, Category::Remote) => 4,
            (_, Category::Protocol) => 5,
            _ => 1,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl serde::Serialize for Category {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_and_names_are_unique_and_in_order() {
        let mut names = HashSet::new();
        let mut last = 0;
        for code in Code::ALL {
            assert!(code.number() > last, "{code} is out of order");
            last = code.number();
            assert!(names.insert(code.as_str()), "{code} appears twice");
            assert_eq!(Code::from_name(code.as_str()), Some(*code));
            assert!(!code.meaning().is_empty() && !code.remedy().is_empty());
        }
    }

    #[test]
    fn exit_codes_follow_the_contract() {
        assert_eq!(Code::TrustMissing.exit_code(), 2);
        assert_eq!(Code::IdentityParse.exit_code(), 2);
        assert_eq!(Code::DnsFailed.exit_code(), 3);
        assert_eq!(Code::LocalResources.exit_code(), 3);
        assert_eq!(Code::NameMismatch.exit_code(), 1);
        assert_eq!(Code::AlpnMismatch.exit_code(), 1);
        assert_eq!(Code::IdentityRequired.exit_code(), 4);
        assert_eq!(Code::PeerMisbehaved.exit_code(), 3);
        assert_eq!(Code::Panic.exit_code(), 5);
    }
}
