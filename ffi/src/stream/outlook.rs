//! What can be asked of a stream while a call is inside it: the answers as the last step left them.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::conn::Reached;

/// The answers, in one word.
pub(crate) struct Outlook(AtomicU32);

/// One set of answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Answers {
    /// The handshake is done, and our last flight sent.
    pub(crate) finished: bool,
    pub(crate) pending: bool,
    pub(crate) reached: Reached,
    pub(crate) wants_read: bool,
    pub(crate) wants_write: bool,
}

impl Answers {
    /// Of a stream that no call can use.
    pub(crate) const NONE: Self =
        Self { finished: false, pending: false, reached: Reached::Failed, wants_read: false, wants_write: false };

    fn pack(self) -> u32 {
        let reached = match self.reached {
            Reached::Done => 0,
            Reached::Failed => 1,
            Reached::Handshaking => 2,
        };
        let bits = [self.finished, self.pending, self.wants_read, self.wants_write];
        bits.iter().fold(reached, |word, bit| (word << 1) | u32::from(*bit))
    }

    fn unpack(word: u32) -> Self {
        let bit = |place: u32| word & (1 << place) != 0;
        let reached = match word >> 4 {
            0 => Reached::Done,
            2 => Reached::Handshaking,
            _ => Reached::Failed,
        };
        Self { finished: bit(3), pending: bit(2), reached, wants_read: bit(1), wants_write: bit(0) }
    }
}

impl Outlook {
    pub(crate) fn new(answers: Answers) -> Self {
        Self(AtomicU32::new(answers.pack()))
    }

    pub(crate) fn get(&self) -> Answers {
        Answers::unpack(self.0.load(Ordering::Acquire))
    }

    pub(crate) fn set(&self, answers: Answers) {
        self.0.store(answers.pack(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_answers_come_back() {
        for reached in [Reached::Done, Reached::Failed, Reached::Handshaking] {
            for word in 0_u32..16 {
                let [finished, pending, wants_read, wants_write] = [8, 4, 2, 1].map(|bit| word & bit != 0);
                let answers = Answers { finished, pending, reached, wants_read, wants_write };
                assert_eq!(Outlook::new(answers).get(), answers);
            }
        }
        assert_eq!(Outlook::new(Answers::NONE).get(), Answers::NONE);
    }
}
