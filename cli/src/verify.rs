//! `uptls verify`: the same verdict for a chain in a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use uptls::{Envelope, Report, Runtime};

use crate::args::VerifyArgs;
use crate::explain::runtime_at;
use crate::print::{self, Complaint, report};

pub(crate) fn run(args: &VerifyArgs) -> Result<u8, Complaint> {
    let runtime = runtime_at(args.clock.at);
    let chain = read(&args.chain).map_err(|reason| Complaint::unreadable(&args.chain, &reason))?;
    let report = judge(&runtime, args, &chain)?;
    let code = report.exit_code();
    if args.json {
        print::json(&Envelope::reports(vec![report]))?;
    } else {
        print::out(&report::whole(&report))?;
    }
    Ok(code)
}

fn judge(runtime: &Runtime, args: &VerifyArgs, chain: &[u8]) -> Result<Report, Complaint> {
    let policy = &args.source.policy;
    let text = match std::fs::read_to_string(policy) {
        Ok(text) => text,
        // The manifest says what is wrong with it, in the same words as everywhere.
        Err(reason) => match uptls_manifest::load(policy) {
            Err(problems) => return Ok(Report::unusable(&problems, runtime.now_text())),
            Ok(_) => return Err(Complaint::unreadable(policy, &reason)),
        },
    };
    let name = policy.display().to_string();
    let permission = args.source.permission();
    Ok(uptls_manifest::verify_document(runtime, &text, &name, policy.parent(), permission, chain, args.host.as_deref()))
}

/// A file, or standard input for `-`.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(MAX_CHAIN + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(MAX_CHAIN + 1).read_to_end(&mut bytes)?;
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_CHAIN) {
        return Err(io::Error::other(format!("it has more than {MAX_CHAIN} octets")));
    }
    Ok(bytes)
}

/// Of text; a chain itself is held to 64 KiB (V1).
const MAX_CHAIN: u64 = 4 << 20;
