//! The README and the page of its report are true: material and report are made anew, the programs are those that run,
//! the table comes from real verdicts. UPTLS_BLESS=1 rewrites what is generated.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, clippy::print_stdout, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use uptls::danger::DangerPermission;
use uptls::{FixedClock, Runtime};
use uptls_testkit::{NOW, Pki, San, chain_pem};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn blessing() -> bool {
    std::env::var("UPTLS_BLESS").is_ok()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// A page with what stands between the markers of `name` replaced, if blessing; else they must be equal.
fn holds(page: &str, name: &str, text: &str) {
    let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- {name}: end -->"));
    let written = std::fs::read_to_string(root().join(page)).unwrap();
    let (before, rest) = written.split_once(&begin).expect("the page has the opening marker");
    let (inside, after) = rest.split_once(&end).expect("the page has the closing marker");
    if blessing() {
        std::fs::write(root().join(page), format!("{before}{begin}{text}{end}{after}")).unwrap();
    } else {
        assert!(inside == text, "{page}, {name}: is out of date, run make bless; wanted:\n{text}");
    }
}

#[test]
fn the_material_is_made_from_a_seed() {
    let pki = Pki::new("readme");
    let leaf = pki.leaf(&[San::dns("payments-v2.internal"), San::uri("spiffe://prod/ns/pay/sa/worker")]);
    for (file, text) in [("ca.pem", pki.root.pem()), ("chain.pem", chain_pem(&[&leaf, &pki.intermediate]))] {
        let path = root().join("examples/refused").join(file);
        if blessing() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap_or_default() == text, "{}: run make bless", path.display());
    }
}

#[test]
fn the_programs_are_the_examples_that_run() {
    let readme = readme();
    for file in ["examples/rust/refused.rs", "examples/c/refused.c", "examples/python/refused.py"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        // Without what a program needs for the linter alone.
        let text: String = text.split_inclusive('\n').filter(|line| !line.starts_with("#![allow")).collect();
        assert!(readme.contains(text.trim_end()), "README.md does not hold {file} as it is");
    }
}

/// Lines without indentation and without what makes them a comment of rustdoc.
fn lines(text: &str) -> String {
    let bare = |line: &str| format!("{}\n", line.trim().trim_start_matches("/// ").trim_start_matches("//! ").trim());
    text.lines().map(bare).collect()
}

fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all += &lines(&std::fs::read_to_string(path).unwrap());
        }
    }
    all
}

/// Each block of the page on Rust is a part of a program, or of a rustdoc example, that the tests run.
#[test]
fn the_page_on_rust_shows_code_that_runs() {
    let page = std::fs::read_to_string(root().join("docs/rust.md")).unwrap();
    let blocks: Vec<_> = page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5, "{} blocks", blocks.len());
    let run: String = ["examples/rust", "core/src", "manifest/src"].map(|place| sources(&root().join(place))).concat();
    for block in blocks {
        assert!(run.contains(&lines(block)), "docs/rust.md shows what no example holds:\n{block}");
    }
    assert!(!run.contains(&lines("let connector = Nothing::new();\n")), "its twin");
}

#[test]
fn the_report_is_what_the_rust_program_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_refused")).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("\"code\": \"name_mismatch\""));
    holds("docs/report.md", "report", &format!("```json\n{printed}```\n"));
}

/// What uptls refuses and others accept, each by a committed vector.
const ROWS: &[(&str, &str)] = &[
    ("entry-server-certificate-signs", "signed by a server certificate that was pasted into the bundle"),
    ("issuer-without-cert-sign", "signed by an intermediate whose key usage lacks keyCertSign"),
    ("validity-anchor-expired", "under a root that has expired"),
    ("path-length-of-anchor-exceeded", "below more intermediates than the root permits"),
    ("key-leaf-rsa-1024", "an RSA key of 1024 bits"),
    ("signature-sha1-leaf", "a SHA-1 signature"),
    ("key-usage-encipherment", "a key usage without digitalSignature"),
    ("cn-alone", "the name in the CN alone"),
];

#[test]
fn the_table_of_refusals_comes_from_real_verdicts() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(std::env::var("UPTLS_REQUIRE_SUITES").is_err(), "the openssl command is required");
        println!("skipped: the openssl command is absent");
        return;
    }
    let mut table =
        String::from("| certificate | rustls's webpki | openssl verify | uptls |\n| --- | --- | --- | --- |\n");
    for (case, what) in ROWS {
        let folder = root().join("testdata/vectors/cases").join(case);
        let case = Case::read(&folder);
        let (webpki, openssl, uptls) = (case.webpki(), case.openssl(), case.uptls());
        let accepted = |text: &String| text == "accepted";
        assert!(accepted(&webpki) || accepted(&openssl), "{what}: nobody else accepts it");
        assert!(!accepted(&uptls), "{what}: we accept it");
        table.push_str(&format!("| {what} | {webpki} | {openssl} | `{uptls}` |\n"));
    }
    holds("README.md", "refusals", &table);
}

struct Case {
    folder: PathBuf,
    host: String,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let case = std::fs::read_to_string(folder.join("case.json")).unwrap();
        let case: serde_json::Value = serde_json::from_str(&case).unwrap();
        assert_eq!(case["at"], NOW, "the other tools are asked about that time too");
        let policy = std::fs::read_to_string(folder.join("policy.yaml")).unwrap();
        let server_name = policy.lines().find_map(|line| line.trim().strip_prefix("serverName: "));
        let host = case["host"].as_str().or(server_name).expect("a name").to_owned();
        Self { folder: folder.to_owned(), host }
    }

    fn certificates(&self, file: &str) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(self.folder.join(file)).unwrap().map(Result::unwrap).collect()
    }

    /// Bare webpki as rustls calls it: the path, then the name.
    fn webpki(&self) -> String {
        let (chain, bundle) = (self.certificates("chain.pem"), self.certificates("ca.pem"));
        let anchors: Vec<_> = bundle.iter().filter_map(|der| webpki::anchor_from_trusted_cert(der).ok()).collect();
        let verify = || -> Result<(), webpki::Error> {
            let leaf = webpki::EndEntityCert::try_from(&chain[0])?;
            let provider = uptls::aws_lc_rs::provider();
            let algorithms = provider.signature_verification_algorithms.all;
            let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW.unsigned_abs()));
            let usage = webpki::KeyUsage::server_auth();
            leaf.verify_for_usage(algorithms, &anchors, &chain[1..], now, usage, None, None)?;
            leaf.verify_is_valid_for_subject_name(&ServerName::try_from(self.host.as_str()).unwrap())
        };
        match verify() {
            Ok(()) => "accepted".to_owned(),
            Err(error) => format!("{error:?}").chars().take_while(|c| c.is_alphanumeric()).collect(),
        }
    }

    fn openssl(&self) -> String {
        let chain = self.folder.join("chain.pem");
        let output = Command::new("openssl")
            .args(["verify", "-purpose", "sslserver", "-attime", &NOW.to_string(), "-verify_hostname", &self.host])
            .arg("-CAfile")
            .arg(self.folder.join("ca.pem"))
            .arg("-untrusted")
            .arg(&chain)
            .arg(&chain)
            .output()
            .unwrap();
        if output.status.success() {
            return "accepted".to_owned();
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let reason = text.lines().find(|line| line.starts_with("error ")).expect("a reason");
        let reason = reason.split_once(" lookup: ").or_else(|| reason.split_once(": ")).expect("a text").1;
        format!("refused: {reason}")
    }

    fn uptls(&self) -> String {
        let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
        let policy = self.folder.join("policy.yaml");
        let prepared = uptls_manifest::prepare_file(&runtime, &policy, DangerPermission::Forbidden).unwrap();
        let chain = std::fs::read(self.folder.join("chain.pem")).unwrap();
        let report = prepared.report_pem(&chain, Some(&self.host));
        report.code.map_or_else(|| "accepted".to_owned(), |code| code.to_string())
    }
}
