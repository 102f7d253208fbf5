//! A handshake that stops to ask its driver for a signature (I7).
//!
//! rustls asks for a signature in the middle of a call, and cannot be asked to come back. So such a call runs in a thread of its own,
//! which waits for the answer while everything else goes on.

use core::fmt;
use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use rustls::SignatureScheme;
use uptls_process::without_signals;

use super::deadline::Deadline;
use super::fault::{Stage, meaning};
use super::internal;
use super::sans_io::Handshake;
use crate::error::{ConnectError, Error};
use crate::identity::asking::{Question, Refusal, answered_by};
use crate::panic;

/// What came of bytes that were fed to a handshake, or of a signature.
#[non_exhaustive]
pub enum Fed {
    /// The bytes were processed: how many, as [`Handshake::feed`] says it.
    #[non_exhaustive]
    Processed {
        /// The handshake.
        handshake: Box<Handshake>,
        /// What [`Handshake::feed`] gave.
        used: Result<usize, Error>,
    },
    /// The handshake waits for a signature.
    WantsSignature(SignatureWanted),
}

/// What the thread says.
enum Message {
    Asks(Question),
    Processed(Box<Handshake>, Result<usize, Error>),
}

/// A handshake whose identity has an [`ExternalKey::asking`](crate::ExternalKey::asking), and which needs a signature now.
///
/// Dropping it drops the connection. Until then a thread waits for the answer.
pub struct SignatureWanted {
    deadline: Deadline,
    messages: Receiver<Message>,
    question: Question,
}

impl Handshake {
    /// As [`Handshake::feed`], and a key without a function can ask for its signature.
    ///
    /// ```no_run
    /// use uptls::rustls::SignatureScheme;
    /// use uptls::Fed;
    /// use uptls::sans_io::Handshake;
    ///
    /// fn feed(handshake: Handshake, bytes: &[u8], token: impl Fn(SignatureScheme, &[u8]) -> Vec<u8>) -> Result<Handshake, uptls::Error> {
    ///     match handshake.feed_asking(bytes)? {
    ///         Fed::WantsSignature(wanted) => {
    ///             // Or give it later: nothing of this thread waits.
    ///             let signature = token(wanted.scheme(), wanted.message());
    ///             match wanted.give(Ok(signature))? {
    ///                 Fed::Processed { handshake, .. } => Ok(*handshake),
    ///                 _ => unreachable!("a handshake asks once"),
    ///             }
    ///         }
    ///         Fed::Processed { handshake, used, .. } => used.map(|_| *handshake),
    ///         _ => unreachable!("there is no other"),
    ///     }
    /// }
    /// ```
    ///
    /// Each call with such a key costs a copy of the bytes and a thread, which ends with the call unless it has to wait; other handshakes
    /// are fed as by [`Handshake::feed`].
    ///
    /// # Errors
    /// `local_resources` if there is no thread; the connection is gone then. What [`Handshake::feed`] says is in [`Fed`].
    pub fn feed_asking(mut self, bytes: &[u8]) -> Result<Fed, Error> {
        if !self.asks() {
            let used = self.feed(bytes);
            return Ok(Fed::Processed { handshake: Box::new(self), used });
        }
        let deadline = self.deadline_of();
        let (to_driver, messages) = channel();
        let bytes = bytes.to_vec();
        let mut handshake = Box::new(self);
        let work = move || {
            let asks = to_driver.clone();
            let asked = Box::new(move |question| drop(asks.send(Message::Asks(question))));
            let fed = answered_by(asked, || panic::catch(|| handshake.feed(&bytes)));
            let used = fed.unwrap_or_else(|words| Err(handshake.fail(internal(words))));
            // It ends here if the connection was dropped meanwhile.
            drop(to_driver.send(Message::Processed(handshake, used)));
        };
        let named = thread::Builder::new().name("uptls-sign".to_owned());
        without_signals(|| named.spawn(work))
            .map_err(|error| ConnectError::threadless(&error, "ask for a signature"))?;
        next(messages, deadline)
    }
}

impl SignatureWanted {
    /// By what to sign: hash and padding are part of it (RFC 8446 section 4.2.3).
    pub fn scheme(&self) -> SignatureScheme {
        self.question.scheme
    }

    /// What to sign; not hashed yet.
    pub fn message(&self) -> &[u8] {
        &self.question.message
    }

    /// When the handshake must be done (H4).
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.at
    }

    /// Gives the signature, or says why there is none. It is verified before it is sent: one that is not by the certificate's key ends
    /// the handshake with `identity_sign_failed`, and so does a reason. After the deadline it is `handshake_timeout`.
    ///
    /// # Errors
    /// As [`Handshake::feed_asking`].
    pub fn give(self, signature: Result<Vec<u8>, String>) -> Result<Fed, Error> {
        match self.deadline.has_passed() {
            true => self.answer(Err(Refusal::Late)),
            false => self.answer(signature.map_err(Refusal::Reason)),
        }
    }

    /// Ends the handshake with `handshake_timeout`.
    ///
    /// # Errors
    /// As [`Handshake::feed_asking`].
    pub fn expire(self) -> Result<Fed, Error> {
        self.answer(Err(Refusal::Late))
    }

    /// Ends the handshake, since the transport failed; as [`Handshake::feed_error`].
    ///
    /// # Errors
    /// As [`Handshake::feed_asking`].
    pub fn feed_error(self, error: &io::Error) -> Result<Fed, Error> {
        self.answer(Err(Refusal::Ended(meaning(error, Stage::Reached).into())))
    }

    fn answer(self, answer: Result<Vec<u8>, Refusal>) -> Result<Fed, Error> {
        let Self { deadline, messages, question } = self;
        // A thread that is gone is found below.
        drop(question.answer.send(answer));
        next(messages, deadline)
    }
}

impl fmt::Debug for SignatureWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureWanted").field("scheme", &self.scheme()).finish_non_exhaustive()
    }
}

/// What the thread says next. It waits for nothing but answers to its questions.
fn next(messages: Receiver<Message>, deadline: Deadline) -> Result<Fed, Error> {
    match messages.recv() {
        Ok(Message::Asks(question)) => Ok(Fed::WantsSignature(SignatureWanted { deadline, messages, question })),
        Ok(Message::Processed(handshake, used)) => Ok(Fed::Processed { handshake, used }),
        Err(_) => Err(internal("the thread of a handshake ended")),
    }
}
