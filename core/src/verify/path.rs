//! A path that passed, and where it ends.

/// A path that passed.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(super) end: PathEnd,
    /// The intermediates from the leaf's issuer up: their places in the chain that the peer sent.
    pub(super) intermediates: Vec<usize>,
    /// When the latest of its certificates and, where they are asked, lists began (unix seconds).
    pub(super) trusted_from: i64,
    /// The earliest end among them (unix seconds). What is tolerated ends with its toleration.
    pub(super) trusted_until: i64,
}

impl Path {
    /// It holds no longer than from `from` to `until` (unix seconds).
    pub(super) fn narrow(&mut self, from: i64, until: i64) {
        self.trusted_from = self.trusted_from.max(from);
        self.trusted_until = self.trusted_until.min(until);
    }
}

/// Where a path ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PathEnd {
    /// At the anchor with this index in the trust store.
    Anchor(usize),
    /// At the leaf, which is byte-equal to a bundle entry.
    Itself,
    /// At the leaf, which is pinned.
    Pinned,
    /// Where the platform's verifier says (T6).
    Platform,
}

/// What the steps found so far.
#[derive(Clone, Copy)]
pub(super) struct Findings<'a> {
    pub(super) matched_name: Option<&'a str>,
    pub(super) path: Option<&'a Path>,
    pub(super) unrevoked: Option<&'a Path>,
}
