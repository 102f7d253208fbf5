//! What so many contexts of the system's OpenSSL take, each with the whole bundle, as programs make them for many policies.

use serde_json::Value;

#[cfg(not(openssl))]
pub(crate) fn measure(_: usize, _: &str) -> Option<Value> {
    None
}

#[cfg(openssl)]
pub(crate) fn measure(count: usize, bundle: &str) -> Option<Value> {
    contexts::measure(count, bundle)
}

#[cfg(openssl)]
#[allow(unsafe_code, reason = "the other side is C; each call keeps the contracts of openssl.c")]
mod contexts {
    use std::ffi::{CString, c_char, c_void};

    use serde_json::{Value, json};

    use crate::process::float;
    use crate::round;
    use crate::usage::Usage;

    pub(super) fn measure(count: usize, bundle: &str) -> Option<Value> {
        let before = Usage::now();
        let make = |index: usize| {
            let host = CString::new(format!("s{index}.shop.example")).ok()?;
            // SAFETY: pointer and length belong together, and both texts are copied.
            let context = unsafe { bench_openssl_context(bundle.as_ptr().cast(), bundle.len(), host.as_ptr()) };
            (!context.is_null()).then_some(context)
        };
        let contexts: Vec<_> = (0..count).map(make).collect::<Option<_>>()?;
        let made = Usage::now();
        for context in contexts {
            // SAFETY: it came from bench_openssl_context, and is freed once.
            unsafe { bench_openssl_context_free(context) };
        }
        Some(json!({
            "contexts": count,
            "kib_per_context": round(made.kib_since(&before) / float(count)),
            "contexts_per_cpu_second": (float(count) / made.cpu_since(&before)).round(),
        }))
    }

    unsafe extern "C" {
        fn bench_openssl_context(pem: *const c_char, length: usize, host: *const c_char) -> *mut c_void;
        fn bench_openssl_context_free(context: *mut c_void);
    }
}
