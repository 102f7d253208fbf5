//! In the place of `decrypt` in a build without the feature `encrypted-keys`: no key under a passphrase is read.

use rustls_pki_types::PrivateKeyDer;

use super::key::encrypted;
use crate::error::{Conversion, MaterialErrorKind};

pub(super) fn decrypt(_: &[u8], _: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, MaterialErrorKind> {
    Err(encrypted("a passphrase, and this build of uptls has no feature encrypted-keys"))
}

/// What converts it.
pub(super) const CONVERSION: Option<Conversion> = Some(Conversion::PlainKey);
