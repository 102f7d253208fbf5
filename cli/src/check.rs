//! `uptls check`: would this policy accept this upstream?

use uptls::{CheckOptions, CheckThen, ConnectOptions, Envelope, Report, Runtime};

use crate::args::CheckArgs;
use crate::fix;
use crate::print::{self, CliError, report};
use crate::source::Opened;
use crate::target;

pub(crate) fn run(args: &CheckArgs) -> Result<u8, CliError> {
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let mut screen = Screen { args, reports: Vec::new() };
    match args.source.connector(&runtime) {
        Err(problems) => screen.show(Report::unusable(&problems, runtime.now_text()), 1)?,
        Ok(opened) => every_target(&opened, args, &mut screen)?,
    }
    screen.finish()
}

fn every_target(opened: &Opened, args: &CheckArgs, screen: &mut Screen<'_>) -> Result<(), CliError> {
    let mut connect = ConnectOptions::default();
    connect.timeout = args.dial.timeout;
    for target in &args.targets {
        for number in 1..=args.repeat {
            let then = if number < args.repeat { CheckThen::AwaitSessions } else { CheckThen::Close };
            let options = CheckOptions::new(connect.clone()).then(then);
            let address = target::address(target, args.dial.connect_to.as_ref());
            let mut report = opened.connector.check(address, &target.host, &options);
            report.warnings.extend_from_slice(&opened.warnings);
            if args.source.manifests.is_some() {
                // It would be one of a policy document, which is not there.
                report.fix = None;
            }
            screen.show(report, number)?;
        }
    }
    Ok(())
}

/// Shows each report as it comes, or all of them at the end as JSON.
struct Screen<'a> {
    args: &'a CheckArgs,
    reports: Vec<Report>,
}

impl Screen<'_> {
    fn show(&mut self, report: Report, number: u16) -> Result<(), CliError> {
        if !self.args.json {
            let text = match number {
                1 if self.reports.is_empty() => report::whole(&report),
                1 => format!("\n{}", report::whole(&report)),
                number if report.accepted() => report::again(&report, number),
                number => format!("connection {number}\n{}", report::whole(&report)),
            };
            match self.args.fix.fix {
                true => print::print_error(text.trim_end()),
                false => print::out(&text)?,
            }
        }
        self.reports.push(report);
        Ok(())
    }

    /// The highest exit code.
    fn finish(self) -> Result<u8, CliError> {
        let code = self.reports.iter().map(Report::exit_code).max().unwrap_or_default();
        if self.args.fix.fix {
            fix::policy(&self.args.source, &self.reports, &self.args.fix)?;
        } else if self.args.json {
            print::json(&Envelope::reports(self.reports))?;
        } else if self.reports.len() > 1 {
            let accepted = self.reports.iter().filter(|report| report.accepted()).count();
            print::out(&format!("\n{accepted} of {} accepted\n", self.reports.len()))?;
        }
        Ok(code)
    }
}
