//! Observations in JSON: how their fields are written.

use core::fmt::Display;
use core::time::Duration;

use serde::{Serialize, Serializer};

use crate::error::Problems;
use crate::generation::Generation;

/// The text of `value`.
pub(super) fn shown<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(super) fn number<S: Serializer>(generation: &Generation, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(generation.number())
}

/// In seconds, to the microsecond.
pub(super) fn seconds<S: Serializer>(
    duration: &(impl Copy + Into<Option<Duration>>),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let duration: Option<Duration> = (*duration).into();
    duration.map(|duration| Duration::from_micros(micros(duration)).as_secs_f64()).serialize(serializer)
}

/// The code of a reason, if there is one.
pub(super) fn code<'a, R: Copy + Into<Option<&'a Problems>>, S: Serializer>(
    reason: &R,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    (*reason).into().map(Problems::code).serialize(serializer)
}
