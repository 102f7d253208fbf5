//! A mutant as cargo-mutants lists it.

use proc_macro2::LineColumn as Parsed;

/// What a mutant changes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, serde::Deserialize)]
pub enum Genre {
    /// The body of a function becomes a value.
    FnValue,
    /// An operator between two operands becomes another.
    BinaryOperator,
    /// `!` or `-` is dropped.
    UnaryOperator,
    /// An arm is dropped; there is one for all else.
    MatchArm,
    /// What must hold for an arm becomes `true` or `false`.
    MatchArmGuard,
    /// A field is dropped; it is then that of the struct's base.
    StructField,
}

/// A place in a file; both numbers begin with 1, and the column counts characters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, serde::Deserialize)]
pub struct LineColumn {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl From<Parsed> for LineColumn {
    fn from(place: Parsed) -> Self {
        Self { line: place.line, column: place.column + 1 }
    }
}

/// Where a mutant begins; where it ends follows from its genre.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
pub struct Span {
    /// Its first character.
    pub start: LineColumn,
}

/// A mutant of `cargo mutants --list --json`, with a number of ours.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Mutant {
    /// What the switch is asked for.
    pub id: u32,
    /// The file, relative to the workspace.
    pub file: String,
    /// What it changes.
    pub genre: Genre,
    /// The place of what it replaces.
    pub span: Span,
    /// What stands there instead; nothing for what is dropped.
    pub replacement: String,
}
