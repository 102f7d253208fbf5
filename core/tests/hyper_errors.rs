//! hyper_errors
