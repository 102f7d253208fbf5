//! Worlds: certificates, lists, policies and peers by description, who judges them, and what the rules say of them.

pub mod certificates;
pub mod flaw;
pub mod judge;
pub mod lists;
pub mod oracle;
pub mod policies;
