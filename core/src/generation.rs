//! The number of a publication.

use core::fmt;

/// The number of a publication within one connector.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Generation(u64);

impl Generation {
    /// The publication after this one.
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// 1 for the first; 0 before there was any.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
