//! Key bytes and passphrases: no `Debug`, no `Serialize`, zeroized when dropped (I6).

use zeroize::{Zeroize, Zeroizing};

/// Bytes that must not be shown: a private key or a passphrase.
///
/// It can be given, never read back: there is no public accessor.
///
/// ```
/// use uptls::{Secret, SecretDraft};
///
/// // The vector moves in, and is zeroized with the last policy that uses it.
/// let passphrase = SecretDraft::pem(Secret::new(b"correct horse".to_vec()));
/// assert!(passphrase.file.is_none());
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over. A `Vec` that is passed is zeroized with it; a copy that the caller keeps is the caller's.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// What `work` gives; and what it left on the stack is written over, as far down as it is likely to have come. Ciphers and
/// digests work there, in several blocks and several copies, and clear none of them (I6).
pub(crate) fn on_clean_stack<T>(work: impl FnOnce() -> T) -> T {
    let value = apart(work);
    clear_stack();
    value
}

/// In a frame of its own, below that of the caller.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn clear_stack() {
    let mut below = [0_u8; STACK];
    below.zeroize();
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "writeOnly": true})
    }
}

/// Decryption and the parsing of keys need less than a third of it, without optimisation too.
const STACK: usize = 32 << 10;
