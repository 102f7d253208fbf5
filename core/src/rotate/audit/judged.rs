//! The verdicts of a shadow that still hold, so that it judges each chain once (R14).

use std::collections::HashMap;

use super::Verdict;
use crate::error::{Code, Rejection};
use crate::generation::Generation;
use crate::text::digest;

/// Verdicts of one generation, by the digest of host and chain.
#[derive(Default)]
pub(super) struct Judged {
    generation: Generation,
    known: HashMap<[u8; 32], Known>,
}

struct Known {
    /// The unix seconds between which it holds.
    term: (i64, i64),
    verdict: Verdict,
}

/// Why the shadow refuses a peer: as much of a [`Rejection`] as samples say.
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) expected: Vec<String>,
    pub(super) leaf_sha256: Option<String>,
    pub(super) presented: Vec<String>,
}

impl Refusal {
    pub(super) fn of(rejection: &Rejection) -> Self {
        Self {
            code: rejection.code(),
            expected: rejection.expected.clone(),
            leaf_sha256: rejection.chain.first().map(|leaf| digest(&crate::digest::sha256(leaf))),
            presented: rejection.presented.clone(),
        }
    }
}

impl Judged {
    pub(super) fn get(&mut self, generation: Generation, key: &[u8; 32], at: i64) -> Option<Verdict> {
        self.follow(generation);
        if self.generation != generation {
            return None;
        }
        let known = self.known.get(key).filter(|known| (known.term.0..=known.term.1).contains(&at))?;
        Some(known.verdict.clone())
    }

    /// Keeps a verdict of `generation`, unless a later one is judged by meanwhile.
    pub(super) fn insert(&mut self, generation: Generation, key: [u8; 32], verdict: Verdict, term: (i64, i64)) {
        self.follow(generation);
        if self.generation != generation {
            return;
        }
        // Rather once more from the beginning than an order of use.
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(key, Known { term, verdict });
    }

    fn follow(&mut self, generation: Generation) {
        if generation > self.generation {
            *self = Self { generation, known: HashMap::new() };
        }
    }
}

/// How many chains are remembered: a peer that shows another each time costs a verification, and no memory without end.
const MOST: usize = 1024;
