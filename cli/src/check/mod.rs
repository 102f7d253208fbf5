//! `uptls check`: would this policy accept this upstream?
//!
//! ```text
//!  plan      targets, addresses or backends   -> Probe
//!    jobs    several probes at a time         -> reports, in the order of the plan
//!    screen  text, JSON or a line for each    -> exit code
//! ```

mod addresses;
mod backends;
mod interrupt;
mod jobs;
mod plan;
mod screen;

use uptls::{Report, Runtime};

use crate::args::CheckArgs;
use crate::fix;
use crate::print::CliError;
use plan::Plan;
use screen::Screen;

pub(crate) fn run(args: &CheckArgs) -> Result<u8, CliError> {
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let mut screen = Screen::new(args);
    match Plan::of(args, &runtime)? {
        Plan::Unusable(problems) => screen.show(vec![Report::unusable(&problems, runtime.now_text())])?,
        Plan::Probes(probes) => jobs::run(probes, args, &mut screen)?,
    }
    let (code, reports) = screen.finish()?;
    if args.fix.fix {
        fix::policy(&args.source, &reports, &args.fix)?;
    }
    Ok(code)
}
