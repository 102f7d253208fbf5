//! Names of a policy against names of a leaf: the verdict is that of an independent reading of RFC 9525, RFC 5280 and the
//! profile of SPIFFE, both ways.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use arbitrary::Unstructured;
use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission::Forbidden;
use uptls::{
    BackendHost, Code, MaterialDraft, PolicyDraft, PolicySpec, Prepared, Runtime, TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{Certificate, Key, San, Template};

use super::chain;
use crate::draw::Draw as _;
use crate::oracle::{self, Want};
use crate::world::{Facts, Usage};
use crate::{provider, texts};

struct Bench {
    root: Certificate,
    runtime: Runtime,
    /// Held, so that the bundle is parsed once.
    _plain: Arc<Prepared>,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let root = Template::ca("root").self_signed(&Key::feigned(1));
    let runtime = provider::runtime();
    let plain = runtime.prepare(&policy(&root, &[Want::Dns("a.test".to_owned())]).unwrap()).unwrap();
    Bench { root, runtime, _plain: plain }
});

pub fn run(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let sans: Vec<San> = (0..=u.below(4)).map(|_| san(&mut u)).collect();
    let wants: Vec<Want> = (0..=u.below(3)).map(|_| want(&mut u)).collect();
    let (ca, usage) = u.pick(&[
        (Some(false), Some(usage(false, false))),
        (None, None),
        (Some(true), None),
        (Some(false), Some(usage(true, false))),
        (Some(false), Some(usage(false, true))),
    ]);
    let as_host = u.below(4) == 3;
    let facts = Facts { ca, usage, ..plain() };
    let leaf = leaf(&facts, &sans);
    let host = if as_host { host(&wants[0]) } else { None };
    let judged = if host.is_some() { &wants[..1] } else { &wants };
    let listed = if host.is_some() { &[][..] } else { &wants };
    let Ok(policy) = policy(&BENCH.root, listed) else { return };
    for want in listed {
        match want {
            Want::Dns(name) => assert!(oracle::is_wanted_dns(name), "{name:?} is taken"),
            Want::Uri(uri) if uri.to_ascii_lowercase().starts_with("spiffe:") => {
                assert!(oracle::is_spiffe_id(uri), "{uri:?} is taken");
            }
            _ => {}
        }
    }
    let prepared = BENCH.runtime.prepare(&policy).unwrap();
    let chain = [CertificateDer::from_slice(leaf.der())];
    let (verdict, report) = (prepared.verify(&chain, host.as_ref()), prepared.report(&chain, host.as_ref()));
    chain::agree(&verdict, &report);
    texts::check_report(&report);
    let held: Vec<String> = judged.iter().filter(|want| oracle::holds(want, &sans, &facts)).map(chain::text).collect();
    match &verdict {
        Ok(peer) => {
            let matched = peer.matched_name().unwrap_or_default().to_owned();
            assert!(
                held.iter().any(|name| name.eq_ignore_ascii_case(&matched)),
                "{matched}; held are {held:?} of {sans:?}"
            );
        }
        Err(rejection) => {
            // A leaf that says CA:TRUE is refused before its names are read.
            let by_name = ca != Some(true) && oracle::is_clean(&sans) && rejection.code() != Code::CertMalformed;
            assert!(held.is_empty() || !by_name, "{}; held are {held:?} of {sans:?}", rejection.code());
        }
    }
}

fn plain() -> Facts {
    Facts {
        subject: 0,
        key: 9,
        issuer: 0,
        signer: 1,
        ca: Some(false),
        usage: None,
        purposes: None,
        path_length: None,
        begin: -1,
        end: 1,
        critical: None,
        key_ids: true,
        permitted: Vec::new(),
        excluded: Vec::new(),
        points: Vec::new(),
        v1: false,
    }
}

fn usage(cert_sign: bool, crl_sign: bool) -> Usage {
    Usage { cert_sign, crl_sign, signs: true }
}

fn leaf(facts: &Facts, sans: &[San]) -> Certificate {
    use uptls_testkit::{BasicConstraints, KeyUsage};
    let bits = |usage: Usage| {
        let all = [
            (usage.cert_sign, KeyUsage::KeyCertSign),
            (usage.crl_sign, KeyUsage::CrlSign),
            (true, KeyUsage::DigitalSignature),
        ];
        all.into_iter().filter_map(|(is_set, bit)| is_set.then_some(bit)).collect()
    };
    let template = Template {
        basic_constraints: facts.ca.map(|ca| BasicConstraints { ca, path_len: None }),
        key_usage: facts.usage.map(bits),
        ..Template::leaf("leaf").with_sans(sans)
    };
    template.issued_by(&BENCH.root, &Key::feigned(9))
}

fn policy(root: &Certificate, wants: &[Want]) -> Result<UpstreamTlsPolicy, uptls::Problems> {
    let spec = PolicySpec {
        server_name: (!wants.is_empty()).then(|| "sni.test".to_owned()),
        subject_alt_names: wants.iter().map(chain::san).collect(),
        trust: TrustDraft { bundles: vec![MaterialDraft::pem(root.pem())], ..TrustDraft::default() },
        ..PolicySpec::default()
    };
    UpstreamTlsPolicy::check(PolicyDraft::new(spec), Forbidden)
}

fn host(want: &Want) -> Option<BackendHost> {
    match want {
        Want::Dns(name) if !name.starts_with('*') => BackendHost::parse(name).ok(),
        Want::Ip(ip) => BackendHost::parse(&ip.to_string()).ok(),
        _ => None,
    }
}

/// Labels that meet: prefixes, suffixes, other case, stars.
const LABELS: &[&str] =
    &["a", "b", "test", "*", "A", "aa", "ba", "a*", "*a", "xn--a", "a-b", "TEST", "_a", "1", "", "te"];

fn name(u: &mut Unstructured<'_>) -> String {
    let labels: Vec<&str> = (0..=u.below(4)).map(|_| u.pick(LABELS)).collect();
    let mut name = labels.join(".");
    match u.below(16) {
        13 => name.push('.'),
        14 => name.push('\0'),
        15 => name.insert(0, '.'),
        _ => {}
    }
    name
}

const PATHS: &[&str] = &[
    "/ns/pay",
    "/ns",
    "/ns/payroll",
    "/ns/pay/sa/x",
    "",
    "/",
    "/ns/",
    "/ns//pay",
    "/ns/../pay",
    "/NS/pay",
    "/ns/pa%79",
];
const DOMAINS: &[&str] = &["td.test", "td.test.evil", "evil.td.test", "TD.test", "td.tes", "td.test:1", "u@td.test"];

fn spiffe(u: &mut Unstructured<'_>) -> String {
    let scheme = u.pick(&["spiffe://", "spiffe://", "spiffe://", "SPIFFE://", "spiffe:/"]);
    format!("{scheme}{}{}{}", u.pick(DOMAINS), u.pick(PATHS), u.pick(&["", "", "", "?q", "#f", "/x"]))
}

fn ip(u: &mut Unstructured<'_>) -> IpAddr {
    u.pick(&["10.0.0.7", "10.0.0.8", "::ffff:10.0.0.7", "::1", "0.0.0.0"]).parse().unwrap()
}

fn san(u: &mut Unstructured<'_>) -> San {
    match u.below(8) {
        0..=2 => San::Dns(name(u)),
        3 => San::Ip(ip(u)),
        4 | 5 => San::Uri(spiffe(u)),
        6 => San::Email(name(u)),
        _ => {
            let tag = u.pick(&[0x82, 0x86, 0x87]);
            let text = match u.below(3) {
                0 => u.some_bytes(40),
                1 => spiffe(u).into_bytes(),
                _ => ip(u).to_string().into_bytes(),
            };
            San::RawTag { tag, bytes: text }
        }
    }
}

fn want(u: &mut Unstructured<'_>) -> Want {
    match u.below(8) {
        // N2: a policy drops a dot at the end.
        0..=2 => Want::Dns(name(u).to_ascii_lowercase().trim_end_matches('.').to_owned()),
        3 => Want::Ip(ip(u)),
        4 => Want::Uri(spiffe(u)),
        5 => Want::Spiffe("td.test".to_owned(), None),
        6 => Want::Spiffe("td.test".to_owned(), Some(u.pick(PATHS).to_owned())),
        _ => Want::Uri(u.pick(&["https://a.test/x", "a.test", "urn:a"]).to_owned()),
    }
}
