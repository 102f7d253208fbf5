//! The flaws that an oracle may have on demand, so that a law can show that it finds them.

/// A defect that a verifier might have, or has had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    None,
    /// T3 is asked of bundles alone.
    AnyNativeRootIssues,
    /// A bundle all of whose entries have ended spoils the others.
    ExpiredBundleSpoils,
    /// The first path decides, though another would pass.
    FirstPathDecides,
    /// Of the lists of one issuer the first is asked.
    FirstListAlone,
    /// Equal fingerprints for other native roots.
    FingerprintWithoutNativeRoots,
    /// A list that is given twice is another fingerprint.
    FingerprintOfEveryFile,
    /// A list of the future counts.
    FutureListsCount,
    /// Who may sign lists is not asked.
    AnyKeySignsLists,
    /// Lists are compared with names byte for byte.
    NamesByteForByte,
    /// Of the lists of one issuer the newest is asked.
    NewestListAlone,
    /// A revoked path ends the search, though the leaf is trusted as itself.
    RevokedPathEndsAll,
    /// A leaf that is trusted as itself is not looked up in lists.
    ItselfIsNeverRevoked,
    /// A pin excuses more than a bundle entry.
    PinnedIsNeverRevoked,
    /// A list for one point counts for certificates without points.
    PointCoversAll,
    /// A list that does not cover a certificate cannot revoke it.
    ScopeBeforeRevocation,
    /// An ended list is as good as another.
    StaleListsCover,
    /// One ended list of an issuer refuses, whatever else there is.
    StaleListDecides,
    /// The proof ends with the first list of the policy, of whatever issuer.
    UntilOfEveryList,
    /// The proof ends with the leaf alone.
    UntilOfLeaf,
    /// Anchors do not expire.
    AnchorsNeverExpire,
    /// A chain of more than five certificates is refused, needed or not.
    LongChainsAreRefused,
}
