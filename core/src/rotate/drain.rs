//! When to close connections that are not current any more, so that their successors do not all come at once.

use core::time::Duration;

/// Spreads the end of `count` connections evenly over a window: each has a slot of its own, and a moment in it that depends on
/// `seed`. So many gateways that saw the same rotation do not open their connections in step.
///
/// After an event with [`trust_reduced`](crate::Event::trust_reduced) use a short window: until a connection ends, a peer
/// that would be refused now still has it. Without one there is no hurry (R7).
///
/// ```
/// use std::time::Duration;
/// use uptls::DrainPlan;
///
/// let plan = DrainPlan::new(4, Duration::from_secs(8), 7);
/// let delays: Vec<_> = plan.delays().collect();
/// assert!((0..4).all(|slot| delays[slot].as_secs() / 2 == slot as u64));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DrainPlan {
    count: u32,
    seed: u64,
    window: Duration,
}

impl DrainPlan {
    /// A plan for `count` connections. `seed` is any number that differs between processes: a random one, or the process id.
    pub fn new(count: u32, window: Duration, seed: u64) -> Self {
        Self { count, seed, window }
    }

    /// How long to wait from now before the connection `index` is closed; those beyond the plan end with its window.
    pub fn delay(&self, index: u32) -> Duration {
        if index >= self.count {
            return self.window;
        }
        let slot = self.window / self.count;
        let part = mixed(self.seed ^ u64::from(index)) >> 40;
        // Below 2^24, so that the fraction is below 1.
        let within = slot.mul_f64(f64::from(u32::try_from(part).unwrap_or_default()) / f64::from(1_u32 << 24));
        slot * index + within
    }

    /// The delay of each connection, the shortest first.
    pub fn delays(self) -> impl Iterator<Item = Duration> {
        (0..self.count).map(move |index| self.delay(index))
    }
}

/// Spreads bits (SplitMix64's finalizer): neighbours differ in about half of them.
fn mixed(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
