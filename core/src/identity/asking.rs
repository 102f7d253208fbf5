//! The way from a signer that rustls calls to those who wait for the handshake: through slots of the thread, since rustls carries nothing
//! of ours.

use core::cell::{Cell, RefCell};
use std::sync::mpsc::Sender;

use rustls::SignatureScheme;

use crate::error::Error;

/// Why there is no signature.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The connection ended first.
    Ended(Error),
    /// The deadline came first.
    Late,
    Reason(String),
}

/// What is to be signed, and where the signature goes.
pub(crate) struct Question {
    pub(crate) answer: Sender<Result<Vec<u8>, Refusal>>,
    pub(crate) message: Vec<u8>,
    pub(crate) scheme: SignatureScheme,
}

/// Who takes questions of this thread.
type Asked = Box<dyn Fn(Question)>;

thread_local! {
    static ASKED: RefCell<Option<Asked>> = const { RefCell::new(None) };
    static REFUSED: Cell<Option<Refusal>> = const { Cell::new(None) };
}

/// Runs `process`, and has `asked` take the questions of keys that have no function.
pub(crate) fn answered_by<T>(asked: Asked, process: impl FnOnce() -> T) -> T {
    ASKED.set(Some(asked));
    let outcome = process();
    ASKED.take();
    outcome
}

/// Waits for the answer; it does not come where the connection is gone.
pub(super) fn ask(scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (answer, answers) = std::sync::mpsc::channel();
    let is_asked = ASKED.with_borrow(|asked| match asked {
        Some(asked) => {
            asked(Question { answer, message: message.to_vec(), scheme });
            true
        }
        None => false,
    });
    match is_asked {
        true => answers.recv().unwrap_or_else(|_| Err(Refusal::Reason("the connection was dropped".to_owned()))),
        false => Err(Refusal::Reason(UNASKED.to_owned())),
    }
}

/// Keeps the reason for [`take_refusal`].
pub(super) fn refused(refusal: Refusal) {
    REFUSED.set(Some(refusal));
}

/// Why the last signature on this thread was not made.
pub(crate) fn take_refusal() -> Option<Refusal> {
    REFUSED.take()
}

const UNASKED: &str = "its key has no function that signs, and this way of connecting cannot ask for a signature: give the key one, or \
                       drive the handshake by bytes";
