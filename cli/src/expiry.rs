//! `--fail-within`: a peer that is accepted today, and soon no more.

use std::time::Duration;

use jiff::Timestamp;
use uptls::{FixedClock, Report, StepName};

use crate::output;
use crate::print;

/// The exit code of a report; 6 for an accepted peer whose proof ends within `limit`.
pub(crate) fn exit_code(report: &Report, limit: Option<Duration>) -> u8 {
    match ends_within(report, limit) {
        Some(_) => output::EXPIRING,
        None => report.exit_code(),
    }
}

/// Why a report of an accepted peer is a failure, in one line.
pub(crate) fn complaint(report: &Report, limit: Option<Duration>) -> String {
    let line = |end: String| format!("  {} ends {end}, which is within --fail-within\n", print::failure());
    ends_within(report, limit).map(line).unwrap_or_default()
}

/// The first end of what the verdict rests on (RFC 3339): the certificates of the path, or the leaf's if the policy wants no
/// path.
fn ends_within(report: &Report, limit: Option<Duration>) -> Option<String> {
    let limit = i64::try_from(limit?.as_secs()).unwrap_or(i64::MAX);
    if !report.accepted() {
        return None;
    }
    let chain = report.steps.iter().find(|step| step.step == StepName::Chain);
    let until = chain.and_then(|step| step.detail.get("until"));
    let until = until.or_else(|| report.chain.first().map(|leaf| &leaf.not_after))?;
    let (end, now): (Timestamp, Timestamp) = (until.parse().ok()?, report.at.parse().ok()?);
    (end.as_second().saturating_sub(now.as_second()) <= limit).then(|| until.clone())
}

/// Parses a time from minutes to days: `14d`, `36h`, `90m`.
pub(crate) fn parse_limit(text: &str) -> Result<Duration, String> {
    let wanted = || "expected a number with a unit: 14d, 36h or 90m".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wanted())?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wanted()),
    };
    match number.saturating_mul(seconds) {
        0 => Err("it must be more than nothing".to_owned()),
        seconds if seconds > CENTURY => Err("it must not be more than a century".to_owned()),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

/// Parses `--at`: RFC 3339, a date, or a time from now on.
pub(crate) fn parse_time(text: &str) -> Result<FixedClock, String> {
    if let Some(later) = text.strip_prefix('+') {
        let later = parse_limit(later)?;
        let now = Timestamp::now().as_second();
        let then = i64::try_from(later.as_secs()).ok().and_then(|later| now.checked_add(later));
        let then = then.and_then(|then| Timestamp::from_second(then).ok());
        return FixedClock::parse(&then.ok_or_else(wanted_time)?.to_string()).map_err(|_| wanted_time());
    }
    let whole = FixedClock::parse(text).or_else(|_| FixedClock::parse(&format!("{text}T00:00:00Z")));
    whole.map_err(|_| wanted_time())
}

fn wanted_time() -> String {
    "write 2027-01-01T00:00:00Z, 2027-01-01 or +30d".to_owned()
}

const CENTURY: u64 = 100 * 366 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_three_ways() {
        for text in ["2027-01-01T00:00:00Z", "2027-01-01T02:00:00+02:00", "2027-01-01", "+30d", "+90m"] {
            assert!(parse_time(text).is_ok(), "{text}");
        }
        for text in ["1700000000", "now", "2027-13-01", "30d", "-30d", "+30", "", "2027"] {
            let reason = parse_time(text).err().unwrap_or_default();
            assert!(reason.contains("2027-01-01") || reason.contains("14d"), "{text}: {reason}");
        }
    }
}
