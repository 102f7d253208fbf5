//! The warnings: no verdict, but worth knowing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::text::printable;

/// Something that is not a verdict, but should be known.
///
/// ```
#[doc = include_str!("../doc/policy.txt")]
/// for warning in runtime.prepare(&policy)?.warnings() {
///     println!("{}: {warning}", warning.code);
/// }
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Warning {
    /// Which warning.
    pub code: WarningCode,
    /// Facts: text by name.
    pub detail: BTreeMap<&'static str, String>,
}

impl Warning {
    /// A warning; texts are escaped and bounded.
    pub fn new(code: WarningCode, detail: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let detail = detail.into_iter().map(|(name, text)| (name, printable(&text))).collect();
        Self { code, detail }
    }
}

/// The codes of warnings; never a verdict.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningCode {
    /// A weakening is in force (D1..D4).
    DangerActive,
    /// An export can meet a difference of Envoy's engine (X1).
    EngineDifference,
    /// TLS 1.2 is permitted, where `groups` also names the curves of certificates, and it names none that they use (H2).
    GroupsWithoutEcdsaCurve,
    /// A seventh of the life of our certificate is left, or less (R8).
    IdentityExpiring,
    /// Our certificate has an EKU without clientAuth (I2).
    IdentityPurpose,
    /// Our certificate was not asked for (I5).
    IdentityUnused,
    /// Our certificate is of X.509 version 1, which many peers refuse (I2).
    #[serde(rename = "identity_v1")]
    IdentityV1,
    /// The program logs the keys of the connection (H7).
    KeysLogged,
    /// A `*.x` entry matches only a certificate that holds it literally (N6).
    NameWildcardLiteral,
    /// A field was overridden in a merge (M5).
    Overridden,
    /// A seventh of the life of a certificate of the accepted peer is left, or less (R8).
    PeerExpiring,
    /// A revocation list has ended, and clears no certificate (V3).
    RevocationListExpired,
    /// A seventh of the life of a revocation list is left, or less.
    RevocationListExpiring,
    /// A wanted SPIFFE ID that never matches: nothing that is trusted vouches for its trust domain (T9).
    SpiffeIdUnvouched,
    /// An imported form was made stricter (M8).
    Strengthened,
    /// The native roots are at a place that an option of the caller names (T6).
    SystemRootsReplaced,
    /// A bundle entry appears twice.
    TrustEntryDuplicate,
    /// A bundle entry has expired (T4).
    TrustEntryExpired,
    /// A seventh of the life of a bundle entry is left, or less (R8).
    TrustEntryExpiring,
    /// A bundle entry has a key that is never accepted, so that it completes no path (T3, V2).
    TrustEntryKeyNotAccepted,
    /// A bundle entry may not issue and is trusted as itself (T3).
    TrustEntryIsLeaf,
    /// A bundle entry could not be used (T2).
    TrustEntryUnusable,
    /// A bundle entry is a self-signed X.509 v1 certificate (T3).
    #[serde(rename = "trust_entry_v1")]
    TrustEntryV1,
}

/// The meaning of the code, and the facts: `a trusted certificate ends soon: not_after 2026-12-10T15:51:43Z, source ca.pem`.
impl core::fmt::Display for Warning {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.code.meaning())?;
        for (index, (name, fact)) in self.detail.iter().enumerate() {
            write!(f, "{} {name} {fact}", if index == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

impl WarningCode {
    /// Every code.
    pub const ALL: &'static [Self] = &[
        Self::DangerActive,
        Self::EngineDifference,
        Self::GroupsWithoutEcdsaCurve,
        Self::IdentityExpiring,
        Self::IdentityPurpose,
        Self::IdentityUnused,
        Self::IdentityV1,
        Self::KeysLogged,
        Self::NameWildcardLiteral,
        Self::Overridden,
        Self::PeerExpiring,
        Self::RevocationListExpired,
        Self::RevocationListExpiring,
        Self::SpiffeIdUnvouched,
        Self::Strengthened,
        Self::SystemRootsReplaced,
        Self::TrustEntryDuplicate,
        Self::TrustEntryExpired,
        Self::TrustEntryExpiring,
        Self::TrustEntryKeyNotAccepted,
        Self::TrustEntryIsLeaf,
        Self::TrustEntryUnusable,
        Self::TrustEntryV1,
    ];

    /// What it means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::DangerActive => "the policy weakens verification",
            Self::EngineDifference => "Envoy's engine decides differently here",
            Self::GroupsWithoutEcdsaCurve => "the groups name no curve of ECDSA certificates, which TLS 1.2 needs",
            Self::IdentityExpiring => "the client certificate ends soon",
            Self::IdentityPurpose => "the client certificate is not for clients, and many servers refuse it",
            Self::IdentityUnused => "the client certificate was not used",
            Self::IdentityV1 => "the client certificate is of X.509 version 1, which many servers refuse",
            Self::KeysLogged => "the program logs the keys of the connection, and who has the log can read it",
            Self::NameWildcardLiteral => "the name matches only a certificate that holds this wildcard itself",
            Self::Overridden => "another object overrides the field",
            Self::PeerExpiring => "a certificate of the peer ends soon",
            Self::RevocationListExpired => "a revocation list has ended, and clears no certificate",
            Self::RevocationListExpiring => "a revocation list ends soon",
            Self::SpiffeIdUnvouched => {
                "nothing that is trusted vouches for the trust domain of the name, so it never matches"
            }
            Self::Strengthened => "uptls verifies more than the object asks for",
            Self::SystemRootsReplaced => "the program replaced the roots of the system",
            Self::TrustEntryDuplicate => "a certificate appears twice in the trust",
            Self::TrustEntryExpired => "a trusted certificate has expired",
            Self::TrustEntryExpiring => "a trusted certificate ends soon",
            Self::TrustEntryKeyNotAccepted => {
                "a trusted certificate has a key that uptls never accepts, so it completes no chain"
            }
            Self::TrustEntryIsLeaf => "a trusted certificate may not issue, and is trusted as itself alone",
            Self::TrustEntryUnusable => "a trusted certificate cannot be used",
            Self::TrustEntryV1 => "a trusted certificate is of X.509 version 1",
        }
    }

    /// The stable name, as in JSON: `identity_expiring`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DangerActive => "danger_active",
            Self::EngineDifference => "engine_difference",
            Self::GroupsWithoutEcdsaCurve => "groups_without_ecdsa_curve",
            Self::IdentityExpiring => "identity_expiring",
            Self::IdentityPurpose => "identity_purpose",
            Self::IdentityUnused => "identity_unused",
            Self::IdentityV1 => "identity_v1",
            Self::KeysLogged => "keys_logged",
            Self::NameWildcardLiteral => "name_wildcard_literal",
            Self::Overridden => "overridden",
            Self::PeerExpiring => "peer_expiring",
            Self::RevocationListExpired => "revocation_list_expired",
            Self::RevocationListExpiring => "revocation_list_expiring",
            Self::SpiffeIdUnvouched => "spiffe_id_unvouched",
            Self::Strengthened => "strengthened",
            Self::SystemRootsReplaced => "system_roots_replaced",
            Self::TrustEntryDuplicate => "trust_entry_duplicate",
            Self::TrustEntryExpired => "trust_entry_expired",
            Self::TrustEntryExpiring => "trust_entry_expiring",
            Self::TrustEntryKeyNotAccepted => "trust_entry_key_not_accepted",
            Self::TrustEntryIsLeaf => "trust_entry_is_leaf",
            Self::TrustEntryUnusable => "trust_entry_unusable",
            Self::TrustEntryV1 => "trust_entry_v1",
        }
    }
}

impl core::fmt::Display for WarningCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of JSON and those of `as_str` are written apart; the schema counts the variants.
    #[test]
    fn a_code_is_called_in_json_as_by_its_name() {
        let all = WarningCode::ALL;
        for code in all {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        #[cfg(feature = "schema")]
        {
            let schema = schemars::schema_for!(WarningCode).to_value();
            assert_eq!(schema["oneOf"].as_array().unwrap().len(), all.len(), "{schema}");
        }
    }
}
