//! The tests of `uptls` that can share a process; the binaries beside it need one of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[cfg(not(shuttle))]
mod connect;
#[cfg(all(not(shuttle), feature = "hyper"))]
mod dials;
#[cfg(not(shuttle))]
mod errors;
#[cfg(not(shuttle))]
mod handshake;
#[cfg(all(not(shuttle), feature = "hyper"))]
mod http;
#[cfg(not(shuttle))]
mod layout;
#[cfg(not(shuttle))]
mod nginx;
#[cfg(not(shuttle))]
mod observe;
mod rotate;
#[cfg(not(shuttle))]
mod session;
mod support;
#[cfg(not(shuttle))]
mod verify;
