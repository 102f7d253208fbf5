//! What a hint says, done: for each refusal of the vectors the scenario in which its hint was followed.
//!
//! A remedy is bound to the hint by words that must stand in it, so that a hint cannot change without its proof. It changes
//! what the hint names and nothing else; where a case gives the peer's chain as bytes, the hint is followed a second time
//! with the certificates that the scenario's authorities issue.

mod material;
mod peer;

use std::collections::BTreeMap;

use uptls::{Code, Report};

use super::cases::Case;
use super::folder::{DOCUMENT, mint};
use super::scenario::{Minted, Scenario, make};
use uptls_testkit::chain_pem;

/// What is done.
pub struct Followed {
    /// The files of the case after it, as [`mint`] gives them; the hint is followed if any of these is not refused so.
    pub attempts: Vec<BTreeMap<String, Vec<u8>>>,
    /// Who follows it, and what changes.
    pub kind: &'static str,
}

/// How one hint of a code is followed.
pub(super) struct Remedy {
    act: fn(&mut Scenario, &Said<'_>),
    code: Code,
    kind: &'static str,
    /// The words of the hint that are done; of several, any.
    says: &'static [&'static str],
}

impl Remedy {
    /// One row of a table.
    const fn new(
        code: Code,
        kind: &'static str,
        says: &'static [&'static str],
        act: fn(&mut Scenario, &Said<'_>),
    ) -> Self {
        Self { act, code, kind, says }
    }
}

/// What was said of a case.
pub(super) struct Said<'a> {
    hint: &'a str,
    minted: &'a Minted,
    report: &'a Report,
}

/// The case with the hint of its `report` followed; `None` if no remedy is for it.
pub fn followed(case: &Case, report: &Report) -> Option<Followed> {
    let files = mint(case);
    if let Some(fix) = &report.fix {
        let mut files = files;
        let patched = uptls_manifest::fix::apply(files.get(DOCUMENT)?, fix)?;
        files.insert(DOCUMENT.to_owned(), patched.as_bytes().to_vec());
        return Some(Followed { attempts: vec![files], kind: "JSON Patch of the policy" });
    }
    let (code, hint) = (report.code?, report.hint.as_deref()?);
    let minted = case.scenario.mint();
    let said = Said { hint, minted: &minted, report };
    let is_said = |remedy: &&Remedy| remedy.code == code && remedy.says.iter().any(|words| hint.contains(words));
    let remedy = peer::REMEDIES.iter().chain(material::REMEDIES).find(is_said)?;
    let changed = |extra: fn(&mut Scenario)| {
        let mut scenario = case.scenario.clone();
        (remedy.act)(&mut scenario, &said);
        extra(&mut scenario);
        mint(&case.with_scenario(scenario))
    };
    Some(Followed { attempts: vec![changed(|_| {}), changed(send)], kind: remedy.kind })
}

/// The peer sends its leaf and the intermediates.
fn send(s: &mut Scenario) {
    s.sends(|m| chain_pem(&m.sent()));
}

/// The files as they were minted before: what is re-issued does not change them.
fn keep_files(s: &mut Scenario, said: &Said<'_>) {
    for content in s.files.values_mut() {
        let bytes = content(said.minted);
        *content = make(move |_| bytes.clone());
    }
}
