//! The explicit weakenings D1..D4. Nothing else in the tree weakens a check (D5).
//!
//! Each needs a reason in the policy and [`DangerPermission::Allowed`] from the caller, and is a warning in every report.

use core::fmt;

use crate::time::NO_END;

/// Whether the caller accepts policies that weaken verification.
///
/// Allowing it makes every policy that this caller loads able to switch checks off: an author of policies then decides
/// whether the gateway talks to an impostor.
///
/// ```
/// use uptls::danger::DangerPermission;
/// use uptls::{PolicyDraft, PolicySpec, SystemTrustDraft, TrustDraft, UpstreamTlsPolicy};
///
/// let trust = TrustDraft { system: SystemTrustDraft::Mozilla, ..TrustDraft::default() };
/// let draft = PolicyDraft::new(PolicySpec { trust, ..PolicySpec::default() });
/// // A policy without a weakening needs no permission.
/// assert!(!UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden)?.danger().is_active());
/// # Ok::<_, uptls::Problems>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum DangerPermission {
    /// A policy with a weakening is refused with `danger_forbidden`.
    #[default]
    Forbidden,
    /// It is accepted, and warned about in every report.
    Allowed,
}

/// The weakenings of a policy; [`Danger::default`] weakens nothing.
///
/// ```
/// use uptls::danger::DangerPermission;
/// use uptls::{DangerDraft, PolicyDraft, PolicySpec, ReasonDraft, SystemTrustDraft, TrustDraft, UpstreamTlsPolicy};
///
/// let reason = ReasonDraft { reason: "the vendor's appliance has no name".to_owned() };
/// let spec = PolicySpec {
///     danger: DangerDraft { accept_any_name: Some(reason), ..DangerDraft::default() },
///     trust: TrustDraft { system: SystemTrustDraft::Mozilla, ..TrustDraft::default() },
///     ..PolicySpec::default()
/// };
/// let draft = PolicyDraft::new(spec);
/// // The document alone does not weaken anything: the program must allow it, too.
/// let refused = UpstreamTlsPolicy::check(draft.clone(), DangerPermission::Forbidden).err().unwrap();
/// assert_eq!(refused.code().as_str(), "danger_forbidden");
/// assert!(UpstreamTlsPolicy::check(draft, DangerPermission::Allowed)?.danger().is_active());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Danger {
    /// D1 and D2: how much of the peer's identity is verified at all.
    pub peer: PeerDanger,
    /// D4: single rules that old private PKIs break.
    pub tolerations: Vec<Toleration>,
}

/// What most policies have.
pub(crate) const NO_DANGER: Danger = Danger { peer: PeerDanger::None, tolerations: Vec::new() };

impl Danger {
    /// Whether it weakens anything.
    pub fn is_active(&self) -> bool {
        let Self { peer, tolerations } = self;
        !matches!(peer, PeerDanger::None) || !tolerations.is_empty()
    }

    /// When the first toleration that is in force at `now` ends (unix seconds).
    pub(crate) fn first_end(&self, now: i64) -> Option<i64> {
        self.tolerations.iter().filter_map(|toleration| toleration.until).filter(|until| now <= *until).min()
    }

    /// Until when (unix seconds) `rule` is tolerated, if it is at `now`.
    pub(crate) fn tolerated_until(&self, rule: ToleratedRule, now: i64) -> Option<i64> {
        let ends = self.tolerations.iter().filter(|t| t.rule == rule).map(|t| t.until.unwrap_or(NO_END));
        ends.filter(|until| now <= *until).max()
    }

    /// Whether `rule` is tolerated at `now` (unix seconds).
    pub(crate) fn tolerates(&self, rule: ToleratedRule, now: i64) -> bool {
        self.tolerations.iter().any(|t| t.rule == rule && t.until.is_none_or(|until| now <= until))
    }
}

/// How much of the peer's identity is verified at all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum PeerDanger {
    /// D2: nothing but the handshake signature. Anybody on the path can be the peer.
    AnyCertificate {
        /// Why, as written in the policy.
        reason: String,
    },
    /// D1: the path is verified, names are not. Any certificate of the trusted CAs can be the peer.
    AnyName {
        /// Why, as written in the policy.
        reason: String,
    },
    /// Everything is verified.
    #[default]
    None,
}

/// D4: one rule that is not enforced, until a time.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Toleration {
    /// Why, as written in the policy.
    pub reason: String,
    /// Which rule.
    pub rule: ToleratedRule,
    /// Until when (unix seconds); afterwards the rule holds again. `None`: without end.
    pub until: Option<i64>,
}

impl Toleration {
    /// [`Toleration::until`] as the native document has it: RFC 3339.
    pub fn until_text(&self) -> Option<String> {
        self.until.map(crate::time::rfc3339)
    }
}

/// The rules that can be tolerated.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ToleratedRule {
    /// A leaf without any SAN is matched by its CN, DNS names only.
    CommonName,
    /// T4: an expired anchor completes a path.
    ExpiredAnchor,
    /// The path is verified at the leaf's notAfter.
    ExpiredLeaf,
    /// V4: the leaf's key usage.
    KeyUsage,
}

impl ToleratedRule {
    pub(crate) const ALL: [Self; 4] = [Self::CommonName, Self::ExpiredAnchor, Self::ExpiredLeaf, Self::KeyUsage];

    /// The name in the native document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CommonName => "common_name",
            Self::ExpiredAnchor => "expired_anchor",
            Self::ExpiredLeaf => "expired_leaf",
            Self::KeyUsage => "key_usage",
        }
    }
}

impl fmt::Display for ToleratedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
