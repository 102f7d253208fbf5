//! Which objects count: lists of a kind, unknown versions, names that are declared twice, and what is left out.

use uptls_manifest::kubernetes::{BackendRef, Document, Effect, Imported, ObjectName, Scope, import};
use uptls_testkit::manifests::{GATEWAY, GRANT, POLICY, ROUTE, SECRET, SERVICE};

/// The objects of `parts`.
fn imported(parts: &[&str]) -> Imported {
    let text = parts.join("\n---\n");
    import([Document::new("in", text.as_bytes())])
}

/// What a backend gets: the name of its policy, or the code of what is wrong.
fn outcome(parts: &[&str], backend: &str, gateway: Option<&str>) -> String {
    let resolution = imported(parts).resolve(&Scope::default());
    let gateway = gateway.map(|name| ObjectName::new("infra", name));
    match resolution.policy_of(&BackendRef::parse(backend).unwrap(), gateway.as_ref()).map(|policy| &policy.draft) {
        Ok(Ok(draft)) if draft.spec.identity.is_some() => {
            format!("{} with an identity", draft.name.as_deref().unwrap())
        }
        Ok(Ok(draft)) => draft.name.clone().unwrap(),
        Ok(Err(problems)) => problems.code().as_str().to_owned(),
        Err(problems) => problems.code().as_str().to_owned(),
    }
}

/// Effect and text of each diagnostic.
fn said(parts: &[&str]) -> Vec<(Effect, String)> {
    imported(parts).diagnostics.iter().map(|of| (of.effect, of.problem.message())).collect()
}

#[track_caller]
fn says(parts: &[&str], effect: Effect, wanted: &str) {
    let said = said(parts);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].0 == effect && said[0].1.contains(wanted), "{said:?}");
}

/// The object without the lines that say what it is, as an item of a list.
fn item(object: &str) -> String {
    let lines = object.lines().filter(|line| !line.starts_with("apiVersion:") && !line.starts_with("kind:"));
    let indented: Vec<_> = lines.map(|line| format!("  {line}")).collect();
    indented.join("\n").replacen("  ", "- ", 1)
}

fn list(api_version: &str, kind: &str, object: &str) -> String {
    format!("apiVersion: {api_version}\nkind: {kind}\nitems:\n{}", item(object))
}

#[test]
fn the_items_of_a_list_of_one_kind_need_not_say_it() {
    const API: &str = "gateway.networking.k8s.io/v1";
    let get = |list: &str| outcome(&[SERVICE, list], "shop/pay:443", None);
    assert_eq!(get(&list(API, "BackendTLSPolicyList", POLICY)), "shop/pay-tls");
    let service = list("v1", "ServiceList", SERVICE);
    assert_eq!(outcome(&[&service, POLICY], "shop/pay:443", None), "shop/pay-tls");
    let whole = POLICY.replace('\n', "\n  ");
    assert_eq!(get(&format!("apiVersion: v1\nkind: List\nitems:\n- {whole}")), "shop/pay-tls");
    // A list of anything does not say what its items are, nor does one of another kind.
    let unnamed = list("v1", "List", POLICY);
    assert_eq!(get(&unnamed), "reference_unresolved");
    assert_eq!(imported(&[&unnamed]).ignored.get("(no kind)"), Some(&1));
    assert_eq!(get(&list("example.com/v1", "BackendTLSPolicyList", POLICY)), "reference_unresolved");
}

#[test]
fn a_list_of_an_unknown_version_is_not_passed_over() {
    for kind in ["BackendTLSPolicyList", "GatewayList"] {
        let unread = format!("apiVersion: gateway.networking.k8s.io/v9\nkind: {kind}\nitems: []");
        let parts = [SERVICE, POLICY, &unread];
        says(&parts, Effect::Unread, "gateway.networking.k8s.io/v9");
        assert_eq!(outcome(&parts, "shop/pay:443", None), "unsupported_option", "{kind}");
        let known = unread.replace("v9", "v1");
        assert_eq!(outcome(&[SERVICE, POLICY, &known], "shop/pay:443", None), "shop/pay-tls", "{kind}");
    }
}

#[test]
fn another_version_fails_what_it_may_concern() {
    // The object, a backend that it concerns, and one that it does not.
    for (object, version, concerned, other) in [
        (XBACKEND, "x-k8s.io/v1alpha1", "XBackend/shop/far", "shop/pay:443"),
        (CONFIG_POLICY, "kgateway.dev/v1alpha1", "shop/pay:443", "XBackend/there/far:443"),
    ] {
        let elsewhere = XBACKEND.replace("namespace: shop", "namespace: there");
        assert!(outcome(&[SERVICE, POLICY, object, &elsewhere], concerned, None).starts_with("shop/"));
        let (group, _) = version.split_once('/').unwrap();
        let changed = object.replacen(version, &format!("{group}/v9"), 1);
        let parts = [SERVICE, POLICY, &changed, &elsewhere];
        assert_eq!(outcome(&parts, concerned, None), "unsupported_option", "{concerned}");
        assert!(outcome(&parts, other, None).contains('/'), "{other}: {}", outcome(&parts, other, None));
    }
    // Of a Gateway those that it uses, and those that are asked for by it.
    let gateway = GATEWAY.replacen("k8s.io/v1", "k8s.io/v9", 1);
    let parts = [SERVICE, POLICY, &gateway, ROUTE, SECRET];
    says(&parts, Effect::NotReady, "k8s.io/v9");
    assert_eq!(outcome(&parts, "shop/pay:443", None), "unsupported_option");
    let unused = [SERVICE, POLICY, &gateway];
    assert_eq!(outcome(&unused, "shop/pay:443", Some("outer")), "unsupported_option");
    assert_eq!(outcome(&unused, "shop/pay:443", None), "shop/pay-tls");
    // The same kind of another group is nobody's business here.
    let foreign = CONFIG_POLICY.replace("gateway.kgateway.dev/v1alpha1", "example.com/v9");
    assert_eq!(outcome(&[SERVICE, POLICY, &foreign], "shop/pay:443", None), "shop/pay-tls");
    assert!(said(&[SERVICE, POLICY, &foreign]).is_empty());
}

#[test]
fn a_gateway_that_is_declared_twice_is_used_by_nobody() {
    let once = [SERVICE, POLICY, GATEWAY, ROUTE, SECRET];
    assert_eq!(outcome(&once, "shop/pay:443", Some("outer")), "shop/pay-tls with an identity");
    let twice = [SERVICE, POLICY, GATEWAY, GATEWAY, ROUTE, SECRET];
    says(&twice, Effect::NotReady, "declared twice");
    assert_eq!(outcome(&twice, "shop/pay:443", Some("outer")), "document_parse");
    // Nor by the first of them, where only the second has a certificate.
    let bare = GATEWAY.split("spec:").next().unwrap();
    assert_eq!(outcome(&[SERVICE, POLICY, bare, GATEWAY, ROUTE, SECRET], "shop/pay:443", None), "document_parse");
    let renamed = GATEWAY.replace("outer", "inner");
    let two = [SERVICE, POLICY, GATEWAY, &renamed, ROUTE, SECRET];
    assert_eq!(outcome(&two, "shop/pay:443", Some("outer")), "shop/pay-tls with an identity");
}

#[test]
fn an_xbackend_that_is_declared_twice_has_no_policy() {
    assert_eq!(outcome(&[XBACKEND], "XBackend/shop/far:443", None), "shop/far");
    let other = XBACKEND.replace("far.example", "near.example");
    says(&[XBACKEND, &other], Effect::NotReady, "declared twice");
    assert_eq!(outcome(&[XBACKEND, &other], "XBackend/shop/far:443", None), "document_parse");
    let renamed = XBACKEND.replace("name: far", "name: near");
    assert_eq!(outcome(&[XBACKEND, &renamed], "XBackend/shop/far:443", None), "shop/far");
}

#[test]
fn a_secret_that_is_declared_twice_is_neither() {
    let parts = [SERVICE, POLICY, GATEWAY, ROUTE, SECRET, SECRET];
    assert_eq!(outcome(&parts, "shop/pay:443", Some("outer")), "reference_unresolved");
    let elsewhere = SECRET.replace("namespace: infra", "namespace: shop");
    let parts = [SERVICE, POLICY, GATEWAY, ROUTE, SECRET, &elsewhere];
    assert_eq!(outcome(&parts, "shop/pay:443", Some("outer")), "shop/pay-tls with an identity");
}

#[test]
fn a_grant_with_a_problem_is_left_out() {
    let gateway = GATEWAY.replace("{name: client}", "{name: client, namespace: vault}");
    let secret = SECRET.replace("namespace: infra", "namespace: vault");
    let get = |grants: &[&str]| {
        let parts = [&[SERVICE, POLICY, &gateway, ROUTE, &secret], grants].concat();
        outcome(&parts, "shop/pay:443", Some("outer"))
    };
    assert_eq!(get(&[GRANT]), "shop/pay-tls with an identity");
    assert_eq!(get(&[]), "reference_not_permitted");
    let odd = GRANT.replace("spec:", "spec:\n  when: never");
    says(&[&odd], Effect::Skipped, "when");
    assert_eq!(get(&[&odd]), "reference_not_permitted");
    says(&[GRANT, GRANT], Effect::Skipped, "declared twice");
    assert_eq!(get(&[GRANT, GRANT]), "reference_not_permitted");
    assert_eq!(get(&[GRANT, &odd.replace("name: g", "name: h")]), "shop/pay-tls with an identity");
}

#[test]
fn a_route_with_a_problem_is_left_out() {
    let get = |route: &str| outcome(&[SERVICE, POLICY, GATEWAY, SECRET, route], "shop/pay:443", None);
    assert!(said(&[ROUTE]).is_empty());
    assert_eq!(get(ROUTE), "shop/pay-tls with an identity");
    let odd = ROUTE.replace("port: 443", "port: 0");
    says(&[&odd], Effect::Skipped, "port");
    assert_eq!(get(&odd), "shop/pay-tls", "no Gateway uses the backend, so none lends a certificate");
    let asked = outcome(&[SERVICE, POLICY, GATEWAY, SECRET, &odd], "shop/pay:443", Some("outer"));
    assert_eq!(asked, "shop/pay-tls with an identity", "who asks for a Gateway, gets its certificate");
    says(&[ROUTE, ROUTE], Effect::Skipped, "declared twice");
    assert_eq!(get(&format!("{ROUTE}\n---\n{ROUTE}")), "shop/pay-tls");
    let other = ROUTE.replace("HTTPRoute", "GRPCRoute");
    assert_eq!(get(&format!("{ROUTE}\n---\n{other}")), "shop/pay-tls with an identity", "another kind");
}

#[test]
fn an_extension_whose_target_cannot_be_read_might_be_for_any_backend() {
    let kgateway = |targets: &str| {
        let head = "apiVersion: gateway.kgateway.dev/v1alpha1\nkind: BackendConfigPolicy\n";
        let metadata = "metadata: {name: pay-mtls, namespace: shop}\n";
        let tls = "{wellKnownCACertificates: System, sni: other.example}";
        format!("{head}{metadata}spec: {{targetRefs: {targets}, tls: {tls}}}")
    };
    let get = |extension: &str| outcome(&[SERVICE, POLICY, extension], "shop/pay:443", None);
    for good in
        [kgateway("[{group: '', kind: Service, name: pay}]"), kgateway("[{group: '', kind: Service, name: another}]")]
    {
        assert_eq!(get(&good), "shop/pay-tls", "{good}");
    }
    for (stray, code) in [
        (kgateway("[{group: '', kind: Service, nam: pay}]"), "document_parse"),
        (kgateway("[{group: '', kind: Service, name: another}, 7]"), "document_parse"),
        (kgateway("pay"), "policy_invalid"),
    ] {
        assert_eq!(get(&stray), code, "{stray}");
    }
}

/// Which backend an Upstream is, is always known: it fails alone.
#[test]
fn an_upstream_that_cannot_be_read_fails_alone() {
    let gloo = |kube: &str| {
        let head = "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: up, namespace: shop}\n";
        format!("{head}spec: {{sslConfig: {{sni: other.example}}, kube: {kube}}}")
    };
    let get = |kube: &str, backend: &str| outcome(&[SERVICE, POLICY, &gloo(kube)], backend, None);
    for (kube, wanted) in [
        ("{serviceName: pay, servicePort: 443}", "shop/pay-tls"),
        ("{serviceName: pay, serviceNamespace: shop, servicePort: 443}", "shop/pay-tls"),
        ("{serviceName: pay, serviceNamespace: other, servicePort: 443}", "shop/up"),
        ("{serviceName: another, servicePort: 443}", "shop/up"),
        ("{serviceName: pay}", "document_parse"),
        ("{serviceName: pay, servicePort: }", "document_parse"),
        ("{serviceName: pay, servicePort: 0}", "policy_invalid"),
        ("{serviceName: another}", "document_parse"),
        ("{servicePort: 443}", "document_parse"),
        ("pay", "policy_invalid"),
    ] {
        assert_eq!(get(kube, "Upstream/shop/up:443"), wanted, "{kube}");
        assert_eq!(get(kube, "shop/pay:443"), "shop/pay-tls", "{kube}");
    }
    assert_eq!(get("{serviceName: pay, servicePort: 443}", "Upstream/shop/up:444"), "reference_unresolved");
}

const CONFIG_POLICY: &str = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: extra, namespace: shop}
spec: {targetRefs: [{group: '', kind: Service, name: pay}], tls: {sni: pay.example}}";
const XBACKEND: &str = "\
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: far, namespace: shop}
spec:
  type: ExternalHostname
  port: {port: 443}
  externalHostname: {hostname: far.example}
  tls: {mode: ServerOnly, validation: {wellKnownCACertificates: System, hostname: far.example}}";
