//! `validation.mode` (M9): each mode becomes D1, D2 or D4, is refused without permission, and nothing else is one.

use serde_json::{Value, json};
use uptls::danger::DangerPermission::{Allowed, Forbidden};
use uptls::danger::{Danger, PeerDanger, ToleratedRule};
use uptls::{ConnectorState, Problems, UpstreamTlsPolicy};
use uptls_manifest::kubernetes::{BackendRef, Document, Resolution, Scope, connector, import};

use crate::common::runtime;

fn policy(validation: &Value) -> String {
    let spec = json!({"targetRefs": [{"group": "", "kind": "Service", "name": "pay"}], "validation": validation});
    let metadata = json!({"name": "pay-tls", "namespace": "shop"});
    let head = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy"});
    let mut object = head.as_object().unwrap().clone();
    object.extend([("metadata".to_owned(), metadata), ("spec".to_owned(), spec)]);
    Value::Object(object).to_string()
}

/// With the mode, and what `more` adds; a null takes a field away.
fn validation(mode: &str, more: &Value) -> Value {
    let mut validation = json!({"mode": mode, "hostname": "pay.example", "wellKnownCACertificates": "System"});
    for (key, value) in more.as_object().unwrap() {
        validation[key] = value.clone();
    }
    validation.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    validation
}

fn resolved(text: &str) -> Resolution {
    import([Document::new("in", text.as_bytes())]).resolve(&Scope::default())
}

/// What the policy of the backend gives up, if the caller permits it.
fn danger(text: &str) -> Result<Danger, Problems> {
    let draft = resolved(text).policy_of(&pay(), None)?.draft.clone()?;
    assert!(UpstreamTlsPolicy::check(draft.clone(), Allowed)?.name().is_some());
    let refused = UpstreamTlsPolicy::check(draft.clone(), Forbidden).err();
    let policy = UpstreamTlsPolicy::check(draft, Allowed)?;
    assert_eq!(refused.is_some(), policy.danger().is_active(), "{text}");
    assert!(refused.iter().flat_map(Problems::iter).all(|problem| problem.code().as_str() == "danger_forbidden"));
    assert!(refused.iter().flat_map(Problems::iter).all(|problem| problem.origin().is_some()), "{text}");
    Ok(policy.danger().clone())
}

fn pay() -> BackendRef {
    BackendRef::new("shop", "pay", None)
}

fn no_trust() -> Value {
    json!({"wellKnownCACertificates": null})
}

#[test]
fn a_mode_gives_up_what_it_says_and_no_more() {
    let of = |mode: &str, more: &Value| danger(&policy(&validation(mode, more))).unwrap();
    for mode in ["Standard", "Strict"] {
        assert_eq!(of(mode, &json!({})), Danger::default(), "{mode}");
    }
    for mode in ["InsecureSkipOnlySANVerification", "InsecureSkipSANVerification"] {
        let Danger { peer: PeerDanger::AnyName { reason }, tolerations, .. } = of(mode, &json!({})) else {
            panic!("{mode}");
        };
        assert_eq!(reason, format!("BackendTLSPolicy shop/pay-tls sets the mode {mode}"));
        assert!(tolerations.is_empty());
    }
    let all = of("InsecureSkipVerification", &no_trust());
    assert!(matches!(all.peer, PeerDanger::AnyCertificate { .. }) && all.tolerations.is_empty());
    // Whether an expired issuer is meant too, the proposal does not say: it is not tolerated.
    let expired =
        of("InsecureAllowExpired", &json!({"subjectAltNames": [{"type": "Hostname", "hostname": "a.example"}]}));
    let rules: Vec<_> = expired.tolerations.iter().map(|toleration| (toleration.rule, toleration.until)).collect();
    assert_eq!((expired.peer, rules), (PeerDanger::None, vec![(ToleratedRule::ExpiredLeaf, None)]));
}

#[test]
fn without_permission_it_never_connects() {
    for (mode, more) in [
        ("InsecureSkipSANVerification", json!({})),
        ("InsecureSkipVerification", no_trust()),
        ("InsecureAllowExpired", json!({})),
    ] {
        let text = policy(&validation(mode, &more)).replace("\"wellKnownCACertificates\":\"System\"", CA);
        let ca = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "shop"},
            "data": {"ca.crt": uptls_testkit::Pki::new("modes").root.pem()}})
        .to_string();
        let documents = || [Document::new("in", text.as_bytes()), Document::new("ca", ca.as_bytes())];
        match connector(&runtime(), &import(documents()), &pay(), Forbidden).state() {
            ConnectorState::NotReady { reason, .. } => assert_eq!(reason.code().as_str(), "danger_forbidden", "{mode}"),
            state => panic!("{mode}: {state:?}"),
        }
        let allowed = connector(&runtime(), &import(documents()), &pay(), Allowed);
        assert!(matches!(allowed.state(), ConnectorState::Ready), "{mode}");
    }
}

#[test]
fn what_the_proposal_does_not_permit_is_refused() {
    let names = json!([{"type": "Hostname", "hostname": "a.example"}]);
    let cases = [
        ("InsecureSkipSANVerification", json!({"subjectAltNames": names}), "subjectAltNames must be empty"),
        ("InsecureSkipOnlySANVerification", json!({"subjectAltNames": names}), "subjectAltNames must be empty"),
        (
            "InsecureSkipVerification",
            json!({"subjectAltNames": names, "wellKnownCACertificates": null}),
            "subjectAltNames",
        ),
        ("InsecureSkipVerification", json!({}), "caCertificateRefs and wellKnownCACertificates must be empty"),
        ("InsecureSkipSANVerification", no_trust(), "must specify either"),
        ("InsecureAllowExpired", no_trust(), "must specify either"),
        ("Strict", no_trust(), "must specify either"),
        ("InsecureSkipVerification", json!({"wellKnownCACertificates": null, "hostname": null}), "hostname"),
        ("insecureSkipVerification", no_trust(), "InsecureSkipVerification"),
        ("Insecure", json!({}), "InsecureSkipVerification"),
        ("", json!({}), "InsecureSkipVerification"),
        ("Strict", json!({"trustedCertificates": []}), "unknown"),
        (
            "InsecureSkipVerification",
            json!({"wellKnownCACertificates": null, "trustedCertificateHashes": []}),
            "unknown",
        ),
    ];
    for (mode, more, wanted) in cases {
        let text = policy(&validation(mode, &more));
        let problems = danger(&text).err().unwrap_or_else(|| panic!("{text}"));
        assert!(problems.to_string().contains(wanted), "{text}: {problems}");
    }
    let typed = policy(&validation("Strict", &json!({"mode": true})));
    assert_eq!(danger(&typed).err().unwrap().code().as_str(), "policy_invalid");
}

const CA: &str = "\"caCertificateRefs\":[{\"group\":\"\",\"kind\":\"ConfigMap\",\"name\":\"ca\"}]";
