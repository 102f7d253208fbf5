//! `uptls verify`: the same verdict for a chain in a file.

use std::path::Path;

use uptls::{Envelope, Report};

use crate::args::VerifyArgs;
use crate::describe::runtime_at;
use crate::expiry;
use crate::input;
use crate::print::{CliError, report};
use crate::source::Ready;

pub(crate) fn run(args: &VerifyArgs) -> Result<u8, CliError> {
    args.output.settle("uptls.report/v1", show(args))
}

fn show(args: &VerifyArgs) -> Result<u8, CliError> {
    // The parser of the command line sees to it that there is one.
    let path = args.chain.as_deref().unwrap_or(Path::new("-"));
    let chain = input::read(path, "--chain").map_err(|reason| CliError::unreadable(path, &reason))?;
    let report = judged(args, &chain, &input::name(path));
    let code = expiry::exit_code(&report, args.fail_within);
    let text = report::whole(&report) + &expiry::complaint(&report, args.fail_within);
    args.output.print(Envelope::reports(vec![report]), |_| text)?;
    Ok(code)
}

fn judged(args: &VerifyArgs, chain: &[u8], name: &str) -> Report {
    let runtime = runtime_at(args.clock.at);
    // What `uptls_manifest::verify_document` does with text.
    match args.source.prepare(&runtime) {
        Ok(Ready { prepared, warnings }) => {
            let mut report = prepared.report_file(chain, name, args.host.as_deref());
            report.warnings.extend(warnings);
            report
        }
        Err(problems) => Report::unusable(&problems, runtime.now_text()),
    }
}
