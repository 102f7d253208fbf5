//! Mutants behind a switch: one build holds all of them, and the environment chooses one for a run.
//!
//! cargo-mutants lists the mutants and [`Mutant`] is what it says of one. [`rewrite`] puts each beside the code that it replaces:
//! `a == b` becomes `(if on(7) { a != b } else { a == b })`, and a function begins with `if on(8) { return false; }`. [`SWITCH`] is
//! the module with `on`. `.ci/mutants.py` drives this.
#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "a tool of this workspace, and no published library"
)]

mod edit;
mod place;
mod visit;

use std::collections::BTreeMap;
use std::ops::Range;

pub use place::{Genre, LineColumn, Mutant, Span};

/// The module that each crate with mutants gets.
pub const SWITCH: &str = include_str!("switch.rs");

/// The name of that module.
pub const MODULE: &str = "mutant_switch";

/// A file with its mutants, and where in it they stand.
#[derive(Debug)]
pub struct Rewritten {
    /// The text of the file.
    pub text: String,
    /// Where each mutant stands in that text.
    pub switched: BTreeMap<u32, Switched>,
    /// Those that no switch can hold, with the reason.
    pub unswitched: BTreeMap<u32, Unswitched>,
}

/// The place of a mutant, in bytes of the rewritten file: it says which compiler error belongs to which mutant.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct Switched {
    /// The code that the mutant has in place of the file's own.
    pub alternative: Range<usize>,
    /// That, the file's own code, and the switch.
    pub whole: Range<usize>,
}

/// Why a mutant has no switch.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unswitched {
    /// The compiler evaluates that code, and no run does.
    Constant,
    /// `||` in a chain of `let`, which is no Rust.
    LetChain,
    /// The two ends of the function would have different types.
    ImplTrait,
    /// This program and cargo-mutants read the file differently.
    NotFound,
}

/// Puts all mutants of one file behind the switch.
///
/// # Errors
///
/// The file is no Rust.
pub fn rewrite(source: &str, mutants: &[Mutant]) -> syn::Result<Rewritten> {
    let file = syn::parse_file(source)?;
    let found = visit::find(source, &file, mutants);
    let (text, switched) = found.edits.apply(source);
    Ok(Rewritten { text, switched, unswitched: found.unswitched })
}
