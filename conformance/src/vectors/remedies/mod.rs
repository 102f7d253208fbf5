//! What a hint says, done: for each refusal of the vectors the scene in which its hint was followed.
//!
//! A remedy is bound to the hint by words that must stand in it, so that a hint cannot change without its proof. It changes
//! what the hint names and nothing else; where a case gives the peer's chain as octets, the hint is followed a second time
//! with the certificates that the scene's authorities issue.

mod material;
mod peer;

use std::collections::BTreeMap;

use uptls::{Code, Report};

use super::cases::Case;
use super::folder::{DOCUMENT, mint};
use super::scene::{Minted, Scene, make};
use uptls_testkit::chain_pem;

/// What is done.
pub struct Followed {
    /// The files of the case after it, as [`mint`] gives them; the hint is followed if any of these is not refused so.
    pub attempts: Vec<BTreeMap<String, Vec<u8>>>,
    /// By whom, and to what.
    pub kind: &'static str,
}

/// How one hint of a code is followed.
pub(super) struct Remedy {
    act: fn(&mut Scene, &Said<'_>),
    code: Code,
    kind: &'static str,
    /// The words of the hint that are done; of several, any.
    says: &'static [&'static str],
}

/// What was said of a case.
pub(super) struct Said<'a> {
    hint: &'a str,
    minted: &'a Minted,
    report: &'a Report,
}

/// The case with the hint of its `report` followed; `None` if nobody has said how.
pub fn followed(case: &Case, report: &Report) -> Option<Followed> {
    let files = mint(case);
    if let Some(fix) = &report.fix {
        let mut files = files;
        let patched = uptls_manifest::fix::apply(files.get(DOCUMENT)?, fix)?;
        files.insert(DOCUMENT.to_owned(), patched.as_bytes().to_vec());
        return Some(Followed { attempts: vec![files], kind: "JSON Patch of the policy" });
    }
    let (code, hint) = (report.code?, report.hint.as_deref()?);
    let minted = case.scene.mint();
    let said = Said { hint, minted: &minted, report };
    let is_said = |remedy: &&Remedy| remedy.code == code && remedy.says.iter().any(|words| hint.contains(words));
    let remedy = peer::REMEDIES.iter().chain(material::REMEDIES).find(is_said)?;
    let changed = |extra: fn(&mut Scene)| {
        let mut scene = case.scene.clone();
        (remedy.act)(&mut scene, &said);
        extra(&mut scene);
        mint(&case.with_scene(scene))
    };
    Some(Followed { attempts: vec![changed(|_| {}), changed(send)], kind: remedy.kind })
}

/// The peer sends its leaf and the intermediates.
fn send(s: &mut Scene) {
    s.sends(|m| chain_pem(&m.sent()));
}

/// The files as they were minted before: what is re-issued does not change them.
fn keep_files(s: &mut Scene, said: &Said<'_>) {
    for content in s.files.values_mut() {
        let octets = content(said.minted);
        *content = make(move |_| octets.clone());
    }
}
