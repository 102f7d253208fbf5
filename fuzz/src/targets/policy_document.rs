//! Documents that are drawn field by field: JSON and YAML are one policy, and what is exported to Envoy and read again gives the
//! same verdicts.

use std::sync::{Arc, LazyLock};

use arbitrary::Unstructured;
use rustls_pki_types::CertificateDer;
use serde_json::Value;
use uptls::danger::DangerPermission::{Allowed, Forbidden};
use uptls::{BackendHost, Code, FixedClock, Prepared, Runtime, UpstreamTlsPolicy};
use uptls_manifest::envoy::{self, ExportOptions, Standing};
use uptls_testkit::{Key, NOW, San, Template};

use super::native_document;
use crate::document;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::builder(uptls::ring::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build());

/// A plain policy must be exported, or nothing here is judged.
static PLAIN: LazyLock<()> = LazyLock::new(|| {
    let document = document::document(&document::spec(&mut Unstructured::new(&[]))).to_string();
    let prepared = uptls_manifest::prepare(&RUNTIME, document.as_bytes(), "plain", None, Forbidden).unwrap();
    assert!(envoy::export(&prepared, &ExportOptions::default()).is_ok());
});

/// Leaves below the first root, one for each name.
static LEAVES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let root = document::root(1);
    let leaf =
        |san| Template::leaf("leaf").with_sans(&[san]).issued_by(&root, &Key::p256("document leaf")).der().to_vec();
    document::leaves().into_iter().map(leaf).collect()
});

pub fn run(bytes: &[u8]) {
    LazyLock::force(&PLAIN);
    let mut u = Unstructured::new(bytes);
    let value = document::document(&document::spec(&mut u));
    let mut yaml = String::new();
    document::yaml(&value, 0, &mut yaml);
    let read = |text: &str| {
        let draft = uptls_manifest::parse(text.as_bytes(), "fuzz", None)?;
        UpstreamTlsPolicy::check(draft, Allowed)
    };
    let (json, yaml) = (read(&value.to_string()), read(&yaml));
    let code = |read: &Result<UpstreamTlsPolicy, uptls::Problems>| {
        read.as_ref().map(UpstreamTlsPolicy::spec_digest).map_err(|problems| problems.code())
    };
    assert_eq!(code(&json), code(&yaml), "{value}");
    assert!(
        value["spec"].get("serverNames").is_none() || json.is_err(),
        "a field that is not known is passed over: {value}"
    );
    native_document::run_value(&value);
    let Ok(policy) = json else { return };
    if policy.identity().is_some() {
        return;
    }
    if let Ok(prepared) = RUNTIME.prepare(&policy) {
        through_envoy(&prepared);
    }
}

/// X1: the context says what the policy says.
fn through_envoy(prepared: &Arc<Prepared>) {
    let host = BackendHost::parse("pay.test").unwrap();
    let mut options = ExportOptions::default();
    options.backend_host = Some(host.clone());
    let Ok(export) = envoy::export(prepared, &options) else { return };
    let text = export.context.to_string();
    let reading = envoy::read(text.as_bytes(), "exported", &|_| Err("no file".to_owned()));
    let mut reading = reading.unwrap_or_else(|problems| panic!("{problems}: {text}"));
    let one = reading.clusters.remove(0);
    if prepared.policy().danger().is_active() {
        assert_ne!(one.standing, Standing::Verified, "{text}");
        return;
    }
    assert_eq!(one.standing, Standing::Verified, "{:?} of {text}", one.findings);
    matched_alike(prepared, &host, &export.context);
    let Some(draft) = one.draft else { panic!("{:?} of {text}", one.findings) };
    let back = UpstreamTlsPolicy::check(draft, Forbidden).and_then(|policy| RUNTIME.prepare(&policy));
    let back = back.unwrap_or_else(|problems| panic!("{problems}: {text}"));
    assert_eq!(verdicts(prepared, &host), verdicts(&back, &host), "{text}");
    let (sent, again) = (prepared.describe().sends, back.describe().sends);
    assert_eq!((sent.versions, sent.alpn), (again.versions, again.alpn), "{text}");
}

/// X3: the matchers of the context match what the policy matches, as Envoy would compare.
fn matched_alike(prepared: &Prepared, host: &BackendHost, context: &Value) {
    let validation = &context["common_tls_context"]["validation_context"];
    let matchers = validation["match_typed_subject_alt_names"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (san, code) in document::leaves().iter().zip(verdicts(prepared, host)) {
        let (kind, text) = match san {
            San::Dns(name) => ("DNS", name.clone()),
            San::Ip(ip) => ("IP_ADDRESS", ip.to_string()),
            San::Uri(uri) => ("URI", uri.clone()),
            other => panic!("{other:?} is no name of a policy"),
        };
        let is_matched =
            matchers.iter().any(|matcher| matcher["san_type"] == kind && matches(&matcher["matcher"], &text));
        match code {
            None => assert!(is_matched, "{san:?} is accepted, and not by {context}"),
            Some(Code::NameMismatch | Code::SanTypeMismatch) => {
                assert!(!is_matched, "{san:?} is refused, and not by {context}");
            }
            Some(_) => {}
        }
    }
}

/// A matcher of strings; an expression must match the whole.
fn matches(matcher: &Value, text: &str) -> bool {
    match (matcher["exact"].as_str(), matcher["safe_regex"]["regex"].as_str()) {
        (Some(exact), _) => exact == text,
        (_, Some(regex)) => {
            let regex = regex_lite::Regex::new(regex).expect("an expression");
            regex.find(text).is_some_and(|found| found.start() == 0 && found.end() == text.len())
        }
        _ => panic!("{matcher} is another kind of matcher"),
    }
}

fn verdicts(prepared: &Prepared, host: &BackendHost) -> Vec<Option<Code>> {
    let verdict =
        |der: &Vec<u8>| prepared.verify(&[CertificateDer::from_slice(der)], Some(host)).err().map(|r| r.code());
    LEAVES.iter().map(verdict).collect()
}
