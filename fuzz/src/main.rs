//! Every fuzz target in one program, so that a change is compiled and linked once: `UPTLS_FUZZ_TARGET=san_match uptls-fuzz CORPUS`.
#![no_main]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken fixture must stop the fuzzer at once")]

mod document;
mod draw;
mod heap;
mod oracle;
mod provider;
mod targets;
mod texts;
mod world;

use std::sync::LazyLock;
use std::sync::atomic::Ordering;

/// The target that the environment names.
static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    let name = std::env::var("UPTLS_FUZZ_TARGET").unwrap_or_default();
    match targets::ALL.iter().find(|(known, _)| *known == name) {
        Some((_, target)) => *target,
        None => {
            let known: Vec<_> = targets::ALL.iter().map(|(name, _)| *name).collect();
            eprintln!("UPTLS_FUZZ_TARGET is {name:?}; wanted: one of {known:?}");
            std::process::exit(2)
        }
    }
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    heap::begin();
    provider::SIGNATURES.store(0, Ordering::Relaxed);
    TARGET(bytes);
});
