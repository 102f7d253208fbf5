//! The newest release of the standard: its manifests, what its tests assert of statuses, and the facts of it that are committed.
#![allow(clippy::print_stdout, reason = "the figures")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use uptls_conformance::gateway;
use uptls_manifest::kubernetes::{Document, Effect, Scope, import};

use crate::world::{GOOD, World};

type Files = BTreeMap<String, Vec<u8>>;

/// A manifest of the standard that cannot be read would fail the backends of a namespace, or of all.
#[test]
fn every_manifest_is_read() {
    let Some(files) = gateway::newest() else { return };
    // Some of its tools hold examples of what is wrong.
    let is_sound = |path: &str| path.ends_with(".yaml") && !path.contains("/hack/");
    let manifests: Vec<_> = files.iter().filter(|(path, _)| is_sound(path)).collect();
    for (path, content) in &manifests {
        let unread = |effect: Effect| matches!(effect, Effect::Unread | Effect::Skipped);
        let diagnostics = import([Document::new(path, content)]).diagnostics;
        let wrong: Vec<_> = diagnostics.iter().filter(|diagnostic| unread(diagnostic.effect)).collect();
        assert!(wrong.is_empty(), "{path}: {wrong:#?}");
    }
    println!("conformance: all of {} manifests of the newest release can be read", manifests.len());
    assert!(manifests.len() > 200, "{}", manifests.len());
    // Its twin: what cannot be read is seen.
    let broken =
        import([Document::new("broken", b"apiVersion: gateway.networking.k8s.io/v1\nkind: [BackendTLSPolicy]\n")]);
    assert!(broken.diagnostics.iter().any(|diagnostic| diagnostic.effect == Effect::Unread));
}

/// `GatewayInvalidTLSBackendConfiguration`
#[test]
fn a_gateway_says_what_is_wrong_with_its_client_certificate() {
    let Some(files) = gateway::newest() else { return };
    let objects = objects(&files, "gateway-invalid-tls-backend-configuration");
    let patches = World::new().gateway(&objects).imported.resolve(&Scope::new(CONTROLLER)).statuses;
    let said: BTreeMap<_, _> = patches.iter().map(|patch| (patch.name.name.as_str(), reason(&patch.status))).collect();
    let wanted = [
        ("gateway-client-certificate-malformed-secret", INVALID),
        ("gateway-client-certificate-missing-reference-grant", "False RefNotPermitted"),
        ("gateway-client-certificate-nonexistent-secret", INVALID),
        ("gateway-client-certificate-unsupported-group", INVALID),
        ("gateway-client-certificate-unsupported-kind", INVALID),
    ];
    assert_eq!(said, wanted.map(|(name, said)| (name, said.to_owned())).into());
}

/// `BackendTLSPolicyPreserveForeignStatus`: while our own entry follows the policy, that of another controller stays as it is.
#[test]
fn a_status_of_somebody_else_stays() {
    let Some(files) = gateway::newest() else { return };
    let world = World::new();
    let mut objects = [objects(&files, "backendtlspolicy-preserve-foreign-status"), base(&files)].concat();
    let policy = objects.iter().position(|object| object["kind"] == "BackendTLSPolicy").unwrap();
    let theirs = json!({
        "ancestorRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "unmanaged", "namespace": gateway::NAMESPACE},
        "controllerName": "example.com/theirs",
        "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "lastTransitionTime": "2026-11-30T00:00:00Z"}],
    });
    objects[policy]["status"] = json!({"ancestors": [theirs]});
    for (generation, hostname) in [(1, "abc.example.com"), (2, "second.example.com")] {
        objects[policy]["metadata"]["generation"] = generation.into();
        objects[policy]["spec"]["validation"]["hostname"] = hostname.into();
        let gateway = world.gateway(&objects);
        assert_eq!(gateway.conditions("backendtlspolicy-preserve-foreign-status"), GOOD);
        let patches = gateway.imported.resolve(&Scope::new(CONTROLLER).with_now(1_800_000_000)).statuses;
        let patch = patches.iter().find(|patch| patch.kind == "BackendTLSPolicy").unwrap();
        let (ours, others): (Vec<_>, Vec<_>) = patch.status["ancestors"]
            .as_array()
            .unwrap()
            .iter()
            .partition(|entry| entry["controllerName"] == CONTROLLER);
        assert_eq!(others, [&theirs]);
        assert_eq!(ours.len(), 1);
        assert_eq!(ours[0]["ancestorRef"]["name"], "same-namespace");
        assert!(ours[0]["conditions"].as_array().unwrap().iter().all(|one| one["observedGeneration"] == generation));
        objects[policy]["status"] = patch.status.clone();
    }
}

/// `testdata/gateway-api/conditions.json` holds the constants of this release. UPTLS_BLESS=1 writes it.
#[test]
#[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS decides nothing about verification")]
fn the_committed_constants_are_those_of_the_release() {
    let Some(files) = gateway::newest() else { return };
    let (mut reasons, mut types) = (BTreeMap::new(), BTreeMap::new());
    for (path, content) in files.iter().filter(|(path, _)| is_of_types(path)) {
        for (name, of, text) in std::str::from_utf8(content).unwrap().lines().filter_map(constant) {
            let place = if of.ends_with("ConditionType") { &mut types } else { &mut reasons };
            assert_eq!(place.insert(name, text).filter(|before| *before != text), None, "{path}: {name}");
        }
    }
    assert!(types.len() >= 30 && reasons.len() >= 100, "{} types, {} reasons", types.len(), reasons.len());
    let found = json!({
        "module": "sigs.k8s.io/gateway-api", "reasons": reasons, "types": types, "version": version(&files),
    });
    let found = serde_json::to_string_pretty(&found).unwrap() + "\n";
    let path = root().join("testdata/gateway-api/conditions.json");
    if std::env::var_os("UPTLS_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, &found).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == found, "UPTLS_BLESS=1 writes {}", path.display());
    let pinned = fs::read_to_string(root().join(".ci/gateway-api.sum")).unwrap();
    assert!(pinned.lines().all(|line| line.split(' ').nth(1) == Some(&version(&files))), "{pinned}");
}

/// A field that the next release adds is in no row here, until its meaning for this library is decided.
#[test]
fn the_fields_of_the_crds_are_those_that_are_read() {
    let Some(files) = gateway::newest() else { return };
    for (crd, inside, wanted) in FIELDS {
        for channel in ["experimental", "standard"] {
            let Some(content) = files.get(&format!("gateway-api/config/crd/{channel}/{crd}.yaml")) else { continue };
            let crd_object = gateway::objects(content).unwrap().remove(0);
            for version in crd_object["spec"]["versions"].as_array().unwrap() {
                let mut found = BTreeSet::new();
                fields(&version["schema"]["openAPIV3Schema"]["properties"]["spec"], "", &mut found);
                let found: BTreeSet<_> = found.iter().filter_map(|field| field.strip_prefix(inside)).collect();
                assert_eq!(found, wanted.split_whitespace().collect(), "{channel} {crd} {}", version["name"]);
            }
        }
    }
}

/// The paths of the fields of a schema. What is below a session's persistence is no matter of TLS.
fn fields(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    if schema["items"].is_object() {
        fields(&schema["items"], &format!("{at}[]"), found);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        if name != "sessionPersistence" {
            fields(field, &path, found);
        }
        found.insert(path);
    }
}

/// A file of Go types of the versions that are newest.
fn is_of_types(path: &str) -> bool {
    path.ends_with("_types.go") && ["gateway-api/apis/v1/", "gateway-api/apisx/"].iter().any(|at| path.starts_with(at))
}

/// Name, type and text of a constant of a condition: `PolicyReasonAccepted PolicyConditionReason = "Accepted"`.
fn constant(line: &str) -> Option<(&str, &str, &str)> {
    let (declared, text) = line.trim().split_once(" = ")?;
    let (name, of) = declared.split_once(' ')?;
    let is_one = !name.starts_with("//") && (of.ends_with("ConditionType") || of.ends_with("ConditionReason"));
    is_one.then_some((name, of, text.trim_matches('"')))
}

/// The release, by what its CRDs say of themselves.
fn version(files: &Files) -> String {
    let content = &files["gateway-api/config/crd/standard/gateway.networking.k8s.io_backendtlspolicies.yaml"];
    let crd = gateway::objects(content).unwrap().remove(0);
    crd["metadata"]["annotations"]["gateway.networking.k8s.io/bundle-version"].as_str().unwrap().to_owned()
}

/// Status and reason of a Gateway's one condition.
fn reason(status: &Value) -> String {
    let [condition] = status["conditions"].as_array().unwrap().as_slice() else { panic!("{status}") };
    assert_eq!(condition["type"], "ResolvedRefs");
    format!("{} {}", condition["status"].as_str().unwrap(), condition["reason"].as_str().unwrap())
}

fn objects(files: &Files, test: &str) -> Vec<Value> {
    gateway::objects(&files[&format!("gateway-api/conformance/tests/{test}.yaml")]).unwrap()
}

fn base(files: &Files) -> Vec<Value> {
    gateway::objects(&files["gateway-api/conformance/base/manifests.yaml"]).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

const CONTROLLER: &str = "uptls.example/conformance";
const INVALID: &str = "False InvalidClientCertificateRef";

/// CRD, the part of `spec`, and the fields in it.
const FIELDS: &[(&str, &str, &str)] = &[
    (
        "gateway.networking.k8s.io_backendtlspolicies",
        "",
        "options targetRefs targetRefs[].group targetRefs[].kind targetRefs[].name targetRefs[].sectionName validation \
         validation.caCertificateRefs validation.caCertificateRefs[].group validation.caCertificateRefs[].kind \
         validation.caCertificateRefs[].name validation.hostname validation.subjectAltNames \
         validation.subjectAltNames[].hostname validation.subjectAltNames[].type validation.subjectAltNames[].uri \
         validation.wellKnownCACertificates",
    ),
    (
        "gateway.networking.k8s.io_gateways",
        "tls.backend.",
        "clientCertificateRef clientCertificateRef.group clientCertificateRef.kind clientCertificateRef.name \
         clientCertificateRef.namespace",
    ),
    (
        "gateway.networking.x-k8s.io_xbackends",
        "",
        "endpointSelector endpointSelector.matchLabels externalHostname externalHostname.hostname port port.number protocol \
         sessionPersistence tls tls.clientCertificateRef tls.clientCertificateRef.group tls.clientCertificateRef.kind \
         tls.clientCertificateRef.name tls.clientCertificateRef.namespace tls.mode tls.validation \
         tls.validation.caCertificateRefs tls.validation.caCertificateRefs[].group tls.validation.caCertificateRefs[].kind \
         tls.validation.caCertificateRefs[].name tls.validation.hostname tls.validation.subjectAltNames \
         tls.validation.subjectAltNames[].hostname tls.validation.subjectAltNames[].type \
         tls.validation.subjectAltNames[].uri tls.validation.wellKnownCACertificates type",
    ),
];
