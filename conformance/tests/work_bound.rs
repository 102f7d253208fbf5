//! L13: no chain of 64 KiB costs more than a fixed multiple of an ordinary one, counted in instructions by callgrind.
//!
//! The parent makes the chains; a child of the same binary, under valgrind, judges one of them, and only that is counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, clippy::print_stdout, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "the environment tells parent from child, and decides no verification")]

mod work;

use std::path::Path;
use std::process::{Command, Stdio};

use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission;
use uptls::{BackendHost, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, Prepared, Runtime, TrustDraft};
use uptls::{RevocationDraft, UpstreamTlsPolicy};
use uptls_testkit::{NOW, chain_pem};

use work::{Chain, chains, ordinary};

/// How many times an ordinary chain's instructions any other may cost.
const BOUND: u64 = 60;
const CHILD: &str = "UPTLS_WORK_FOLDER";

#[test]
fn no_chain_costs_more_than_a_fixed_multiple_of_an_ordinary_one() {
    if !has_valgrind() {
        assert!(std::env::var_os("UPTLS_REQUIRE_SUITES").is_none(), "valgrind is required");
        println!("skipped: valgrind is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let base = count(folder.path(), &ordinary());
    println!("{:<44} {:>12} instructions", "an ordinary chain of two", base);
    let mut worst = 0;
    for chain in chains() {
        let bytes: usize = chain.certificates.iter().map(|certificate| certificate.der().len()).sum();
        assert!(bytes <= 64 << 10, "{}: {bytes} bytes", chain.name);
        let cost = count(folder.path(), &chain);
        println!("{:<44} {cost:>12} {:>6.1}x {bytes:>6} bytes", chain.name, cost as f64 / base as f64);
        worst = worst.max(cost);
    }
    assert!(worst <= BOUND * base, "the worst chain costs {}x", worst / base);
}

/// Runs in the child alone.
#[test]
fn judge_in_the_child() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let folder = Path::new(&folder);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let prepared = prepare(&read("ca.pem"), &read("lists.pem"));
    let ders = Vec::<u8>::from_iter(std::fs::read(folder.join("chain.der")).unwrap());
    let mut rest = ders.as_slice();
    let mut chain = Vec::new();
    while let [a, b, c, d, behind @ ..] = rest {
        let (der, next) = behind.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        chain.push(CertificateDer::from_slice(der));
        rest = next;
    }
    let host = BackendHost::parse("a.test").unwrap();
    let code = judge_what_is_counted(&prepared, &chain, &host);
    std::fs::write(folder.join("code"), code).unwrap();
}

/// callgrind counts while this function is on the stack.
#[inline(never)]
fn judge_what_is_counted(prepared: &Prepared, chain: &[CertificateDer<'_>], host: &BackendHost) -> &'static str {
    let verified = prepared.verify(chain, Some(host));
    std::hint::black_box(verified.err().map_or("accepted", |rejection| rejection.code().as_str()))
}

fn prepare(ca: &str, lists: &str) -> std::sync::Arc<Prepared> {
    let trust = TrustDraft { bundles: vec![MaterialDraft::pem(ca)], ..TrustDraft::default() };
    let revocation = (!lists.is_empty())
        .then(|| RevocationDraft { crls: vec![MaterialDraft::pem(lists)], ..RevocationDraft::default() });
    let draft = PolicyDraft::new(PolicySpec { revocation, trust, ..PolicySpec::default() });
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
    runtime.prepare(&UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap()).unwrap()
}

/// The instructions of one verification of `chain`, whose code must be the expected one.
fn count(folder: &Path, chain: &Chain) -> u64 {
    let mut bytes = Vec::new();
    for certificate in &chain.certificates {
        bytes.extend(u32::try_from(certificate.der().len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(certificate.der());
    }
    std::fs::write(folder.join("chain.der"), bytes).unwrap();
    std::fs::write(folder.join("ca.pem"), chain_pem(&chain.anchors.iter().collect::<Vec<_>>())).unwrap();
    std::fs::write(folder.join("lists.pem"), &chain.lists).unwrap();
    let profile = folder.join("profile");
    let mut out_file = std::ffi::OsString::from("--callgrind-out-file=");
    out_file.push(&profile);
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no", "--toggle-collect=*judge_what_is_counted*"])
        .arg(out_file)
        .arg(std::env::current_exe().unwrap())
        .args(["judge_in_the_child", "--exact", "--test-threads=1"])
        .env(CHILD, folder)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{}: {status}", chain.name);
    let code = std::fs::read_to_string(folder.join("code")).unwrap();
    assert!(chain.codes.contains(&code.as_str()), "{}: {code}, expected one of {:?}", chain.name, chain.codes);
    let text = std::fs::read_to_string(&profile).unwrap();
    let totals = text.lines().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")));
    let total = totals.expect("the profile has totals").trim().parse().unwrap();
    assert_ne!(total, 0, "valgrind does not find the function that is counted");
    total
}

fn has_valgrind() -> bool {
    Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
