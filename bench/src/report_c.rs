//! The C library beside the crate that it stands on, and beside the system's OpenSSL: `target/bench/c.json`.

use std::error::Error;
use std::io::{self, Write as _};

use serde_json::{Value, json};

use crate::figures::{Figures, folder, round};
use crate::openssl;
use crate::scenario::{Scenario, Who, World};

pub(crate) fn report() -> Result<(), Box<dyn Error>> {
    let folder = folder()?;
    let mut out = io::stdout().lock();
    let core = Figures::of_all([Who::C, Who::Uptls], &folder)?;
    for (what, figures) in NAMES.iter().zip(&core) {
        let ratio = figures.instructions_ratio();
        let verdict = if ratio <= GOAL { "" } else { "MISSED" };
        writeln!(out, "{:<42} {ratio:>12.3} {:>9} {verdict}", format!("C {what}: instructions, C / Rust"), "<= 1.03")?;
        writeln!(out, "{:<42} {:>12.3}", format!("C {what}: time"), figures.wall_ratio)?;
    }
    let mut json = json!({ "core": all(&core) });
    match World::new(Scenario::Full).same_work() {
        None => writeln!(out, "C and OpenSSL: skipped: OpenSSL 3 and its headers were not found when this was built")?,
        Some(negotiated) => {
            let figures = Figures::of_all([Who::CX25519, Who::OpenSsl], &folder)?;
            writeln!(out, "{}, {}", openssl::library(), negotiated.join(" "))?;
            for (what, figures) in NAMES.iter().zip(&figures) {
                let name = format!("C {what}: instructions, uptls / OpenSSL");
                writeln!(out, "{name:<42} {:>12.3}", figures.instructions_ratio())?;
                let [ours, theirs] = figures.microseconds;
                let name = format!("C {what}: time");
                writeln!(out, "{name:<42} {:>12.3}  {ours:.1} / {theirs:.1} us", figures.wall_ratio)?;
            }
            json["openssl"] = all(&figures);
            json["openssl"]["library"] = openssl::library().into();
            json["openssl"]["negotiated"] = negotiated.to_vec().into();
        }
    }
    let path = folder.join("c.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&json)?)?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}

fn all(figures: &[Figures; 4]) -> Value {
    let one = |figures: &Figures| {
        json!({
            "instructions_ratio": round(figures.instructions_ratio()),
            "instructions": figures.instructions.map(f64::round),
            "wall_ratio": round(figures.wall_ratio),
            "microseconds": figures.microseconds.map(round),
        })
    };
    let [full, resumed, read, write] = figures;
    json!({ "full": one(full), "resumed": one(resumed), "read": one(read), "write": one(write) })
}

const NAMES: [&str; 4] = ["full", "resumed", "read 16 KiB", "write 16 KiB"];

/// In instructions: what the border may cost.
const GOAL: f64 = 1.03;
