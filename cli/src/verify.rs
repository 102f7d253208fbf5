//! `uptls verify`: the same verdict for a chain in a file.

use std::path::Path;

use uptls::{Envelope, Report};

use crate::args::VerifyArgs;
use crate::describe::runtime_at;
use crate::input;
use crate::print::{self, CliError, report};
use crate::source::Ready;

pub(crate) fn run(args: &VerifyArgs) -> Result<u8, CliError> {
    let runtime = runtime_at(args.clock.at);
    // The parser of the command line sees to it that there is one.
    let path = args.chain.as_deref().unwrap_or(Path::new("-"));
    let chain = input::read(path, "--chain").map_err(|reason| CliError::unreadable(path, &reason))?;
    // What `uptls_manifest::verify_document` does with text.
    let report = match args.source.prepare(&runtime) {
        Ok(Ready { prepared, warnings }) => {
            let mut report = prepared.report_file(&chain, &input::name(path), args.host.as_deref());
            report.warnings.extend(warnings);
            report
        }
        Err(problems) => Report::unusable(&problems, runtime.now_text()),
    };
    let code = report.exit_code();
    if args.json {
        print::json(&Envelope::reports(vec![report]))?;
    } else {
        print::out(&report::whole(&report))?;
    }
    Ok(code)
}
