//! The hyper face.

#[cfg(feature = "hyper")]
mod clients;
#[cfg(feature = "hyper")]
mod errors;
#[cfg(feature = "hyper")]
mod pools;
