//! Where something stands in a configuration.

/// Where something stands.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) line: u64,
    pub(super) path: String,
}
