//! Keying material of a connection.

use super::Driver;
use crate::error::{Error, Misuse};

impl Driver {
    /// Fills `out` (RFC 5705).
    pub(in crate::connect) fn export(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        self.check_process()?;
        let exported = self.tls.export_keying_material(out, label, Some(context));
        exported.map(drop).map_err(|error| Misuse::new(format!("there is no keying material: {error}")).into())
    }
}
