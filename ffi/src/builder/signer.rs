//! What a builder says of an identity whose key is elsewhere (I7).

use core::ffi::{c_int, c_void};

use uptls::{ExternalKey, ExternalSigner, IdentityDraft, MaterialDraft, PolicyDraft, SecretDraft, rustls};

use super::{Builder, change};
use crate::context::Context;
use crate::error::Error;
use crate::handle;
use crate::status::Status;

/// A function of the program's that signs `length` bytes at `message`, which are not hashed yet, by the TLS signature scheme `scheme` (RFC
/// 8446 section 4.2.3: 0x0403 is ecdsa_secp256r1_sha256, 0x0804 rsa_pss_rsae_sha256). It writes at most `capacity` bytes to
/// `signature`, and to `*got` how many. ECDSA: the DER of ECDSA-Sig-Value. RSA-PSS: with a salt of the length of the hash. 0: it signed. Any
/// other value ends the handshake with `identity_sign_failed`, whose message has the number.
///
/// It is called in the thread of the handshake, which waits for it, by several threads at once, and cannot be interrupted: bound what may
/// wait in it. It must return: no exception of C++ and no `longjmp` may leave it.
pub type Sign = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        scheme: u16,
        message: *const u8,
        length: usize,
        signature: *mut u8,
        capacity: usize,
        got: *mut usize,
    ) -> c_int,
>;

/// Sets our own certificate chain (leaf first), PEM or DER, whose private key stays elsewhere: in a PKCS#11 token, a TPM, a KMS. Replaces an
/// earlier identity. The library verifies each signature by the certificate's key before it sends it, so a signer with another
/// key is `identity_sign_failed` in the first handshake that needs it.
///
/// `sign` makes the signatures, with `context`, which must live as long as a policy, connector or connection with this identity. NULL: a
/// `uptls_conn` asks for them (`UPTLS_WANT_SIGN`, `uptls_conn_signature_wanted`), which suits a loop that must not wait; all other
/// ways to connect fail with `identity_sign_failed` if the peer wants the certificate. Two calls make two identities, even of one
/// certificate: their sessions are apart. `err` may be NULL.
///
/// ```c
/// status = uptls_builder_set_identity_signer(builder, pem, length, sign_by_token, &session, &error);
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_identity_signer(
    builder: *mut Builder,
    certificate: *const u8,
    certificate_length: usize,
    sign: Sign,
    context: *mut c_void,
    err: *mut *mut Error,
) -> Status {
    let context = Context(context);
    let set = |draft: &mut PolicyDraft| {
        // SAFETY: by the contract of the header it is NULL or so many bytes can be read there.
        let certificate = unsafe { handle::bytes(certificate, certificate_length, "certificate") }?;
        let key = sign.map_or_else(ExternalKey::asking, |sign| ExternalKey::new(Function { context, sign }));
        draft.spec.identity = Some(IdentityDraft {
            certificate: Some(MaterialDraft::bytes(certificate)?),
            key: Some(SecretDraft::external(key)),
            passphrase: None,
        });
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, set) }
}

/// A signer of the program's.
struct Function {
    context: Context,
    sign: unsafe extern "C" fn(*mut c_void, u16, *const u8, usize, *mut u8, usize, *mut usize) -> c_int,
}

impl ExternalSigner for Function {
    fn sign(&self, scheme: rustls::SignatureScheme, message: &[u8]) -> Result<Vec<u8>, String> {
        let mut signature = vec![0; CAPACITY];
        let mut got = 0;
        let (start, room) = (message.as_ptr(), signature.as_mut_ptr());
        // SAFETY: by the contract of the header it can be called so by any thread; message and signature have so many bytes.
        let returned = unsafe {
            (self.sign)(self.context.get(), scheme.into(), start, message.len(), room, CAPACITY, &raw mut got)
        };
        match returned {
            0 if got <= CAPACITY => {
                signature.truncate(got);
                Ok(signature)
            }
            0 => Err(format!("the signer says that it wrote {got} bytes, and there is room for {CAPACITY}")),
            other => Err(format!("the signer returned {other}")),
        }
    }
}

/// ML-DSA-87 has 4627 bytes, RSA of 8192 bits 1024.
const CAPACITY: usize = 8192;
