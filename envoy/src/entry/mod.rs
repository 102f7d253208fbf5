//! The entry points that Envoy looks up by name, called from any of its threads.

use core::ffi::{c_char, c_int, c_void};
use core::{ptr, str};
use std::sync::{Mutex, PoisonError};

use rustls_pki_types::CertificateDer;
use uptls::{Alert, Code};

use crate::abi::{self, Buffer, Validation};
use crate::boundary;
use crate::host::{self, Call};
use crate::validator::{Judgement, Validator};

/// Envoy loads the module only if this is its own version of the ABI, or an older one.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    abi::VERSION.as_ptr()
}

/// A validator by a policy document; null, with the reason in Envoy's log, refuses the configuration.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_cert_validator_config_new(
    _: *mut c_void,
    name: Buffer,
    document: Buffer,
) -> *const c_void {
    let refuse = |reason: &str| {
        host::log_error(&format!("the configuration is refused: {reason}"));
        ptr::null()
    };
    let new = || {
        // SAFETY: Envoy's buffers live until this returns.
        let (name, document) = unsafe { (name.bytes(), document.bytes()) };
        match Validator::new(name, document) {
            Ok(validator) => Box::into_raw(Box::new(validator)).cast_const().cast(),
            Err(reason) => refuse(&reason),
        }
    };
    boundary::call(|words| refuse(&format!("{}: a panic was caught: {words}", Code::Internal)), new)
}

/// The end of a validator that `config_new` gave.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_cert_validator_config_destroy(validator: *const c_void) {
    let drop_it = || {
        if !validator.is_null() {
            // SAFETY: `config_new` made it with `Box::into_raw`, and Envoy destroys it once, when no thread uses it.
            drop(unsafe { Box::from_raw(validator.cast::<Validator>().cast_mut()) });
        }
    };
    boundary::call(|_| (), drop_it);
}

/// The verdict on a chain in DER, leaf first. `server_name` is what Envoy sent.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_cert_validator_do_verify_cert_chain(
    call: *mut c_void,
    validator: *const c_void,
    chain: *const Buffer,
    count: usize,
    server_name: Buffer,
    is_server: bool,
) -> Validation {
    // SAFETY: the verification runs on this thread until this function returns.
    let call = unsafe { Call::new(call) };
    let verify = || {
        if is_server {
            return answer(&call, &Judgement::refused(Code::Misuse, "the module verifies upstreams, not clients"));
        }
        // SAFETY: `config_new` made it, and Envoy keeps it for as long as it verifies; only shared references are made.
        let Some(validator) = (unsafe { validator.cast::<Validator>().as_ref() }) else {
            return answer(&call, &Judgement::refused(Code::Internal, "there is no validator"));
        };
        // SAFETY: Envoy's list and its buffers live until this function returns.
        let (chain, server_name) = unsafe { (abi::list(chain, count), server_name.bytes()) };
        // SAFETY: as above.
        let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from_slice(unsafe { der.bytes() })).collect();
        let server_name = str::from_utf8(server_name).ok().filter(|name| !name.is_empty());
        answer(&call, &validator.judge(&chain, server_name))
    };
    let panicked = |words: &str| {
        if is_news(words) {
            host::log_error(&format!("{}: a panic was caught: {words}", Code::Internal));
        }
        Validation::refused(None)
    };
    boundary::call(panicked, verify)
}

/// R10: a bug that every connection meets is one line of the log.
fn is_news(words: &str) -> bool {
    static LAST: Mutex<String> = Mutex::new(String::new());
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let is_news = *last != words;
    words.clone_into(&mut last);
    is_news
}

/// Tells Envoy of a verdict: the detail of a refusal, and what access logs may show.
fn answer(call: &Call, judgement: &Judgement) -> Validation {
    let code = judgement.refusal.as_ref().map_or(ACCEPTED, |(code, _)| code.as_str());
    call.set_filter_state("uptls.code", code);
    if let Some(name) = &judgement.matched_name {
        call.set_filter_state("uptls.matched_name", name);
    }
    if let Some(fingerprint) = &judgement.fingerprint {
        call.set_filter_state("uptls.fingerprint", fingerprint);
    }
    let Some((code, detail)) = &judgement.refusal else { return Validation::ACCEPTED };
    call.set_error_details(detail);
    Validation::refused(code.alert().map(Alert::number))
}

/// The peer is verified in every mode.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_cert_validator_get_ssl_verify_mode(_: *const c_void, _: bool) -> c_int {
    abi::VERIFY_PEER
}

/// The fingerprint, by which Envoy keeps sessions apart (H6).
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_cert_validator_update_digest(validator: *const c_void, out: *mut Buffer) {
    let write = || {
        // SAFETY: `config_new` made it, and Envoy keeps it meanwhile.
        let fingerprint = unsafe { validator.cast::<Validator>().as_ref() }.and_then(Validator::fingerprint);
        // SAFETY: the validator holds the generation until the next call of this.
        let buffer = fingerprint.map_or(Buffer::EMPTY, |bytes| Buffer::of(unsafe { &*bytes }));
        if !out.is_null() {
            // SAFETY: Envoy passes where the buffer is to be written.
            unsafe { out.write(buffer) };
        }
    };
    boundary::call(|_| (), write);
}

/// What `uptls.code` is for a peer that is accepted.
const ACCEPTED: &str = "accepted";

#[cfg(test)]
mod tests;
