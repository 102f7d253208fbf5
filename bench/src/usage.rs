//! What this process has used: CPU time and resident memory.

use uptls_testkit::process::resident_kib;

use crate::process::cpu_seconds;

/// At one moment.
pub(crate) struct Usage {
    cpu: f64,
    kib: f64,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let kib = resident_kib(std::process::id()).map_or(0, |kib| u32::try_from(kib).unwrap_or(u32::MAX));
        Self { cpu: cpu_seconds(), kib: kib.into() }
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
