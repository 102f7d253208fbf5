//! A host that has both providers and installs none: `uptls-host-both ring|aws-lc-rs POLICY CHAIN HOST ADDRESS:PORT`.
#![allow(clippy::print_stdout, reason = "a program")]

#[path = "../../judge.rs"]
mod judge;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = arguments.split_first().ok_or("the first argument is a provider")?;
    let provider = match name.as_str() {
        "aws-lc-rs" => uptls::aws_lc_rs::provider(),
        "ring" => uptls::ring::provider(),
        other => return Err(format!("{other} is neither ring nor aws-lc-rs").into()),
    };
    print!("{}", judge::judge(provider, rest)?);
    Ok(())
}
