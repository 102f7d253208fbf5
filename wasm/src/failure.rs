//! How a call ends: a frame whose first byte says what the rest is.

use uptls::{Envelope, Problems, Report};

/// Why a call gave nothing.
pub(crate) enum Failure {
    /// The caller's bug, in words.
    Misuse(String),
    /// The policy cannot be used, or it refuses the peer.
    Report(Box<Report>),
}

impl Failure {
    /// A policy that cannot be used, at the runtime's time.
    pub(crate) fn unusable(problems: &Problems, runtime: &uptls::Runtime) -> Self {
        Self::Report(Box::new(Report::unusable(problems, runtime.now_text())))
    }
}

impl From<Box<Report>> for Failure {
    fn from(report: Box<Report>) -> Self {
        Self::Report(report)
    }
}

/// The bytes of a result: 0 before the JSON of a success, 1 before a report (`uptls.report/v1`), 2 before the words of a misuse.
pub(crate) fn frame(outcome: Result<String, Failure>) -> Vec<u8> {
    let (kind, text) = match outcome {
        Ok(text) => (OK, text),
        Err(Failure::Report(report)) => (REPORT, Envelope::reports(vec![*report]).to_json()),
        Err(Failure::Misuse(words)) => (MISUSE, words),
    };
    let mut frame = Vec::with_capacity(text.len().saturating_add(1));
    frame.push(kind);
    frame.extend_from_slice(text.as_bytes());
    frame
}

const OK: u8 = 0;
const REPORT: u8 = 1;
const MISUSE: u8 = 2;
