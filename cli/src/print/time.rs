//! Times for people: how far away an end is.

use anstyle::Style;
use jiff::Timestamp;
use uptls::CertificateFacts;

use super::{BAD, ODD};

/// When a certificate ends as seen from `now`, and how that is painted: `ends in 19 days`, `ended 3 days ago`.
pub(super) fn validity(certificate: &CertificateFacts, now: &str) -> (String, Style) {
    term(certificate, now, "")
}

/// The same with the day: `ends 2026-12-20, in 19 days`.
pub(super) fn dated(certificate: &CertificateFacts, now: &str) -> (String, Style) {
    term(certificate, now, &format!(" {},", day(&certificate.not_after)))
}

fn term(certificate: &CertificateFacts, now: &str, on: &str) -> (String, Style) {
    if certificate.not_after == NEVER {
        return ("never ends".to_owned(), Style::new());
    }
    let (Some(begin), Some(end), Some(now)) =
        (seconds(&certificate.not_before), seconds(&certificate.not_after), seconds(now))
    else {
        return (format!("ends {}", certificate.not_after), Style::new());
    };
    if now < begin {
        return (format!("begins in {}", distance(begin - now)), BAD);
    }
    match end - now {
        left @ ..0 => (format!("ended{on} {} ago", distance(-left)), BAD),
        // As the warnings have it (R8).
        left if left <= (end - begin) / 7 => (format!("ends{on} in {}", distance(left)), ODD),
        left => (format!("ends{on} in {}", distance(left)), Style::new()),
    }
}

/// The day of an RFC 3339 time.
pub(super) fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

fn seconds(time: &str) -> Option<i64> {
    time.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// In the largest unit of which there are two.
fn distance(seconds: i64) -> String {
    const UNITS: &[(i64, &str)] =
        &[(365 * 86_400, "years"), (86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds")];
    let unit = UNITS.iter().find(|(length, _)| seconds >= 2 * length);
    let (length, name) = unit.copied().unwrap_or((1, "seconds"));
    format!("{} {name}", seconds / length)
}

/// The end of what has no end (RFC 5280 section 4.1.2.5).
const NEVER: &str = "9999-12-31T23:59:59Z";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_in_a_unit_of_which_there_are_two() {
        const DAY: i64 = 86_400;
        let table =
            [(0, "0 seconds"), (119, "119 seconds"), (120, "2 minutes"), (DAY, "24 hours"), (2 * DAY, "2 days")];
        for (given, wanted) in table {
            assert_eq!(distance(given), wanted);
        }
        assert_eq!(distance(729 * DAY), "729 days");
        assert_eq!(distance(9 * 365 * DAY), "9 years");
    }
}
