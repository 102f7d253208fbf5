//! Durations in buckets.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::text::{Metric, Sample};

/// Counts durations by their upper bounds.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// One for each bound, and one for what is longer.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

impl Histogram {
    pub(super) fn observe(&self, duration: Duration) {
        let index = BOUNDS.iter().position(|(bound, _)| duration <= *bound).unwrap_or(BOUNDS.len());
        if let Some(bucket) = self.buckets.get(index) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    /// Its lines, each with `labels`. The count is that of the buckets, so that the last one is it at any moment.
    pub(super) fn write(&self, out: &mut Metric<'_>, labels: &[(&str, &str)]) -> fmt::Result {
        let mut count = 0;
        let texts = BOUNDS.iter().map(|(_, text)| *text).chain(["+Inf"]);
        for (bucket, text) in self.buckets.iter().zip(texts) {
            count += bucket.load(Ordering::Relaxed);
            let labels: Vec<_> = labels.iter().copied().chain([("le", text)]).collect();
            out.line(Sample { suffix: "_bucket", labels: &labels }, count)?;
        }
        let seconds = Duration::from_micros(self.microseconds.load(Ordering::Relaxed)).as_secs_f64();
        let mut sum = String::new();
        write!(sum, "{seconds}")?;
        out.line(Sample { suffix: "_sum", labels }, sum)?;
        out.line(Sample { suffix: "_count", labels }, count)
    }
}

/// A handshake takes half a millisecond of computing and two round trips; the default deadline is 10 s.
const BOUNDS: [(Duration, &str); 13] = [
    (Duration::from_micros(1_000), "0.001"),
    (Duration::from_micros(2_500), "0.0025"),
    (Duration::from_micros(5_000), "0.005"),
    (Duration::from_micros(10_000), "0.01"),
    (Duration::from_micros(25_000), "0.025"),
    (Duration::from_micros(50_000), "0.05"),
    (Duration::from_micros(100_000), "0.1"),
    (Duration::from_micros(250_000), "0.25"),
    (Duration::from_micros(500_000), "0.5"),
    (Duration::from_secs(1), "1"),
    (Duration::from_micros(2_500_000), "2.5"),
    (Duration::from_secs(5), "5"),
    (Duration::from_secs(10), "10"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_each_bucket_from_its_own_on() {
        let histogram = Histogram::default();
        for micros in [1_000, 1_001, 11_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut text = String::new();
        let mut metric = Metric::begin(&mut text, "t_seconds", "histogram", "T.").unwrap();
        histogram.write(&mut metric, &[("kind", "full")]).unwrap();
        for line in [
            "t_seconds_bucket{kind=\"full\",le=\"0.001\"} 1\n",
            "t_seconds_bucket{kind=\"full\",le=\"0.0025\"} 2\n",
            "t_seconds_bucket{kind=\"full\",le=\"10\"} 2\n",
            "t_seconds_bucket{kind=\"full\",le=\"+Inf\"} 3\n",
            "t_seconds_sum{kind=\"full\"} 11.002001\n",
            "t_seconds_count{kind=\"full\"} 3\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
