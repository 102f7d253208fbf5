//! The Gateway API's conformance tests of TLS to backends, as data, with real handshakes: what they assert of conditions
//! and of traffic, and the negative twins that they lack.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]

mod authors;
mod conflicts;
mod identity;
mod names;
mod newest;
mod objects;
mod references;
mod status;
mod world;
