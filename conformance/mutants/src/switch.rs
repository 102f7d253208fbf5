//! Which mutant a run has. `UPTLS_MUTANT` is its number; without it the run has none.
//!
//! With `UPTLS_MUTANTS_REACHED`, each number whose place the run comes to is written into that file, once.
#![allow(warnings, clippy::all)]

use std::io::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

static CHOSEN: LazyLock<Option<usize>> = LazyLock::new(|| std::env::var("UPTLS_MUTANT").ok()?.parse().ok());
static SINK: LazyLock<Option<std::ffi::OsString>> = LazyLock::new(|| std::env::var_os("UPTLS_MUTANTS_REACHED"));
static REACHED: [AtomicBool; 1 << 14] = [const { AtomicBool::new(false) }; 1 << 14];

/// Whether this run has the mutant of that number.
pub(crate) fn on(id: usize) -> bool {
    if let Some(path) = &*SINK
        && !REACHED[id].swap(true, Ordering::Relaxed)
    {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(format!("{id}\n").as_bytes())).expect("the file of what is reached");
    }
    *CHOSEN == Some(id)
}
