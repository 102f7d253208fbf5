//! Seeds of the readers of manifests: goldens, with certificates that can be used.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use uptls_testkit::{Pki, San};

/// Kubernetes objects of every kind that is read.
pub(super) fn objects(pki: &Pki) -> Vec<(&'static str, String)> {
    let client = pki.client(&[San::dns("client.example")]);
    let quoted = |text: &str| text.replace('\n', "\\n");
    let body = |name: &str| format!("-----BEGIN CERTIFICATE-----\\n{name}\\n-----END CERTIFICATE-----\\n");
    let golden = |name: &str| {
        let text = fs::read_to_string(folder().join(name)).unwrap();
        let root = quoted(&pki.root.pem());
        let text = AUTHORITIES.iter().fold(text, |text, of| text.replace(&body(of), &root));
        let key = format!("\"{}\"", quoted(&client.key().pkcs8_pem()));
        text.replace(&body("Yg=="), &quoted(&client.pem())).replace("not-a-key-but-secret", &key)
    };
    GOLDENS.iter().map(|(name, path)| (*name, golden(path))).collect()
}

/// Envoy documents of every form.
pub(super) fn envoy(pki: &Pki) -> Vec<(&'static str, String)> {
    let context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": "pay.example",
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
            "alpn_protocols": ["h2"],
            "validation_context": {
                "trusted_ca": {"inline_string": pki.root.pem()},
                "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "pay.example"}}],
            },
        },
    });
    let cluster = |name: &str, context: &Value| {
        let socket = json!({"name": "envoy.transport_sockets.tls", "typed_config": context});
        json!({"name": name, "connect_timeout": "1s", "transport_socket": socket})
    };
    let mut nothing = context.clone();
    nothing["common_tls_context"]["validation_context"] = json!({"trust_chain_verification": "ACCEPT_UNTRUSTED"});
    let mut secret = context.clone();
    secret["common_tls_context"]["validation_context_sds_secret_config"] =
        json!({"name": "ca", "sds_config": {"path_config_source": {"path": "ca.yaml"}}});
    let clusters = [cluster("sound", &context), cluster("nothing", &nothing), cluster("sds", &secret)];
    let secrets = json!([{"name": "ca", "validation_context": {"trusted_ca": {"inline_string": pki.root.pem()}}}]);
    let dump = json!({"configs": [{
        "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
        "dynamic_active_clusters": [{"cluster": clusters[0]}],
    }]});
    let plain = "static_resources:\n  clusters:\n  - {name: plain, connectTimeout: 1s}\n  - name: start\n    transportSocket:\n      name: envoy.transport_sockets.starttls\n";
    vec![
        ("bootstrap.json", json!({"static_resources": {"clusters": clusters, "secrets": secrets}}).to_string()),
        ("context.json", context.to_string()),
        ("dump.json", dump.to_string()),
        ("names.json", fs::read_to_string(folder().join("../envoy/names.json")).unwrap()),
        ("plain.yaml", plain.to_owned()),
        ("revocation.json", fs::read_to_string(folder().join("../envoy/revocation-leaf.json")).unwrap()),
    ]
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/merge"))
}

const AUTHORITIES: [&str; 3] = ["YQ==", "Yw==", "bm90IGEgcmVhbCBjZXJ0aWZpY2F0ZTogcGF5LWNh"];
const GOLDENS: &[(&str, &str)] = &[
    ("annotations.yaml", "annotations-of-gloo-beside-a-standard.in.yaml"),
    ("broken.yaml", "../manifests/a-document-that-cannot-be-parsed.in.yaml"),
    ("gloo.yaml", "a-gloo-upstream.in.yaml"),
    ("grant.yaml", "a-certificate-in-another-namespace-with-a-grant.in.yaml"),
    ("kgateway.yaml", "a-standard-and-a-client-certificate-of-its-extension.in.yaml"),
    ("labels.yaml", "an-extension-by-labels.in.yaml"),
    ("list.json", "../manifests/a-list-as-json.in.json"),
    ("options.yaml", "options-of-the-standard-come-before-an-extension.in.yaml"),
    ("own.yaml", "a-backend-of-kgateway-with-a-standard.in.yaml"),
    ("status.yaml", "the-status-of-extensions.in.yaml"),
    ("xbackend.yaml", "an-xbackend-with-a-certificate-with-a-grant.in.yaml"),
    ("xbackend-selector.yaml", "an-xbackend-that-selects-endpoints.in.yaml"),
];
