//! The difference from bare rustls-webpki: nothing is accepted that it rejects (T5 and D1..D4 apart).
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::print_stdout, reason = "the figures")]

mod bare;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use uptls::{Code, Material, Prepared, Report, StepName};
use uptls_conformance::committed::Committed;
use uptls_conformance::suites::{Limbo, limbo};

#[test]
fn no_vector_is_accepted_that_bare_webpki_rejects() {
    let mut compared = 0;
    for case in Committed::all() {
        let name = &case.case.document;
        let runtime = case.runtime();
        let prepared = uptls_manifest::prepare(&runtime, &case.file(name), name, Some(&case.folder), case.permission());
        let Ok(prepared) = prepared else { continue };
        let pem = case.file("chain.pem");
        let report = prepared.report_pem(&pem, case.case.host.as_deref());
        if !report.accepted() || prepared.policy().danger().is_active() || as_itself(&report) {
            continue;
        }
        let anchors = bundle_entries(&case, &prepared);
        let chain = certificates(pem);
        let matched = fact(&report, StepName::Name, "matched");
        assert_eq!(bare::verify(&runtime, &anchors, &chain, case.case.at, &[], matched), Ok(()), "{}", case.name);
        compared += 1;
    }
    println!("bare webpki: accepts the {compared} vectors that uptls accepts by a path and without a weakening");
    assert!(compared > 100, "{compared}");
}

/// T5.
fn as_itself(report: &Report) -> bool {
    fact(report, StepName::Chain, "trusted").starts_with("itself")
}

fn fact<'a>(report: &'a Report, name: StepName, fact: &str) -> &'a str {
    let step = report.steps.iter().find(|step| step.step == name);
    step.and_then(|step| step.detail.get(fact)).map(String::as_str).unwrap_or_default()
}

/// Every certificate of the bundles, as a careless reader would take them.
fn bundle_entries(case: &Committed, prepared: &Prepared) -> Vec<CertificateDer<'static>> {
    let text = |material: &Material| match material {
        Material::File { path, .. } => case.file(path.to_str().unwrap()),
        Material::Inline { content, .. } => content.to_vec(),
        _ => panic!("{}: a new kind of material", case.name),
    };
    let bundles = prepared.policy().trust().bundles.iter();
    bundles.flat_map(|bundle| certificates(text(&bundle.material))).collect()
}

/// Of PEM text or of one certificate in DER.
fn certificates(content: Vec<u8>) -> Vec<CertificateDer<'static>> {
    let text = match String::from_utf8(content) {
        Ok(text) => text,
        Err(der) => return vec![CertificateDer::from(der.into_bytes())],
    };
    let text = text.trim_start_matches('\u{feff}').lines().map(str::trim).collect::<Vec<_>>().join("\n");
    CertificateDer::pem_slice_iter(text.as_bytes()).map(Result::unwrap).collect()
}

#[test]
fn no_case_of_limbo_is_accepted_that_bare_webpki_rejects() {
    let Some(suite) = limbo("limbo/limbo-core.json.xz") else { return };
    let tally = compare("limbo-core", &suite);
    // Where it is stricter, the suite's authors agree.
    assert_eq!(tally.stricter_and_wrong, 0);
    assert_eq!(tally.as_itself, 0);
}

#[test]
fn no_case_of_boringpki_is_accepted_that_bare_webpki_rejects() {
    let Some(suite) = limbo("boringpki/boringpki.json.xz") else { return };
    compare("boringpki", &suite);
}

#[derive(Default)]
struct Tally {
    as_itself: usize,
    cases: usize,
    right: usize,
    stricter_and_wrong: usize,
}

/// Judges every case both ways. What is stricter than bare webpki must be in the ledger.
fn compare(name: &str, suite: &Limbo) -> Tally {
    let (mut tally, mut ledger, mut accepted) = (Tally::default(), String::new(), String::new());
    for case in suite.testcases.iter().filter(|case| case.validation_kind == "SERVER") {
        let began = Instant::now();
        let ours = bare::judge(case);
        assert!(began.elapsed() < PATIENCE, "{} took {:?}", case.id, began.elapsed());
        let bare = bare::judge_bare(case);
        let wanted = case.expected_result == "SUCCESS";
        tally.cases += 1;
        tally.right += usize::from(ours.is_ok() == wanted);
        match (&ours, &bare) {
            (Ok(()), Err(error)) => {
                // T5, the one exception.
                assert!(bare::leaf_is_trusted(case), "{}: accepted, and bare webpki says {error:?}", case.id);
                tally.as_itself += 1;
            }
            (Err(code), Ok(())) => {
                tally.stricter_and_wrong += usize::from(wanted);
                let rule = RULES.iter().find(|(known, _)| known == code).map(|(_, rule)| rule);
                let rule = rule.unwrap_or_else(|| panic!("{}: {code} has no rule here", case.id));
                ledger.push_str(&format!("{} {code} {rule}\n", case.id));
            }
            _ => {}
        }
        if ours.is_ok() && !wanted {
            let class = CLASSES.iter().find(|(start, _)| case.id.starts_with(start)).map(|(_, class)| class);
            let class = class.unwrap_or_else(|| panic!("{}: accepted against its authors, and in no class", case.id));
            accepted.push_str(&format!("{} {class}\n", case.id));
        }
    }
    check_ledger(&format!("accepted-{name}"), &accepted);
    let (right, cases, stricter) = (tally.right, tally.cases, ledger.lines().count());
    println!(
        "{name}: {right} of {cases} as its authors say; stricter than bare webpki in {stricter}, looser in {}, all by T5",
        tally.as_itself
    );
    check_ledger(&format!("stricter-{name}"), &ledger);
    tally
}

/// The ledger lists each case in which this library is stricter, with the code and the rule; UPTLS_BLESS=1 writes it.
#[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS decides nothing about verification")]
fn check_ledger(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("ledgers/{name}.txt"));
    if std::env::var_os("UPTLS_BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (found, committed) = (lines(found), lines(&committed));
    let unknown: Vec<_> = found.difference(&committed).collect();
    let stale: Vec<_> = committed.difference(&found).collect();
    assert!(unknown.is_empty() && stale.is_empty(), "not in the ledger: {unknown:?}; no longer true: {stale:?}");
}

/// Why a certificate may be refused that bare webpki accepts.
const RULES: &[(Code, &str)] = &[
    (Code::CertAlgorithmUnsupported, "V2"),
    (Code::CertBudgetExceeded, "L13"),
    (Code::CertIssuerNotCa, "T3,V2"),
    (Code::CertKeyTooWeak, "V2"),
    (Code::CertKeyUsage, "V4"),
    (Code::CertMalformed, "V1"),
    (Code::CertNotYetValid, "T4"),
    (Code::CertPathTooLong, "T3"),
    (Code::CrlUntrusted, "V3"),
    (Code::TrustBundleExpired, "T4"),
];
/// What is accepted against the word of a suite's authors, by the beginning of its name: nothing of it lets anybody be
/// whom the policy does not name.
const CLASSES: &[(&str, &str)] = &[
    ("crl::crlnumber", "the number of a list decides nothing here (V3)"),
    ("pathlen::max-chain-depth", "the depth is an option that a policy does not have"),
    ("rfc5280::aki", "key identifiers help in the search and decide nothing (V2)"),
    ("rfc5280::ski", "key identifiers help in the search and decide nothing (V2)"),
    ("webpki::aki", "key identifiers help in the search and decide nothing (V2)"),
    ("rfc5280::nc::invalid-dnsname-leading-period", "form of a constraint, which is kept all the same"),
    ("rfc5280::nc", "where constraints stand, and whether they are critical: they are evaluated in issuers"),
    ("webpki::nc", "empty constraints constrain nothing"),
    ("rfc5280::pc", "policies are not processed (V2)"),
    ("rfc5280::san::noncritical", "criticality of an extension that is always read"),
    ("webpki::san::san-critical", "criticality of an extension that is always read"),
    ("rfc5280::san::underscore", "an underscore in a name that the policy must name, too"),
    ("rfc5280::serial", "form of the serial number"),
    ("rfc5280::ca-empty-subject", "form of a CA's certificate"),
    ("rfc5280::root-non-critical-basic", "form of a CA's certificate"),
    ("rfc5280::leaf-ku-keycertsign", "a leaf is no issuer, whatever its key usage says (an X.509-SVID is refused: N7)"),
    ("webpki::cn", "the CN is never read (N5)"),
    ("webpki::eku", "form of the EKU: rules of the CA/Browser Forum"),
    ("webpki::san::public-suffix", "there is no list of public suffixes (N6)"),
    ("webpki::malformed-aia", "authority information access is not read"),
    ("webpki::forbidden-rsa", "RSA of 2048 bits or more, of a size that is not whole bytes"),
    ("boringpki::policies", "policies are not processed (V2)"),
    ("boringpki::target-eku", "form of the EKU: serverAuth may be absent or one of many (V2)"),
    ("boringpki::target-and-intermediate--trusted-leaf", "trust as itself (T5)"),
    ("boringpki::target-only--trusted", "trust as itself (T5)"),
    ("boringpki::target-selfissued--trusted", "trust as itself (T5)"),
];
/// Without optimisation, and for the three ways of one case together.
const PATIENCE: Duration = Duration::from_secs(10);
