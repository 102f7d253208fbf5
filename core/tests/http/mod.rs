//! The hyper face.

#[cfg(feature = "hyper")]
mod clients;
#[cfg(feature = "hyper")]
mod errors;
#[cfg(feature = "hyper")]
mod glob_import;
#[cfg(feature = "hyper")]
mod pool;
#[cfg(feature = "hyper")]
mod pool_drain;
#[cfg(feature = "hyper")]
mod pool_refused;
#[cfg(feature = "hyper")]
mod pools;
