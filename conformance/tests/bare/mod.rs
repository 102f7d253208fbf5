//! Bare rustls-webpki, used as rustls uses it, and this library, on the same input.

use core::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use uptls::danger::DangerPermission;
use uptls::{
    BackendHost, Clock, Code, DangerDraft, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, ReasonDraft,
    RevocationDraft, Runtime, SanDraft, TrustDraft, UpstreamTlsPolicy,
};
use uptls_conformance::suites::{LimboCase, LimboName};
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationOptionsBuilder, anchor_from_trusted_cert,
};

/// What bare webpki says: a path to one of the anchors, and the matched name, `type:value`, where it knows that type.
pub(crate) fn verify(
    runtime: &Runtime,
    anchors: &[CertificateDer<'_>],
    chain: &[CertificateDer<'_>],
    at: u64,
    crls: &[Vec<u8>],
    name: &str,
) -> Result<(), Error> {
    let anchors: Vec<_> = anchors.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
    // Some kinds of lists it does not read; then it judges the path alone.
    let lists: Result<Vec<_>, _> = crls.iter().map(|der| OwnedCertRevocationList::from_der(der)).collect();
    let lists: Vec<CertRevocationList<'_>> =
        lists.unwrap_or_default().into_iter().map(CertRevocationList::from).collect();
    let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();
    let builder = RevocationOptionsBuilder::new(&lists).ok();
    let revocation = builder.map(|builder| builder.with_expiration_policy(ExpirationPolicy::Enforce).build());
    let (first, rest) = chain.split_first().expect("a chain has a leaf");
    let leaf = EndEntityCert::try_from(first)?;
    let algorithms = runtime.provider().signature_verification_algorithms.all;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(at));
    leaf.verify_for_usage(algorithms, &anchors, rest, time, KeyUsage::server_auth(), revocation, None)?;
    match name.split_once(':') {
        Some(("dns" | "ip", value)) if !value.starts_with('*') => {
            let name = ServerName::try_from(value).expect("a name that matched");
            leaf.verify_is_valid_for_subject_name(&name)
        }
        _ => Ok(()),
    }
}

/// What bare webpki says of a case.
pub(crate) fn judge_bare(case: &LimboCase) -> Result<(), Error> {
    let anchors: Vec<_> = case.trusted_certs.iter().flat_map(|pem| der(pem)).collect();
    let crls: Vec<Vec<u8>> = case.crls.iter().map(|pem| crl(pem)).collect();
    let name = case.expected_peer_name.as_ref().map(|name| match name.kind.as_str() {
        "DNS" => format!("dns:{}", name.value),
        "IP" => format!("ip:{}", name.value),
        _ => String::new(),
    });
    verify(&runtime(case), &anchors, &chain(case), at(case), &crls, &name.unwrap_or_default())
}

/// What this library says of a case: with the name as backend host, as a subjectAltName, and as one of two, alike.
pub(crate) fn judge(case: &LimboCase) -> Result<(), Code> {
    let Some(name) = &case.expected_peer_name else {
        let accept_any_name = Some(ReasonDraft { reason: "the case is about the path alone".to_owned() });
        let danger = DangerDraft { accept_any_name, ..DangerDraft::default() };
        return with(case, PolicySpec { danger, ..spec(case) }, None);
    };
    let as_host = with(case, spec(case), Some(&name.value));
    let listed = |sans: Vec<SanDraft>| {
        let server_name = Some("sni.invalid".to_owned());
        with(case, PolicySpec { server_name, subject_alt_names: sans, ..spec(case) }, None)
    };
    let as_san = listed(vec![san(name)]);
    let as_one_of_two = listed(vec![SanDraft::dns("wrong.invalid"), san(name)]);
    assert_eq!(as_host, as_san, "{}", case.id);
    assert_eq!(as_host, as_one_of_two, "{}", case.id);
    as_host
}

/// Whether the leaf is byte-equal to a trusted certificate (T5).
pub(crate) fn leaf_is_trusted(case: &LimboCase) -> bool {
    let leaf = der(&case.peer_certificate);
    case.trusted_certs.iter().flat_map(|pem| der(pem)).any(|trusted| leaf.contains(&trusted))
}

fn with(case: &LimboCase, spec: PolicySpec, host: Option<&str>) -> Result<(), Code> {
    let host = host.map(BackendHost::parse).transpose().map_err(|_| Code::NameInvalid)?;
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Allowed).map_err(|e| e.code())?;
    let prepared = runtime(case).prepare(&policy).map_err(|e| e.code())?;
    prepared.verify(&chain(case), host.as_ref()).map(|_| ()).map_err(|rejection| rejection.code())
}

fn spec(case: &LimboCase) -> PolicySpec {
    let bundles = vec![MaterialDraft::pem(case.trusted_certs.concat())];
    let crls: Vec<_> = case.crls.iter().map(|list| MaterialDraft::pem(list.as_str())).collect();
    PolicySpec {
        revocation: (!crls.is_empty()).then(|| RevocationDraft { crls, ..RevocationDraft::default() }),
        trust: TrustDraft { bundles, ..TrustDraft::default() },
        ..PolicySpec::default()
    }
}

fn san(name: &LimboName) -> SanDraft {
    match name.kind.as_str() {
        "DNS" => SanDraft::dns(&name.value),
        "IP" => SanDraft::ip(&name.value),
        other => panic!("{other} names are not wanted of servers"),
    }
}

fn runtime(case: &LimboCase) -> Runtime {
    Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(at(case))).build()
}

/// Fractions of a second are dropped. A case without a time means now: that of all tests.
fn at(case: &LimboCase) -> u64 {
    let text = case.validation_time.as_deref().unwrap_or("2026-11-23T00:00:00Z");
    FixedClock::parse(text).expect("RFC 3339").now().as_secs()
}

fn chain(case: &LimboCase) -> Vec<CertificateDer<'static>> {
    let rest = case.untrusted_intermediates.iter();
    core::iter::once(&case.peer_certificate).chain(rest).flat_map(|pem| der(pem)).collect()
}

fn der(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).map(|der| der.expect("PEM")).collect()
}

fn crl(pem: &str) -> Vec<u8> {
    CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).expect("PEM").to_vec()
}
