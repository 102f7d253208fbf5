//! Against a real nginx.

#[cfg(feature = "hyper")]
mod asynchronous;
mod requests;
mod rotation;
