//! Private keys: PKCS#8 (encrypted or not), PKCS#1, SEC1, in PEM or DER.

use core::mem;

use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use zeroize::Zeroizing;

use super::{IdentitySource, KEY_PATH};
use crate::encoding;
use crate::error::{Conversion, MaterialError, MaterialErrorKind};
use crate::pem::Headers;

/// The one key of `source`. Certificates may stand in the same file.
///
/// The buffer that comes back is the only copy, and is to be zeroized: providers do so with what they are given.
pub(super) fn read(source: &IdentitySource<'_>) -> Result<PrivateKeyDer<'static>, MaterialError> {
    let fail = |kind| MaterialError::new(KEY_PATH, source.key_source, kind);
    let parse = |reason: String| fail(MaterialErrorKind::IdentityParse { reason });
    let blocks = encoding::blocks(source.key).map_err(|error| error.of(parse))?;
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
        "ENCRYPTED PRIVATE KEY" => decrypt(&block.der, source.passphrase).map_err(|kind| {
            let is_scheme = matches!(kind, MaterialErrorKind::IdentityEncrypted { .. });
            fail(kind).convertible(ENCRYPTED.filter(|_| is_scheme))
        }),
        _ => Ok(PrivatePkcs8KeyDer::from(mem::take(&mut *block.der)).into()),
    }
}

/// I3: the work factor is looked at before any work is done.
fn decrypt(der: &[u8], passphrase: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, MaterialErrorKind> {
    let refuse = |reason: &str| MaterialErrorKind::IdentityPassphrase { reason: reason.to_owned() };
    let info = match EncryptedPrivateKeyInfoRef::try_from(der) {
        Ok(info) => info,
        Err(_) if encoding::is_encrypted_key(der) => {
            return Err(encrypted("a scheme other than PBES2 with AES or 3DES"));
        }
        Err(_) => return Err(MaterialErrorKind::IdentityParse { reason: "the encrypted key is damaged".to_owned() }),
    };
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
        return Err(encrypted("PBES1"));
    };
    check_work_factor(&parameters.kdf)?;
    let Some(passphrase) = passphrase else {
        return Err(refuse("the key is encrypted and no passphrase is given"));
    };
    // In a buffer of ours: `EncryptedPrivateKeyInfoRef::decrypt` drops one that holds the plaintext (I6).
    let mut buffer = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let plaintext = info.encryption_algorithm.decrypt_in_place(passphrase, &mut buffer).map(<[u8]>::len);
    let length = plaintext.map_err(|_| refuse("the passphrase is wrong, or the key is damaged"))?;
    buffer.truncate(length);
    // One wrong passphrase of 256 leaves padding that is right, and bytes that are no key.
    if PrivateKeyInfoRef::try_from(buffer.as_slice()).is_err() {
        return Err(refuse("the passphrase is wrong, or the key is damaged"));
    }
    Ok(PrivatePkcs8KeyDer::from(mem::take(&mut *buffer)).into())
}

fn encrypted(scheme: &str) -> MaterialErrorKind {
    MaterialErrorKind::IdentityEncrypted { scheme: scheme.to_owned() }
}

fn check_work_factor(kdf: &Kdf) -> Result<(), MaterialErrorKind> {
    let too_high = |what: String| Err(MaterialErrorKind::IdentityPassphrase { reason: what });
    match kdf {
        Kdf::Pbkdf2(parameters) if parameters.iteration_count > MAX_PBKDF2_ITERATIONS => too_high(format!(
            "the key derivation asks for {} iterations, the limit is {MAX_PBKDF2_ITERATIONS}",
            parameters.iteration_count
        )),
        Kdf::Scrypt(parameters) => {
            let memory = u64::from(parameters.block_size).saturating_mul(parameters.cost_parameter).saturating_mul(128);
            if memory > MAX_SCRYPT_MEMORY || parameters.parallelization > MAX_SCRYPT_PARALLELIZATION {
                return too_high(format!(
                    "the key derivation asks for {memory} bytes of memory, {} times; the limits are {MAX_SCRYPT_MEMORY} and {MAX_SCRYPT_PARALLELIZATION}",
                    parameters.parallelization
                ));
            }
            Ok(())
        }
        Kdf::Pbkdf2(_) => Ok(()),
        _ => Err(MaterialErrorKind::IdentityParse { reason: "the key derivation is not supported".to_owned() }),
    }
}

const ENCRYPTED: Option<Conversion> = Some(Conversion::EncryptedKey);
/// The labels of private keys.
pub(super) const LABELS: &[&str] = &["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];
/// Several times what is recommended today (OWASP 2023: 600,000 for SHA-256), some seconds of one core.
const MAX_PBKDF2_ITERATIONS: u32 = 5_000_000;
/// 256 MiB.
const MAX_SCRYPT_MEMORY: u64 = 256 << 20;
const MAX_SCRYPT_PARALLELIZATION: u16 = 16;
