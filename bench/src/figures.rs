//! The figures of two sides in one run: instructions, time, allocations.

use std::error::Error;
use std::path::Path;

use serde_json::json;

use crate::callgrind;
use crate::meter::Meter;
use crate::scenario::{Scenario, Who, World};

/// Where the results and the profiles go: `target/bench`.
pub(crate) fn folder() -> Result<std::path::PathBuf, Box<dyn Error>> {
    let folder = std::env::current_exe()?.ancestors().nth(2).ok_or("no target folder")?.join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Both sides of one scenario; the measured one first.
pub(crate) struct Figures {
    /// Of one round.
    pub(crate) allocations: [f64; 2],
    /// Of one round, the client's alone.
    pub(crate) instructions: [f64; 2],
    /// Median times of one round, in microseconds.
    pub(crate) microseconds: [f64; 2],
    pub(crate) wall_ratio: f64,
}

impl Figures {
    /// Full and resumed handshakes, reading and writing.
    pub(crate) fn of_all(sides: [Who; 2], folder: &Path) -> Result<[Self; 4], Box<dyn Error>> {
        Ok([
            Self::of(Scenario::Full, sides, folder, 100)?,
            Self::of(Scenario::Resumed, sides, folder, 100)?,
            Self::of(Scenario::Read, sides, folder, 200)?,
            Self::of(Scenario::Write, sides, folder, 200)?,
        ])
    }

    fn of(scenario: Scenario, sides: [Who; 2], folder: &Path, rounds: u32) -> Result<Self, Box<dyn Error>> {
        let mut instructions = [0.0; 2];
        for (slot, who) in instructions.iter_mut().zip(sides) {
            *slot = callgrind::instructions(folder, scenario, who, rounds)? as f64 / f64::from(rounds);
        }
        let (microseconds, allocations) = pairs(scenario, sides);
        let wall_ratio = microseconds[0] / microseconds[1];
        Ok(Self { allocations, instructions, microseconds, wall_ratio })
    }

    pub(crate) fn instructions_ratio(&self) -> f64 {
        self.instructions[0] / self.instructions[1]
    }

    pub(crate) fn throughput(&self) -> f64 {
        1.0 / self.wall_ratio
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "instructions_ratio": round(self.instructions_ratio()),
            "instructions": self.instructions.map(f64::round),
            "wall_ratio": round(self.wall_ratio),
            "allocations": self.allocations,
        })
    }

    pub(crate) fn throughput_json(&self) -> serde_json::Value {
        json!({
            "throughput_ratio": round(self.throughput()),
            "instructions_ratio": round(self.instructions_ratio()),
            "instructions": self.instructions.map(f64::round),
            "allocations": self.allocations,
        })
    }
}

/// Medians of interleaved pairs: microseconds and allocations of one round of each.
fn pairs(scenario: Scenario, sides: [Who; 2]) -> ([f64; 2], [f64; 2]) {
    let world = World::new(scenario);
    let (pairs, rounds) = match scenario {
        Scenario::Full | Scenario::Resumed => (1000, 1),
        Scenario::Read | Scenario::Write => (100, 100),
    };
    let (mut times, mut allocations) = ([vec![], vec![]], [vec![], vec![]]);
    for pair in 0..pairs {
        // The second one finds warmer caches, so the order alternates.
        for turn in 0..2 {
            let side = (pair + turn) % 2;
            let mut meter = Meter::default();
            world.run(sides[side], rounds, &mut meter);
            times[side].push(meter.time.as_secs_f64() * 1e6 / f64::from(rounds));
            allocations[side].push(meter.allocations as f64 / f64::from(rounds));
        }
    }
    (times.map(|mut times| median(&mut times)), allocations.map(|mut counts| median(&mut counts)))
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
