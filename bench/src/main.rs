//! What uptls costs over rustls: ratios of one run, with one provider, one chain and one server in memory.
//!
//! `make bench` prints a table and writes `target/bench/core.json`. Only the client's work is measured: in instructions
//! under callgrind, in time by interleaved pairs, and in allocations. `callgrind_annotate target/bench/callgrind.full.uptls`
//! shows where the instructions go. valgrind's processor has no AVX-512 and VAES: where the machine has them, cryptography
//! takes fewer instructions than counted, and the same difference is a larger part of the time.
#![allow(clippy::expect_used, reason = "a broken fixture must stop the bench at once")]
#![allow(clippy::as_conversions, reason = "counts become ratios; 53 bits are enough")]
#![deny(unsafe_code)]

mod allocation;
mod callgrind;
mod client;
mod envoy;
mod meter;
mod prepare;
mod scenario;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use client::Side;
use meter::Meter;
use scenario::{Scenario, World};
use serde_json::json;

const SIDES: [&str; 2] = ["uptls", "rustls"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => report().and_then(|()| report_envoy()),
        ["envoy"] => report_envoy(),
        ["count", scenario, side, rounds] => count(scenario, side, rounds.parse()?),
        _ => Err("usage: bench [envoy | count full|resumed|read|write uptls|rustls ROUNDS]".into()),
    }
}

/// What runs under callgrind.
fn count(scenario: &str, side: &str, rounds: u32) -> Result<(), Box<dyn Error>> {
    let scenario = Scenario::ALL.into_iter().find(|known| known.name() == scenario).ok_or("an unknown scenario")?;
    let world = World::new(scenario);
    match side {
        "uptls" => world.run(&world.uptls, rounds, &mut Meter::default()),
        _ => world.run(&world.rustls, rounds, &mut Meter::default()),
    }
    Ok(())
}

fn report() -> Result<(), Box<dyn Error>> {
    let folder = folder()?;
    let [full, resumed, read, write] = [
        Figures::of(Scenario::Full, &folder, 100)?,
        Figures::of(Scenario::Resumed, &folder, 100)?,
        Figures::of(Scenario::Read, &folder, 200)?,
        Figures::of(Scenario::Write, &folder, 200)?,
    ];
    let prepare = prepare::measure();
    let json = json!({
        "full": full.json(),
        "resumed": resumed.json(),
        "bulk": { "read": read.throughput_json(), "write": write.throughput_json() },
        "prepare": {
            "microseconds": round(prepare.microseconds),
            "microseconds_again": round(prepare.microseconds_again),
            "bytes_per_policy": round(prepare.bytes_per_policy),
            "bytes_of_checked_policy": round(prepare.bytes_of_checked),
        },
    });
    let rows = [
        ("full: instructions, uptls / rustls", full.instructions_ratio(), "<= 1.02", full.instructions_ratio() <= 1.02),
        ("full: time, uptls / rustls", full.wall_ratio, "", true),
        ("full: allocations, uptls", full.allocations[0], "", true),
        ("full: allocations, rustls", full.allocations[1], "", true),
        ("resumed: instructions", resumed.instructions_ratio(), "<= 1.02", resumed.instructions_ratio() <= 1.02),
        ("resumed: time", resumed.wall_ratio, "", true),
        ("resumed: allocations, uptls", resumed.allocations[0], "", true),
        ("resumed: allocations, rustls", resumed.allocations[1], "", true),
        ("read 16 KiB: throughput, uptls / rustls", read.throughput(), ">= 0.98", read.throughput() >= 0.98),
        ("read 16 KiB: instructions", read.instructions_ratio(), "", true),
        ("write 16 KiB: throughput, uptls / rustls", write.throughput(), ">= 0.98", write.throughput() >= 0.98),
        ("write 16 KiB: instructions", write.instructions_ratio(), "", true),
        ("prepare, shared bundle: us", prepare.microseconds, "<= 5", prepare.microseconds <= 5.0),
        ("prepare, equal content: us", prepare.microseconds_again, "", true),
        ("bytes per prepared policy", prepare.bytes_per_policy, "<= 1024", prepare.bytes_per_policy <= 1024.0),
        ("bytes of a checked policy", prepare.bytes_of_checked, "", true),
    ];
    let mut out = std::io::stdout().lock();
    for (what, value, goal, met) in rows {
        let verdict = if met { "" } else { "MISSED" };
        writeln!(out, "{what:<42} {value:>12.3} {goal:>9} {verdict}")?;
    }
    let path = folder.join("core.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&json)?)?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}

/// Inside Envoy; `target/bench/envoy.json`.
fn report_envoy() -> Result<(), Box<dyn Error>> {
    let Some(figures) = envoy::measure()? else { return Ok(()) };
    let mut out = std::io::stdout().lock();
    let [module, own] = figures.handshakes_per_second;
    let [module_kib, own_kib] = figures.kib_per_cluster;
    for (what, value, goal, met) in [
        ("envoy: handshakes/s, module / own", figures.throughput, ">= 0.95", figures.throughput >= 0.95),
        ("envoy: handshakes/s, module", module, "", true),
        ("envoy: handshakes/s, own", own, "", true),
        ("envoy: processor time, module / own", figures.cpu, "", true),
        ("envoy: memory per cluster, module / own", figures.memory, "<= 1.0", figures.memory <= 1.0),
        ("envoy: KiB per cluster, module", module_kib, "", true),
        ("envoy: KiB per cluster, own", own_kib, "", true),
    ] {
        let verdict = if met { "" } else { "MISSED" };
        writeln!(out, "{what:<42} {value:>12.3} {goal:>9} {verdict}")?;
    }
    let path = folder()?.join("envoy.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&figures.json())?)?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}

fn folder() -> Result<std::path::PathBuf, Box<dyn Error>> {
    let folder = std::env::current_exe()?.ancestors().nth(2).ok_or("no target folder")?.join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Both sides of one scenario; uptls first.
struct Figures {
    /// Of one round.
    allocations: [f64; 2],
    /// Of one round, the client's alone.
    instructions: [f64; 2],
    wall_ratio: f64,
}

impl Figures {
    fn of(scenario: Scenario, folder: &Path, rounds: u32) -> Result<Self, Box<dyn Error>> {
        let mut instructions = [0.0; 2];
        for (slot, side) in instructions.iter_mut().zip(SIDES) {
            *slot = callgrind::instructions(folder, scenario, side, rounds)? as f64 / f64::from(rounds);
        }
        let (wall_ratio, allocations) = pairs(scenario);
        Ok(Self { allocations, instructions, wall_ratio })
    }

    fn instructions_ratio(&self) -> f64 {
        self.instructions[0] / self.instructions[1]
    }

    fn throughput(&self) -> f64 {
        1.0 / self.wall_ratio
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "instructions_ratio": round(self.instructions_ratio()),
            "instructions": self.instructions.map(f64::round),
            "wall_ratio": round(self.wall_ratio),
            "allocations": self.allocations,
        })
    }

    fn throughput_json(&self) -> serde_json::Value {
        json!({
            "throughput_ratio": round(self.throughput()),
            "instructions_ratio": round(self.instructions_ratio()),
            "instructions": self.instructions.map(f64::round),
            "allocations": self.allocations,
        })
    }
}

/// Medians of interleaved pairs: time of uptls over that of rustls, and the allocations of one round of each.
fn pairs(scenario: Scenario) -> (f64, [f64; 2]) {
    let world = World::new(scenario);
    let (pairs, rounds) = match scenario {
        Scenario::Full | Scenario::Resumed => (1000, 1),
        Scenario::Read | Scenario::Write => (100, 100),
    };
    let (mut times, mut allocations) = ([vec![], vec![]], [vec![], vec![]]);
    for pair in 0..pairs {
        // Whoever is second finds warmer caches: the order alternates.
        for turn in 0..2 {
            let side = (pair + turn) % 2;
            let meter = match side {
                0 => metered(&world, &world.uptls, rounds),
                _ => metered(&world, &world.rustls, rounds),
            };
            times[side].push(meter.time.as_secs_f64());
            allocations[side].push(meter.allocations as f64 / f64::from(rounds));
        }
    }
    let [uptls, rustls] = times.map(|mut times| median(&mut times));
    (uptls / rustls, allocations.map(|mut counts| median(&mut counts)))
}

fn metered(world: &World, side: &impl Side, rounds: u32) -> Meter {
    let mut meter = Meter::default();
    world.run(side, rounds, &mut meter);
    meter
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
