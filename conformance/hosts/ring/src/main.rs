//! A host that has ring alone: `uptls-host-ring POLICY CHAIN HOST ADDRESS:PORT`.
#![allow(clippy::print_stdout, reason = "a program")]

#[path = "../../judge.rs"]
mod judge;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    print!("{}", judge::judge(uptls::ring::provider(), &arguments)?);
    Ok(())
}
