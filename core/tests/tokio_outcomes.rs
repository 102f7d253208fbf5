//! tokio_outcomes
