//! Merges as cases: `testdata/merge/*.in.yaml` and `*.out.json`. UPTLS_BLESS=1 writes the latter.
//!
//! The first line of a case may be `# scope: {...}`, as JSON.

use serde_json::{Map, Value, json};
use uptls::danger::DangerPermission::{Allowed, Forbidden};
use uptls::{ConnectorState, PolicySpec, Problem, Problems, SystemTrustDraft, UpstreamTlsPolicy};
use uptls_manifest::kubernetes::{
    BackendRef, Document, EffectivePolicy, Mode, ObjectName, Overridden, Provenance, Resolution, Scope, import,
};
use uptls_testkit::Pki;

use crate::common::{Cases, runtime};

fn cases() -> Cases {
    Cases::of("merge")
}

fn object_name(text: &str) -> ObjectName {
    let (namespace, name) = text.split_once('/').unwrap();
    ObjectName::new(namespace, name)
}

fn scope(text: &str) -> Scope {
    let Some(line) = text.lines().next().and_then(|line| line.strip_prefix("# scope: ")) else {
        return Scope::default();
    };
    let given: Value = serde_json::from_str(line).unwrap();
    let known = ["ancestors", "controller", "danger", "gateway", "mode", "now"];
    assert!(given.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{line}");
    let mut scope = given["controller"].as_str().map_or_else(Scope::default, Scope::new);
    if let Some(now) = given["now"].as_u64() {
        scope = scope.with_now(now);
    }
    if let Some(gateway) = given["gateway"].as_str() {
        scope = scope.with_gateway(object_name(gateway));
    }
    if given["danger"] == "allowed" {
        scope = scope.with_permission(Allowed);
    }
    if given["mode"] == "faithful" {
        scope = scope.with_mode(Mode::Faithful);
    }
    if let Some(ancestors) = given["ancestors"].as_object() {
        let one = |(backend, gateway): (&String, &Value)| {
            (BackendRef::parse(backend).unwrap(), object_name(gateway.as_str().unwrap()))
        };
        scope = scope.with_ancestors(ancestors.iter().map(one).collect::<Vec<_>>());
    }
    scope
}

fn resolved(text: &str) -> Resolution {
    import([Document::new("in", text.as_bytes())]).resolve(&scope(text))
}

#[test]
fn every_merge_gives_what_is_committed() {
    cases().check(60, |text| shown(&resolved(text)));
}

#[test]
fn what_is_merged_knows_where_it_came_from_and_passes_the_check() {
    for (name, text) in cases().all() {
        let faithful = scope(&text).mode == Mode::Faithful;
        for policy in resolved(&text).policies {
            let Ok(draft) = policy.draft else { continue };
            assert!(!policy.sources.is_empty() && !policy.provenance.is_empty(), "{name}");
            for (path, from) in &policy.provenance {
                assert!(draft.origins.contains_key(path) && !from.object.name.is_empty(), "{name}: {path}");
            }
            // Strictly read, only the standard itself gives anything up.
            let dangers = policy.provenance.iter().filter(|(path, _)| path.starts_with("spec.danger"));
            let of_standard: Vec<_> = dangers.map(|(_, from)| from.field.ends_with("validation.mode")).collect();
            assert!(faithful || of_standard.iter().all(|is| *is), "{name}");
            let permission = if faithful || !of_standard.is_empty() { Allowed } else { Forbidden };
            assert!(UpstreamTlsPolicy::check(draft, permission).is_ok(), "{name}");
        }
    }
}

#[test]
fn the_order_of_merged_documents_does_not_count() {
    cases().order_does_not_count(|text, documents| shown(&import(documents.iter().copied()).resolve(&scope(text))));
}

/// A status that is written back changes nothing any more.
#[test]
fn a_status_that_is_written_back_is_final() {
    for (name, text) in cases().all() {
        let imported = import([Document::new("in", text.as_bytes())]);
        let mut again = scope(&text).with_now(2_000_000_000);
        for patch in imported.resolve(&scope(&text)).statuses {
            again = again.with_existing_status(patch.kind, patch.name, patch.status);
        }
        let changed: Vec<_> = imported.resolve(&again).statuses.into_iter().filter(|patch| patch.changed).collect();
        assert!(changed.is_empty(), "{name}: {changed:?}");
    }
}

/// All of a resolution.
fn shown(resolution: &Resolution) -> Value {
    let diagnostic = |diagnostic: &uptls_manifest::kubernetes::Diagnostic| {
        format!("{}: {}", diagnostic.effect.as_str(), problem(&diagnostic.problem))
    };
    let depends = |of: &uptls_manifest::kubernetes::Dependency| format!("{} {:?}", of.object, of.presence);
    let patch = |patch: &uptls_manifest::kubernetes::StatusPatch| {
        json!({
            "object": format!("{} {} {}", patch.api_version, patch.kind, patch.name),
            "changed": patch.changed,
            "status": patch.status,
        })
    };
    json!({
        "dependsOn": resolution.depends_on.iter().map(depends).collect::<Vec<_>>(),
        "diagnostics": resolution.diagnostics.iter().map(diagnostic).collect::<Vec<_>>(),
        "ignored": resolution.ignored,
        "policies": resolution.policies.iter().map(policy).collect::<Vec<_>>(),
        "statuses": resolution.statuses.iter().map(patch).collect::<Vec<_>>(),
    })
}

fn problem(problem: &Problem) -> String {
    let at = problem.origin().map(|origin| format!(" at {}:{}", origin.document, origin.line));
    format!("{}: {}{}", problem.code(), problem.message(), at.unwrap_or_default())
}

fn provenance(from: &Provenance) -> String {
    format!("{} {} at {}:{}", from.object, from.field, from.origin.document, from.origin.line)
}

fn policy(policy: &EffectivePolicy) -> Value {
    let port = policy.port.map(|port| format!(":{port}")).unwrap_or_default();
    let overridden = |overridden: &Overridden| {
        let Overridden { field, kept, lost, reason, .. } = overridden;
        format!("{field}: {} over {}: {reason}", provenance(kept), provenance(lost))
    };
    let mut shown = json!({
        "backend": format!("{}/{}{port}", policy.backend_kind, policy.backend),
        "sources": policy.sources.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    let mut set = |key: &str, value: Value| {
        if value != json!([]) && value != json!({}) && !value.is_null() {
            shown[key] = value;
        }
    };
    set("gateway", policy.gateway.as_ref().map(ToString::to_string).into());
    set("notices", policy.notices.iter().map(problem).collect());
    set("overridden", policy.overridden.iter().map(overridden).collect());
    let from = policy.provenance.iter().map(|(path, from)| (path.clone(), provenance(from).into()));
    set("provenance", from.collect::<Map<_, _>>().into());
    set("warnings", policy.warnings.iter().map(|warning| serde_json::to_value(warning).unwrap()).collect());
    match &policy.draft {
        Ok(draft) => set("spec", spec(&draft.spec)),
        Err(problems) => set("problems", problems.iter().map(problem).collect()),
    }
    shown
}

/// The fields that were set; of a key only that there is one.
fn spec(spec: &PolicySpec) -> Value {
    let material = |draft: &uptls::MaterialDraft| match (&draft.file, &draft.name) {
        (Some(file), _) => json!({"file": file}),
        (_, name) => json!({"named": name}),
    };
    let san = |san: &uptls::SanDraft| json!({"dns": san.dns, "ip": san.ip, "uri": san.uri});
    let identity = spec.identity.as_ref().map(|identity| {
        let key = identity.key.as_ref().map(|key| key.file.as_ref().map_or(json!("a secret"), |file| json!(file)));
        json!({"certificate": identity.certificate.as_ref().map(material), "key": key})
    });
    let system = match spec.trust.system {
        SystemTrustDraft::Native => json!("native"),
        SystemTrustDraft::Off => Value::Null,
        other => json!(format!("{other:?}")),
    };
    let mut shown = json!({
        "alpn": spec.alpn.protocols,
        "cipherSuites": spec.cipher_suites,
        "danger": {
            "acceptAnyCertificate": spec.danger.accept_any_certificate.as_ref().map(|danger| &danger.reason),
            "acceptAnyName": spec.danger.accept_any_name.as_ref().map(|danger| &danger.reason),
            "tolerate": spec.danger.tolerate.iter().map(|one| json!([one.rule, one.reason])).collect::<Vec<_>>(),
        },
        "groups": spec.groups,
        "identity": identity,
        "serverName": spec.server_name,
        "subjectAltNames": spec.subject_alt_names.iter().map(san).collect::<Vec<_>>(),
        "trust": {"bundles": spec.trust.bundles.iter().map(material).collect::<Vec<_>>(), "system": system},
        "versions": {"max": spec.versions.max, "min": spec.versions.min},
    });
    strip(&mut shown);
    shown
}

/// Without what is empty.
fn strip(value: &mut Value) {
    if let Value::Array(list) = value {
        list.iter_mut().for_each(strip);
    }
    if let Value::Object(map) = value {
        map.values_mut().for_each(strip);
        map.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!({}));
    }
}

/// The code of what is wrong with the policy of `backend`.
fn code(resolution: &Resolution, backend: &str, gateway: Option<&str>) -> String {
    let found = resolution.policy_of(&BackendRef::parse(backend).unwrap(), gateway.map(object_name).as_ref());
    let text = |problems: &Problems| format!("{}: {problems}", problems.code());
    match found.map(|policy| &policy.draft) {
        Ok(Ok(draft)) => format!("ready: {}", draft.name.clone().unwrap_or_default()),
        Ok(Err(problems)) => text(problems),
        Err(problems) => text(&problems),
    }
}

#[test]
fn a_backend_is_asked_for_by_kind_port_and_gateway_where_it_matters() {
    let text = cases().text("two-gateways-with-a-certificate-each");
    let resolution = resolved(&text);
    assert_eq!(code(&resolution, "shop/pay:443", Some("infra/inner")), "ready: shop/pay-tls");
    let differ = code(&resolution, "shop/pay:443", None);
    assert!(differ.contains("differ by Gateway: infra/inner, infra/outer"), "{differ}");
    let unused = code(&resolution, "shop/pay:443", Some("infra/other"));
    assert!(unused.contains("Gateway infra/other cannot be used: it is not among the manifests"), "{unused}");
    let text = cases().text("an-xbackend-and-a-service-of-one-name");
    let resolution = resolved(&text);
    let several = code(&resolution, "shop/pay:443", None);
    assert!(several.contains("Service/shop/pay:443, XBackend/shop/pay:443"), "{several}");
    assert_eq!(code(&resolution, "XBackend/shop/pay:443", None), "ready: shop/pay");
    assert_eq!(code(&resolution, "Service/shop/pay:443", None), "ready: shop/pay-tls");
}

#[test]
fn a_broken_ca_among_several_is_left_out_and_alone_it_fails_closed() {
    let pki = Pki::new("several");
    let config_map = |name: &str, pem: &str| {
        let metadata = json!({"name": name, "namespace": "shop"});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": pem}}).to_string()
    };
    let policy = |refs: &[&str]| {
        let refs: Vec<_> = refs.iter().map(|name| json!({"group": "", "kind": "ConfigMap", "name": name})).collect();
        let spec = json!({
            "targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
            "validation": {"caCertificateRefs": refs, "hostname": "pay.example"},
        });
        let metadata = json!({"name": "pay-tls", "namespace": "shop"});
        let kind = "BackendTLSPolicy";
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": metadata, "spec": spec})
            .to_string()
    };
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let outcome = |refs: &[&str]| {
        let texts = [policy(refs), config_map("good", &pki.root.pem()), config_map("broken", broken)];
        let imported = import(texts.iter().map(|text| Document::new("in", text.as_bytes())));
        let resolution = imported.resolve(&Scope::default());
        let policy = resolution.policy_of(&BackendRef::new("shop", "pay", None), None).unwrap();
        let notices: Vec<_> = policy.notices.iter().map(|notice| notice.code().as_str()).collect();
        (matches!(policy.connector(&runtime(), Forbidden).state(), ConnectorState::Ready), notices)
    };
    assert_eq!(outcome(&["good"]), (true, vec![]));
    assert_eq!(outcome(&["broken", "good"]), (true, vec!["trust_bundle_parse"]));
    assert_eq!(outcome(&["broken"]), (false, vec![]));
    assert_eq!(outcome(&["broken", "broken"]), (false, vec![]));
}

#[test]
fn what_has_no_policy_never_connects() {
    for (case, code) in [
        ("an-xbackend-of-the-mode-none-has-no-policy", "policy_not_ready"),
        ("an-xbackend-without-tls-has-no-policy", "policy_not_ready"),
        ("a-client-certificate-that-is-missing-fails-a-good-standard", "reference_unresolved"),
        ("half-a-client-certificate-fails-a-good-standard", "identity_incomplete"),
        ("a-certificate-in-another-namespace-without-a-grant", "reference_not_permitted"),
        ("no-name-anywhere-lists-the-candidates", "name_missing"),
        ("sixteen-ancestors-of-others-fail-closed", "policy_not_ready"),
    ] {
        let resolution = resolved(&cases().text(case));
        assert!(!resolution.policies.is_empty(), "{case}");
        for policy in &resolution.policies {
            match policy.connector(&runtime(), Allowed).state() {
                ConnectorState::NotReady { reason, .. } => assert_eq!(reason.code().as_str(), code, "{case}: {reason}"),
                state => panic!("{case}: {state:?}"),
            }
        }
    }
}

/// A weakening of a vendor is followed only by a caller who permits it, and then is one.
#[test]
fn what_is_faithful_has_to_be_permitted() {
    let resolution = resolved(&cases().text("skip-verify-alone-as-the-vendor-has-it"));
    let policy = resolution.policies.first().unwrap();
    match policy.connector(&runtime(), Forbidden).state() {
        ConnectorState::NotReady { reason, .. } => assert_eq!(reason.code().as_str(), "danger_forbidden"),
        state => panic!("{state:?}"),
    }
    assert!(matches!(policy.connector(&runtime(), Allowed).state(), ConnectorState::Ready));
}

#[test]
fn while_a_document_cannot_be_read_no_policy_is_ready() {
    let good = cases().text("the-caller-knows-the-gateways");
    let ready = |text: &str| resolved(text).policies.iter().filter(|policy| policy.draft.is_ok()).count();
    assert_eq!(ready(&good), 1);
    for unread in [
        "{",
        "{apiVersion: gateway.kgateway.dev/v9, kind: BackendConfigPolicy, metadata: {name: a, namespace: shop}}",
        "{apiVersion: gateway.kgateway.dev/v9, kind: BackendConfigPolicyList}",
        "{apiVersion: gateway.kgateway.dev/v1alpha1, kind: BackendConfigPolicy}",
    ] {
        assert_eq!(ready(&format!("{good}---\n{unread}\n")), 0, "{unread}");
    }
}

#[test]
fn a_kind_is_part_of_a_backend() {
    let parse = |text: &str| BackendRef::parse(text).map(|backend| backend.to_string());
    assert_eq!(parse("XBackend/shop/pay:443").as_deref(), Ok("XBackend/shop/pay:443"));
    assert!(parse("Pod/shop/pay").unwrap_err().contains("Backend, Service, Upstream, XBackend"));
    assert!(parse("Service//pay").is_err() && parse("a/b/c/d").is_err());
}

#[test]
fn an_object_is_a_name_with_or_without_a_namespace() {
    let parse = |text: &str| ObjectName::parse(text).map(|name| name.to_string());
    assert_eq!(parse("edge/public").as_deref(), Ok("edge/public"));
    assert_eq!(parse("public").as_deref(), Ok("default/public"));
    for bad in ["", "/", "edge/", "/public", "a/b/c", "edge/public:443", "Edge/public", "edge/p\n"] {
        assert_eq!(parse(bad).unwrap_err(), "expected an object: [NAMESPACE/]NAME", "{bad:?}");
    }
}

/// R2: a resolution that is invalid closes the connector that an earlier one made.
#[test]
fn a_policy_is_published_to_the_connector_of_an_earlier_resolution() {
    let runtime = runtime();
    let good = format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: ca}}, data: {{ca.crt: {:?}}}}}\n---\n\
         {{apiVersion: v1, kind: Service, metadata: {{name: pay}}, spec: {{ports: [{{port: 443}}]}}}}\n---\n\
         {{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: {{name: p}}, spec: \
         {{targetRefs: [{{group: \"\", kind: Service, name: pay}}], validation: {{hostname: pay.example, \
         caCertificateRefs: [{{group: \"\", kind: ConfigMap, name: ca}}]}}}}}}\n",
        Pki::new("publish").root.pem()
    );
    let policy = |text: &str| resolved(text).policies.remove(0);
    let connector = policy(&good).connector(&runtime, Forbidden);
    assert_eq!(connector.state(), ConnectorState::Ready);
    let broken = policy(&good.replace("ca.crt", "ca.pem"));
    let refused = broken.publish(&connector, Forbidden).unwrap_err();
    assert!(matches!(connector.state(), ConnectorState::NotReady { reason, .. } if reason == refused));
    let generation = policy(&good).publish(&connector, Forbidden).unwrap();
    assert_eq!((generation.number(), connector.state()), (1, ConnectorState::Ready));
}

#[test]
fn thousands_of_objects_are_resolved() {
    let mut text = String::new();
    for index in 0..2_000 {
        text.push_str(&format!(
            "---\n{{apiVersion: v1, kind: Service, metadata: {{name: s{index}}}, spec: {{ports: [{{port: 443}}]}}}}\n\
             ---\n{{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: {{name: p{index}}}, spec: \
             {{targetRefs: [{{group: '', kind: Service, name: s{index}}}], validation: {{wellKnownCACertificates: System, \
             hostname: a.example}}}}}}\n"
        ));
    }
    let mut extensions = String::new();
    for index in 0..1_000 {
        extensions.push_str(&format!(
            "---\n{{apiVersion: gateway.kgateway.dev/v1alpha1, kind: BackendConfigPolicy, metadata: {{name: e{index}}}, spec: \
             {{targetRefs: [{{group: '', kind: Service, name: s{index}}}], tls: {{sni: a.example}}}}}}\n"
        ));
    }
    let documents = [Document::new("a", text.as_bytes()), Document::new("b", extensions.as_bytes())];
    let resolution = import(documents).resolve(&Scope::new("example.com/own").with_gateway(object_name("infra/outer")));
    assert!(resolution.diagnostics.is_empty(), "{:?}", resolution.diagnostics.first());
    assert!(resolution.policies.iter().all(|policy| policy.draft.is_ok()));
    assert_eq!((resolution.policies.len(), resolution.statuses.len()), (2_000, 3_000));
}
