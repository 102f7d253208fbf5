//! Every manifest that others wrote gives what the ledger says: conditions, problems, and what each backend gets.
//!
//! The ledger names files by path and digest, and holds nothing of them. UPTLS_BLESS=1 writes it.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::print_stdout, reason = "the figures")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use uptls::danger::DangerPermission::Forbidden;
use uptls::{ConnectorState, FixedClock, PolicyDraft, Runtime, SystemTrustDraft, WarningCode};
use uptls_conformance::gateway::{self, Fixtures};
use uptls_manifest::kubernetes::{
    BackendRef, Document, EffectivePolicy, Imported, ImportedPolicy, ObjectName, Resolution, Scope, import,
};

#[test]
fn every_manifest_gives_what_the_ledger_says() {
    let Some(files) = gateway::files() else { return };
    let (mut ledger, mut tally) = (String::new(), Tally::default());
    for (path, content) in files.iter().filter(|(path, _)| path.ends_with(".yaml")) {
        tally.files += 1;
        ledger.push_str(&format!("{path} {}\n", hex(content)));
        let imported = read(&files, path);
        for line in lines(&imported, path, &mut tally) {
            ledger.push_str(&format!("  {line}\n"));
        }
    }
    println!("{tally}");
    assert!(tally.files >= 70 && tally.policies >= 40 && tally.ready >= 20, "{tally}");
    check(&ledger);
}

/// What the standard's authors say of their own policies, in the text of their tests.
#[test]
fn the_conformance_tests_get_the_conditions_that_they_assert() {
    if let Some(files) = gateway::files() {
        check_conditions(&files, 23);
    }
}

/// The same of the newest release, which has one policy more.
#[test]
fn the_newest_conformance_tests_get_the_conditions_that_they_assert() {
    if let Some(files) = gateway::newest() {
        check_conditions(&files, 24);
    }
}

fn check_conditions(files: &BTreeMap<String, Vec<u8>>, at_least: usize) {
    let mut seen = BTreeSet::new();
    let has_policy = |content: &[u8]| String::from_utf8_lossy(content).contains("kind: BackendTLSPolicy");
    let is_test = |path: &str| path.starts_with(TESTS) && path.ends_with(".yaml");
    for path in files.iter().filter(|(path, content)| is_test(path) && has_policy(content)).map(|(path, _)| path) {
        for policy in own(&read(files, path), path) {
            let name = policy.name.name.as_str();
            let wanted =
                ASSERTED.iter().find(|(of, ..)| *of == name).map_or(GOOD, |(_, accepted, refs)| (accepted, refs));
            assert_eq!((policy.accepted.as_str(), policy.resolved_refs.as_str()), wanted, "{name}");
            seen.insert(name.to_owned());
        }
    }
    assert!(ASSERTED.iter().all(|(name, ..)| seen.contains(*name)), "{seen:?}");
    assert!(seen.len() >= at_least, "{} policies", seen.len());
    println!("conformance: the conditions of {} policies are those that the suite asserts", seen.len());
}

/// The file, with those that its authors apply before it and the objects that they mint.
fn read(files: &BTreeMap<String, Vec<u8>>, path: &str) -> Imported {
    let minted: Vec<Vec<u8>> = match path.starts_with(TESTS) {
        true => Fixtures::mint().objects().iter().map(|object| serde_json::to_vec(object).unwrap()).collect(),
        false => Vec::new(),
    };
    let folder = COMPANIONS.iter().find(|(folder, _)| path.starts_with(folder));
    let companions = folder.map_or(&[][..], |(_, companions)| companions).iter().copied().filter(|name| *name != path);
    let companions = companions.map(|name| Document::new(name, &files[name]));
    let minted = minted.iter().map(|text| Document::new("minted", text));
    import([Document::new(path, &files[path])].into_iter().chain(companions).chain(minted))
}

/// The policies that stand in this file.
fn own<'a>(imported: &'a Imported, path: &str) -> Vec<&'a ImportedPolicy> {
    let is_own = |policy: &&ImportedPolicy| policy.targets.iter().any(|target| *target.origin.document == *path);
    imported.policies.iter().filter(is_own).collect()
}

fn lines(imported: &Imported, path: &str, tally: &mut Tally) -> Vec<String> {
    let mut lines = Vec::new();
    for policy in own(imported, path) {
        tally.policies += 1;
        let (accepted, resolved) = (policy.accepted.as_str(), policy.resolved_refs.as_str());
        *tally.conditions.entry(format!("{accepted}/{resolved}")).or_default() += 1;
        lines.push(format!("policy {} {accepted}/{resolved}", policy.name));
    }
    for diagnostic in &imported.diagnostics {
        let problem = &diagnostic.problem;
        let Some(origin) = problem.origin().filter(|origin| *origin.document == *path) else { continue };
        let (effect, code) = (diagnostic.effect.as_str(), problem.code());
        lines.push(format!("problem {effect} {code} line {} {}", origin.line, problem.path()).trim_end().to_owned());
    }
    let runtime = runtime();
    let resolution = imported.resolve(&Scope::new("uptls.example/conformance"));
    for effective in resolution.policies.iter().filter(|effective| is_of(effective, path)) {
        lines.extend(asked_for(&resolution, effective, &runtime));
        let mut line = format!("effective {}", named(effective));
        match &effective.draft {
            Ok(draft) => {
                let state = effective.connector(&runtime, Forbidden).state();
                *tally.of(&state) += 1;
                line.push_str(&format!(" {} {}", summary(draft), shown(&state, draft)));
            }
            Err(problems) => {
                tally.refused += 1;
                line.push_str(&format!(" {}", problems.code()));
            }
        }
        lines.push(line);
        let overridden = effective.overridden.iter();
        let overridden =
            overridden.map(|one| format!("  overridden {} of {} by {}", one.field, one.lost.object, one.kept.object));
        lines.extend(overridden);
        let warnings = effective.warnings.iter().filter(|warning| warning.code == WarningCode::Strengthened);
        lines.extend(warnings.map(|warning| format!("  strengthened {}", said(&warning.detail))));
    }
    lines
}

/// What each Gateway gets that asks for a backend which no route leads to.
fn asked_for(resolution: &Resolution, effective: &EffectivePolicy, runtime: &Runtime) -> Vec<String> {
    if effective.gateway.is_some() {
        return Vec::new();
    }
    let mut backend = BackendRef::new(&effective.backend.namespace, &effective.backend.name, effective.port);
    backend.kind = Some(effective.backend_kind);
    let one = |gateway: &ObjectName| {
        let found = resolution.policy_of(&backend, Some(gateway)).unwrap();
        assert_eq!(found.gateway.as_ref(), Some(gateway), "{backend}");
        let outcome = match &found.draft {
            Ok(draft) => format!("{} {}", summary(draft), shown(&found.connector(runtime, Forbidden).state(), draft)),
            Err(problems) => problems.code().to_string(),
        };
        format!("asked {} {outcome}", named(found))
    };
    resolution.gateways.iter().map(one).collect()
}

/// What was made stricter.
fn said(detail: &BTreeMap<&'static str, String>) -> String {
    let what = detail.get("what").or_else(|| detail.get("reason")).expect("a reason");
    format!("{} of {}: {what}", detail["field"], detail.get("object").map_or("the object", String::as_str))
}

/// Whether some part of it stands in this file.
fn is_of(effective: &EffectivePolicy, path: &str) -> bool {
    let written = effective.provenance.values().map(|from| &from.origin);
    let wrong = effective.draft.as_ref().err().into_iter().flat_map(|problems| problems.iter());
    let wrong = wrong.filter_map(|problem| problem.origin());
    written.chain(wrong).any(|origin| *origin.document == *path)
}

/// `Service default/backend:443 (https) of default/gateway`
fn named(effective: &EffectivePolicy) -> String {
    let EffectivePolicy { backend_kind, backend, gateway, port, port_name, .. } = effective;
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let port_name = port_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let gateway = gateway.as_ref().map(|gateway| format!(" of {gateway}")).unwrap_or_default();
    format!("{backend_kind} {backend}{port}{port_name}{gateway}")
}

/// What was taken over of a policy.
fn summary(draft: &PolicyDraft) -> String {
    let spec = &draft.spec;
    let sans = spec.subject_alt_names.iter().map(|san| match (&san.dns, &san.uri) {
        (Some(dns), _) => format!("dns:{dns}"),
        (_, Some(uri)) => format!("uri:{uri}"),
        _ => "another kind".to_owned(),
    });
    let sans: Vec<_> = sans.collect();
    let mut trust: Vec<&str> = Vec::new();
    if spec.trust.system == SystemTrustDraft::Native {
        trust.push("system");
    }
    for index in 0..spec.trust.bundles.len() {
        let document = &draft.origins[&format!("spec.trust.bundles[{index}]")].document;
        trust.push(document.split(" in ").next().unwrap_or_default());
    }
    let alpn = match spec.alpn.protocols.is_empty() {
        true => String::new(),
        false => format!(" alpn=[{}]", spec.alpn.protocols.join(" ")),
    };
    format!(
        "name={} sans=[{}] trust=[{}] identity={}{alpn}",
        spec.server_name.as_deref().unwrap_or("-"),
        sans.join(" "),
        trust.join(", "),
        if spec.identity.is_some() { "yes" } else { "no" },
    )
}

/// Whether a connector can be made of it at the fixed time. With the roots of this machine, that is no matter of manifests.
fn shown(state: &ConnectorState, draft: &PolicyDraft) -> String {
    match state {
        _ if draft.spec.trust.system == SystemTrustDraft::Native => "valid".to_owned(),
        ConnectorState::Ready => "ready".to_owned(),
        ConnectorState::NotReady { reason, .. } => reason.code().to_string(),
        other => panic!("a new connector is {other:?}"),
    }
}

fn runtime() -> Runtime {
    let clock = FixedClock::at(u64::try_from(uptls_testkit::NOW).unwrap());
    Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build()
}

fn hex(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The figures that are printed.
#[derive(Default)]
struct Tally {
    conditions: BTreeMap<String, usize>,
    files: usize,
    not_ready: usize,
    policies: usize,
    ready: usize,
    refused: usize,
}

impl Tally {
    fn of(&mut self, state: &ConnectorState) -> &mut usize {
        match state {
            ConnectorState::Ready => &mut self.ready,
            _ => &mut self.not_ready,
        }
    }
}

impl core::fmt::Display for Tally {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { conditions, files, not_ready, policies, ready, refused } = self;
        writeln!(f, "manifests: {files} files, {policies} policies: {conditions:?}")?;
        write!(f, "  effective: {ready} ready, {not_ready} with material that cannot be used, {refused} refused")
    }
}

/// A file that is new, changed or gone is in the difference, as is another outcome.
#[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS decides nothing about verification")]
fn check(found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ledgers/manifests.txt");
    if std::env::var_os("UPTLS_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, found).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let (found, committed) = (by_file(found), by_file(&committed));
    let files: BTreeSet<&str> = found.keys().chain(committed.keys()).copied().collect();
    let differ = |file: &&str| found.get(file) != committed.get(file);
    let shown = |file: &str| format!("{:#?}\nwanted {:#?}", found.get(file), committed.get(file));
    let differing: Vec<_> = files.into_iter().filter(differ).map(shown).collect();
    assert!(differing.is_empty(), "not what the ledger says (UPTLS_BLESS=1 writes it):\n{}", differing.join("\n"));
}

/// The lines of each file, by its path.
fn by_file(ledger: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = "";
    for line in ledger.lines() {
        if !line.starts_with(' ') {
            current = line.split(' ').next().unwrap_or_default();
        }
        files.entry(current).or_default().push(line);
    }
    files
}

const GOOD: (&str, &str) = ("Accepted", "ResolvedRefs");
const TESTS: &str = "gateway-api/conformance/tests/";

/// What the suite asserts of policies that are not good.
const ASSERTED: &[(&str, &str, &str)] = &[
    ("conflicted-with-section-name-2", "Conflicted", "ResolvedRefs"),
    ("conflicted-without-section-name-2", "Conflicted", "ResolvedRefs"),
    ("invalid-kind", "NoValidCACertificate", "InvalidKind"),
    ("malformed-ca-certificate-ref", "NoValidCACertificate", "InvalidCACertificateRef"),
    ("nonexistent-ca-certificate-ref", "NoValidCACertificate", "InvalidCACertificateRef"),
];

/// What is applied before the files of a folder: the first row that fits.
const COMPANIONS: &[(&str, &[&str])] = &[
    (TESTS, &["gateway-api/conformance/base/manifests.yaml"]),
    // It takes the place of a policy of base.yaml.
    (
        "kgateway/test/e2e/features/backendtls/testdata/missing-target.yaml",
        &[
            "kgateway/test/e2e/features/backendtls/testdata/configmap.yaml",
            "kgateway/test/e2e/features/backendtls/testdata/nginx.yaml",
        ],
    ),
    (
        "kgateway/test/e2e/features/backendtls/testdata/",
        &[
            "kgateway/test/e2e/features/backendtls/testdata/base.yaml",
            "kgateway/test/e2e/features/backendtls/testdata/configmap.yaml",
            "kgateway/test/e2e/features/backendtls/testdata/nginx.yaml",
        ],
    ),
    (
        "agentgateway/controller/test/e2e/testdata/backendtls/",
        &[
            "agentgateway/controller/test/e2e/testdata/backendtls/base.yaml",
            "agentgateway/controller/test/e2e/testdata/backendtls/configmap.yaml",
        ],
    ),
];
