//! I6: whatever is wrong with a document, no piece of a key in it reaches an error, a report or a debug text.

use uptls::Envelope;
use uptls::danger::DangerPermission;

use crate::common::{document, runtime};

/// In the alphabet of base64 and short enough to pass for a word.
const CANARY: &str = "MC4CAQAwBQYDK2VwBCIEIcanary";

/// Everything that is ever said about `text`.
fn said(text: &[u8]) -> String {
    let mut said = String::new();
    if let Err(problems) = uptls_manifest::parse(text, "policy.yaml", None) {
        said += &format!("{problems} {problems:?} {:?}", std::error::Error::source(&problems).map(ToString::to_string));
        for problem in problems.iter() {
            said += &format!("{problem} {problem:?} {} {}", problem.hint(), problem.path());
        }
    }
    let permission = DangerPermission::Forbidden;
    match uptls_manifest::prepare(&runtime(), text, "policy.yaml", None, permission) {
        Ok(prepared) => said += &format!("{prepared:?}"),
        Err(problems) => said += &format!("{problems} {problems:?}"),
    }
    let report = uptls_manifest::verify_document(&runtime(), text, "policy.yaml", None, permission, b"", None);
    said + &Envelope::reports(vec![report]).to_json()
}

#[test]
fn a_key_is_never_quoted() {
    let key = format!("-----BEGIN PRIVATE KEY-----\\n{CANARY}\\n-----END PRIVATE KEY-----");
    let block = format!("-----BEGIN PRIVATE KEY-----\n        {CANARY}\n        -----END PRIVATE KEY-----");
    let table = [
        // The key where it belongs, and something else is wrong.
        format!("  identity: {{key: {{pem: \"{key}\"}}}}\n"),
        format!("  identity: {{key: {{pem: \"{key}\"}}, certificate: {{pem: a}}}}\n  sni: a\n"),
        format!("  trust: {{system: mozilla}}\n  identity: {{key: {{pem: \"{key}\"}}, certificate: {{pem: a}}}}\n"),
        format!("  identity: {{key: {{pem: \"{key}\", file: a}}, certificate: {{pem: a}}}}\n"),
        // The key, and the document ends or breaks off around it.
        format!("  identity: {{key: {{pem: \"{key}\n"),
        format!("  identity: {{key: {{pem: \"{key}\" \"{CANARY}\"}}}}\n"),
        format!("  identity: {{key: {{pem: {CANARY}: {CANARY}}}}}\n"),
        format!("  identity:\n    key:\n      pem: |\n        {block}\n     x: [\n"),
        format!("  identity:\n    key:\n      pem: |\n    {CANARY}\n"),
        format!("  identity:\n    key:\n      pem: |\n      {CANARY}: a\n"),
        format!("  identity:\n    key:\n      pem: !{CANARY} a\n"),
        format!("  identity:\n    key:\n      pem: *{CANARY}\n"),
        format!("  identity:\n    key:\n      pem: \"\\{CANARY}\"\n"),
        // The key in the place of something else.
        format!("  identity: {{key: \"{key}\"}}\n"),
        format!("  identity: {{key: {CANARY}}}\n"),
        format!("  identity: {{key: [{CANARY}]}}\n"),
        format!("  identity: {{key: {{{CANARY}: a}}}}\n"),
        format!("  identity: {{key: {{{CANARY}: a, {CANARY}: b}}}}\n"),
        format!("  identity: {{key: {{pem: [{CANARY}]}}}}\n"),
        format!("  identity: {{key: {{pem: {{{CANARY}: 1}}}}}}\n"),
        format!("  identity: {{certificate: \"{key}\", passphrase: {CANARY}}}\n"),
        format!("  identity: {{passphrase: {{pem: true, {CANARY}: x}}}}\n"),
        format!("  identity: {{certificate: {{pem: \"{key}\"}}, key: {{pem: \"{key}\"}}}}\n"),
        format!("  identity: \"{key}\"\n"),
        format!("  trust: {{bundles: [{{pem: \"{key}\"}}]}}\n"),
        format!("  trust: \"{key}\"\n"),
        format!("  alpn: {{required: {CANARY}}}\n"),
    ];
    for spec in table {
        let said = said(document(&spec).as_bytes());
        assert!(!said.contains(&CANARY[..8]), "{spec}\n{said}");
    }
    // A file with a key, given in the place of the policy.
    for text in [block.replace("        ", ""), CANARY.to_owned(), format!("\"{key}"), format!("[{CANARY}]")] {
        let said = said(text.as_bytes());
        assert!(!said.contains(&CANARY[..8]), "{text}\n{said}");
    }
}
