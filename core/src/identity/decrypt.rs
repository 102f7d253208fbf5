//! Private keys under a passphrase: PKCS#8 with PBES2 (RFC 8018), bounded in what they cost.

use core::mem;

use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::key::encrypted;
use crate::encoding;
use crate::error::{Conversion, MaterialErrorKind};

/// I3: the work factor is looked at before any work is done.
pub(super) fn decrypt(der: &[u8], passphrase: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, MaterialErrorKind> {
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

/// What converts a scheme that is not read.
pub(super) const CONVERSION: Option<Conversion> = Some(Conversion::EncryptedKey);
/// Several times what is recommended today (OWASP 2023: 600,000 for SHA-256), some seconds of one core.
const MAX_PBKDF2_ITERATIONS: u32 = 5_000_000;
/// 256 MiB.
const MAX_SCRYPT_MEMORY: u64 = 256 << 20;
const MAX_SCRYPT_PARALLELIZATION: u16 = 16;
