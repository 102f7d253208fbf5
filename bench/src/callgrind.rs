//! Instructions by callgrind: this binary again, as a subprocess, counted only inside of `meter::client_side_only`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::scenario::{Scenario, Who};

/// Client instructions of `rounds` rounds of one side. The whole profile stays in `folder`, for callgrind_annotate.
pub(crate) fn instructions(folder: &Path, scenario: Scenario, who: Who, rounds: u32) -> Result<u64, Box<dyn Error>> {
    let profile = profile(folder, scenario, who);
    let mut out_file = std::ffi::OsString::from("--callgrind-out-file=");
    out_file.push(&profile);
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no", "--toggle-collect=*client_side_only*"])
        .arg(out_file)
        .arg(std::env::current_exe()?)
        .args(["count", scenario.name(), who.name(), &rounds.to_string()])
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        return Err(format!("valgrind: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = std::fs::read_to_string(&profile)?;
    let totals = text.lines().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")));
    let totals = totals.ok_or("the profile has no totals")?.trim().parse()?;
    match totals {
        0 => Err("nothing was counted: valgrind does not find client_side_only".into()),
        totals => Ok(totals),
    }
}

/// Where the profile of one scenario and side is.
fn profile(folder: &Path, scenario: Scenario, who: Who) -> PathBuf {
    folder.join(format!("callgrind.{}.{}", scenario.name(), who.name()))
}
