//! The vectors: a document, its material, a chain and a clock in, a report out; the same in every language.
//!
//! They are declared here, minted by the testkit, and committed under `testdata/vectors`. What must come out is written
//! beside each declaration; the committed report is compared with it, and so cannot bless itself.

mod bundles;
mod cases;
mod chain;
mod danger;
mod documents;
mod folder;
mod identity;
mod itself;
mod limits;
mod names;
mod odd_keys;
mod remedies;
mod revocation;
mod scenario;
mod settings;
mod signatures;
mod spiffe;
mod spiffe_trust;
mod two_lists;
mod types;

pub use cases::{Case, Expected};
pub use folder::{CaseFile, index, mint};
pub use remedies::{Followed, followed};

/// Every case, in the order of the declarations.
pub fn all() -> Vec<Case> {
    let mut cases = cases::Cases::new();
    for theme in [
        chain::cases,
        signatures::cases,
        limits::cases,
        bundles::cases,
        itself::cases,
        names::cases,
        types::cases,
        spiffe::cases,
        spiffe_trust::cases,
        revocation::cases,
        two_lists::cases,
        identity::cases,
        danger::cases,
        settings::cases,
        documents::cases,
    ] {
        theme(&mut cases);
    }
    cases.into_list()
}
