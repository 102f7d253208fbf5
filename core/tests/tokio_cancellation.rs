//! tokio_cancellation
