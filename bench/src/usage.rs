//! What this process has used: CPU time as the scheduler of Linux counts it, and resident memory.

use std::fs;

/// At one moment.
pub(crate) struct Usage {
    cpu: f64,
    kib: f64,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
        let nanoseconds: f64 = stat.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kib = line.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or_default();
        Self { cpu: nanoseconds / 1e9, kib }
    }

    /// Resident memory.
    pub(crate) fn kib(&self) -> f64 {
        self.kib
    }

    pub(crate) fn kib_since(&self, before: &Self) -> f64 {
        self.kib - before.kib
    }

    /// In seconds.
    pub(crate) fn cpu_since(&self, before: &Self) -> f64 {
        self.cpu - before.cpu
    }
}
