//! Shows each result as it comes, or all of them at the end as one document.

use uptls::{Envelope, Report};

use crate::args::CheckArgs;
use crate::expiry;
use crate::output::{self, Format};
use crate::print::{self, CliError, report};

/// What was shown.
pub(super) struct Screen<'a> {
    args: &'a CheckArgs,
    code: u8,
    format: Format,
    is_interrupted: bool,
    reports: Vec<Report>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(args: &'a CheckArgs) -> Self {
        let format = args.output.format();
        Self { args, code: 0, format, is_interrupted: false, reports: Vec::new() }
    }

    /// Whether results may come in any order.
    pub(super) fn takes_any_order(&self) -> bool {
        self.format == Format::Ndjson
    }

    /// The connections to one endpoint.
    pub(super) fn show(&mut self, reports: Vec<Report>) -> Result<(), CliError> {
        for (number, report) in (1..).zip(reports) {
            let code = expiry::exit_code(&report, self.args.fail_within);
            self.code = output::worse(self.code, code);
            let is_wanted = !self.args.only_problems || code != 0 || !report.warnings.is_empty();
            match self.format {
                Format::Text if is_wanted => self.show_text(&report, number)?,
                Format::Ndjson if is_wanted => output::line(&Envelope::reports(vec![report.clone()]))?,
                _ => {}
            }
            if is_wanted || self.format == Format::Text {
                self.reports.push(report);
            }
        }
        Ok(())
    }

    /// `missing` checks have no result.
    pub(super) fn interrupted(&mut self, missing: usize) {
        self.is_interrupted = true;
        print::print_error(&print::warning(&format!("interrupted: {missing} without a result")));
    }

    /// The exit code, and the reports.
    pub(super) fn finish(self) -> Result<(u8, Vec<Report>), CliError> {
        match self.format {
            Format::Json | Format::Yaml => output::document(self.format, &Envelope::reports(self.reports.clone()))?,
            Format::Text if self.reports.len() > 1 && !self.args.fix.fix => {
                let accepted = self.reports.iter().filter(|report| report.accepted()).count();
                print::out(&format!("\n{accepted} of {} accepted\n", self.reports.len()))?;
            }
            Format::Ndjson | Format::Text => {}
        }
        let code = if self.is_interrupted { output::worse(self.code, output::INTERRUPTED) } else { self.code };
        Ok((code, self.reports))
    }

    fn show_text(&self, report: &Report, number: u16) -> Result<(), CliError> {
        let is_short = self.args.quiet || (self.args.all || self.args.all_addresses) && !self.args.verbose;
        let text = match number {
            _ if is_short => report::short(report),
            1 if self.reports.is_empty() => report::whole(report),
            1 => format!("\n{}", report::whole(report)),
            number if report.accepted() => report::again(report, number),
            number => format!("connection {number}\n{}", report::whole(report)),
        };
        let text = text + &expiry::complaint(report, self.args.fail_within);
        match self.args.fix.fix {
            true => print::print_error(text.trim_end()),
            false => print::out(&text)?,
        }
        Ok(())
    }
}
