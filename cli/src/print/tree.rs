//! A chain as a tree: the anchor on top, each certificate under its issuer.

use uptls::CertificateFacts;

use super::{FAINT, paint, time};

/// The tree, one line for each certificate; `indent` stands before each line.
pub(super) fn tree(chain: &[CertificateFacts], now: &str, indent: usize) -> String {
    let (path, rest) = path(chain);
    let mut rows: Vec<_> = path.iter().enumerate().map(|(depth, facts)| row(depth, facts, now)).collect();
    rows.extend(rest.iter().map(|facts| {
        let mut row = row(0, facts, now);
        row.subject = format!("also sent: {}", row.subject);
        row
    }));
    let width = rows.iter().map(|row| row.subject.chars().count()).max().unwrap_or_default();
    let end = rows.iter().map(|row| row.end.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for row in rows {
        text.push_str(&format!("{:indent$}{:width$}  {}", "", row.subject, paint(row.style, &row.end)));
        if !row.note.is_empty() {
            let padding = end - row.end.chars().count();
            text.push_str(&format!("{:padding$}  {}", "", paint(FAINT, &row.note)));
        }
        text.push('\n');
    }
    text
}

struct Row {
    end: String,
    note: String,
    style: anstyle::Style,
    subject: String,
}

fn row(depth: usize, facts: &CertificateFacts, now: &str) -> Row {
    let branch = match depth {
        0 => String::new(),
        depth => format!("{}└─ ", "   ".repeat(depth - 1)),
    };
    let subject = if facts.subject.is_empty() { "(no subject)" } else { &facts.subject };
    let (end, style) = time::dated(facts, now);
    let note = match (is_anchor(facts), facts.sans.as_slice()) {
        (true, _) => facts.source.clone(),
        (false, []) => String::new(),
        (false, [first]) => first.clone(),
        (false, [first, rest @ ..]) => format!("{first} and {} more", rest.len()),
    };
    Row { end, note, style, subject: format!("{branch}{subject}") }
}

/// The path from the top down to the leaf, by the names of issuers, and what stands beside it.
fn path(chain: &[CertificateFacts]) -> (Vec<&CertificateFacts>, Vec<&CertificateFacts>) {
    let mut rest: Vec<_> = chain.iter().collect();
    if rest.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let mut path = vec![rest.remove(0)];
    while let Some(last) = path.last().copied().filter(|last| !is_anchor(last) && last.issuer != last.subject) {
        let issues = |facts: &&CertificateFacts| facts.subject == last.issuer;
        // The anchor of the path rather than a copy of it that was sent.
        let next = rest.iter().rposition(|facts| issues(facts) && is_anchor(facts));
        match next.or_else(|| rest.iter().position(issues)) {
            Some(index) => path.push(rest.remove(index)),
            None => break,
        }
    }
    path.reverse();
    (path, rest)
}

fn is_anchor(facts: &CertificateFacts) -> bool {
    facts.source != "peer"
}
