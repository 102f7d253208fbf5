//! Keying material for protocols over a connection (RFC 5705, RFC 8446 section 7.5), and its channel binding (RFC 9266).

use super::sans_io::Established;
use crate::error::{Error, Misuse};
use crate::policy::TlsVersion;

impl Established {
    /// Fills `out` with keying material that both ends of this connection derive, and no others: for `label`, which the
    /// protocol that uses it names (RFC 5705 section 4), and `context`, which may be empty.
    ///
    /// It is a secret: a key that is made of it is no better kept than it. For TLS 1.3 alone: of a TLS 1.2 connection rustls
    /// does not tell whether it has the extended master secret (RFC 7627), and without that a peer in the middle can give two
    /// connections the same material.
    ///
    /// # Errors
    /// [`Error::Misuse`] for TLS 1.2, for an empty `out` or more than 8,160 bytes, for a label that is empty or has more than
    /// 249 bytes, and in another process (L10).
    pub fn export_keying_material(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        if self.evidence().version != TlsVersion::V1_3 {
            return Err(Misuse::new(ONLY_1_3).into());
        }
        if out.is_empty() || out.len() > MOST {
            return Err(Misuse::new(format!("the material must have 1 to {MOST} bytes, it has {}", out.len())).into());
        }
        if label.is_empty() || label.len() > LONGEST_LABEL {
            let length = label.len();
            return Err(Misuse::new(format!("label must have 1 to {LONGEST_LABEL} bytes, it has {length}")).into());
        }
        self.export(label, context, out)
    }

    /// The channel binding `tls-exporter` (RFC 9266), for SCRAM-PLUS and the like: an authentication that covers it cannot be
    /// forwarded over another connection.
    ///
    /// # Errors
    /// [`Error::Misuse`] for TLS 1.2 (see [`export_keying_material`](Self::export_keying_material)), and in another process.
    pub fn channel_binding(&self) -> Result<[u8; 32], Error> {
        let mut binding = [0; 32];
        self.export_keying_material(b"EXPORTER-Channel-Binding", b"", &mut binding)?;
        Ok(binding)
    }
}

/// 255 times the shortest hash (RFC 5869 section 2.3).
const MOST: usize = 8160;
/// HkdfLabel has room for 255 bytes with `tls13 ` before it (RFC 8446 section 7.1).
const LONGEST_LABEL: usize = 249;
const ONLY_1_3: &str = "keying material is exported from TLS 1.3 alone: set minVersion to 1.3";
