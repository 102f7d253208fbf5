//! The laws of composition (semantics.md, section L) as properties of generated worlds: what one certificate, one list
//! or one setting does is tested elsewhere, here is what several of them do together.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(clippy::as_conversions, reason = "small numbers of worlds")]
#![allow(clippy::print_stdout, reason = "the number of worlds of each law")]
#![allow(clippy::exhaustive_enums, clippy::exhaustive_structs, unreachable_pub, reason = "nothing here is published")]

mod connectable;
mod crowd;
mod harness;
mod lists;
mod manifests;
mod openssl;
mod order;
mod proof;
mod reduced;
mod silence;
mod spiffe;
mod trust;
mod verdict;
mod world;
