//! V11: no text that is made of what a peer sent is long or unescaped, `Debug` included.

use serde_json::Value;
use uptls::{Rejection, Report};

/// Every text of a report.
pub fn check_report(report: &Report) {
    check_value(&serde_json::to_value(report).expect("a report is JSON"));
}

fn check_value(value: &Value) {
    match value {
        Value::String(text) => check(text),
        Value::Array(items) => {
            assert!(items.len() <= 128, "a list of {} in a report", items.len());
            items.iter().for_each(check_value);
        }
        Value::Object(fields) => fields.values().for_each(check_value),
        _ => {}
    }
}

/// Every text of a rejection.
pub fn check_rejection(rejection: &Rejection) {
    check(&rejection.to_string());
    check(&rejection.hint());
    let debug = format!("{rejection:?}");
    // It holds a few texts of the peer, ten digests and the operator's own.
    assert!(debug.chars().count() <= 12_000, "{} characters of Debug", debug.chars().count());
}

/// A sentence of ours around at most three texts of the peer's, each of 256 characters, of printable characters alone.
fn check(text: &str) {
    let count = text.chars().count();
    assert!(count <= 3 * 256 + 600, "{count} characters: {text}");
    let odd = text.chars().find(|c| c.is_control() || ('\u{200b}'..='\u{206f}').contains(c) || *c == '\u{3164}');
    assert_eq!(odd, None, "{text:?}");
}
