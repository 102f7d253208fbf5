//! Private keys: PKCS#8 (encrypted or not), PKCS#1, SEC1, in PEM or DER.

use core::mem;

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::{IdentitySource, KEY_PATH, KeySource, decrypt, encrypted};
use crate::encoding;
use crate::error::{Conversion, MaterialError, MaterialErrorKind};
use crate::pem::Headers;

/// The one key of `source`. Certificates may stand in the same file.
///
/// The buffer that comes back is the only copy, and is to be zeroized: providers do so with what they are given.
pub(super) fn read(source: &IdentitySource<'_>) -> Result<PrivateKeyDer<'static>, MaterialError> {
    let fail = |kind| MaterialError::new(KEY_PATH, source.key_source, kind);
    let parse = |reason: String| fail(MaterialErrorKind::IdentityParse { reason });
    let KeySource::Bytes(bytes) = source.key else { return Err(parse("the key is external".to_owned())) };
    let blocks = encoding::blocks(bytes).map_err(|error| error.of(parse))?;
    let mut keys = Vec::new();
    for block in blocks {
        match block.label.as_str() {
            "CERTIFICATE" | "EC PARAMETERS" => {}
            label if LABELS.contains(&label) => keys.push(block),
            label => {
                let (reason, conversion) = encoding::misplaced(label, "a private key");
                return Err(parse(reason).at_block(block.index, block.line).convertible(conversion));
            }
        }
    }
    let mut block = match (keys.pop(), keys.len()) {
        (None, _) => return Err(parse("it holds no private key block".to_owned())),
        (Some(block), 0) => block,
        (Some(_), others) => return Err(parse(format!("it holds {} keys, wanted one", others + 1))),
    };
    if block.headers == Headers::Present {
        return Err(fail(encrypted("the legacy PEM form")).at_block(block.index, block.line).convertible(ENCRYPTED));
    }
    match block.label.as_str() {
        "RSA PRIVATE KEY" => Ok(PrivatePkcs1KeyDer::from(mem::take(&mut *block.der)).into()),
        "EC PRIVATE KEY" => Ok(PrivateSec1KeyDer::from(mem::take(&mut *block.der)).into()),
        "ENCRYPTED PRIVATE KEY" => decrypt::decrypt(&block.der, source.passphrase).map_err(|kind| {
            let is_scheme = matches!(kind, MaterialErrorKind::IdentityEncrypted { .. });
            fail(kind).convertible(decrypt::CONVERSION.filter(|_| is_scheme))
        }),
        _ => Ok(PrivatePkcs8KeyDer::from(mem::take(&mut *block.der)).into()),
    }
}

const ENCRYPTED: Option<Conversion> = Some(Conversion::EncryptedKey);
/// The labels of private keys.
pub(super) const LABELS: &[&str] = &["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];
