//! Export and read again: the same policy.

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use uptls::danger::DangerPermission;
use uptls::{BackendHost, Prepared, Runtime, UpstreamTlsPolicy};
use uptls_manifest::envoy::{self, ExportOptions, Owner, Placement, Standing};
use uptls_testkit::{CrlTemplate, Pki, San, chain_pem, crl_pem};

use crate::common::runtime;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("pay.test.example".to_owned()),
        "[a-c](\\.[a-c]){0,3}",
        "[a-z]{1,63}\\.[a-z]{1,63}\\.[a-z]{1,63}\\.test",
    ]
}

fn san() -> impl Strategy<Value = Value> {
    prop_oneof![
        name().prop_map(|name| json!({"dns": name})),
        name().prop_map(|name| json!({"dns": format!("*.{name}")})),
        any::<std::net::IpAddr>().prop_map(|ip| json!({"ip": ip.to_string()})),
        (0_u32..4).prop_map(|ip| json!({"ip": std::net::Ipv6Addr::from(u128::from(ip * 0x0101_0101)).to_string()})),
        "(/[a-zA-Z._-]{3,6}){1,2}".prop_map(|path| json!({"uri": format!("spiffe://DOMAIN{path}")})),
        "(/[a-zA-Z._-]{3,6}){1,2}".prop_map(|path| json!({"spiffe": {"trustDomain": "DOMAIN", "pathPrefix": path}})),
        "[a-z]{2,5}:[ -~&&[^ ]]{1,12}".prop_map(|uri| json!({"uri": uri})),
        Just(json!({"spiffeTrustDomain": "DOMAIN"})),
    ]
}

fn spec() -> impl Strategy<Value = Value> {
    let server_name = prop_oneof![name(), Just("auto".to_owned()), Just("none".to_owned())];
    let sans = (proptest::collection::vec(san(), 0..5), "[a-z._-]{1,80}").prop_map(|(sans, domain)| {
        // T9: one bundle vouches for one trust domain.
        let text = Value::Array(sans).to_string().replace("DOMAIN", &domain);
        serde_json::from_str::<Value>(&text).unwrap()
    });
    let versions = prop_oneof![Just(("1.2", "1.2")), Just(("1.2", "1.3")), Just(("1.3", "1.3"))];
    let suites = proptest::sample::subsequence(SUITES.to_vec(), 0..=SUITES.len()).prop_shuffle();
    let groups =
        proptest::sample::subsequence(vec!["X25519MLKEM768", "X25519", "secp256r1", "secp384r1"], 0..=4).prop_shuffle();
    let alpn = proptest::collection::vec("[a-z0-9/.]{1,8}", 0..3);
    let flags = (any::<bool>(), proptest::option::of(any::<bool>()), any::<bool>(), any::<bool>());
    (server_name, sans, versions, suites, groups, alpn, flags).prop_map(
        |(server_name, sans, (min, max), suites, groups, alpn, (resumption, depth, pin, identity))| {
            let mut suites: Vec<&str> = if max == "1.2" || min == "1.2" { suites } else { Vec::new() };
            if !suites.is_empty() && max == "1.3" {
                suites.extend(TLS13);
            }
            let mut spec = json!({
                "trust": {"bundles": [{"file": "ca.pem"}]},
                "serverName": server_name,
                "subjectAltNames": sans,
                "versions": {"min": min, "max": max},
                "cipherSuites": suites,
                "groups": groups,
                "alpn": {"protocols": alpn},
                "resumption": resumption,
            });
            if let Some(leaf) = depth {
                let depth = if leaf { "leaf" } else { "chain" };
                spec["revocation"] = json!({"crls": [{"file": "ca.crl"}], "depth": depth});
            }
            if pin {
                spec["spkiPins"] = json!(["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]);
            }
            if identity {
                spec["identity"] = json!({"certificate": {"file": "client.pem"}, "key": {"file": "client.key"}});
            }
            spec
        },
    )
}

const SUITES: [&str; 4] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
];
const TLS13: [&str; 3] = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];

/// Minted once: keys cost more than exports.
static FIXTURE: LazyLock<Fixture> = LazyLock::new(Fixture::new);

struct Fixture {
    folder: TempDir,
    pki: Pki,
    runtime: Runtime,
}

impl Fixture {
    fn new() -> Self {
        let (folder, pki) = (TempDir::new().unwrap(), Pki::new("round trip"));
        let client = pki.client(&[San::uri("spiffe://prod/gateway")]);
        let crls = [&pki.root, &pki.intermediate].map(|issuer| crl_pem(&CrlTemplate::new(&[]).issued_by(issuer)));
        for (name, text) in [
            ("ca.pem", pki.root.pem()),
            ("ca.crl", crls.concat()),
            ("client.pem", chain_pem(&[&client, &pki.intermediate])),
            ("client.key", client.key().pkcs8_pem()),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder, pki, runtime: runtime() }
    }

    fn prepare(&self, spec: &Value) -> Result<Arc<Prepared>, uptls::Problems> {
        let document = json!({"apiVersion": "uptls/v1", "kind": "UpstreamTlsPolicy", "spec": spec});
        let text = document.to_string();
        let base = Some(self.folder.path());
        uptls_manifest::prepare(&self.runtime, text.as_bytes(), "p", base, DangerPermission::Forbidden)
    }

    /// What the policy says of leaves of many names.
    fn verdicts(&self, prepared: &Prepared, host: &BackendHost, sans: &[Vec<San>]) -> Vec<Option<uptls::Code>> {
        let verdict = |sans: &Vec<San>| {
            let chain = self.pki.chain(&self.pki.leaf(sans));
            let chain: Vec<_> = chain.into_iter().map(rustls_pki_types::CertificateDer::from).collect();
            prepared.verify(&chain, Some(host)).err().map(|rejection| rejection.code())
        };
        sans.iter().map(verdict).collect()
    }
}

/// Names that the wanted ones may match, and others.
fn presented(spec: &Value) -> Vec<Vec<San>> {
    let mut names = vec![San::dns("other.test"), San::dns("pay.test.example"), San::dns("*.test.example")];
    for san in spec["subjectAltNames"].as_array().unwrap() {
        names.extend(san["dns"].as_str().map(San::dns));
        names.extend(san["uri"].as_str().map(San::uri));
        names.extend(san["ip"].as_str().map(San::ip));
        names.extend(san["spiffeTrustDomain"].as_str().map(|domain| San::uri(&format!("spiffe://{domain}/x"))));
        names.extend(san["spiffeTrustDomain"].as_str().map(|domain| San::uri(&format!("spiffe://{domain}"))));
        if let (Some(domain), Some(path)) =
            (san["spiffe"]["trustDomain"].as_str(), san["spiffe"]["pathPrefix"].as_str())
        {
            names.extend(["", "/x", "x"].map(|more| San::uri(&format!("spiffe://{domain}{path}{more}"))));
        }
    }
    names.into_iter().map(|name| vec![name]).collect()
}

/// Any of the matchers counts, whatever their order.
fn sorted(mut context: Value) -> Value {
    let names = &mut context["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"];
    if let Value::Array(names) = names {
        names.sort_by_key(ToString::to_string);
    }
    context
}

#[test]
fn sds_is_read_with_its_files() {
    let fixture = &*FIXTURE;
    let spec = json!({
        "trust": {"bundles": [{"file": "ca.pem"}]},
        "serverName": "pay.test.example",
        "revocation": {"crls": [{"file": "ca.crl"}]},
        "identity": {"certificate": {"file": "client.pem"}, "key": {"file": "client.key"}},
    });
    let prepared = fixture.prepare(&spec).unwrap();
    let mut options = ExportOptions::default();
    options.placement = Placement::Sds { folder: "/sds".into(), owner: Owner::named("pay") };
    let export = envoy::export(&prepared, &options).unwrap();
    let cluster = envoy::cluster(&prepared, &export, &BackendHost::parse("10.0.0.7").unwrap(), 8443);
    let read_file = |path: &Path| {
        let file = export.files.iter().find(|file| file.path == path).ok_or("no such file")?;
        Ok(file.content.to_vec())
    };
    let text = cluster.to_string();
    let one = envoy::read(text.as_bytes(), "exported", &read_file).unwrap().clusters.remove(0);
    assert_eq!(one.standing, Standing::Verified, "{:?}", one.findings);
    let draft = one.draft.unwrap_or_else(|| panic!("{:?}", one.findings));
    assert_eq!(draft.spec.handshake_timeout.as_deref(), Some("10.000000000s"));
    assert!(draft.spec.identity.is_some() && draft.spec.revocation.is_some());
    // The deadline is one that a policy takes, and material is the same: exported again, it is the same secrets.
    let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap();
    let again = envoy::export(&fixture.runtime.prepare(&policy).unwrap(), &options).unwrap();
    assert_eq!(again.files.len(), 2);
    for (one, other) in export.files.iter().zip(&again.files) {
        assert_eq!((&one.path, &one.content), (&other.path, &other.content));
    }
    assert_eq!(again.context, export.context);
}

/// What the writer puts on the disk is found by the names in the context; a file that is gone is said.
#[test]
fn what_was_written_is_read() {
    let fixture = &*FIXTURE;
    let spec = json!({
        "trust": {"bundles": [{"file": "ca.pem"}]},
        "serverName": "pay.test.example",
        "identity": {"certificate": {"file": "client.pem"}, "key": {"file": "client.key"}},
    });
    let prepared = fixture.prepare(&spec).unwrap();
    let folder = TempDir::new().unwrap();
    let mut options = ExportOptions::default();
    options.placement = Placement::Sds { folder: folder.path().join("sds"), owner: Owner::named("pay") };
    let export = envoy::export(&prepared, &options).unwrap();
    let read = || {
        let text = export.context.to_string();
        let read_file = |path: &Path| fs::read(path).map_err(|error| error.to_string());
        envoy::read(text.as_bytes(), "exported", &read_file).unwrap().clusters.remove(0)
    };
    let before = read();
    assert!(before.draft.is_none() && before.standing != Standing::Verified, "{:?}", before.findings);
    export.write().unwrap();
    let after = read();
    assert_eq!(after.standing, Standing::Verified, "{:?}", after.findings);
    let policy = UpstreamTlsPolicy::check(after.draft.unwrap(), DangerPermission::Forbidden).unwrap();
    assert!(fixture.runtime.prepare(&policy).unwrap().identity().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_policy_that_went_to_envoy_and_back_is_the_same(spec in spec()) {
        let fixture = &*FIXTURE;
        let Ok(prepared) = fixture.prepare(&spec) else { return Ok(()) };
        let host = BackendHost::parse("pay.test.example").unwrap();
        let mut options = ExportOptions::default();
        options.backend_host = Some(host.clone());
        let export = envoy::export(&prepared, &options).unwrap();

        let text = export.context.to_string();
        let reading = envoy::read(text.as_bytes(), "exported", &|_| Err("no file".to_owned())).unwrap();
        let one = &reading.clusters[0];
        prop_assert_eq!(one.standing, Standing::Verified, "{:?}\n{}", &one.findings, text);
        let draft = one.draft.clone();
        prop_assert!(draft.is_some(), "{:?}\n{}", &one.findings, text);
        let policy = UpstreamTlsPolicy::check(draft.unwrap(), DangerPermission::Forbidden);
        prop_assert!(policy.is_ok(), "{:?}\n{}", policy.err(), text);
        let again = fixture.runtime.prepare(&policy.unwrap()).unwrap();

        let second = envoy::export(&again, &options).unwrap();
        prop_assert_eq!(sorted(second.context), sorted(export.context));
        let names = presented(&spec);
        prop_assert_eq!(
            fixture.verdicts(&prepared, &host, &names),
            fixture.verdicts(&again, &host, &names)
        );
    }

    #[test]
    fn arbitrary_documents_never_panic(text in "((sni|clusters|name|common_tls_context|validation_context|trusted_ca|static_resources|configs|transport_socket|typed_config|[a-z]{1,2})[:,\\[\\]{}\n -]{1,3}){0,24}") {
        let _ = envoy::read(text.as_bytes(), "fuzz", &|_| Err(String::new()));
    }

    #[test]
    fn a_mutilated_context_never_panics(spec in spec(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let fixture = &*FIXTURE;
        let Ok(prepared) = fixture.prepare(&spec) else { return Ok(()) };
        let mut options = ExportOptions::default();
        options.backend_host = Some(BackendHost::parse("pay.test.example").unwrap());
        let Ok(export) = envoy::export(&prepared, &options) else { return Ok(()) };
        let mut bytes = export.context.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = envoy::read(&bytes, "fuzz", &|_| Err(String::new()));
    }
}
