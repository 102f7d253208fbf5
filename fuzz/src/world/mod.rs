//! Worlds of feigned certificates: a table of facts that is drawn, and the certificates and lists that say them, minted by
//! the testkit's templates. What judges a world ([`crate::oracle`]) reads the table and never a certificate.

mod facts;
mod mint;

pub use facts::{Facts, ListFacts, Usage, World};
pub use mint::Minted;

/// The names of authorities; the first is the root's, the second the intermediate's.
pub const SUBJECTS: &[&str] = &["root", "inter", "second", "other", "Root ", "\u{202e}evil\\n"];
/// The points at which lists are found.
pub const POINTS: &[&str] = &["http://crl.test/a", "http://crl.test/b"];

/// The place of the name that is the same as RFC 5280 section 7.1 compares names.
pub fn canonical(subject: usize) -> usize {
    if subject == 4 { 0 } else { subject }
}
