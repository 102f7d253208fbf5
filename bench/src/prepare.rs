//! What a policy costs before any connection: time and memory of `Runtime::prepare` with a shared bundle.

use std::time::Instant;

use uptls::UpstreamTlsPolicy;

use crate::allocation::held;
use crate::median;
use crate::scenario::{Scenario, World, policy};

const POLICIES: u32 = 2000;

/// Figures of one policy.
pub(crate) struct Prepare {
    /// Bytes that `prepare` adds to a checked policy, the runtime's tables included.
    pub(crate) bytes_per_policy: f64,
    /// Bytes of the checked policy itself, with the text of its bundle.
    pub(crate) bytes_of_checked: f64,
    /// A policy that was not prepared before, over a bundle that others hold.
    pub(crate) microseconds: f64,
    /// A policy that somebody holds already: an update that changes nothing.
    pub(crate) microseconds_again: f64,
}

/// Prepares policies that differ in their server name.
pub(crate) fn measure() -> Prepare {
    let world = World::new(Scenario::Full);
    let before = held();
    let mut policies = Vec::with_capacity(usize::try_from(POLICIES).expect("32 bits"));
    policies.extend((0..POLICIES).map(|number| policy(&world.pki, Some(format!("backend-{number}.example")))));
    let checked = held();
    let mut prepared = Vec::with_capacity(policies.len());
    let mut times = Vec::with_capacity(policies.len());
    let empty = held();
    for policy in &policies {
        times.push(time(&world, policy, |each| prepared.push(each)));
    }
    let full = held();
    let mut again = Vec::with_capacity(policies.len());
    for policy in &policies {
        again.push(time(&world, policy, drop));
    }
    Prepare {
        bytes_per_policy: (full - empty) as f64 / f64::from(POLICIES),
        bytes_of_checked: (checked - before) as f64 / f64::from(POLICIES),
        microseconds: median(&mut times),
        microseconds_again: median(&mut again),
    }
}

fn time(world: &World, policy: &UpstreamTlsPolicy, mut keep: impl FnMut(std::sync::Arc<uptls::Prepared>)) -> f64 {
    let began = Instant::now();
    let prepared = world.runtime.prepare(policy);
    let took = began.elapsed();
    keep(prepared.expect("the policy is good"));
    took.as_secs_f64() * 1e6
}
