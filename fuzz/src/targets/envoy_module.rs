//! Configurations of the module in Envoy, through its entry points: one is taken if and only if the policy in it can be
//! prepared and leaves nothing to Envoy, and then it gives the verdicts of that policy.

use core::ffi::{c_int, c_void};
use std::sync::{Arc, LazyLock};

use arbitrary::Unstructured;
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};
use uptls::danger::DangerPermission::{Allowed, Forbidden};
use uptls::{AlpnSelection, BackendHost, Prepared, Runtime, UpstreamTlsPolicy};
use uptls_envoy as _;
use uptls_testkit::{Key, NOW, San, Template, YEAR};

use crate::document;
use crate::draw::Draw as _;

#[repr(C)]
#[derive(Clone, Copy)]
struct Buffer {
    start: *const u8,
    length: usize,
}

#[repr(C)]
struct Validation {
    status: c_int,
    detailed_status: c_int,
    tls_alert: u8,
    has_tls_alert: bool,
}

unsafe extern "C" {
    fn envoy_dynamic_module_on_cert_validator_config_new(
        _: *mut c_void,
        name: Buffer,
        document: Buffer,
    ) -> *const c_void;
    fn envoy_dynamic_module_on_cert_validator_config_destroy(validator: *const c_void);
    fn envoy_dynamic_module_on_cert_validator_do_verify_cert_chain(
        call: *mut c_void,
        validator: *const c_void,
        chain: *const Buffer,
        count: usize,
        server_name: Buffer,
        is_server: bool,
    ) -> Validation;
    fn envoy_dynamic_module_on_cert_validator_update_digest(validator: *const c_void, out: *mut Buffer);
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_cert_validator_set_error_details(_: *mut c_void, details: Buffer) {
    said(details);
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_cert_validator_set_filter_state(
    _: *mut c_void,
    key: Buffer,
    value: Buffer,
) -> bool {
    said(key);
    said(value);
    true
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_log(_: c_int, message: Buffer) {
    said(message);
}

/// What Envoy is told is text, and not long.
fn said(text: Buffer) {
    // SAFETY: the module says that so many bytes can be read.
    let text = unsafe { core::slice::from_raw_parts(text.start, text.length) };
    assert!(core::str::from_utf8(text).is_ok() && text.len() < 8_000, "{}", text.len());
    assert!(!String::from_utf8_lossy(text).contains("a panic was caught"), "{}", String::from_utf8_lossy(text));
}

struct Bench {
    chains: Vec<Vec<u8>>,
    root: String,
    runtime: Runtime,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let lasting = |template: Template| template.with_validity(NOW - 20 * YEAR, NOW + 20 * YEAR);
    let root = lasting(Template::ca("module root")).self_signed(&Key::p256("module root"));
    let leaf = |san: San| lasting(Template::leaf("leaf").with_sans(&[san])).issued_by(&root, &Key::p256("leaf"));
    let chains = document::leaves().into_iter().map(|san| leaf(san).der().to_vec()).collect();
    // The module has a runtime of its own, with the system's clock.
    Bench { chains, root: root.pem(), runtime: Runtime::new(uptls::aws_lc_rs::provider()) }
});

pub fn run(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let raw = u.below(4) == 3;
    let name = u.pick(&["uptls", "uptls-allow-danger", "uptls-allow", ""]);
    let mut spec = document::spec(&mut u);
    if u.below(8) != 7 {
        spec["trust"] = json!({"bundles": [{"pem": BENCH.root}]});
    }
    let policy = document::document(&spec);
    let (config, closed) = match u.below(8) {
        4 => (json!({"policy": policy, "onInvalid": "failClosed"}), true),
        5 => (json!({"policy": policy, "onInvalid": u.pick(&["keepLastGood", "FailClosed", ""])}), false),
        6 => (json!({"policy": policy, "more": 1}), false),
        7 => (json!({"policy": policy}), false),
        _ => (policy.clone(), false),
    };
    let _ = closed;
    let text = if raw { u.take_rest().to_vec() } else { config.to_string().into_bytes() };
    if raw && text.windows(4).any(|four| four == b"file") {
        return;
    }
    let validator = Held::new(name, &text);
    let wanted = if raw { None } else { Some(wanted(name, &config, &policy)) };
    match &wanted {
        Some(Some(prepared)) => {
            assert!(!validator.0.is_null(), "{config} is refused");
            for (index, der) in BENCH.chains.iter().enumerate() {
                let sent = ["", "pay.test", "other.test"][index % 3];
                same(&validator, prepared, der, sent);
            }
            assert_eq!(validator.digest(), prepared.fingerprint());
        }
        Some(None) => assert!(validator.0.is_null(), "{config} is taken"),
        None => {}
    }
}

/// The policy that must be in force, if one must.
fn wanted(name: &str, config: &Value, policy: &Value) -> Option<Arc<Prepared>> {
    let permission = match name {
        "uptls" => Forbidden,
        "uptls-allow-danger" => Allowed,
        _ => return None,
    };
    if config.get("more").is_some() {
        return None;
    }
    if let Some(on_invalid) = config.get("onInvalid")
        && on_invalid != "failClosed"
        && on_invalid != "keepLastGood"
    {
        return None;
    }
    let draft = uptls_manifest::parse(policy.to_string().as_bytes(), "p", None).ok()?;
    let policy = UpstreamTlsPolicy::check(draft, permission).ok()?;
    if policy.identity().is_some() || policy.alpn().selection == AlpnSelection::Required {
        return None;
    }
    BENCH.runtime.prepare(&policy).ok()
}

fn same(validator: &Held, prepared: &Prepared, der: &[u8], sent: &str) {
    let host = BackendHost::parse(sent).ok();
    let offline = prepared.verify(&[CertificateDer::from_slice(der)], host.as_ref());
    let code = offline.as_ref().err().map(|rejection| rejection.code().as_str());
    let accepted = validator.accepts(der, sent);
    assert_eq!(accepted, offline.is_ok(), "offline {code:?}, server name {sent:?}");
    assert!(!validator.accepts_as_server(der), "a client is accepted");
}

struct Held(*const c_void);

impl Held {
    fn new(name: &str, text: &[u8]) -> Held {
        // SAFETY: both live until the call returns.
        Held(unsafe {
            envoy_dynamic_module_on_cert_validator_config_new(
                core::ptr::null_mut(),
                buffer(name.as_bytes()),
                buffer(text),
            )
        })
    }

    fn accepts(&self, der: &[u8], sent: &str) -> bool {
        self.verify(der, sent, false)
    }

    fn accepts_as_server(&self, der: &[u8]) -> bool {
        self.verify(der, "pay.test", true)
    }

    fn verify(&self, der: &[u8], sent: &str, is_server: bool) -> bool {
        let chain = [buffer(der)];
        // SAFETY: the validator is live, and all buffers are.
        let verdict = unsafe {
            envoy_dynamic_module_on_cert_validator_do_verify_cert_chain(
                core::ptr::null_mut(),
                self.0,
                chain.as_ptr(),
                1,
                buffer(sent.as_bytes()),
                is_server,
            )
        };
        let Validation { status, detailed_status, tls_alert: _, has_tls_alert } = verdict;
        assert_eq!(status == 0, detailed_status == 2);
        assert!(status != 0 || !has_tls_alert, "an alert for a peer that is accepted");
        status == 0
    }

    fn digest(&self) -> &[u8] {
        let mut out = buffer(&[]);
        // SAFETY: the validator is live; the bytes are valid until the next call.
        unsafe {
            envoy_dynamic_module_on_cert_validator_update_digest(self.0, &raw mut out);
            core::slice::from_raw_parts(out.start, out.length)
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: it is destroyed once; NULL is permitted.
        unsafe { envoy_dynamic_module_on_cert_validator_config_destroy(self.0) };
    }
}

fn buffer(bytes: &[u8]) -> Buffer {
    Buffer { start: bytes.as_ptr(), length: bytes.len() }
}
