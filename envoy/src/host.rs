//! What is asked of Envoy: its log, and the error detail and filter state of a connection.

use core::ffi::{c_int, c_void};

use crate::abi::{Buffer, LEVEL_ERROR, LEVEL_WARN};

unsafe extern "C" {
    fn envoy_dynamic_module_callback_cert_validator_set_error_details(call: *mut c_void, details: Buffer);
    fn envoy_dynamic_module_callback_cert_validator_set_filter_state(
        call: *mut c_void,
        key: Buffer,
        value: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_log(level: c_int, message: Buffer);
}

/// One verification, as Envoy knows it.
pub(crate) struct Call(*mut c_void);

impl Call {
    /// # Safety
    /// `call` is what Envoy passed to the verification that is running on this thread.
    pub(crate) unsafe fn new(call: *mut c_void) -> Self {
        Self(call)
    }

    /// The text behind `%UPSTREAM_TRANSPORT_FAILURE_REASON%`; Envoy copies it.
    pub(crate) fn set_error_details(&self, details: &str) {
        // SAFETY: the call is running (the contract of `new`), and the bytes live until this returns.
        unsafe {
            envoy_dynamic_module_callback_cert_validator_set_error_details(self.0, Buffer::of(details.as_bytes()));
        }
    }

    /// An entry of the connection's filter state; Envoy copies both. Without a connection there is none, and nothing to do.
    pub(crate) fn set_filter_state(&self, key: &str, value: &str) {
        // SAFETY: the call is running (the contract of `new`), and the bytes live until this returns.
        let _ = unsafe {
            envoy_dynamic_module_callback_cert_validator_set_filter_state(
                self.0,
                Buffer::of(key.as_bytes()),
                Buffer::of(value.as_bytes()),
            )
        };
    }
}

/// For operators: why something does not work.
pub(crate) fn log_error(message: &str) {
    log(LEVEL_ERROR, message);
}

/// For operators: what goes on with less than was asked for.
pub(crate) fn log_warning(message: &str) {
    log(LEVEL_WARN, message);
}

fn log(level: c_int, message: &str) {
    let message = format!("uptls: {message}");
    // SAFETY: the bytes live until this returns.
    unsafe { envoy_dynamic_module_callback_log(level, Buffer::of(message.as_bytes())) };
}

/// Envoy's side in the tests: what this thread told it.
#[cfg(test)]
pub(crate) mod recorded {
    use core::ffi::{c_int, c_void};
    use std::cell::RefCell;

    use crate::abi::Buffer;

    thread_local! {
        static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    /// All that was said since the last call.
    pub(crate) fn take() -> Vec<String> {
        SAID.take()
    }

    fn note(buffers: &[Buffer]) {
        // SAFETY: the caller's bytes live until it returns.
        let text = buffers.iter().map(|buffer| String::from_utf8(unsafe { buffer.bytes() }.to_vec()).unwrap());
        SAID.with_borrow_mut(|said| said.push(text.collect::<Vec<_>>().join("=")));
    }

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_callback_cert_validator_set_error_details(_: *mut c_void, details: Buffer) {
        note(&[details]);
    }

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_callback_cert_validator_set_filter_state(
        _: *mut c_void,
        key: Buffer,
        value: Buffer,
    ) -> bool {
        note(&[key, value]);
        true
    }

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_callback_log(_: c_int, message: Buffer) {
        note(&[message]);
    }
}
