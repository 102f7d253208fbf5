//! An import for tools that review changes: SARIF 2.1.0, and JUnit.

use serde_json::{Value, json};
use uptls::ProblemFacts;
use uptls_manifest::envoy::Standing;
use uptls_manifest::report::Import;

use super::{printable, spelled};

/// What a reviewer must see: the rule, how bad it is, the text, and where.
struct Finding {
    column: Option<u64>,
    document: Option<String>,
    is_error: bool,
    line: Option<u64>,
    rule: String,
    text: String,
}

impl Finding {
    fn of_problem(problem: &ProblemFacts, is_error: bool) -> Self {
        Self {
            column: problem.column,
            document: problem.document.clone(),
            is_error,
            line: problem.line,
            rule: problem.code.as_str().to_owned(),
            text: format!("{}. Hint: {}", problem.message, problem.hint),
        }
    }
}

/// One document of SARIF.
pub(crate) fn sarif(import: &Import) -> Value {
    let results: Vec<Value> = findings(import).iter().map(sarif_result).collect();
    let driver = json!({"name": "uptls", "version": env!("CARGO_PKG_VERSION")});
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    })
}

fn sarif_result(finding: &Finding) -> Value {
    let level = if finding.is_error { "error" } else { "note" };
    let mut result = json!({"ruleId": finding.rule, "level": level, "message": {"text": finding.text}});
    if let Some(document) = &finding.document {
        let mut place = json!({"artifactLocation": {"uri": document}});
        if let Some(line) = finding.line {
            place["region"] = json!({"startLine": line, "startColumn": finding.column.unwrap_or(1)});
        }
        result["locations"] = json!([{"physicalLocation": place}]);
    }
    result
}

/// One test case for each backend and cluster, and one for each document that cannot be used.
pub(crate) fn junit(import: &Import) -> String {
    let backends = import.backends.iter().map(|backend| {
        let texts: Vec<String> =
            backend.errors.iter().map(|problem| place(&Finding::of_problem(problem, true))).collect();
        case("backend", &backend.backend, (!backend.ready).then(|| texts.join("\n")))
    });
    let clusters = import.clusters.iter().map(|cluster| {
        let texts: Vec<String> = cluster.findings.iter().map(|finding| finding.reason.clone()).collect();
        let is_verified = cluster.standing == Standing::Verified;
        case(
            "cluster",
            &cluster.name,
            (!is_verified).then(|| format!("{}\n{}", spelled(&cluster.standing), texts.join("\n"))),
        )
    });
    let diagnostics = import.diagnostics.iter().map(|diagnostic| {
        let finding = Finding::of_problem(&diagnostic.problem, diagnostic.effect != NOTICE);
        let name =
            if diagnostic.object.is_empty() { finding.document.clone() } else { Some(diagnostic.object.clone()) };
        case("document", &name.unwrap_or_default(), finding.is_error.then(|| place(&finding)))
    });
    let cases: Vec<(bool, String)> = backends.chain(clusters).chain(diagnostics).collect();
    let failures = cases.iter().filter(|(failed, _)| *failed).count();
    let body: String = cases.iter().map(|(_, text)| text.as_str()).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"uptls import\" tests=\"{}\" failures=\"{failures}\">\n{body}</testsuite>\n",
        cases.len()
    )
}

fn findings(import: &Import) -> Vec<Finding> {
    let of_documents = import.diagnostics.iter().map(|one| Finding::of_problem(&one.problem, one.effect != NOTICE));
    let of_backends =
        import.backends.iter().flat_map(|backend| backend.errors.iter().map(|one| Finding::of_problem(one, true)));
    let of_clusters = import.clusters.iter().flat_map(|cluster| {
        cluster.findings.iter().map(|finding| Finding {
            column: None,
            document: Some(cluster.document.clone()),
            is_error: cluster.standing != Standing::Verified,
            line: Some(finding.line).filter(|line| *line > 0),
            rule: finding.name.to_owned(),
            text: finding.reason.clone(),
        })
    });
    of_documents.chain(of_backends).chain(of_clusters).collect()
}

fn place(finding: &Finding) -> String {
    let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
    let document = finding.document.as_deref().unwrap_or_default();
    format!("{document}{line}: {} ({})", finding.text, finding.rule)
}

/// Whether it failed, and its element.
fn case(class: &str, name: &str, failure: Option<String>) -> (bool, String) {
    let head = format!("  <testcase classname=\"{class}\" name=\"{}\"", escaped(name));
    match failure {
        None => (false, format!("{head}/>\n")),
        Some(text) => (true, format!("{head}>\n    <failure>{}</failure>\n  </testcase>\n", escaped(&text))),
    }
}

/// XML 1.0 has no control characters, not even escaped ones.
fn escaped(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(printable).collect();
    let text = lines.join("\n").replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const NOTICE: &str = "notice";
