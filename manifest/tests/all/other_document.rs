//! Documents of a program's own kind: the reader of policies, and its strictness.

use serde::Deserialize;
use uptls_manifest::read_document;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Routes {
    #[allow(dead_code, reason = "a field that is known")]
    api_version: String,
    #[allow(dead_code, reason = "a field that is known")]
    kind: String,
    routes: Vec<Route>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Route {
    name: String,
    #[serde(default)]
    local: bool,
}

const HEAD: &str = "apiVersion: example/v1\nkind: Routes\n";

#[test]
fn a_document_of_another_kind_is_read_with_its_places() {
    let text = format!("{HEAD}routes:\n- name: pay\n- {{name: 8, local: true}}\n");
    let (read, origins) = read_document::<Routes>(text.as_bytes(), "r.yaml", "example/v1", "Routes").unwrap();
    assert_eq!(read.routes[1], Route { name: "8".to_owned(), local: true });
    let origin = origins.nearest("routes[1].local").unwrap();
    assert_eq!((&*origin.document, origin.line, origin.column), ("r.yaml", 5, 13));
}

#[test]
fn what_a_policy_may_not_be_it_may_not_be_either() {
    let with = |rest: &str| format!("{HEAD}{rest}");
    for (text, code, wanted) in [
        (with("routes: []\nroutes: []\n"), "document_parse", "r.yaml:4:1: "),
        (with("routes: [{name: a, name: b}]\n"), "document_parse", "r.yaml:3:20: routes[0]"),
        (with("routes: [{name: a, nmae: b}]\n"), "document_parse", "\"nmae\" is unknown"),
        (with("routes: [{name: }]\n"), "policy_invalid", "found no value"),
        (with("routes: [{name: a, local: yes}]\n"), "policy_invalid", "r.yaml:3:20: routes[0].local"),
        (with("routes: []\n---\nroutes: []\n"), "document_parse", "one file holds one document"),
        (with("routes: !!map {}\n"), "document_parse", "tags (as !!str) are not supported"),
        (HEAD.to_owned(), "document_parse", "routes"),
        (String::new(), "document_parse", "it is empty"),
        ("[]".to_owned(), "document_parse", "expected a map of apiVersion, kind and more"),
        ("kind: Routes\nroutes: []\n".to_owned(), "document_parse", "the field apiVersion is missing"),
        ("apiVersion: example/v1\nkind: Route\nroutes: []\n".to_owned(), "policy_invalid", "r.yaml:2:1: kind: "),
        (with(&format!("routes: [{{name: \"{}\"}}]\n", "x".repeat(1 << 20))), "document_too_large", "r.yaml"),
    ] {
        let problems = read_document::<Routes>(text.as_bytes(), "r.yaml", "example/v1", "Routes").unwrap_err();
        let (shown, start) = (problems.to_string(), &text[..text.len().min(200)]);
        assert_eq!(problems.code().as_str(), code, "{start}: {shown}");
        assert!(shown.contains(wanted), "{start}: {shown}");
    }
}
