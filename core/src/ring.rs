//! The provider ring. It has no post-quantum groups, no P-521 and no ML-DSA (H9).

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// A provider for [`crate::Runtime::new`]; nothing is installed process-wide.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
