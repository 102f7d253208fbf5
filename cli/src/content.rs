//! Kinds of cryptographic text: what a file without certificates is, and certificates as PEM.

use uptls::MaterialDraft;

/// What holds no certificate, and what shows or takes it. Nothing of a key is shown.
pub(crate) fn name(bytes: &[u8]) -> String {
    let label = labels(bytes).into_iter().next();
    let known = label.as_deref().map(|label| match label {
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            "a certificate request; `openssl req -noout -text` shows it".to_owned()
        }
        "X509 CRL" => {
            "a revocation list; `uptls check --crl` takes it, and `openssl crl -noout -text` shows it".to_owned()
        }
        "PUBLIC KEY" => "a public key".to_owned(),
        label if label.ends_with("PRIVATE KEY") => {
            "a private key, of which uptls shows nothing; `uptls check --key` takes it".to_owned()
        }
        label => format!("a {} block", uptls::printable(label)),
    });
    known.map_or_else(|| "it holds no certificate".to_owned(), |known| format!("it holds no certificate, but {known}"))
}

/// A certificate as PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    MaterialDraft::bytes(der).ok().and_then(|material| material.pem).map(|text| text.to_string()).unwrap_or_default()
}

/// The certificates of a text, each as PEM; one that is DER.
pub(crate) fn certificates(bytes: &[u8]) -> Vec<String> {
    let Ok(text) = core::str::from_utf8(bytes) else { return vec![pem(bytes)] };
    let blocks = text.split(BEGIN).skip(1).filter_map(|rest| rest.split_once(END));
    blocks.map(|(body, _)| format!("{BEGIN}{}{END}\n", body.replace('\r', ""))).collect()
}

/// The labels of PEM, or the one that DER would have.
fn labels(bytes: &[u8]) -> Vec<String> {
    let label = |line: &str| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----").map(str::to_owned);
    let of_text = |text: &str| -> Vec<String> { text.lines().filter_map(label).collect() };
    match (core::str::from_utf8(bytes), MaterialDraft::bytes(bytes)) {
        (Ok(text), _) if text.contains("-----BEGIN ") => of_text(text),
        (_, Ok(material)) => material.pem.map(|text| of_text(&text)).unwrap_or_default(),
        // Material is public, and a key or a request is refused by its label.
        (_, Err(error)) => {
            error.to_string().rsplit_once("it is a ").map(|(_, label)| label.to_owned()).into_iter().collect()
        }
    }
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
