//! `allowedRoutes` and `allowedListeners` with a selector over namespaces: their labels decide, and where those are not known
//! what is in them counts as attached, which is said.

use uptls_manifest::kubernetes::{Document, Effect, Scope, import};

const OBJECTS: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation: {wellKnownCACertificates: System, hostname: pay.shop}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: set, namespace: shop}
spec: {parentRef: {name: public, namespace: edge}, listeners: [{name: a, port: 80}]}
---
";

/// Whether the Gateway uses the backend, and the objects with a notice.
fn attached(objects: &[&str]) -> (bool, Vec<String>) {
    let imported = import([Document::new("in", [&[OBJECTS], objects].concat().concat().as_bytes())]);
    let resolution = imported.resolve(&Scope::default());
    let notices = resolution.diagnostics.iter().map(|diagnostic| {
        assert_eq!(diagnostic.effect, Effect::Notice, "{diagnostic:?}");
        diagnostic.object.as_ref().unwrap().to_string()
    });
    (resolution.policies[0].gateway.is_some(), notices.collect())
}

fn gateway(spec: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public, namespace: edge}}\nspec: {spec}\n---\n"
    )
}

fn route(parent: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r, namespace: shop}}\n\
         spec: {{parentRefs: [{parent}], rules: [{{backendRefs: [{{name: pay}}]}}]}}\n---\n"
    )
}

fn namespace(labels: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {labels}}}\n---\n")
}

const SAID: [&str; 1] = ["Gateway edge/public"];

#[test]
fn the_labels_of_a_namespace_decide_which_routes_attach() {
    let selecting = |selector: &str| {
        gateway(&format!(
            "{{listeners: [{{name: a, port: 80, allowedRoutes: {{namespaces: {{from: Selector, selector: {selector}}}}}}}]}}"
        ))
    };
    let route = route("{name: public, namespace: edge}");
    let team = selecting("{matchLabels: {team: pay}}");
    for (labels, wanted) in [("{team: pay}", true), ("{team: other}", false), ("{}", false)] {
        assert_eq!(attached(&[&team, &route, &namespace(labels)]), (wanted, Vec::new()), "{labels}");
    }
    // Not known: the Namespace is not there, appears twice, or the selector cannot be read.
    let twice = namespace("{team: pay}").repeat(2);
    let odd = selecting("{matchFields: {a: b}}");
    for objects in [&[&*team, &*route][..], &[&team, &route, &twice], &[&odd, &route, &namespace("{team: pay}")]] {
        assert_eq!(attached(objects), (true, SAID.map(str::to_owned).to_vec()), "{objects:?}");
    }
    // An API server gives each namespace a label of its name.
    for (name, wanted) in [("shop", true), ("other", false)] {
        let named = selecting(&format!("{{matchLabels: {{kubernetes.io/metadata.name: {name}}}}}"));
        assert_eq!(attached(&[&named, &route]), (wanted, Vec::new()), "{name}");
        assert_eq!(attached(&[&named, &route, &namespace("{team: pay}")]), (wanted, Vec::new()), "{name}");
    }
}

/// Where another listener takes the route anyway, or none is meant, there is nothing to say.
#[test]
fn a_selector_that_decides_nothing_is_not_spoken_of() {
    const SELECTOR: &str = "allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: pay}}}}";
    let two = |other: &str| {
        gateway(&format!(
            "{{listeners: [{{name: a, port: 80, {SELECTOR}}}, {{name: b, port: 81, allowedRoutes: {{namespaces: {{from: {other}}}}}}}]}}"
        ))
    };
    let any = route("{name: public, namespace: edge}");
    assert_eq!(attached(&[&two("All"), &any]), (true, Vec::new()));
    assert_eq!(attached(&[&two("None"), &any]), (true, SAID.map(str::to_owned).to_vec()));
    let second = route("{name: public, namespace: edge, sectionName: b}");
    assert_eq!(attached(&[&two("None"), &second]), (false, Vec::new()));
}

#[test]
fn the_labels_of_a_namespace_decide_which_listener_sets_attach() {
    let selecting = "{allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {team: pay}}}}}";
    let route = route("{group: gateway.networking.k8s.io, kind: ListenerSet, name: set}");
    let gateway = gateway(selecting);
    assert_eq!(attached(&[&gateway, &route, &namespace("{team: pay}")]), (true, Vec::new()));
    assert_eq!(attached(&[&gateway, &route, &namespace("{team: other}")]), (false, Vec::new()));
    assert_eq!(attached(&[&gateway, &route]), (true, SAID.map(str::to_owned).to_vec()));
}

/// The notice names the object whose listeners have the selector.
#[test]
fn the_listeners_of_a_set_have_selectors_of_their_own() {
    const SELECTOR: &str = "allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: pay}}}}";
    for (kind, group) in [("ListenerSet", "k8s.io/v1"), ("XListenerSet", "x-k8s.io/v1alpha1")] {
        let set = format!(
            "apiVersion: gateway.networking.{group}\nkind: {kind}\nmetadata: {{name: own, namespace: shop}}\n\
             spec: {{parentRef: {{name: public, namespace: edge}}, listeners: [{{name: a, port: 80, {SELECTOR}}}]}}\n---\n"
        );
        let group = group.split('/').next().unwrap();
        let route = route(&format!("{{group: gateway.networking.{group}, kind: {kind}, name: own}}"));
        let gateway = gateway("{allowedListeners: {namespaces: {from: All}}}");
        assert_eq!(attached(&[&gateway, &set, &route]), (true, vec![format!("{kind} shop/own")]));
        assert_eq!(attached(&[&gateway, &set, &route, &namespace("{team: pay}")]), (true, Vec::new()));
    }
}

/// Five Namespaces are named, and that there are more is said.
#[test]
fn a_notice_names_a_few_namespaces() {
    let gateway = gateway(
        "{listeners: [{name: a, port: 80, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: pay}}}}}]}",
    );
    let said = |count: u8| {
        let parent = "{name: public, namespace: edge}";
        let routes = (1..=count).map(|index| route(parent).replace("shop", &format!("n{index}")));
        let text = [gateway.clone(), routes.collect()].concat();
        let imported = import([Document::new("in", text.as_bytes())]);
        imported.resolve(&Scope::default()).diagnostics[0].problem.message()
    };
    assert!(said(5).contains("Namespace n1, n2, n3, n4, n5 "), "{}", said(5));
    assert!(said(6).contains("Namespace n1, n2, n3, n4, n5, ... "), "{}", said(6));
}
