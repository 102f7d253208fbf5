//! How bytes reach rustls.

use std::io::{self, Read};

use rustls::{ClientConnection, IoState};

use crate::error::Error;
use crate::panic;

/// What [`Driver::receive`](super::driver::Driver::receive) met.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ReadOutcome {
    End,
    /// Nothing was read: decrypted data waits.
    Full,
    Bytes,
}

/// Whose error it is.
pub(crate) enum Failure {
    Tls(Error),
    Transport(io::Error),
}

/// A panic in rustls must not take the caller's thread with it: with debug assertions, 0.23 panics when a peer misbehaves
/// after our close_notify. Its state is an error afterwards, and so is ours.
pub(super) fn process_new_packets(tls: &mut ClientConnection) -> Result<IoState, rustls::Error> {
    panic::catch(|| tls.process_new_packets())
        .unwrap_or_else(|_| Err(rustls::Error::General("rustls panicked".to_owned())))
}

/// Keeps the first bytes that pass, and the error of the source apart from those of rustls.
pub(super) struct Tap<'a> {
    first_bytes: &'a mut Vec<u8>,
    /// What the source gave; nothing if rustls did not ask.
    pub(super) outcome: io::Result<usize>,
    source: &'a mut dyn Read,
}

impl<'a> Tap<'a> {
    pub(super) fn new(source: &'a mut dyn Read, first_bytes: &'a mut Vec<u8>) -> Self {
        Self { first_bytes, outcome: Ok(0), source }
    }
}

impl Read for Tap<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.outcome = self.source.read(out);
        match &self.outcome {
            Ok(count) => {
                let room = FIRST_BYTES.saturating_sub(self.first_bytes.len());
                self.first_bytes.extend(out.iter().take(*count).take(room));
                Ok(*count)
            }
            Err(error) => Err(error.kind().into()),
        }
    }
}

/// How many of the first bytes are kept.
pub(super) const FIRST_BYTES: usize = 64;
