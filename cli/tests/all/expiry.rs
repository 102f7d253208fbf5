//! The end of the peer's certificate: the date, the warning (R8) and `--fail-within`.

use uptls_testkit::{San, Server, Template};

use crate::support::{Folder, Ran, uptls};

const DAY: i64 = 86_400;

/// A folder whose leaf lives 90 days and ends on 2027-01-22.
fn folder() -> Folder {
    let folder = Folder::new();
    let end = uptls_testkit::NOW + 60 * DAY;
    let template = Template::leaf("pay").with_sans(&[San::dns("payments.internal")]).with_validity(end - 90 * DAY, end);
    let leaf = folder.issue(template);
    folder.write("pay.pem", &uptls_testkit::chain_pem(&[&leaf, &folder.intermediate]));
    folder
}

fn verify(folder: &Folder, at: &str, more: &[&str]) -> Ran {
    let args = ["verify", "--policy", "policy.yaml", "--chain", "pay.pem", "--at", at];
    uptls(folder.path(), &[&args, more].concat())
}

#[test]
fn the_last_seventh_of_a_life_is_a_warning() {
    let folder = folder();
    // 90 days: the last seventh begins 12.86 days before the end.
    let warnings = |at: &str| verify(&folder, at, &["--json"]).results()[0]["warnings"].as_array().unwrap().clone();
    assert!(warnings("2027-01-08T00:00:00Z").is_empty());
    let warned = warnings("2027-01-10T00:00:00Z");
    assert_eq!(warned.len(), 1);
    assert_eq!(warned[0]["code"], "peer_expiring");
    assert!(warned[0]["detail"]["not_after"].as_str().unwrap().starts_with("2027-01-22T"), "{warned:?}");
    let ran = verify(&folder, "2027-01-10T00:00:00Z", &[]);
    assert_eq!(ran.code, 0, "a warning alone is no failure");
    assert!(ran.stdout.contains("ends 2027-01-22, in "), "{ran:?}");
    assert!(ran.stdout.contains("warn  peer_expiring a certificate of the peer ends soon"), "{ran:?}");
    // A peer that is refused anyway has its reason.
    let ran = uptls(
        folder.path(),
        &[
            "verify",
            "--ca",
            "ca.pem",
            "--name",
            "other.internal",
            "--chain",
            "pay.pem",
            "--at",
            "2027-01-10T00:00:00Z",
            "--json",
        ],
    );
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(ran.results()[0]["warnings"].as_array().unwrap().len(), 0);
}

#[test]
fn an_end_within_the_limit_is_exit_code_6() {
    let folder = folder();
    let at = "2027-01-10T00:00:00Z";
    for (limit, code) in [("14d", 6), ("11d", 0), ("336h", 6), ("90m", 0)] {
        let ran = verify(&folder, at, &["--fail-within", limit]);
        assert_eq!(ran.code, code, "{limit} {ran:?}");
        assert_eq!(ran.stdout.contains("which is within --fail-within"), code == 6, "{ran:?}");
        assert_eq!(verify(&folder, at, &["--fail-within", limit, "--json"]).code, code);
    }
    // What is refused keeps its code.
    assert_eq!(verify(&folder, "2027-03-01T00:00:00Z", &["--fail-within", "14d"]).code, 1);
    for limit in ["14", "0d", "soon", "14w", "99999999999999999999d", "1000000d"] {
        assert_eq!(verify(&folder, at, &["--fail-within", limit]).code, 2, "{limit}");
    }
}

#[test]
fn check_fails_within_as_verify_does() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    // The certificates of the folder are valid for decades.
    let check = |limit: &str| folder.check("policy.yaml", server.addr(), &["--fail-within", limit]);
    assert_eq!(check("14d").code, 0);
    let ran = check("30000d");
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(ran.stdout.starts_with("ok  "), "the verdict stands: {ran:?}");
}
