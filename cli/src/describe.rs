//! `uptls describe`: what a policy trusts, sends and accepts.

use uptls::{Description, Envelope, FixedClock, Report, Runtime};

use crate::args::DescribeArgs;
use crate::print::{CliError, policy, report};
use crate::source::Ready;

pub(crate) fn run(args: &DescribeArgs) -> Result<u8, CliError> {
    let runtime = runtime_at(args.clock.at);
    let Ready { prepared, warnings } = match args.source.prepare(&runtime) {
        Ok(ready) => ready,
        Err(problems) => {
            let report = Report::unusable(&problems, runtime.now_text());
            args.output.fail(SCHEMA, report.errors.clone(), &report::whole(&report))?;
            return Ok(report.exit_code());
        }
    };
    let mut description: Description = prepared.describe();
    description.warnings.extend(warnings);
    let whole = |descriptions: &[Description]| descriptions.iter().map(policy::whole).collect();
    args.output.print(Envelope::new(SCHEMA, vec![description]), whole)?;
    Ok(0)
}

/// The command's runtime, at the system's time unless told otherwise.
pub(crate) fn runtime_at(at: Option<FixedClock>) -> Runtime {
    let builder = Runtime::builder(uptls::aws_lc_rs::provider());
    match at {
        Some(clock) => builder.clock(clock).build(),
        None => builder.build(),
    }
}

const SCHEMA: &str = "uptls.description/v1";
