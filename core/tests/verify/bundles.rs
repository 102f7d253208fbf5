//! A bundle of the size that systems have: one broken block is named, and one odd certificate does not take the rest away.
#![allow(clippy::as_conversions, clippy::unwrap_used, reason = "tests")]

use uptls::danger::DangerPermission;
use uptls::{
    FixedClock, MaterialDraft, PolicyDraft, PolicySpec, Problem, Problems, Runtime, TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{Key, NOW, Template, pem};

/// 140 roots as PEM blocks.
fn roots() -> Vec<String> {
    let key = Key::p256("many roots");
    (0..140).map(|n| Template::ca(&format!("Root {n}")).self_signed(&key).pem()).collect()
}

fn prepare(blocks: &[String]) -> Result<usize, Problems> {
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
    let trust = TrustDraft { bundles: vec![MaterialDraft::pem(blocks.concat())], ..TrustDraft::default() };
    let draft = PolicyDraft::new(PolicySpec { trust, ..PolicySpec::default() });
    let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden)?;
    runtime.prepare(&policy).map(|prepared| prepared.describe().trusts.anchors.len())
}

#[test]
fn a_whole_bundle_is_trusted() {
    assert_eq!(prepare(&roots()).unwrap(), 140);
}

#[test]
fn one_broken_block_among_140_is_named_with_its_line() {
    for (name, breaking) in [
        ("truncated", (|block: &str| block.replace("-----END CERTIFICATE-----\n", "")) as fn(&str) -> String),
        ("not base64", |block| block.replacen("MII", "M!I", 1).replacen("\nMI", "\n!I", 1)),
        ("another kind", |block| block.replace("CERTIFICATE", "TRUSTED CERTIFICATE")),
        ("damaged", |block| block.replace("-----", "----")),
    ] {
        let mut blocks = roots();
        let line = 1 + blocks.iter().take(76).map(|block| block.lines().count()).sum::<usize>();
        blocks[76] = breaking(&blocks[76]);
        let problems = prepare(&blocks).unwrap_err();
        let Some(Problem::Material(error)) = problems.first() else { panic!("{name}: {problems}") };
        assert_eq!(
            (error.code().as_str(), error.block, error.line),
            ("trust_bundle_parse", Some(77), Some(line)),
            "{name}"
        );
    }
}

#[test]
fn one_unreadable_certificate_among_140_is_skipped_with_a_warning() {
    let mut blocks = roots();
    blocks[76] = pem("CERTIFICATE", b"\x30\x03\x02\x01\x01");
    assert_eq!(prepare(&blocks).unwrap(), 139);
    assert_eq!(prepare(&blocks[76..77]).unwrap_err().code().as_str(), "trust_bundle_parse");
}

/// V1: a pasted chain costs neither much time nor much memory.
#[test]
fn a_chain_is_read_from_a_mebibyte_of_text_and_no_more() {
    let key = Key::p256("long text");
    let root = Template::ca("Root").self_signed(&key);
    let trust = TrustDraft { bundles: vec![MaterialDraft::pem(root.pem())], ..TrustDraft::default() };
    let draft = PolicyDraft::new(PolicySpec { trust, ..PolicySpec::default() });
    let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap();
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
    let prepared = runtime.prepare(&policy).unwrap();
    let pem = root.pem();
    let code = |length: usize| {
        let text = format!("{pem}{}", "x\n".repeat((length - pem.len()) / 2 + 1));
        let report = prepared.report_pem(&text.as_bytes()[..length], Some("a.test"));
        report.code.map_or("", |code| code.as_str())
    };
    // It was read: a root is no leaf.
    assert_eq!(code(1 << 20), "cert_key_usage");
    assert_eq!(code((1 << 20) + 1), "cert_budget_exceeded");
}
