//! Choices out of fuzzed bytes: one byte each, and the first alternative where the bytes have ended, so that the empty input
//! is the plainest world and every byte changes one thing.

use arbitrary::Unstructured;

/// Draws from what libFuzzer gives.
pub trait Draw {
    /// A number below `limit`.
    fn below(&mut self, limit: usize) -> usize;

    /// One of `all`.
    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// Yes, unless the byte is even or missing.
    fn maybe(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Up to `limit` bytes of the rest, behind their length.
    fn some_bytes(&mut self, limit: usize) -> Vec<u8>;
}

impl Draw for Unstructured<'_> {
    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.arbitrary::<u8>().unwrap_or_default()) % limit
    }

    fn some_bytes(&mut self, limit: usize) -> Vec<u8> {
        let length = self.below(limit + 1).min(self.len());
        self.bytes(length).unwrap_or_default().to_vec()
    }
}
