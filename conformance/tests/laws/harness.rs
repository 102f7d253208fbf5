//! How a law is run: over so many worlds from one seed, shrinking what breaks it, beside an oracle that keeps it and one
//! with a flaw that does not.
//!
//! `UPTLS_LAWS` is the number of worlds of all laws together (100,000 without it), `UPTLS_LAWS_SEED` another seed.

use std::cell::Cell;
use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::world::judge::{Judge, Real};
use crate::world::oracle::{Flaw, Oracle};

/// What one world says of a law that it does not break.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// It could have been broken here.
    Much,
    /// What the law is about did not happen.
    Nothing,
}

/// A world that breaks a law says how.
pub type Kept = Result<Told, String>;

/// One law.
pub struct Law<S, C> {
    /// `L1`, and what it says.
    pub name: &'static str,
    /// How many of 1,000 worlds are this law's.
    pub share: u32,
    /// The worlds.
    pub worlds: S,
    /// Whether a judge keeps it in one of them.
    pub check: C,
    /// The flaws that it finds, each by itself.
    pub finds: &'static [Flaw],
}

impl<S, C> Law<S, C>
where
    S: Strategy,
    S::Value: Debug,
    C: Fn(&dyn Judge, &S::Value) -> Kept,
{
    /// The oracle keeps it, each flaw breaks it, and the library keeps it in its share of worlds.
    pub fn hold(&self) {
        self.find_flaws();
        let worlds = worlds(self.share);
        run(self.name, worlds, &self.worlds, |world| (self.check)(&Real, world));
    }

    /// The negative twins: a law that finds no flaw says nothing of the library.
    fn find_flaws(&self) {
        if let Err(broken) = search(ORACLE_WORLDS, &self.worlds, |world| (self.check)(&Oracle(Flaw::None), world)) {
            panic!("{}: the oracle itself breaks it: {broken}", self.name);
        }
        for flaw in self.finds {
            let found = search(TWIN_WORLDS, &self.worlds, |world| (self.check)(&Oracle(*flaw), world));
            assert!(found.is_err(), "{}: no world shows the flaw {flaw:?}", self.name);
            println!("law {}: finds the flaw {flaw:?}", self.name);
        }
    }
}

/// Runs a law that has another kind of judge, or none.
pub fn run<S>(name: &str, worlds: u32, strategy: &S, check: impl Fn(&S::Value) -> Kept)
where
    S: Strategy,
    S::Value: Debug,
{
    match search(worlds, strategy, check) {
        Ok(telling) => {
            println!("law {name}: {worlds} worlds, {telling} of them telling");
            assert!(telling >= worlds / 50, "{name}: only {telling} of {worlds} worlds tell anything");
        }
        Err(broken) => panic!("law {name}: broken (UPTLS_LAWS_SEED={}): {broken}", seed()),
    }
}

/// How many worlds told something, or the smallest world that breaks the law.
pub fn search<S>(worlds: u32, strategy: &S, check: impl Fn(&S::Value) -> Kept) -> Result<u32, String>
where
    S: Strategy,
    S::Value: Debug,
{
    let config = Config { cases: worlds, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed().to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let telling = Cell::new(0);
    let result = TestRunner::new_with_rng(config, rng).run(strategy, |world| match check(&world) {
        Ok(told) => {
            telling.set(telling.get() + u32::from(told == Told::Much));
            Ok(())
        }
        Err(reason) => Err(TestCaseError::fail(reason)),
    });
    match result {
        Ok(()) => Ok(telling.get()),
        Err(TestError::Fail(reason, world)) => Err(format!("{reason}\n{world:#?}")),
        Err(TestError::Abort(reason)) => panic!("the search stopped: {reason}"),
    }
}

/// The worlds of a law with this share of 1,000.
pub fn worlds(share: u32) -> u32 {
    let total = number("UPTLS_LAWS").unwrap_or(100_000);
    u32::try_from(total * u64::from(share) / 1_000).expect("not that many").max(50)
}

fn seed() -> u64 {
    number("UPTLS_LAWS_SEED").unwrap_or(20_261_123)
}

#[allow(clippy::disallowed_methods, reason = "how many worlds a test tries, nothing that verifies")]
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// Worlds that the oracle is tried in before the library is.
const ORACLE_WORLDS: u32 = 3_000;
/// Worlds in which a flaw must show.
const TWIN_WORLDS: u32 = 60_000;
