//! What decides which object counts and cannot be read is unread, never absent: what it may concern fails, and nothing else.

use uptls_manifest::kubernetes::{BackendRef, Document, Effect, Imported, Scope, import};

const OLD: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: old, namespace: shop, creationTimestamp: '2026-01-01T00:00:00Z'}
spec:
  targetRefs:
  - {group: '', kind: Service, name: pay}
  validation: {wellKnownCACertificates: System, hostname: pay.shop}
";

const VENDORS: &str = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: vendors, namespace: shop, creationTimestamp: '2026-01-01T00:00:00Z'}
spec:
  targetRefs:
  - {group: '', kind: Service, name: pay}
  tls: {wellKnownCACertificates: System, sni: pay.shop}
";

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop, labels: {app: pay}}
spec: {ports: [{name: https, port: 443}]}
";

/// What would have the backend if the object in question were not there.
fn others() -> Vec<String> {
    let young = OLD.replace("name: old", "name: young").replace("2026-01", "2026-02");
    let extension = VENDORS.replace("name: vendors", "name: young").replace("2026-01", "2026-02");
    let there = |text: &str| text.replace("namespace: shop", "namespace: there");
    vec![SERVICE.to_owned(), young.clone(), extension, there(SERVICE), there(&young)]
}

fn read(object: &str, others: &[String]) -> Imported {
    let named = |(index, text): (usize, &String)| (format!("{index}.yaml"), text.clone());
    let mut texts: Vec<_> = others.iter().enumerate().map(named).collect();
    texts.insert(0, ("object.yaml".to_owned(), object.to_owned()));
    import(texts.iter().map(|(name, text)| Document::new(name, text.as_bytes())))
}

/// The policy of a backend, or all that is wrong with it.
fn outcome(imported: &Imported, backend: &str) -> Result<String, String> {
    let resolution = imported.resolve(&Scope::default());
    let policy = resolution.policy_of(&BackendRef::parse(backend).unwrap(), None);
    let draft = policy.and_then(|policy| policy.draft.clone());
    draft.map(|draft| draft.name.unwrap_or_default()).map_err(|problems| {
        let said = |problem: &uptls::Problem| {
            let line = problem.origin().map_or(0, |origin| origin.line);
            format!("{problem} in line {line}\n")
        };
        problems.iter().map(said).collect()
    })
}

#[track_caller]
fn closes_its_namespace(what: &str, object: &str, called: &str) {
    let imported = read(object, &others());
    for backend in ["shop/pay:443", "shop/any"] {
        let reasons = outcome(&imported, backend).expect_err(what);
        let wanted = format!("what {called} is for cannot be read");
        assert!(reasons.contains(&wanted) && !reasons.contains("in line 0"), "{what}: {reasons}");
    }
    assert!(
        imported
            .resolve(&Scope::default())
            .policies
            .iter()
            .filter(|p| p.backend.namespace == "shop")
            .all(|p| p.draft.is_err()),
        "{what}"
    );
    let named =
        imported.diagnostics.iter().filter(|of| of.object.as_ref().is_some_and(|object| object.to_string() == called));
    assert!(named.clone().count() > 0 && named.clone().all(|of| of.effect == Effect::Unread), "{what}");
    // A policy is for backends of its own namespace alone.
    assert_eq!(outcome(&imported, "there/pay:443").as_deref(), Ok("there/young"), "{what}");
}

const TARGET: &str = "  - {group: '', kind: Service, name: pay}\n";
const TARGETS: &str = "  targetRefs:\n  - {group: '', kind: Service, name: pay}\n";

#[test]
fn a_standard_policy_whose_targets_cannot_be_read_closes_its_namespace() {
    assert_eq!(outcome(&read(OLD, &others()), "shop/pay:443").as_deref(), Ok("shop/old"));
    for (what, from, to) in [
        ("no group", TARGET, "  - {kind: Service, name: pay}\n"),
        ("a group without a value", TARGET, "  - {group: , kind: Service, name: pay}\n"),
        ("no kind", TARGET, "  - {group: '', name: pay}\n"),
        ("no name", TARGET, "  - {group: '', kind: Service}\n"),
        ("a list for a name", TARGET, "  - {group: '', kind: Service, name: [pay]}\n"),
        ("a list for a section", TARGET, "  - {group: '', kind: Service, name: pay, sectionName: [https]}\n"),
        ("a name that appears twice", TARGET, "  - {group: '', kind: Service, name: orders, name: pay}\n"),
        ("a field that may narrow", TARGET, "  - {group: '', kind: Service, name: pay, port: 443}\n"),
        ("a text for a target", TARGET, "  - pay\n"),
        ("one of two", TARGET, "  - {group: '', kind: Service, name: orders}\n  - {kind: Service, name: pay}\n"),
        ("a map for a list", TARGETS, "  targetRefs: {group: '', kind: Service, name: pay}\n"),
        ("nothing for a list", TARGETS, "  targetRefs:\n"),
        ("the old spelling", TARGETS, "  targetRef: {group: '', kind: Service, name: pay}\n"),
        ("selectors", TARGETS, "  targetSelectors: [{group: '', kind: Service, matchLabels: {app: pay}}]\n"),
        ("selectors beside", TARGETS, "  targetRefs: [{group: '', kind: Service, name: a}]\n  targetSelectors: []\n"),
        ("another word", TARGETS, "  targetRefs: [{group: '', kind: Service, name: a}]\n  appliesTo: [pay]\n"),
        ("no targets", TARGETS, ""),
        (
            "two lists",
            TARGETS,
            "  targetRefs: [{group: '', kind: Service, name: a}]\n  targetRefs: [{group: '', kind: Service, name: pay}]\n",
        ),
        ("a text for the spec", &OLD[OLD.find("spec:").unwrap()..], "spec: pay\n"),
        ("no spec", &OLD[OLD.find("spec:").unwrap()..], ""),
        ("two specs", "spec:\n", "spec: {targetRefs: [{group: '', kind: Service, name: a}]}\nspec:\n"),
    ] {
        assert_eq!(OLD.matches(from).count(), 1, "{what}");
        closes_its_namespace(what, &OLD.replace(from, to), "BackendTLSPolicy shop/old");
    }
}

#[test]
fn a_target_that_can_be_read_is_kept_and_no_other() {
    let orders = SERVICE.replace("name: pay", "name: orders");
    let for_orders = OLD.replace("name: old", "name: orders").replace("name: pay}", "name: orders}");
    for (what, to) in [
        (
            "a name that is none",
            "  - {group: '', kind: Service, name: pay}\n  - {group: '', kind: Service, name: ''}\n",
        ),
        (
            "a kind that is not supported",
            "  - {group: '', kind: Service, name: pay}\n  - {group: a.b, kind: C, name: d}\n",
        ),
        ("an empty list", ""),
    ] {
        let object = match to {
            "" => OLD.replace(TARGETS, "  targetRefs: []\n"),
            to => OLD.replace(TARGET, to),
        };
        let mut others = others();
        others.extend([orders.clone(), for_orders.clone()]);
        assert_eq!(outcome(&read(&object, &others), "shop/orders:443").as_deref(), Ok("shop/orders"), "{what}");
    }
    // A fault elsewhere in the policy is for its own target.
    let object = OLD.replace("hostname: pay.shop", "hostname: pay.shop, minimumStrength: 3");
    let mut others = others();
    others.extend([orders, for_orders]);
    let imported = read(&object, &others);
    assert!(outcome(&imported, "shop/pay:443").is_err());
    assert_eq!(outcome(&imported, "shop/orders:443").as_deref(), Ok("shop/orders"));
}

#[test]
fn a_vendors_policy_whose_targets_cannot_be_read_closes_its_namespace() {
    let service = "{group: '', kind: Service";
    let selector = |rest: &str| format!("  targetSelectors: [{service}, {rest}}}]\n");
    let whole = VENDORS.replace(TARGETS, &selector("matchLabels: {app: pay}"));
    for good in [VENDORS, whole.as_str()] {
        assert_eq!(outcome(&read(good, &others()), "shop/pay:443").as_deref(), Ok("shop/young"));
    }
    for (what, to) in [
        ("no group", "  targetRefs: [{kind: Service, name: pay}]\n".to_owned()),
        ("a map for a list", "  targetRefs: {name: pay}\n".to_owned()),
        ("a field that may narrow", format!("  targetRefs: [{service}, name: pay, sectionName: https}}]\n")),
        ("a name that appears twice", format!("  targetRefs: [{service}, name: orders, name: pay}}]\n")),
        ("two lists", format!("  targetRefs: [{service}, name: a}}]\n  targetRefs: [{service}, name: pay}}]\n")),
        ("no labels", selector("x: y")),
        ("labels that are no map", selector("matchLabels: [pay]")),
        ("a label that is no text", selector("matchLabels: {app: [pay]}")),
        ("a label without a value", selector("matchLabels: {app: }")),
        ("a label that appears twice", selector("matchLabels: {app: other, app: pay}")),
        ("another way to select", selector("matchLabels: {app: other}, matchExpressions: []")),
    ] {
        closes_its_namespace(what, &VENDORS.replace(TARGETS, &to), "BackendConfigPolicy shop/vendors");
    }
    let spec = &VENDORS[VENDORS.find("spec:").unwrap()..];
    for (what, to) in [("no spec", ""), ("a text for the spec", "spec: pay\n")] {
        closes_its_namespace(what, &VENDORS.replace(spec, to), "BackendConfigPolicy shop/vendors");
    }
}

/// The contested backend fails, by the one whose time is none; a backend of another policy does not.
#[test]
fn a_time_that_is_none_makes_nothing_the_youngest() {
    let time = "creationTimestamp: '2026-01-01T00:00:00Z'";
    let twice = format!("{time}, creationTimestamp: '2026-03-01T00:00:00Z'");
    for bad in ["creationTimestamp: yesterday", "creationTimestamp: [a]", twice.as_str()] {
        for (object, name) in [(OLD, "old"), (VENDORS, "vendors")] {
            let imported = read(&object.replace(time, bad), &others());
            let reasons = outcome(&imported, "shop/pay:443").expect_err(bad);
            assert!(reasons.contains("creationTimestamp") || reasons.contains("metadata"), "{name} {bad}: {reasons}");
            assert_eq!(outcome(&imported, "there/pay:443").as_deref(), Ok("there/young"));
        }
    }
    // What no API server has yet is the youngest.
    assert_eq!(
        outcome(&read(&OLD.replace(&format!(", {time}"), ""), &others()), "shop/pay:443").as_deref(),
        Ok("shop/young")
    );
}

/// Which of its two ages counts, the order of documents must not say.
#[test]
fn a_policy_that_is_declared_twice_leaves_its_targets_to_no_other() {
    let between = OLD.replace("name: old", "name: between").replace("2026-01-01", "2026-01-15");
    let young = OLD.replace("2026-01", "2026-02");
    let rest = |more: &str| vec![SERVICE.to_owned(), between.clone(), more.to_owned()];
    assert_eq!(outcome(&read(&young, &rest(VENDORS)), "shop/pay:443").as_deref(), Ok("shop/between"));
    for (one, two) in [(OLD, young.as_str()), (young.as_str(), OLD)] {
        let reasons = outcome(&read(one, &rest(two)), "shop/pay:443").unwrap_err();
        assert!(reasons.contains("declared twice"), "{reasons}");
    }
}

#[test]
fn what_object_it_is_must_be_certain() {
    for (what, from, to) in [
        ("a kind that appears twice", "kind: BackendTLSPolicy", "kind: Deployment\nkind: BackendTLSPolicy"),
        ("a kind that is no text", "kind: BackendTLSPolicy", "kind: [BackendTLSPolicy]"),
        ("no version", "apiVersion: gateway.networking.k8s.io/v1\n", ""),
        ("a group alone", "k8s.io/v1\n", "k8s.io\n"),
        ("two versions", "apiVersion:", "apiVersion: example.com/v1\napiVersion:"),
        ("two names", "name: old", "name: other, name: old"),
        ("two namespaces", "namespace: shop", "namespace: there, namespace: shop"),
        ("a namespace that is no text", "namespace: shop", "namespace: [shop]"),
        ("two lots of metadata", "metadata:", "metadata: {name: x, namespace: there}\nmetadata:"),
    ] {
        assert_eq!(OLD.matches(from).count(), 1, "{what}");
        let imported = read(&OLD.replace(from, to), &others());
        assert!(outcome(&imported, "shop/pay:443").is_err(), "{what}");
        assert!(imported.diagnostics.iter().any(|of| of.effect == Effect::Unread), "{what}");
    }
    let indented = OLD.replace('\n', "\n  ");
    for list in ["apiVersion: v1\nkind: List", "kind: List"] {
        let list = format!("{list}\nitems:\n- {indented}");
        assert_eq!(outcome(&read(&list, &others()), "shop/pay:443").as_deref(), Ok("shop/old"));
        let hidden = list.replace("items:", "items: []\nitems:");
        assert!(outcome(&read(&hidden, &others()), "shop/pay:443").is_err());
    }
}

#[test]
fn a_service_whose_ports_or_labels_cannot_be_read_closes_itself_alone() {
    let section = OLD.replace("name: pay}", "name: pay, sectionName: https}");
    let rest: Vec<String> = others().into_iter().skip(1).collect();
    let orders = SERVICE.replace("name: pay", "name: orders");
    let for_orders = OLD.replace("name: old", "name: orders").replace("name: pay}", "name: orders}");
    let read = |service: &str| {
        let more = [section.clone(), orders.clone(), for_orders.clone()];
        read(service, &rest.iter().cloned().chain(more).collect::<Vec<_>>())
    };
    assert_eq!(outcome(&read(SERVICE), "shop/pay:443").as_deref(), Ok("shop/old"));
    for (what, from, to) in [
        ("a port's name that is no text", "name: https", "name: [https]"),
        ("two names of a port", "name: https", "name: other, name: https"),
        ("a port that is a text", "port: 443", "port: https"),
        ("two ports of one number", "{name: https, port: 443}", "{name: a, port: 443}, {name: https, port: 443}"),
        ("ports that are no list", "[{name: https, port: 443}]", "443"),
        ("a label that is no text", "{app: pay}", "{app: [pay]}"),
        ("labels that are no map", "{app: pay}", "[app]"),
        ("annotations that are no map", "labels:", "annotations: [a], labels:"),
    ] {
        assert_eq!(SERVICE.matches(from).count(), 1, "{what}");
        let imported = read(&SERVICE.replace(from, to));
        assert!(outcome(&imported, "shop/pay:443").is_err(), "{what}");
        let first = imported.diagnostics.iter().find(|of| of.effect == Effect::Unread).expect(what);
        assert_eq!(first.object.as_ref().map(ToString::to_string).as_deref(), Some("Service shop/pay"), "{what}");
        assert_eq!(outcome(&imported, "shop/orders:443").as_deref(), Ok("shop/orders"), "{what}");
    }
}

/// A selector is for the one or the other: which, the order of documents must not say.
#[test]
fn a_backend_of_kgateway_that_is_declared_twice_is_refused_in_any_order() {
    const BACKEND: &str = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {name: far, namespace: shop, labels: {app: far}}
spec: {type: Static, static: {hosts: [{host: far.example, port: 443}]}}
";
    let selector = VENDORS.replace(
        TARGETS,
        "  targetSelectors: [{group: gateway.kgateway.dev, kind: Backend, matchLabels: {app: far}}]\n",
    );
    let rest = vec![selector, SERVICE.to_owned(), OLD.to_owned()];
    assert_eq!(outcome(&read(BACKEND, &rest), "Backend/shop/far").as_deref(), Ok("shop/vendors"));
    let other = BACKEND.replace("app: far", "app: other");
    for (one, two) in [(BACKEND, other.as_str()), (other.as_str(), BACKEND)] {
        let rest: Vec<String> = rest.iter().cloned().chain([two.to_owned()]).collect();
        let imported = read(one, &rest);
        assert!(outcome(&imported, "Backend/shop/far").unwrap_err().contains("declared twice"));
        assert_eq!(outcome(&imported, "shop/pay:443").as_deref(), Ok("shop/old"));
    }
    for bad in [BACKEND.replace("{app: far}", "{app: [far]}"), BACKEND.replace("v1alpha1", "v9")] {
        let imported = read(&bad, &rest);
        assert!(outcome(&imported, "Backend/shop/far").is_err(), "{bad}");
        assert_eq!(outcome(&imported, "shop/pay:443").as_deref(), Ok("shop/old"), "{bad}");
    }
}

/// Without the CA that may stand in it, the system's roots would count.
#[test]
fn a_secret_whose_data_cannot_be_read_is_not_one_without_a_ca() {
    let policy = VENDORS.replace("wellKnownCACertificates: System", "secretRef: {name: own}");
    let secret =
        |rest: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: own, namespace: shop}}\n{rest}\n");
    let pem = |word: &str| format!("\"-----BEGIN {word}-----\\nYQ==\\n-----END {word}-----\\n\"");
    let pair = format!("stringData: {{tls.crt: {}, tls.key: {}}}", pem("CERTIFICATE"), pem("PRIVATE KEY"));
    let read = |rest: &str| read(&policy, &[SERVICE.to_owned(), secret(rest)]);
    assert_eq!(outcome(&read(&pair), "shop/pay:443").as_deref(), Ok("shop/vendors"));
    assert!(outcome(&read(&format!("data: [a]\n{pair}")), "shop/pay:443").is_err());
}

/// A thousand broken documents close every backend, and none of the backends holds a thousand errors for it.
#[test]
fn a_backend_holds_the_first_few_reasons_and_the_diagnostics_all() {
    const BROKEN: usize = 1_000;
    let mut texts = others();
    texts.extend((0..BROKEN).map(|_| "apiVersion: [".to_owned()));
    let imported = read("", &texts);
    assert_eq!(imported.diagnostics.iter().filter(|of| of.effect == Effect::Unread).count(), BROKEN);
    let resolution = imported.resolve(&Scope::default());
    assert!(!resolution.policies.is_empty());
    for policy in &resolution.policies {
        let problems = policy.draft.as_ref().err().unwrap();
        assert!((1..100).contains(&problems.iter().count()), "{}", problems.iter().count());
    }
    assert!(outcome(&imported, "shop/pay:443").unwrap_err().lines().count() < 100);
}
