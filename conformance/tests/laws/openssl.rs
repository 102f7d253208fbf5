//! Two revocation lists in all combinations of scope, content, age and key, for a leaf with a distribution point and one
//! without, beside `openssl verify -crl_check`: what both say, and why they differ where they do.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use uptls_testkit::NOW;

use crate::world::certificates::Id;
use crate::world::judge::{Judge, Real, Verdict};
use crate::world::lists::{Age, Content, List, Scope};
use crate::world::oracle::{Flaw, Oracle};
use crate::world::policies::{Peer, Policy, Revocation, pem_of};

/// One list of the matrix. The key is the root's, or the one that it had before under the same name.
fn cells() -> Vec<List> {
    let mut lists = Vec::new();
    for signer in [1, 3] {
        for age in [Age::Fresh, Age::Stale, Age::Future] {
            for scope in [Scope::Whole, Scope::PointA, Scope::PointB] {
                for content in [Content::Empty, Content::Leaves] {
                    lists.push(List { age, scope, content, ..List::plain(signer) });
                }
            }
        }
    }
    // Of the other key one age is enough.
    lists.retain(|list| list.signer == 1 || list.age == Age::Fresh);
    lists
}

/// What OpenSSL says: its first error, 0 for none.
fn openssl(folder: &Path, leaf: Id, lists: [List; 2]) -> Option<u32> {
    let lists = lists.iter().map(List::pem).collect::<String>();
    for (name, text) in [("leaf.pem", leaf.pem()), ("lists.pem", lists.as_str())] {
        std::fs::write(folder.join(name), text).expect("it can be written");
    }
    let now = NOW.to_string();
    let arguments =
        ["verify", "-no-CApath", "-no-CAstore", "-crl_check", "-attime", &now, "-CAfile", "roots.pem", "-CRLfile"];
    let output =
        Command::new("openssl").current_dir(folder).args(arguments).args(["lists.pem", "leaf.pem"]).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let numbers = said.lines().filter_map(|line| line.strip_prefix("error ")?.split_once(" at ")?.0.parse().ok());
    let first = numbers.min_by_key(|number| u32::from(*number == EXPIRED || *number == NOT_YET_VALID));
    match (output.status.success(), first) {
        (true, None) => Some(0),
        (false, Some(number)) => Some(number),
        _ => panic!("openssl verify: {said}"),
    }
}

/// `X509_V_ERR_UNABLE_TO_GET_CRL`
const NO_LIST: u32 = 3;
/// `X509_V_ERR_CRL_NOT_YET_VALID`
const NOT_YET_VALID: u32 = 11;
/// `X509_V_ERR_CRL_HAS_EXPIRED`
const EXPIRED: u32 = 12;
/// `X509_V_ERR_CERT_REVOKED`
const REVOKED: u32 = 23;
/// `X509_V_ERR_DIFFERENT_CRL_SCOPE`
const OTHER_SCOPE: u32 = 44;

/// Why the two differ; `None`: they should not.
fn class(lists: [List; 2], ours: &Verdict, theirs: u32) -> Option<&'static str> {
    let begun = |list: &&List| list.age != Age::Future;
    let own = || lists.iter().filter(|list| list.signer == 1);
    let revoking = || own().filter(begun).any(|list| list.content == Content::Leaves);
    match (ours.code(), theirs) {
        ("", 0) | ("cert_revoked", REVOKED) | ("crl_expired", EXPIRED) => Some(SAME),
        ("revocation_unknown", NO_LIST | OTHER_SCOPE) => Some("same: no list covers it (3 or 44 there)"),
        ("revocation_unknown", NOT_YET_VALID) => Some("same: the list that covers it is of the future (11 there)"),
        ("cert_revoked", 0) if revoking() => {
            Some("a list names it that OpenSSL does not ask, of another scope or ended: refused here")
        }
        ("cert_revoked", NO_LIST | NOT_YET_VALID | EXPIRED | OTHER_SCOPE) if revoking() => {
            Some("both refuse: here since a list names it, there since it does not cover or is not in time")
        }
        ("crl_expired" | "revocation_unknown", EXPIRED | NOT_YET_VALID | OTHER_SCOPE | NO_LIST) => {
            Some("both refuse: none of several unusable lists is the better reason")
        }
        ("crl_expired" | "revocation_unknown", REVOKED) if !revoking() => {
            Some("both refuse: there since a list of the future names it")
        }
        _ => None,
    }
}

const SAME: &str = "same verdict, same reason";

/// Whether the command is there; it must be where `UPTLS_REQUIRE_SUITES` is 1.
#[allow(clippy::disallowed_methods, reason = "UPTLS_REQUIRE_SUITES decides which tests run, nothing else")]
fn is_installed() -> bool {
    let version = Command::new("openssl")
        .arg("version")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if version.as_ref().is_ok_and(|version| version.starts_with("OpenSSL 3")) {
        return true;
    }
    let required = std::env::var_os("UPTLS_REQUIRE_SUITES").is_some_and(|value| value == "1");
    assert!(!required, "the command openssl (3) is absent and UPTLS_REQUIRE_SUITES=1: {version:?}");
    println!("skipped: the command openssl (3) is absent");
    false
}

/// One row of the matrix: the leaf, its lists, and what OpenSSL says.
type Row = (Id, [List; 2], u32);

fn matrix() -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("roots.pem"), pem_of(&["R", "R2"].map(Id::of))).expect("it can be written");
    let (cells, mut rows) = (cells(), Vec::new());
    for (index, one) in cells.iter().enumerate() {
        for two in &cells[index..] {
            for leaf in ["leaf-R", "leaf-R-A"].map(Id::of) {
                let lists = [*one, *two];
                rows.push((leaf, lists, openssl(folder.path(), leaf, lists).expect("openssl starts")));
            }
        }
    }
    rows
}

/// How many rows are in each class, and those that are in none.
fn compare(judge: &dyn Judge, rows: &[Row]) -> (BTreeMap<&'static str, usize>, Vec<String>) {
    let (mut table, mut unexplained) = (BTreeMap::new(), Vec::new());
    for (leaf, lists, theirs) in rows {
        let ours = judged(judge, *leaf, *lists);
        match class(*lists, &ours, *theirs) {
            Some(class) => *table.entry(class).or_default() += 1,
            None => unexplained.push(format!("{leaf:?} {lists:?}: {ours:?}, OpenSSL {theirs}")),
        }
    }
    (table, unexplained)
}

#[test]
fn l01_two_lists_are_as_in_openssl() {
    if !is_installed() {
        return;
    }
    let rows = matrix();
    let (_, unexplained) = compare(&Oracle(Flaw::None), &rows);
    assert!(unexplained.is_empty(), "the rules themselves: {unexplained:#?}");
    for flaw in [
        Flaw::FirstListAlone,
        Flaw::NewestListAlone,
        Flaw::FutureListsCount,
        Flaw::PointCoversAll,
        Flaw::StaleListsCover,
    ] {
        assert!(!compare(&Oracle(flaw), &rows).1.is_empty(), "no row shows the flaw {flaw:?}");
    }
    let (table, unexplained) = compare(&Real, &rows);
    for (class, count) in &table {
        println!("two lists beside OpenSSL: {count:4} {class}");
    }
    println!("two lists beside OpenSSL: {:4} unexplained of {}", unexplained.len(), rows.len());
    assert!(unexplained.is_empty(), "{} differ without an description:\n{}", unexplained.len(), unexplained.join("\n"));
    assert!(table[SAME] >= 200, "{table:?}");
}

fn judged(judge: &dyn Judge, leaf: Id, lists: [List; 2]) -> Verdict {
    let revocation = Revocation { files: vec![lists.to_vec()], leaf_only: true, allow: false };
    let bundles = vec![["R", "R2"].map(Id::of).to_vec()];
    let policy = Policy { bundles, revocation: Some(revocation), ..Policy::plain() };
    judge.judge(&policy, &Peer { leaf, rest: Vec::new(), host: "a.test" }).expect("it loads")
}
