//! Runs every example as a user would: as a process, against a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod asynchronous;
mod gateway;
mod nginx;
mod programs;
mod support;
