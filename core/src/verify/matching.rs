//! How a name of the certificate compares with a reference name (V5).

use crate::name::TrustDomain;

/// A reference name that the leaf holds.
pub(super) struct Match {
    /// As `type:value`.
    pub(super) name: String,
    /// The trust domain for which the end of the path must vouch; `None`: it counts under any anchor (L3).
    pub(super) trust_domain: Option<TrustDomain>,
}

/// How one reference name fares.
pub(super) enum Verdict {
    Malformed(String),
    Match,
    NoMatch,
    /// The wanted ID is there, but the leaf is not a valid X.509-SVID.
    Spiffe(String),
}
