//! What the processes of benches count by: time on a processor, and numbers to divide by.

use std::fs;

/// How long this process has run on a processor, as the scheduler of Linux counts it.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = stat.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or_default();
    nanoseconds / 1e9
}

/// A count to divide by.
pub(crate) fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from).max(1.0)
}
