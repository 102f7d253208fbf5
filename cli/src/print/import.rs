//! What came of an import, for people: each backend with its fields, each cluster with its standing, then what is wrong.

use std::collections::BTreeSet;

use anstyle::Style;
use uptls::{ProblemFacts, Warning, WarningCode};
use uptls_manifest::envoy::Standing;
use uptls_manifest::report::{Backend, Cluster, Diagnostic, Field, Import, Overridden, Place, Policy, Status};

use super::{BAD, FAINT, GOOD, LOUD, ODD, paint, printable, spelled, table};

/// The whole result, with its last lines.
pub(crate) fn whole(import: &Import, count: &str) -> String {
    let mut blocks: Vec<String> = import.backends.iter().map(|backend| self::backend(backend, import)).collect();
    blocks.extend(unused(import));
    if !import.clusters.is_empty() {
        let clusters: String = import.clusters.iter().map(cluster).collect();
        blocks.push(format!("{}\n{clusters}", paint(LOUD, "Envoy clusters")));
    }
    if !import.status.is_empty() {
        let patches = import.status.iter().map(status);
        blocks.push(format!("{}\n{}", paint(LOUD, "status"), patches.collect::<String>()));
    }
    blocks.push(count.to_owned());
    blocks.join("\n")
}

/// What goes to stderr: everything that is wrong with documents and objects.
pub(crate) fn complaints(import: &Import) -> Vec<String> {
    import.diagnostics.iter().map(diagnostic).collect()
}

fn backend(backend: &Backend, import: &Import) -> String {
    let by = if backend.gateway.is_empty() { String::new() } else { format!(" by Gateway {}", backend.gateway) };
    let standing = if backend.ready { paint(GOOD, "ready") } else { paint(BAD, "not ready: connections fail") };
    let mut text = format!("{}: {standing}\n", paint(LOUD, &format!("{}{by}", backend.backend)));
    for object in &backend.objects {
        let policy = import.policies.iter().find(|policy| policy.object == *object);
        text.push_str(&policy.map_or_else(|| row(object, ""), self::policy));
    }
    // A field that is only a container has no value of its own.
    let rows: Vec<_> = backend.fields.iter().filter(|field| !field.value.is_empty()).map(field).collect();
    if !rows.is_empty() {
        text.push_str(&table::table(&["FIELD", "VALUE", "FROM", "WHERE"], &rows, 2));
    }
    text.push_str(&backend.overridden.iter().map(overridden).collect::<String>());
    let others = backend.warnings.iter().filter(|warning| warning.code != WarningCode::Overridden);
    text.push_str(&others.map(warning).collect::<String>());
    text.push_str(&backend.errors.iter().map(error).collect::<String>());
    text
}

fn policy(policy: &Policy) -> String {
    let style = if ACCEPTED.contains(&policy.accepted.as_str()) { GOOD } else { BAD };
    let refs = policy.resolved_refs.as_str();
    let refs = if matches!(refs, "" | RESOLVED) { String::new() } else { format!(", {}", paint(ODD, refs)) };
    row(&policy.object, &format!("{}{refs}", paint(style, &policy.accepted)))
}

fn row(object: &str, state: &str) -> String {
    let line = format!("  {}  {state}", printable(object));
    format!("{}\n", line.trim_end())
}

/// Policies without a backend have no block of their own.
fn unused(import: &Import) -> Option<String> {
    let used: BTreeSet<_> = import.backends.iter().flat_map(|backend| &backend.objects).collect();
    let unused: String = import.policies.iter().filter(|one| !used.contains(&one.object)).map(policy).collect();
    if unused.is_empty() { None } else { Some(format!("{}\n{unused}", paint(LOUD, "for no backend"))) }
}

fn field(field: &Field) -> Vec<(String, Style)> {
    let path = field.path.strip_prefix("spec.").unwrap_or(&field.path);
    vec![
        (path.to_owned(), Style::new()),
        (printable(&field.value), LOUD),
        (format!("{} {}", field.from.object, printable(&field.from.field)), Style::new()),
        (format!("{}:{}", printable(&field.from.document), field.from.line), FAINT),
    ]
}

/// Who loses what, to whom, and why.
fn overridden(overridden: &Overridden) -> String {
    let Overridden { kept, lost, path, reason, .. } = overridden;
    let place = |place: &Place| format!("{} {}", place.object, printable(&place.field));
    let path = path.strip_prefix("spec.").unwrap_or(path);
    let line = format!("{}:{}", printable(&lost.document), lost.line);
    let mark = paint(ODD, "warn ");
    let first = format!("  {mark} {path} overridden: {}  {}\n", place(lost), paint(FAINT, &line));
    format!("{first}        by {}: {}\n", place(kept), printable(reason))
}

/// One warning with its facts.
pub(super) fn warning(warning: &Warning) -> String {
    let fact = |name: &str| warning.detail.get(name).map(String::as_str);
    let why = fact("reason").or(fact("what"));
    let facts = match (fact("lost"), fact("kept"), fact("object"), fact("field"), why) {
        (Some(lost), Some(kept), .., Some(why)) => format!("{lost}, by {kept}: {why}"),
        (.., Some(object), Some(field), Some(why)) => format!("{object} {field}: {why}"),
        (.., None, Some(field), Some(why)) => format!("{field}: {why}"),
        _ => warning.detail.iter().map(|(name, fact)| format!("{name} {fact}")).collect::<Vec<_>>().join(", "),
    };
    format!("  {} {}: {facts}\n", paint(ODD, "warn "), spelled(&warning.code))
}

fn error(problem: &ProblemFacts) -> String {
    let mark = paint(BAD, "FAIL ");
    format!("  {mark} {}{} ({})\n        {}\n", place(problem), problem.message, problem.code, problem.hint)
}

fn cluster(cluster: &Cluster) -> String {
    let (mark, what) = match cluster.standing {
        Standing::Verified => (paint(GOOD, "ok   "), "verified"),
        Standing::VerifiesNothing => (paint(BAD, "FAIL "), "verifies nothing"),
        Standing::VerifiesLess => (paint(BAD, "FAIL "), "verifies less than it seems"),
        Standing::PlainText => (paint(BAD, "FAIL "), "no TLS at all"),
        _ => (paint(BAD, "FAIL "), "cannot be told"),
    };
    let name = if cluster.name.is_empty() { "(no name)" } else { &cluster.name };
    let place = format!("{}:{}", printable(&cluster.document), cluster.line);
    let mut text = format!("  {mark} {}: {what}  {}\n", paint(LOUD, &printable(name)), paint(FAINT, &place));
    for finding in &cluster.findings {
        let path = printable(&finding.path);
        text.push_str(&format!("        {}: {}\n", finding.name, printable(&finding.reason)));
        text.push_str(&format!("        {}\n", paint(FAINT, &format!("at {path}, line {}", finding.line))));
        if !finding.change.is_empty() {
            text.push_str(&format!("        change: {}\n", printable(&finding.change)));
        }
    }
    text
}

fn diagnostic(diagnostic: &Diagnostic) -> String {
    let problem = &diagnostic.problem;
    let what = diagnostic.effect.replace('_', " ");
    let text = format!("{}{what}: {} ({})", place(problem), problem.message, problem.code);
    match diagnostic.effect {
        "notice" => super::warning(&text),
        _ => format!("{}: {text}", paint(BAD, "error")),
    }
}

fn place(problem: &ProblemFacts) -> String {
    let Some(document) = &problem.document else { return String::new() };
    let number = |number: Option<u64>| number.map(|number| format!(":{number}")).unwrap_or_default();
    format!("{}{}{}: ", printable(document), number(problem.line), number(problem.column))
}

/// One patch, as it may be applied.
fn status(status: &Status) -> String {
    let text = serde_json::to_string_pretty(status).unwrap_or_default();
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// How many of what, and what was passed over.
pub(crate) fn count(import: &Import) -> String {
    let mut facts = Vec::new();
    if !import.backends.is_empty() {
        let ready = import.backends.iter().filter(|backend| backend.ready).count();
        facts.push(format!("{ready} of {} policies ready", import.backends.len()));
    } else if import.clusters.is_empty() || !import.policies.is_empty() {
        facts.push(no_backend(import.policies.len()));
    }
    if !import.clusters.is_empty() {
        let verified = import.clusters.iter().filter(|cluster| cluster.standing == Standing::Verified).count();
        facts.push(format!("{verified} of {} clusters verified", import.clusters.len()));
    }
    let mut text = format!("{}\n", facts.join(", "));
    if !import.ignored.is_empty() {
        let kinds = import.ignored.iter().map(|(kind, count)| format!("{count} {}", printable(kind)));
        text.push_str(&format!("{}\n", paint(FAINT, &format!("not read: {}", kinds.collect::<Vec<_>>().join(", ")))));
    }
    text
}

/// What `0 of 0 ready` would mean.
fn no_backend(policies: usize) -> String {
    match policies {
        0 => "no policy for any backend".to_owned(),
        1 => "no backend has a policy: the one that there is, is for none".to_owned(),
        more => format!("no backend has a policy: the {more} that there are, are for none"),
    }
}

/// As the Gateway API and as kgateway says it.
const ACCEPTED: [&str; 2] = ["Accepted", "Valid"];
const RESOLVED: &str = "ResolvedRefs";
