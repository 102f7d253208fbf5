//! `uptls explain`: what a policy trusts, sends and accepts.

use uptls::{Envelope, Explanation, FixedClock, Report, Runtime};

use crate::args::ExplainArgs;
use crate::print::{self, Complaint, policy, report};
use crate::source::Ready;

pub(crate) fn run(args: &ExplainArgs) -> Result<u8, Complaint> {
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
    let mut explanation: Explanation = prepared.explanation();
    explanation.warnings.extend(warnings);
    if args.json {
        print::json(&Envelope::new("uptls.explain/v1", vec![explanation]))?;
    } else {
        print::out(&policy::whole(&explanation))?;
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
