//! Certificates for people, and that nothing of them was verified.

use uptls::Inspection;

use super::report::session;
use super::{LOUD, ODD, paint, time};

/// Each certificate.
pub(crate) fn whole(certificates: &[Inspection], now: &str) -> String {
    let warning = "NOT VERIFIED: this is what the certificates say of themselves; anybody can have made them.";
    let mut text = format!("{}\n", paint(ODD, warning));
    if let Some(tls) = certificates.first().and_then(|leaf| leaf.tls.as_ref()) {
        let protocol = tls.alpn.as_deref().map(|alpn| format!(", ALPN {alpn}")).unwrap_or_default();
        text.push_str(&format!("\n{}{protocol}\n", session(tls)));
    }
    for certificate in certificates {
        text.push_str(&one(certificate, now));
    }
    text
}

fn one(inspection: &Inspection, now: &str) -> String {
    let facts = &inspection.certificate;
    let (end, style) = time::validity(facts, now);
    let mut rows = vec![
        ("subject", facts.subject.clone()),
        ("issuer", facts.issuer.clone()),
        ("names", if facts.sans.is_empty() { "none".to_owned() } else { facts.sans.join(", ") }),
        ("validity", format!("{} to {}, {}", facts.not_before, facts.not_after, paint(style, &end))),
        ("key", inspection.key.clone()),
        ("spki pin", inspection.spki_pin.clone()),
        ("signed with", inspection.signature_algorithm.clone()),
        ("serial", inspection.serial.clone()),
        ("is a CA", if inspection.ca { "yes" } else { "no" }.to_owned()),
    ];
    rows.extend(inspection.key_usage.clone().map(|usage| ("key usage", usage)));
    rows.extend(inspection.extended_key_usage.clone().map(|usage| ("ext. usage", usage)));
    rows.push(("digest", facts.sha256.clone()));
    let lines = rows.iter().map(|(name, value)| format!("  {name:NAME$}  {value}\n"));
    format!("\n{}\n{}", paint(LOUD, &facts.source), lines.collect::<String>())
}

/// The widest name of a row.
const NAME: usize = 11;
