//! Canonical digests: tagged, length-prefixed fields into SHA-256, so that no two inputs share an encoding.

use sha2::{Digest, Sha256};

/// Collects fields; equal sequences of fields give equal digests, and only those.
pub(crate) struct CanonicalDigest(Sha256);

impl CanonicalDigest {
    /// `domain` separates digests of different things.
    pub(crate) fn new(domain: &str) -> Self {
        let mut digest = Self(Sha256::new());
        digest.bytes(domain.as_bytes());
        digest
    }

    /// One field.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.0.update(length.to_be_bytes());
        self.0.update(bytes);
    }

    /// One field of text.
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// A field that may be absent; absent differs from empty.
    pub(crate) fn optional(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.bytes(b"-"),
            Some(bytes) => {
                self.bytes(b"+");
                self.bytes(bytes);
            }
        }
    }

    /// A list in its order.
    pub(crate) fn list<T: AsRef<[u8]>>(&mut self, items: impl IntoIterator<Item = T>) {
        let items: Vec<T> = items.into_iter().collect();
        self.bytes(&u64::try_from(items.len()).unwrap_or(u64::MAX).to_be_bytes());
        for item in &items {
            self.bytes(item.as_ref());
        }
    }

    /// A list whose order means nothing, and in which an item that appears twice is one (L5).
    pub(crate) fn set<T: AsRef<[u8]>>(&mut self, items: impl IntoIterator<Item = T>) {
        let mut items: Vec<T> = items.into_iter().collect();
        items.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
        items.dedup_by(|a, b| a.as_ref() == b.as_ref());
        self.list(items);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// SHA-256 of `bytes` alone: of a certificate, a key or a file.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
