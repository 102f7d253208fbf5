//! The fixed time at which all tests happen.

/// One day in seconds.
pub const DAY: i64 = 24 * 60 * 60;

/// One year of 365 days in seconds.
pub const YEAR: i64 = 365 * DAY;

/// 2026-11-23T00:00:00Z in unix seconds: the "now" of all tests.
pub const NOW: i64 = 1_795_392_000;
