//! What holds for every input: no panic, and one meaning whichever way a document is written.

use proptest::prelude::*;
use serde_json::{Value, json};
use uptls::UpstreamTlsPolicy;
use uptls::danger::DangerPermission;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}",
        Just("no".to_owned()),
        Just("1.2".to_owned()),
        Just(" : #-\"'\\\u{e9}\u{1f600}\n\t ".to_owned()),
        "\\PC{0,12}",
    ]
}

fn material() -> impl Strategy<Value = Value> {
    prop_oneof![text().prop_map(|t| json!({"file": t})), text().prop_map(|t| json!({"pem": t}))]
}

fn names() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|t| json!({"dns": t})),
        "[a-z]{1,8}".prop_map(|t| json!({"uri": format!("spiffe://{t}/{t}")})),
        any::<std::net::IpAddr>().prop_map(|ip| json!({"ip": ip.to_string()})),
        text().prop_map(|t| json!({"spiffeTrustDomain": t})),
    ]
}

fn spec() -> impl Strategy<Value = Value> {
    let trust = (proptest::collection::vec(material(), 0..3), any::<bool>());
    let identity = proptest::option::of((material(), material()));
    let alpn = (proptest::collection::vec(text(), 0..3), any::<bool>());
    let sans = proptest::collection::vec(names(), 0..4);
    let rest = (proptest::option::of(text()), proptest::option::of(any::<bool>()), 0_u32..100);
    (trust, identity, alpn, sans, rest).prop_map(|((bundles, system), identity, alpn, sans, rest)| {
        let system = if system { json!("mozilla") } else { json!(false) };
        let mut spec = json!({
            "trust": {"bundles": bundles, "system": system},
            "alpn": {"protocols": alpn.0, "required": alpn.1},
            "subjectAltNames": sans,
            "handshakeTimeout": format!("{}ms", rest.2),
        });
        let optional = [
            ("identity", identity.map(|(certificate, key)| json!({"certificate": certificate, "key": key}))),
            ("serverName", rest.0.map(Value::from)),
            ("resumption", rest.1.map(Value::from)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                spec[name] = value;
            }
        }
        spec
    })
}

fn document() -> impl Strategy<Value = Value> {
    (spec(), text()).prop_map(|(spec, name)| {
        let name = if name.is_empty() { "a".to_owned() } else { name };
        json!({"apiVersion": "uptls/v1", "kind": "UpstreamTlsPolicy", "metadata": {"name": name}, "spec": spec})
    })
}

/// Block style, keys and texts without quotes where they need none.
fn yaml(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                out.push_str(&format!("\n{pad}{name}:"));
                yaml(value, indent + 2, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("\n{pad}-"));
                yaml(item, indent + 2, out);
            }
        }
        Value::String(text) if is_plain(text) => out.push_str(&format!(" {text} # a comment")),
        Value::String(text) if text.contains('\'') => out.push_str(&format!(" {value}")),
        Value::String(text) if text.chars().all(|c| !c.is_control()) => out.push_str(&format!(" '{text}'")),
        other => out.push_str(&format!(" {other}")),
    }
}

fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
        && !["true", "false", "null"].contains(&text.to_ascii_lowercase().as_str())
}

/// The digest of what was written, or what is wrong with it, lines aside.
fn meaning(text: &str) -> Result<[u8; 32], Vec<String>> {
    let draft = uptls_manifest::parse(text.as_bytes(), "", None)
        .map_err(|problems| problems.iter().map(uptls::Problem::message).collect::<Vec<_>>())?;
    let name = draft.name.clone();
    let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden)
        .map_err(|problems| problems.iter().map(uptls::Problem::message).collect::<Vec<_>>())?;
    assert_eq!(policy.name(), name.as_deref());
    Ok(policy.spec_digest())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = uptls_manifest::parse(&bytes, "fuzz", None);
    }

    #[test]
    fn arbitrary_text_made_of_yaml_never_panics(text in "([a-z]{1,3}|[-?:,#&*!|>'\"%@{}\\[\\]\n\t ]|: |- |\n  |<<|\\\\){0,64}") {
        let _ = uptls_manifest::parse(text.as_bytes(), "fuzz", None);
    }

    #[test]
    fn a_mutilated_document_never_panics(document in document(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = document.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = uptls_manifest::parse(&bytes, "fuzz", None).map(|draft| UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden));
        bytes.truncate(at);
        let _ = uptls_manifest::parse(&bytes, "fuzz", None);
    }

    #[test]
    fn json_and_yaml_of_one_document_mean_the_same(document in document()) {
        let mut block = String::new();
        yaml(&document, 0, &mut block);
        let compact = meaning(&document.to_string());
        let readable = format!("{document:#}");
        prop_assert_eq!(&compact, &meaning(&readable), "{}", readable);
        prop_assert_eq!(&compact, &meaning(&block), "{}", block);
        prop_assert!(!matches!(&compact, Err(problems) if problems.iter().any(|p| p.contains("cannot parse"))), "{:?}", compact);
    }
}
