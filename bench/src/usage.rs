//! What this process has used: CPU time and resident memory.

use std::fs;

use crate::process::cpu_seconds;

/// At one moment.
pub(crate) struct Usage {
    cpu: f64,
    kib: f64,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kib = line.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or_default();
        Self { cpu: cpu_seconds(), kib }
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
