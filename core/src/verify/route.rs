//! The paths that the search goes: one that webpki accepts, and one that it refused.

use super::context::Context;
use super::path::{Path, PathEnd};
use crate::certificate::CertificateView;

/// A path whose signatures, validity, constraints and purposes webpki accepts.
pub(super) struct Found<'c, 'a> {
    /// The index of its anchor in the trust store.
    pub(super) anchor: usize,
    /// From the leaf's issuer up.
    pub(super) intermediates: Vec<&'c CertificateView<'a>>,
    /// Their places in the chain that the peer sent.
    pub(super) places: Vec<usize>,
}

impl<'c, 'a> Found<'c, 'a> {
    /// A path that was found before; `None` if it does not end at an anchor.
    pub(super) fn of(context: &'c Context<'a>, path: &Path) -> Option<Self> {
        let PathEnd::Anchor(anchor) = path.end else { return None };
        let intermediates = path.intermediates.iter().filter_map(|place| context.view(*place)).collect();
        Some(Self { anchor, intermediates, places: path.intermediates.clone() })
    }
}

/// A path that was judged: candidates from the leaf's issuer up, and the index of its anchor in the trust store.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) anchor: usize,
    pub(super) path: Vec<usize>,
}

/// webpki's own limit.
pub(super) const MAX_INTERMEDIATES: usize = 6;
