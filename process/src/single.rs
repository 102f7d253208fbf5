//! The mark of a process where there is no fork.

use core::num::NonZeroU64;
use std::io;

pub(crate) fn claim() -> io::Result<NonZeroU64> {
    Ok(NonZeroU64::MIN)
}

pub(crate) fn read() -> Option<NonZeroU64> {
    Some(NonZeroU64::MIN)
}
