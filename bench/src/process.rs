//! What the processes of benches count by: time on a processor, and numbers to divide by.

use rustix::time::{ClockId, clock_gettime};

/// How long this process has run on processors, all of its threads together.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (u32::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    f64::from(seconds.unwrap_or_default()) + f64::from(nanoseconds.unwrap_or_default()) / 1e9
}

/// A count to divide by.
pub(crate) fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from).max(1.0)
}
