//! How cases are declared: a positive, and its twins that differ from it in one property.

use uptls::{Category, Code};

use super::scenario::{Permission, Scenario};

/// What must come out; written by hand beside every case, never taken from the engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// The peer is accepted.
    Accepted,
    /// The policy refuses the peer with this code.
    Rejected(Code),
    /// The policy or its material cannot be used.
    Unusable(Code),
}

impl Expected {
    /// As in a report.
    pub fn verdict(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected(_) => "rejected",
            Self::Unusable(_) => "error",
        }
    }

    /// The code, unless accepted.
    pub fn code(self) -> Option<Code> {
        match self {
            Self::Accepted => None,
            Self::Rejected(code) | Self::Unusable(code) => Some(code),
        }
    }
}

/// One vector, declared but not minted.
pub struct Case {
    /// How many problems an unusable policy has.
    pub errors: usize,
    /// What must come out.
    pub expected: Expected,
    /// The name of its folder.
    pub name: &'static str,
    /// The one property in which it differs from its twin.
    pub property: &'static str,
    /// The rules of SEMANTICS.md that it is about.
    pub rules: Vec<&'static str>,
    /// What the message or the hint must say.
    pub says: Vec<&'static str>,
    pub(super) scenario: Scenario,
    /// The case from which it differs in one property; for a first positive, its first twin.
    pub twin: &'static str,
}

impl Case {
    /// Demands that message or hint of the report hold `text`.
    pub(super) fn says(&mut self, text: &'static str) -> &mut Self {
        self.says.push(text);
        self
    }

    /// Demands this many problems instead of one.
    pub(super) fn errors(&mut self, count: usize) -> &mut Self {
        self.errors = count;
        self
    }

    /// The same case with another scenario.
    pub(super) fn with_scenario(&self, scenario: Scenario) -> Self {
        Self {
            errors: self.errors,
            expected: self.expected,
            name: self.name,
            property: self.property,
            rules: self.rules.clone(),
            says: self.says.clone(),
            scenario,
            twin: self.twin,
        }
    }

    /// The clock, unix seconds.
    pub fn at(&self) -> i64 {
        self.scenario.at
    }

    /// The backend host.
    pub fn host(&self) -> Option<&'static str> {
        self.scenario.host
    }

    /// Whether the caller permits weakenings.
    pub fn allows_danger(&self) -> bool {
        self.scenario.permission == Permission::Allow
    }

    /// The codes of the warnings that the report must have; an unusable policy has none.
    pub fn warnings(&self) -> &[&'static str] {
        match self.expected {
            Expected::Unusable(_) => &[],
            Expected::Accepted | Expected::Rejected(_) => &self.scenario.warnings,
        }
    }
}

/// A positive case: twins are made from it.
#[derive(Clone)]
pub(super) struct Positive {
    name: &'static str,
    scenario: Scenario,
}

/// The cases of a theme in the order of their declaration. A title is `name [rules] property`.
pub(super) struct Cases {
    list: Vec<Case>,
    /// [`Scenario::new`], from which most themes start.
    pub(super) usual: Positive,
}

impl Cases {
    /// The usual case and no other.
    pub(super) fn new() -> Self {
        let title =
            "usual [V1 V2] root, intermediate and leaf, and a policy that trusts the root and asks for the leaf's name";
        let scenario = Scenario::new();
        let mut cases = Self { list: Vec::new(), usual: Positive { name: "", scenario: scenario.clone() } };
        cases.usual = cases.accept(title, scenario);
        cases
    }

    /// All of them.
    pub(super) fn into_list(self) -> Vec<Case> {
        self.list
    }

    /// A first positive, from which others differ.
    pub(super) fn accept(&mut self, title: &'static str, scenario: Scenario) -> Positive {
        self.positive(title, "", scenario)
    }

    /// A positive that differs from another one and is accepted as well.
    pub(super) fn also(
        &mut self,
        twin: &Positive,
        title: &'static str,
        change: impl FnOnce(&mut Scenario),
    ) -> Positive {
        self.positive(title, twin.name, twin.scenario.clone().with(change))
    }

    /// A peer that is refused: 4xx to 6xx.
    pub(super) fn reject(
        &mut self,
        twin: &Positive,
        code: Code,
        title: &'static str,
        change: impl FnOnce(&mut Scenario),
    ) -> &mut Case {
        assert!(!is_of_policy(code), "{title}: {code} is not a verdict on a peer");
        self.push(title, twin.name, Expected::Rejected(code), twin.scenario.clone().with(change))
    }

    /// A policy that cannot be used: 1xx and 2xx.
    pub(super) fn unusable(
        &mut self,
        twin: &Positive,
        code: Code,
        title: &'static str,
        change: impl FnOnce(&mut Scenario),
    ) -> &mut Case {
        assert!(is_of_policy(code), "{title}: {code} is a verdict on a peer");
        self.push(title, twin.name, Expected::Unusable(code), twin.scenario.clone().with(change))
    }

    fn positive(&mut self, title: &'static str, twin: &'static str, scenario: Scenario) -> Positive {
        let name = self.push(title, twin, Expected::Accepted, scenario.clone()).name;
        Positive { name, scenario }
    }

    fn push(&mut self, title: &'static str, twin: &'static str, expected: Expected, scenario: Scenario) -> &mut Case {
        let parts = title.split_once(" [").and_then(|(name, rest)| Some((name, rest.split_once("] ")?)));
        let (name, (rules, property)) = parts.expect("a title is: name [rules] property");
        if let Some(first) = self.list.iter_mut().find(|case| case.name == twin && case.twin.is_empty()) {
            first.twin = name;
        }
        let rules = rules.split(' ').collect();
        let errors = usize::from(matches!(expected, Expected::Unusable(_)));
        self.list.push(Case { errors, expected, name, property, rules, says: Vec::new(), scenario, twin });
        self.list.last_mut().expect("one was pushed")
    }
}

fn is_of_policy(code: Code) -> bool {
    matches!(code.category(), Category::Policy | Category::Identity)
}
