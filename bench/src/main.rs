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
mod c;
mod callgrind;
mod client;
mod envoy;
mod figures;
mod meter;
#[cfg(openssl)]
mod openssl;
#[cfg(not(openssl))]
mod openssl_absent;
mod prepare;
mod report_c;
mod scenario;

use std::error::Error;
use std::io::Write as _;

#[cfg(not(openssl))]
use openssl_absent as openssl;

use figures::{Figures, folder, median, round};
use meter::Meter;
use scenario::{Scenario, Who, World};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => report().and_then(|()| report_c::report()).and_then(|()| report_envoy()),
        ["c"] => report_c::report(),
        ["envoy"] => report_envoy(),
        ["count", scenario, who, rounds] => count(scenario, who, rounds.parse()?),
        _ => {
            Err("usage: bench [c | envoy | count full|resumed|read|write c|c-x25519|openssl|rustls|uptls|uptls-audit|uptls-metrics ROUNDS]"
                .into())
        }
    }
}

/// What runs under callgrind.
fn count(scenario: &str, who: &str, rounds: u32) -> Result<(), Box<dyn Error>> {
    let scenario = Scenario::ALL.into_iter().find(|known| known.name() == scenario).ok_or("an unknown scenario")?;
    let who = Who::ALL.into_iter().find(|known| known.name() == who).ok_or("an unknown side")?;
    World::new(scenario).run(who, rounds, &mut Meter::default());
    Ok(())
}

fn report() -> Result<(), Box<dyn Error>> {
    let folder = folder()?;
    let [full, resumed, read, write] = Figures::of_all([Who::Uptls, Who::Rustls], &folder)?;
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
