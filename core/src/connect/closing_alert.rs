//! The alert that rustls leaves out: H5 where nothing is encrypted yet.

use std::io::{self, Write};

use rustls::ClientConnection;

use crate::error::{Code, Error};

/// Bytes for the peer that do not wait in rustls any more; empty unless the connection failed.
#[derive(Default)]
pub(super) struct ClosingAlert {
    bytes: Vec<u8>,
    sent: usize,
}

impl ClosingAlert {
    /// Ends the connection towards the peer. rustls has said an alert for most of what it finds wrong, and then this says
    /// nothing more; for the rest it has only the close_notify, in whose place the alert of `error` goes while records are
    /// plaintext. Later the keys are rustls's alone, and a close_notify it stays.
    pub(super) fn queue(&mut self, tls: &mut ClientConnection, error: &Error) {
        let alert = alert_of(error.code());
        if alert.is_none() && tls.protocol_version().is_none() {
            return;
        }
        self.bytes.extend(waiting(tls));
        tls.send_close_notify();
        let closing = waiting(tls);
        match (alert, &closing[..]) {
            (Some(alert), [ALERT_RECORD, major, minor, 0, 2, WARNING, CLOSE_NOTIFY]) => {
                self.bytes.extend([ALERT_RECORD, *major, *minor, 0, 2, FATAL, alert]);
            }
            _ => self.bytes.extend(closing),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Writes once to `sink`.
    pub(super) fn send(&mut self, sink: &mut dyn Write) -> io::Result<usize> {
        let count = sink.write(self.bytes.get(self.sent..).unwrap_or_default())?;
        self.sent = self.bytes.len().min(self.sent.saturating_add(count));
        Ok(count)
    }
}

/// What rustls would send now.
fn waiting(tls: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a Vec does not fail.
    while tls.wants_write() && matches!(tls.write_tls(&mut bytes), Ok(1..)) {}
    bytes
}

/// RFC 8446 section 6.2, as rustls answers the same faults elsewhere. What is not the peer's fault has no alert.
fn alert_of(code: Code) -> Option<u8> {
    match code {
        Code::MessageTooLarge => Some(DECODE_ERROR),
        Code::PeerMisbehaved => Some(UNEXPECTED_MESSAGE),
        _ => None,
    }
}

const ALERT_RECORD: u8 = 21;
const WARNING: u8 = 1;
const FATAL: u8 = 2;
const CLOSE_NOTIFY: u8 = 0;
const UNEXPECTED_MESSAGE: u8 = 10;
const DECODE_ERROR: u8 = 50;
