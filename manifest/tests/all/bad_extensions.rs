//! Every way in which a vendor's object, a Secret or a Gateway's certificate can be wrong beside a good standard policy.

use uptls::danger::DangerPermission::Forbidden;
use uptls::{ConnectorState, Origin};
use uptls_manifest::kubernetes::{BackendRef, Document, Resolution, Scope, import};
use uptls_testkit::{Pki, San};

use crate::common::runtime;

/// Its lines are counted in the table.
const EXTENSION: &str = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: pay-mtls, namespace: shop}
spec:
  targetRefs:
  - {group: '', kind: Service, name: pay}
  tls:
    secretRef: {name: pay-client}
";

const SERVICE: &str =
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: pay, namespace: shop}\nspec: {ports: [{port: 443}]}\n";

const STANDARD: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation: {wellKnownCACertificates: System, hostname: pay.shop}
";

/// A Secret with these texts.
fn secret(entries: &[(&str, &str)]) -> String {
    let mut data = serde_json::Map::new();
    data.extend(entries.iter().map(|(key, text)| ((*key).to_owned(), (*text).into())));
    serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pay-client", "namespace": "shop"}, "stringData": data,
    })
    .to_string()
}

fn resolve(extension: &str, secret: &str) -> Resolution {
    let standard = format!("{STANDARD}{SERVICE}");
    let documents = [("standard.yaml", standard.as_str()), ("extension.yaml", extension), ("secret.yaml", secret)];
    import(documents.map(|(name, text)| Document::new(name, text.as_bytes()))).resolve(&Scope::default())
}

/// The state of a connector, and the first reason for it: code, path, document and line.
fn state(resolution: &Resolution) -> Option<(String, String, String, u64)> {
    let backend = BackendRef::new("shop", "pay", Some(443));
    let problems = match resolution.policy_of(&backend, None) {
        Err(problems) => problems,
        Ok(policy) => match policy.connector(&runtime(), Forbidden).state() {
            ConnectorState::Ready => return None,
            ConnectorState::NotReady { reason, .. } => reason,
            other => panic!("{other:?}"),
        },
    };
    let first = problems.first().unwrap();
    let origin = first.origin().cloned().unwrap_or_else(|| Origin::new("", 0, 0));
    Some((first.code().as_str().to_owned(), first.path().to_owned(), origin.document.to_string(), origin.line))
}

#[test]
fn what_is_wrong_with_an_extension_fails_closed_at_its_line() {
    let pki = Pki::new("bad extensions");
    let client = pki.client(&[San::dns("client.shop")]);
    let (chain, key) = (client.pem(), client.key().pkcs8_pem());
    let good = secret(&[("tls.crt", &chain), ("tls.key", &key)]);
    assert_eq!(state(&resolve(EXTENSION, &good)), None);
    for (what, from, to, wanted) in ROWS {
        assert_eq!(EXTENSION.matches(from).count(), 1, "{what}");
        let found = state(&resolve(&EXTENSION.replace(from, to), &good));
        let wanted = (wanted.0.to_owned(), wanted.1.to_owned(), "extension.yaml".to_owned(), wanted.2);
        assert_eq!(found, Some(wanted), "{what}");
    }
}

/// What is wrong, what is replaced and by what; code, path and line.
type Row<'a> = (&'a str, &'a str, &'a str, (&'a str, &'a str, u64));

#[rustfmt::skip]
const ROWS: &[Row<'_>] = &[
    ("an unknown field", "    secretRef", "    skipHostnameCheck: true\n    secretRef", ("document_parse", "spec.tls", 8)),
    ("a text for a map", "{name: pay-client}", "pay-client", ("policy_invalid", "spec.tls.secretRef", 8)),
    ("a list for the TLS", "  tls:\n    secretRef: {name: pay-client}\n", "  tls: [a]\n", ("policy_invalid", "spec.tls", 7)),
    ("a Secret that there is not", "{name: pay-client}", "{name: other}", ("reference_unresolved", "spec.tls.secretRef", 8)),
    ("a Secret and files", "    secretRef", "    files: {rootCA: /ca.pem}\n    secretRef", ("policy_invalid", "spec.tls", 7)),
    ("a suite that there is not", "    secretRef", "    parameters: {cipherSuites: [BOGUS]}\n    secretRef",
        ("unsupported_option", "spec.tls.parameters.cipherSuites[0]", 8)),
    ("the versions the wrong way round", "    secretRef", "    parameters: {minVersion: '1.3', maxVersion: '1.2'}\n    secretRef",
        ("policy_invalid", "spec.tls.parameters.maxVersion", 8)),
    ("another version of the object", "v1alpha1", "v9", ("unsupported_option", "apiVersion", 1)),
];

#[test]
fn what_is_wrong_with_a_secret_fails_closed() {
    let pki = Pki::new("bad extensions");
    let (client, other) = (pki.client(&[San::dns("client.shop")]), pki.client(&[San::dns("other.shop")]));
    let (chain, key) = (client.pem(), client.key().pkcs8_pem());
    let other = other.key().pkcs8_pem();
    let garbage = "{apiVersion: v1, kind: Secret, metadata: {name: pay-client, namespace: shop}, data: {tls.crt: '!!!', tls.key: '!!!'}}";
    let twice = format!("{}\n---\n{}", secret(&[("tls.crt", &chain), ("tls.key", &key)]), secret(&[("tls.crt", "a")]));
    let cut = key.replace("-----END", "");
    for (what, secret, codes) in [
        ("a certificate without a key", secret(&[("tls.crt", &chain)]), &["identity_incomplete"][..]),
        ("a key without a certificate", secret(&[("tls.key", &key)]), &["identity_incomplete"]),
        (
            "an empty certificate",
            secret(&[("tls.crt", ""), ("tls.key", &key)]),
            &["identity_incomplete", "identity_parse", "reference_unresolved"],
        ),
        ("somebody else's key", secret(&[("tls.crt", &chain), ("tls.key", &other)]), &["identity_key_mismatch"]),
        ("half a key", secret(&[("tls.crt", &chain), ("tls.key", &cut)]), &["identity_parse"]),
        ("base64 garbage", garbage.to_owned(), &["reference_unresolved"]),
        ("two of the name", twice, &["reference_unresolved"]),
    ] {
        let (code, ..) = state(&resolve(EXTENSION, &secret)).unwrap_or_else(|| panic!("{what} is taken"));
        assert!(codes.contains(&code.as_str()), "{what}: {code}");
    }
}

/// Nothing of a key is in what is said of it.
#[test]
fn no_text_holds_a_piece_of_a_key() {
    let pki = Pki::new("bad extensions");
    let (client, other) = (pki.client(&[San::dns("client.shop")]), pki.client(&[San::dns("other.shop")]));
    let key = other.key().pkcs8_pem();
    let piece: String = key.lines().nth(1).unwrap().chars().take(24).collect();
    for secret in [
        secret(&[("tls.crt", &client.pem()), ("tls.key", &key)]),
        secret(&[("tls.crt", &key), ("tls.key", &key)]),
        secret(&[("tls.crt", &client.pem()), ("tls.key", &key.replace("-----END", ""))]),
        secret(&[(&piece, &key)]),
    ] {
        let resolution = resolve(EXTENSION, &secret);
        let backend = BackendRef::new("shop", "pay", Some(443));
        let policy = resolution.policy_of(&backend, None).ok().unwrap();
        let mut said = format!("{:?} {:?}", policy.connector(&runtime(), Forbidden).state(), resolution.diagnostics);
        said.extend(policy.warnings.iter().map(|warning| format!("{warning:?}")));
        said.extend(resolution.diagnostics.iter().map(|diagnostic| diagnostic.problem.to_string()));
        assert!(!said.contains(&piece), "{said}");
    }
}
