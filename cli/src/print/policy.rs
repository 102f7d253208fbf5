//! What a policy trusts, sends and accepts, for people.

use anstyle::Style;
use uptls::{AcceptsDescription, Description, SendsDescription, SystemDescription, TrustDescription};

use super::{FAINT, LOUD, paint, table, time};

/// The whole description.
pub(crate) fn whole(description: &Description) -> String {
    let policy = &description.policy;
    let name = policy.name.as_deref().unwrap_or("(no name)");
    let fingerprint = policy.fingerprint.as_deref().unwrap_or_default();
    let mut text = format!("{} {}\n", paint(LOUD, &format!("policy {name}")), paint(FAINT, fingerprint));
    text.push_str(&heading("trusts"));
    text.push_str(&trusts(&description.trusts, &description.at));
    text.push_str(&heading("sends"));
    text.push_str(&sends(&description.sends, &description.at));
    text.push_str(&heading("accepts"));
    text.push_str(&accepts(&description.accepts));
    if !description.warnings.is_empty() {
        text.push_str(&heading("warnings"));
        text.push_str(&super::warnings(&description.warnings));
    }
    text
}

fn heading(text: &str) -> String {
    format!("\n{}\n", paint(LOUD, text))
}

fn row(name: &str, value: &str) -> String {
    format!("  {name:NAME$}  {value}\n")
}

fn trusts(trusts: &TrustDescription, now: &str) -> String {
    let mut text = match &trusts.system {
        None => row("system", "no"),
        Some(system) => row("system", &roots(system)),
    };
    let rows = trusts.anchors.iter().map(|anchor| {
        let facts = &anchor.certificate;
        let (end, style) = time::validity(facts, now);
        vec![
            (facts.subject.clone(), Style::new()),
            (format!("{}{}", anchor.trusted_as, vouching(anchor.trust_domain.as_deref())), Style::new()),
            (time::day(&facts.not_after).to_owned(), Style::new()),
            (end, style),
            (facts.source.clone(), FAINT),
        ]
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        text.push_str(&table::table(&["ANCHOR", "AS", "NOT AFTER", "", "WHERE"], &rows, 2));
    }
    for digest in &trusts.pinned_certificates {
        text.push_str(&row("certificate", &format!("{digest} as itself")));
    }
    for pin in &trusts.pinned_keys {
        text.push_str(&row("key", &format!("{pin} as itself")));
    }
    text.push_str(&row("revocation", trusts.revocation.as_deref().unwrap_or("not checked")));
    text
}

fn sends(sends: &SendsDescription, now: &str) -> String {
    let list = |items: &[String]| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    let identity = sends.identity.as_ref().map_or_else(
        || "none".to_owned(),
        |facts| {
            let (end, style) = time::validity(facts, now);
            let names = facts.sans.join(", ");
            format!("{}, {} {}", facts.subject, paint(style, &end), paint(FAINT, &names)).trim_end().to_owned()
        },
    );
    let timeout = match sends.handshake_timeout_ms {
        whole if whole % 1000 == 0 => format!("{} s", whole / 1000),
        odd => format!("{odd} ms"),
    };
    let server_name = match sends.server_name.as_str() {
        "auto" => "the backend host (auto)",
        other => other,
    };
    [
        row("server name", server_name),
        row("versions", &sends.versions),
        row("suites", &lines(&sends.cipher_suites)),
        row("groups", &list(&sends.groups)),
        row("protocols", &list(&sends.alpn)),
        row("identity", &identity),
        row("resumption", if sends.resumption { "yes" } else { "no" }),
        row("timeout", &timeout),
    ]
    .concat()
}

fn accepts(accepts: &AcceptsDescription) -> String {
    let mut text = row("any of", &accepts.names.join(", "));
    if !accepts.spki_pins.is_empty() {
        text.push_str(&row("and a key of", &accepts.spki_pins.join(", ")));
    }
    if accepts.alpn_required {
        text.push_str(&row("and", "one of the protocols"));
    }
    text
}

/// A long list, a few in a line.
fn lines(items: &[String]) -> String {
    let rows: Vec<_> = items.chunks(IN_A_LINE).map(|chunk| chunk.join(", ")).collect();
    rows.join(&format!(",\n{:width$}", "", width = NAME + 4))
}

const IN_A_LINE: usize = 2;
/// The widest name of a row.
const NAME: usize = 12;

/// The platform's own verifier does not say how many roots it has.
fn roots(system: &SystemDescription) -> String {
    let vouching = vouching(system.trust_domain.as_deref());
    match (system.roots, system.skipped) {
        (Some(roots), Some(skipped)) => format!("{}: {roots}, {skipped} unusable{vouching}", system.source),
        _ => format!("{}: as the platform decides{vouching}", system.source),
    }
}

/// The SPIFFE trust domain for which something vouches.
fn vouching(trust_domain: Option<&str>) -> String {
    trust_domain.map(|domain| format!(" for spiffe://{domain}")).unwrap_or_default()
}
