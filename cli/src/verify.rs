//! `uptls verify`: the same verdict for a chain in a file.

use std::io::{self, Read};
use std::path::Path;

use uptls::input::read_file;
use uptls::{Envelope, Report};

use crate::args::VerifyArgs;
use crate::describe::runtime_at;
use crate::print::{self, CliError, report};
use crate::source::Ready;

pub(crate) fn run(args: &VerifyArgs) -> Result<u8, CliError> {
    let runtime = runtime_at(args.clock.at);
    let chain = read(&args.chain).map_err(|reason| CliError::unreadable(&args.chain, &reason))?;
    // What `uptls_manifest::verify_document` does with text.
    let report = match args.source.prepare(&runtime) {
        Ok(Ready { prepared, warnings }) => {
            let name =
                if args.chain == Path::new("-") { "standard input".into() } else { args.chain.to_string_lossy() };
            let mut report = prepared.report_file(&chain, &name, args.host.as_deref());
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

/// A file within limits.
pub(crate) fn read_named(path: &Path) -> io::Result<Vec<u8>> {
    Ok(read_file(path, MAX_FILE).map_err(io::Error::other)?.to_vec())
}

/// A file within limits, or standard input for `-`.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return read_named(path).map_err(|error| if is_pipe(path) { by_standard_input(&error) } else { error });
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(io::Error::other(format!("it has more than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}

/// As `/dev/stdin` and what a shell gives for `<(command)` are.
fn is_pipe(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn by_standard_input(error: &io::Error) -> io::Error {
    io::Error::other(format!("{error}; give - instead, and the text on standard input"))
}

/// Of text; a chain itself is held to 64 KiB (V1).
const MAX_FILE: u64 = 4 << 20;
