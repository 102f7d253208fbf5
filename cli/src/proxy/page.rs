//! The page of the admin socket: one document, without outside resources or scripts.

use core::fmt::Write as _;

use super::status::{RouteStatus, Status};

/// The page.
pub(super) fn html(status: &Status) -> String {
    let (word, class) = match (status.ready, status.draining) {
        (_, true) => ("draining", "odd"),
        (true, _) => ("ready", "good"),
        (false, _) => ("not ready", "bad"),
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{word}: uptls proxy</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>uptls proxy is <span class=\"state {class}\">{word}</span></h1>\n\
         <p>Version {}, at {}. <a href=\"/\">Refresh</a>, <a href=\"/status\">JSON</a>, <a href=\"/metrics\">metrics</a></p>\n",
        escaped(status.version),
        escaped(&status.at),
    );
    if let Some(error) = &status.routes_error {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "<p class=\"bad\">The routes stay as they are: {}</p>", escaped(error));
    }
    page.push_str("</header>\n<main>\n");
    status.routes.iter().for_each(|route| page.push_str(&article(route)));
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn article(route: &RouteStatus) -> String {
    let class = match route.state {
        "ready" => "good",
        "degraded" => "odd",
        _ => "bad",
    };
    let connections = &route.connections;
    let mut text = format!(
        "<article>\n<h2>{}: <span class=\"state {class}\">{}</span></h2>\n",
        escaped(&route.name),
        route.state.replace('_', " ")
    );
    if let Some(reason) = &route.reason {
        let _ = writeln!(text, "<p class=\"{class}\">{}</p>", escaped(reason));
    }
    let of_http = |hosts: &String| [("Hosts", hosts.clone()), ("Requests", connections.requests.to_string())];
    let rows = [
        ("Clients connect to", route.listen.clone()),
        ("Upstream", route.upstream.clone()),
        ("Policy", route.policy.clone().unwrap_or_default()),
        ("Generation", route.generation.to_string()),
        (
            "Connections",
            format!("{} open, {} made, {} failed", connections.open, connections.opened, connections.failed),
        ),
        (
            "Bytes",
            format!(
                "{} from clients, {} from the upstream",
                connections.bytes_from_client, connections.bytes_from_upstream
            ),
        ),
    ];
    text.push_str("<dl>\n");
    for (name, value) in rows.into_iter().chain(route.hosts.iter().flat_map(of_http)) {
        let _ = writeln!(text, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    text.push_str("</dl>\n");
    text.push_str(&expiries(route));
    text.push_str(&audit(route));
    text.push_str(&refusals(route));
    text.push_str("</article>\n");
    text
}

fn expiries(route: &RouteStatus) -> String {
    let Some(first) = route.expires.first() else { return String::new() };
    let mut text = format!("<details><summary>First end: {}</summary>\n<ul>\n", escaped(&first.not_after));
    for one in &route.expires {
        let _ = writeln!(text, "<li>{}: {} {}</li>", escaped(&one.not_after), one.what, escaped(&one.subject));
    }
    text + "</ul></details>\n"
}

fn audit(route: &RouteStatus) -> String {
    let Some(report) = &route.audit else { return String::new() };
    let mut text = format!("<details><summary>Audit: {}</summary>\n<ul>\n", escaped(&report.to_string()));
    for one in report.samples.iter().rev() {
        let _ = writeln!(
            text,
            "<li><strong>{}</strong>, {} times, last at {}: {} wanted, {} presented</li>",
            one.code,
            one.count,
            escaped(&one.last),
            escaped(&one.expected.join(", ")),
            escaped(&one.presented.join(", "))
        );
    }
    if !report.unseen.is_empty() {
        let _ = writeln!(text, "<li>No certificate shows what differs in {}.</li>", report.unseen.join(", "));
    }
    text + "</ul></details>\n"
}

fn refusals(route: &RouteStatus) -> String {
    let Some(last) = route.refusals.first() else { return String::new() };
    let mut text =
        format!("<details open><summary>Last refusal: {} at {}</summary>\n<ul>\n", last.code, escaped(&last.at));
    for one in &route.refusals {
        let times = if one.times == 1 { String::new() } else { format!(", {} times in succession", one.times) };
        let _ = writeln!(
            text,
            "<li><strong>{}</strong> at {}{times}: {}<br>Hint: {}</li>",
            one.code,
            escaped(&one.at),
            escaped(&one.message),
            escaped(&one.hint)
        );
    }
    text + "</ul></details>\n"
}

/// As text of an element. Names of certificates come from peers.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

const STYLE: &str = include_str!("page.css");

#[cfg(test)]
mod tests {
    use super::super::route::{Refusal, Snapshot};
    use super::super::status::Expiry;
    use super::*;

    #[test]
    fn what_a_peer_says_is_text_on_the_page() {
        let bad = "<script>alert(1)</script>".to_owned();
        let refusal = Refusal {
            at: "2026-11-30T00:00:00Z".to_owned(),
            times: 2,
            code: uptls::Code::NameMismatch,
            message: bad.clone(),
            hint: bad.clone(),
        };
        let route = RouteStatus {
            name: bad.clone(),
            listen: bad.clone(),
            hosts: Some(bad.clone()),
            upstream: bad.clone(),
            policy: Some(bad.clone()),
            state: "not_ready",
            generation: 1,
            code: None,
            reason: Some(bad.clone()),
            connections: Snapshot::default(),
            audit: None,
            expires: vec![Expiry { not_after: bad.clone(), what: "anchor", subject: bad.clone() }],
            refusals: vec![refusal],
        };
        let status = Status {
            schema: "uptls.proxy/v1",
            at: String::new(),
            version: "0",
            ready: false,
            draining: false,
            routes_error: Some(bad),
            routes: vec![route],
        };
        let page = html(&status);
        assert!(!page.contains("<script") && page.matches("&lt;script&gt;").count() == 12, "{page}");
        assert!(page.contains("not ready") && page.contains("2 times in succession"));
    }
}
