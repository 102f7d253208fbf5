//! `uptls import` for tools that review changes, and for readers of thousands of backends.

use serde_json::json;

use crate::manifests::objects;
use crate::support::{Folder, Ran, uptls};

/// The objects with a second backend whose CA is missing, and an Envoy cluster that verifies nothing.
fn folder() -> Folder {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    let good = std::fs::read_to_string(folder.path().join("objects/pay.yaml")).unwrap();
    let bad = good
        .replace("name: pay-tls", "name: orders-tls")
        .replace("pay-ca", "orders-ca")
        .replace("name: pay", "name: orders");
    folder.write("objects/orders.yaml", &bad.replace("orders-tls-tls", "orders-tls"));
    let cluster = json!({"name": "a<b>&\u{1b}[2J", "connect_timeout": "1s"});
    folder.write("objects/envoy.json", &json!({"static_resources": {"clusters": [cluster]}}).to_string());
    folder
}

fn import(folder: &Folder, more: &[&str]) -> Ran {
    uptls(folder.path(), &[&["import", "objects"], more].concat())
}

#[test]
fn sarif_has_each_problem_with_its_place() {
    let folder = folder();
    let ran = import(&folder, &["--sarif"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""), "{ran:?}");
    let document = ran.json();
    assert_eq!(document["version"], "2.1.0");
    assert_eq!(document["runs"][0]["tool"]["driver"]["name"], "uptls");
    let results = document["runs"][0]["results"].as_array().unwrap();
    let missing = results.iter().find(|result| result["ruleId"] == "reference_unresolved").unwrap();
    assert_eq!(missing["level"], "error");
    let place = &missing["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "objects/orders.yaml");
    assert!(
        place["region"]["startLine"].as_u64().unwrap() > 1 && place["region"]["startColumn"].as_u64().unwrap() >= 1
    );
    assert!(missing["message"]["text"].as_str().unwrap().contains("Hint: "));
    assert!(results.iter().any(|result| result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "objects/envoy.json"));
    // The twin: what is in order has no result.
    let good = Folder::new();
    objects(&good, "payments.internal", "");
    let ran = import(&good, &["--sarif"]);
    assert_eq!((ran.code, ran.json()["runs"][0]["results"].as_array().unwrap().len()), (0, 0), "{ran:?}");
    assert_eq!(import(&good, &["--sarif", "--json"]).code, 2);
}

#[test]
fn junit_has_a_case_for_each_backend_and_cluster() {
    let folder = folder();
    let ran = import(&folder, &["--junit"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stdout.contains("<testcase classname=\"backend\" name=\"shop/pay:443\"/>\n"), "{ran:?}");
    assert!(ran.stdout.contains("<testcase classname=\"backend\" name=\"shop/orders:443\">\n    <failure>"), "{ran:?}");
    assert!(ran.stdout.contains("name=\"a&lt;b&gt;&amp;\\u{1b}[2J\">"), "escaped: {ran:?}");
    let failures = ran.stdout.matches("<failure>").count();
    assert!(ran.stdout.contains(&format!("failures=\"{failures}\"")) && failures >= 2, "{ran:?}");
    assert_eq!(ran.stdout.matches("<testcase").count(), ran.stdout.matches("classname").count());
}

#[test]
fn problems_can_stand_alone() {
    let folder = folder();
    let whole = import(&folder, &[]);
    assert!(whole.stdout.contains("shop/pay:443: ready"), "{whole:?}");
    let ran = import(&folder, &["--only-problems"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(!ran.stdout.contains("shop/pay:443") && !ran.stdout.contains("pay-tls  Accepted"), "{ran:?}");
    assert!(ran.stdout.contains("shop/orders:443: not ready"), "{ran:?}");
    assert_eq!(ran.stdout.lines().last(), whole.stdout.lines().last(), "the summary is that of all");
    assert_eq!(ran.stderr, whole.stderr);
}
