//! What a builder says of our own certificate and key.

use core::ffi::c_char;

use uptls::{IdentityDraft, MaterialDraft, PolicyDraft, Secret, SecretDraft};

use super::{Builder, change};
use crate::error::Error;
use crate::handle;
use crate::status::Status;

/// Sets our own certificate chain (leaf first) and its private key, for peers that ask for one: files, relative to the
/// working directory. `passphrase` is the file with the passphrase of an encrypted key, and may be NULL. The library
/// reads them as it reads the file of `uptls_builder_add_ca_file`. Replaces an earlier identity. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_identity_files(
    builder: *mut Builder,
    certificate: *const c_char,
    key: *const c_char,
    passphrase: *const c_char,
    err: *mut *mut Error,
) -> Status {
    let set = |draft: &mut PolicyDraft| {
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let certificate = unsafe { handle::text(certificate, "certificate") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let key = unsafe { handle::text(key, "key") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let passphrase = unsafe { handle::optional_text(passphrase, "passphrase") }?;
        draft.spec.identity = Some(IdentityDraft {
            certificate: Some(MaterialDraft::file(certificate)),
            key: Some(SecretDraft::file(key)),
            passphrase: passphrase.map(SecretDraft::file),
        });
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, set) }
}

/// Sets our own certificate chain (leaf first) and its private key, each PEM text, or DER: one certificate, and
/// PKCS#8, PKCS#1 or SEC1. `passphrase` decrypts an encrypted key;
/// NULL with length 0: the key is not encrypted. Replaces an earlier identity. The library zeroises its copies of key
/// and passphrase when the last object that needs them is freed; the caller clears its own. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_identity_pem(
    builder: *mut Builder,
    certificate: *const u8,
    certificate_length: usize,
    key: *const u8,
    key_length: usize,
    passphrase: *const u8,
    passphrase_length: usize,
    err: *mut *mut Error,
) -> Status {
    let set = |draft: &mut PolicyDraft| {
        // SAFETY: by the contract of the header it is NULL or so many bytes can be read there.
        let certificate = unsafe { handle::bytes(certificate, certificate_length, "certificate") }?;
        // SAFETY: by the contract of the header it is NULL or so many bytes can be read there.
        let key = unsafe { handle::bytes(key, key_length, "key") }?;
        let is_encrypted = !passphrase.is_null();
        // SAFETY: by the contract of the header it is NULL or so many bytes can be read there.
        let passphrase = unsafe { handle::bytes(passphrase, passphrase_length, "passphrase") }?;
        draft.spec.identity = Some(IdentityDraft {
            certificate: Some(MaterialDraft::bytes(certificate)?),
            key: Some(SecretDraft::pem(Secret::new(key))),
            passphrase: is_encrypted.then(|| SecretDraft::pem(Secret::new(passphrase))),
        });
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, set) }
}
