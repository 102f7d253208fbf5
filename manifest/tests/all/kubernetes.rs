//! Kubernetes objects as cases: `testdata/manifests/*.in.yaml` and `*.out.json`. UPTLS_BLESS=1 writes the latter.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use uptls::danger::DangerPermission::Forbidden;
use uptls::{ConnectorState, OnInvalid, Problem, SystemTrustDraft, UpstreamTlsPolicy};
use uptls_manifest::kubernetes::{
    Accepted, BackendRef, Diagnostic, Document, Imported, ImportedPolicy, ON_INVALID, ResolvedRefs, Scope, Target,
    TargetState, connector, import, load, resolve,
};
use uptls_testkit::Pki;

use crate::common::{Cases, runtime};

fn cases() -> Cases {
    Cases::of("manifests")
}

fn import_one(text: &str) -> Imported {
    import([Document::new("in", text.as_bytes())])
}

#[test]
fn every_case_gives_what_is_committed() {
    cases().check(40, |text| shown(&import_one(text)));
}

#[test]
fn what_is_ready_passes_the_check_of_every_policy() {
    for (name, text) in cases().all() {
        for policy in import_one(&text).policies.iter() {
            if let Ok(draft) = &policy.draft {
                assert!(!draft.origins.is_empty(), "{name}");
                let checked = UpstreamTlsPolicy::check(draft.clone(), Forbidden);
                assert!(checked.is_ok(), "{name}: {checked:?}");
            }
        }
    }
}

#[test]
fn the_order_of_documents_does_not_count() {
    cases().order_does_not_count(|_, documents| shown(&import(documents.iter().copied())));
}

/// All of an import.
fn shown(imported: &Imported) -> Value {
    json!({
        "ignored": imported.ignored,
        "diagnostics": imported.diagnostics.iter().map(diagnostic).collect::<Vec<_>>(),
        "policies": imported.policies.iter().map(policy).collect::<Vec<_>>(),
        "backends": backends(imported),
    })
}

fn diagnostic(diagnostic: &Diagnostic) -> Value {
    let mut shown = problem(&diagnostic.problem);
    shown["effect"] = diagnostic.effect.as_str().into();
    if let Some(object) = &diagnostic.object {
        shown["object"] = object.to_string().into();
    }
    shown
}

fn problem(problem: &Problem) -> Value {
    let at = problem.origin().map(|origin| format!("{}:{}:{}", origin.document, origin.line, origin.column));
    json!({"code": problem.code().as_str(), "message": problem.message(), "at": at})
}

fn policy(policy: &ImportedPolicy) -> Value {
    let provenance = |(path, from): (&String, &uptls_manifest::kubernetes::Provenance)| {
        let origin = &from.origin;
        let at = format!("{}:{}:{}", origin.document, origin.line, origin.column);
        (path.clone(), Value::from(format!("{} {} at {at}", from.object, from.field)))
    };
    json!({
        "name": policy.name.to_string(),
        "accepted": policy.accepted.as_str(),
        "resolvedRefs": policy.resolved_refs.as_str(),
        "targets": policy.targets.iter().map(target).collect::<Vec<_>>(),
        "spec": policy.draft.as_ref().map(|draft| spec(&draft.spec)).ok(),
        "provenance": policy.provenance.iter().map(provenance).collect::<Map<_, _>>(),
    })
}

fn target(target: &Target) -> Value {
    let section = target.section_name.as_ref().map(|section| format!(" ({section})")).unwrap_or_default();
    let state = match &target.state {
        TargetState::Attached => "attached".to_owned(),
        TargetState::Conflicted { winner, .. } => format!("conflicted with {winner}"),
        TargetState::SectionNotFound => "section not found".to_owned(),
        TargetState::Unsupported => "unsupported".to_owned(),
        other => format!("{other:?}"),
    };
    format!("{} {}{section}: {state}", target.kind, target.name).into()
}

/// The fields that were set.
fn spec(spec: &uptls::PolicySpec) -> Value {
    let sans = spec.subject_alt_names.iter().map(|san| match (&san.dns, &san.uri) {
        (Some(dns), _) => json!({"dns": dns}),
        (_, Some(uri)) => json!({"uri": uri}),
        _ => json!("another kind"),
    });
    let mut shown = json!({"serverName": spec.server_name, "trust": {}});
    if !spec.trust.bundles.is_empty() {
        let bundles = spec.trust.bundles.iter().map(|bundle| json!({"pem": bundle.pem}));
        shown["trust"]["bundles"] = bundles.collect();
    }
    if spec.trust.system == SystemTrustDraft::Native {
        shown["trust"]["system"] = "native".into();
    }
    let sans: Vec<_> = sans.collect();
    if !sans.is_empty() {
        shown["subjectAltNames"] = sans.into();
    }
    shown
}

/// What each Service that is a target gets, for the ports that policies or cases speak of.
fn backends(imported: &Imported) -> BTreeMap<String, Value> {
    let targets = imported.policies.iter().flat_map(|policy| &policy.targets);
    let mut names: Vec<_> = targets.filter(|target| target.kind == "Service").map(|target| &target.name).collect();
    names.sort();
    names.dedup();
    let mut backends = BTreeMap::new();
    let resolution = imported.resolve(&Scope::default());
    for name in names {
        for port in [None, Some(443), Some(8443)] {
            let backend = BackendRef::new(&name.namespace, &name.name, port);
            let outcome = match resolution.policy_of(&backend, None).map(|policy| &policy.draft) {
                Ok(Ok(draft)) => json!(draft.name),
                Ok(Err(problems)) => json!(format!("fails closed with {}", problems.policy().unwrap_or_default())),
                Err(problems) => json!(format!("{}: {problems}", problems.code())),
            };
            backends.insert(backend.to_string(), outcome);
        }
    }
    backends
}

const POLICY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: pay-ca}], hostname: pay.shop}
";

fn config_map(pem: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pay-ca", "namespace": "shop"}, "data": {"ca.crt": pem}})
        .to_string()
}

#[test]
fn a_policy_that_cannot_be_used_is_a_connector_that_fails_closed() {
    let pki = Pki::new("kubernetes");
    let good = config_map(&pki.root.pem());
    let pay = BackendRef::new("shop", "pay", Some(443));
    let connect = |config_map: &str, backend: &BackendRef| {
        let documents = [Document::new("a.yaml", POLICY.as_bytes()), Document::new("b.json", config_map.as_bytes())];
        connector(&runtime(), &import(documents), backend, Forbidden)
    };
    assert_eq!(ON_INVALID, OnInvalid::FailClosed);
    assert!(matches!(connect(&good, &pay).state(), ConnectorState::Ready));
    for (config_map, backend, code) in [
        ("", &pay, "reference_unresolved"),
        (config_map("").as_str(), &pay, "reference_unresolved"),
        (
            config_map("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").as_str(),
            &pay,
            "trust_bundle_parse",
        ),
        (good.as_str(), &BackendRef::new("shop", "other", None), "reference_unresolved"),
        ("{", &pay, "document_parse"),
    ] {
        match connect(config_map, backend).state() {
            ConnectorState::NotReady { reason, .. } => assert_eq!(reason.code().as_str(), code, "{reason}"),
            state => panic!("{code}: {state:?}"),
        }
    }
}

#[test]
fn broken_material_is_called_by_the_name_of_its_object() {
    let broken = config_map("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let documents = [Document::new("a.yaml", POLICY.as_bytes()), Document::new("b.json", broken.as_bytes())];
    let imported = import(documents);
    let problems = resolve(&imported, &BackendRef::new("shop", "pay", None)).err().unwrap();
    assert!(problems.to_string().contains("ConfigMap shop/pay-ca, block 1 (line 1): "), "{problems}");
    // The reference is what the status speaks of.
    let policy = imported.policies.first().unwrap();
    assert_eq!(policy.resolved_refs, ResolvedRefs::InvalidCaCertificateRef);
    assert_eq!(policy.accepted, Accepted::NoValidCaCertificate);
}

#[test]
fn a_folder_is_read_in_the_order_of_names_and_nothing_below_it() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
    let problem = |path: &Path| load(&[path]).err().unwrap().to_string();
    assert!(problem(root.path()).contains("the folder holds no *.yaml, *.yml or *.json file"));
    assert!(problem(&root.path().join("missing")).contains("No such file"));
    write("b.yml", POLICY);
    write("a.json", &config_map(&Pki::new("kubernetes").root.pem()));
    write("notes.txt", "{");
    write(".hidden.yaml", "{");
    fs::create_dir(root.path().join("below")).unwrap();
    fs::write(root.path().join("below/c.yaml"), "{").unwrap();
    let imported = import(load(&[root.path()]).ok().unwrap().documents());
    assert!(imported.diagnostics.is_empty(), "{:?}", imported.diagnostics);
    assert_eq!(imported.ignored.get("(folder)"), Some(&1));
    assert!(resolve(&imported, &BackendRef::new("shop", "pay", Some(443))).is_ok());
    // What cannot be read might be the policy that counts.
    write("c.yaml", "{");
    let imported = import(load(&[root.path()]).ok().unwrap().documents());
    let problems = resolve(&imported, &BackendRef::new("shop", "pay", Some(443))).err().unwrap();
    assert!(problems.first().unwrap().origin().unwrap().document.ends_with("c.yaml"), "{problems}");
}

#[test]
fn backends_are_parsed() {
    let parse = |text: &str| BackendRef::parse(text).map(|backend| backend.to_string());
    assert_eq!(parse("pay").as_deref(), Ok("default/pay"));
    assert_eq!(parse("shop/pay:443").as_deref(), Ok("shop/pay:443"));
    for bad in ["", "shop/", "/pay", "a/b/c", "pay:0", "pay:https", "pay:70000"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn ten_thousand_objects_are_read() {
    let mut text = String::new();
    for index in 0..10_000 {
        text.push_str(&format!("---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c{index}}}}}\n"));
    }
    let imported = import_one(&text);
    assert!(imported.diagnostics.is_empty(), "{:?}", imported.diagnostics.first());
}

#[test]
fn what_may_be_a_key_is_not_quoted() {
    const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2";
    let paste = |field: &str| POLICY.replace(field, KEY);
    let texts = [
        paste("pay-tls"),
        paste("shop"),
        paste("Service"),
        paste("name: pay}").replace(KEY, &format!("name: {KEY}}}")),
        paste("ConfigMap"),
        paste("name: pay-ca").replace(KEY, &format!("name: {KEY}")),
        paste("pay.shop"),
        paste("hostname"),
        paste("validation"),
        POLICY.replace("name: pay}", &format!("name: pay, sectionName: {KEY}}}")),
        POLICY.replace("hostname", &format!("subjectAltNames: [{{type: {KEY}}}], hostname")),
        POLICY.replace("hostname", &format!("subjectAltNames: [{{type: URI, uri: {KEY}}}], hostname")),
        POLICY.replace("hostname", &format!("wellKnownCACertificates: {KEY}, hostname")),
        format!("apiVersion: v1\nkind: Secret\nstringData: {{tls.key: {KEY}, tls.key: {KEY}\n"),
        format!("apiVersion: v1\nkind: {KEY}\n"),
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: pay-ca, namespace: shop}}\ndata: {{{KEY}: a}}\n---\n{POLICY}"
        ),
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: pay, namespace: shop}}\nspec: {{ports: [{{port: 1, name: {KEY}}}]}}\n---\n{POLICY}"
        ),
    ];
    for text in texts {
        assert!(text.contains(KEY), "{text}");
        let imported = import_one(&text);
        let resolved = resolve(&imported, &BackendRef::new("shop", "pay", Some(443))).err();
        let mut said: Vec<_> =
            imported.diagnostics.iter().map(|diagnostic| format!("{diagnostic:?} {}", diagnostic.problem)).collect();
        said.extend(resolved.map(|problems| problems.to_string()));
        said.extend(imported.ignored.keys().cloned());
        assert!(!said.is_empty(), "{text}");
        assert!(!said.iter().any(|said| said.contains(KEY)), "{text}\n{said:#?}");
    }
}
