//! `uptls describe`: what a policy trusts, sends and accepts.

use uptls::{Description, Envelope, FixedClock, Report, Runtime};

use crate::args::DescribeArgs;
use crate::print::{self, CliError, policy, report};
use crate::source::Ready;

pub(crate) fn run(args: &DescribeArgs) -> Result<u8, CliError> {
    let runtime = runtime_at(args.clock.at);
    let Ready { prepared, warnings } = match args.source.prepare(&runtime) {
        Ok(ready) => ready,
        Err(problems) => {
            let report = Report::unusable(&problems, runtime.now_text());
            let code = report.exit_code();
            if args.json {
                print::json(&Envelope::reports(vec![report]))?;
            } else {
                print::out(&report::whole(&report))?;
            }
            return Ok(code);
        }
    };
    let mut description: Description = prepared.describe();
    description.warnings.extend(warnings);
    if args.json {
        print::json(&Envelope::new("uptls.description/v1", vec![description]))?;
    } else {
        print::out(&policy::whole(&description))?;
    }
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
