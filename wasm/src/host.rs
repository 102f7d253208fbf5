//! What the module asks of its host: signatures, the public key of a private key, and the files that a policy names.

use std::io;

/// The status of an answer, in the upper half of the number; the length of the text or the content is in the lower one.
fn taken(answer: u64) -> (u32, Vec<u8>) {
    let half = |number: u64| u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default();
    let (status, length) = (half(answer >> 32), usize::try_from(half(answer)).unwrap_or_default());
    let mut content = vec![0; length];
    imports::take(&mut content);
    (status, content)
}

/// Whether `signature` of `message` is one by `key`, a subjectPublicKey (RFC 5280, 4.1); `algorithm` is a number of
/// [`crate::provider`].
pub(crate) fn verifies(algorithm: u32, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    imports::verify_signature(algorithm, key, message, signature) == VALID
}

/// The SubjectPublicKeyInfo of a private key, if the host can use it.
pub(crate) fn public_key(form: KeyForm, key: &[u8]) -> Option<Vec<u8>> {
    let form = match form {
        KeyForm::Pkcs1 => 1,
        KeyForm::Pkcs8 => 8,
        KeyForm::Sec1 => 2,
    };
    let (status, spki) = taken(imports::public_key(form, key));
    (status == 0).then_some(spki)
}

/// How a private key is written.
#[derive(Clone, Copy)]
pub(crate) enum KeyForm {
    /// RFC 8017, A.1.2.
    Pkcs1,
    /// RFC 5958.
    Pkcs8,
    /// RFC 5915.
    Sec1,
}

/// The content of a file that a policy names.
pub(crate) fn read_file(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let name = path.to_str().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "its name is not UTF-8"))?;
    let (status, content) = taken(imports::read_file(name.as_bytes()));
    let kind = match status {
        0 => return Ok(content),
        1 => io::ErrorKind::NotFound,
        2 => io::ErrorKind::IsADirectory,
        3 => io::ErrorKind::WouldBlock,
        _ => io::ErrorKind::Other,
    };
    Err(io::Error::new(kind, String::from_utf8_lossy(&content).into_owned()))
}

/// What the host says of a signature that verifies. Anything else is a refusal, the 0 of a host that forgot too.
const VALID: u32 = 0x0076_6b31;

#[cfg(target_family = "wasm")]
mod imports {
    //! The imported functions, by slices.

    mod raw {
        #[link(wasm_import_module = "uptls")]
        unsafe extern "C" {
            pub(super) fn verify_signature(
                algorithm: u32,
                key: *const u8,
                key_length: usize,
                message: *const u8,
                message_length: usize,
                signature: *const u8,
                signature_length: usize,
            ) -> u32;
            pub(super) fn public_key(form: u32, key: *const u8, length: usize) -> u64;
            pub(super) fn read_file(path: *const u8, length: usize) -> u64;
            pub(super) fn take(to: *mut u8, length: usize);
        }
    }

    pub(super) fn verify_signature(algorithm: u32, key: &[u8], message: &[u8], signature: &[u8]) -> u32 {
        // SAFETY: the host reads these slices, and keeps none of them.
        unsafe {
            raw::verify_signature(
                algorithm,
                key.as_ptr(),
                key.len(),
                message.as_ptr(),
                message.len(),
                signature.as_ptr(),
                signature.len(),
            )
        }
    }

    pub(super) fn public_key(form: u32, key: &[u8]) -> u64 {
        // SAFETY: the host reads this slice, and does not keep it.
        unsafe { raw::public_key(form, key.as_ptr(), key.len()) }
    }

    pub(super) fn read_file(path: &[u8]) -> u64 {
        // SAFETY: the host reads this slice, and does not keep it.
        unsafe { raw::read_file(path.as_ptr(), path.len()) }
    }

    pub(super) fn take(to: &mut [u8]) {
        // SAFETY: the host writes so many bytes and no more.
        unsafe { raw::take(to.as_mut_ptr(), to.len()) }
    }
}

/// Outside of WebAssembly there is no host: nothing verifies, and nothing is read.
#[cfg(not(target_family = "wasm"))]
mod imports {
    pub(super) fn verify_signature(_: u32, _: &[u8], _: &[u8], _: &[u8]) -> u32 {
        0
    }

    pub(super) fn public_key(_: u32, _: &[u8]) -> u64 {
        1 << 32
    }

    pub(super) fn read_file(_: &[u8]) -> u64 {
        1 << 32
    }

    pub(super) fn take(_: &mut [u8]) {}
}
