//! What the tests share: one fixed world, servers, and models.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code, shared by several programs that each use a part of it"
)]

pub mod alerts;
pub mod hostile;
#[cfg(feature = "hyper")]
pub mod http;
pub mod memory;
pub mod model;
pub mod nginx;
pub mod rotation;
#[cfg(feature = "tokio")]
pub mod transports;
pub mod world;
