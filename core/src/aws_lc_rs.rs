//! The provider aws-lc-rs, with X25519MLKEM768.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// A provider for [`crate::Runtime::new`]; nothing is installed process-wide.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
