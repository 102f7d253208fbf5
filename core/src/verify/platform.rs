//! The path by the platform's verifier (T6): the name is chosen first, then the platform is asked once.

use rustls::{CertificateError, Error};
use rustls_pki_types::ServerName;

use super::context::Context;
use super::path::{Path, PathEnd};
use super::rules::{check_key, critical_extension};
use crate::certificate::{CertificateView, PresentedName};
use crate::error::{AlgorithmFault, RejectionKind};
use crate::name::{BackendHost, DnsName};
use crate::policy::SanMatcher;
use crate::text::hex;
use crate::time::rfc3339;
use crate::trust::PlatformTrust;

/// Whether the platform trusts the chain. Whose it is is not decided here: the names are a step of their own.
pub(super) fn find(context: &Context<'_>, platform: &PlatformTrust) -> Result<Path, RejectionKind> {
    let Some((first, rest)) = context.chain.split_first() else { return Err(RejectionKind::NoCertificate) };
    let Some(leaf) = context.leaf() else { return Err(RejectionKind::NoCertificate) };
    check_key(leaf)?;
    let name = name_for_platform(context, leaf)?;
    match platform.verify(first, rest, &name, context.now) {
        Ok(()) => Ok(Path {
            end: PathEnd::Platform,
            intermediates: (1..context.chain.len()).collect(),
            trusted_from: leaf.not_before(),
            trusted_until: leaf.not_after(),
        }),
        Err(error) => Err(explain_error(leaf, &error)),
    }
}

/// The platform judges no certificate without a name. It gets a wanted name that the leaf holds, or else one of the leaf's
/// own, so that its verdict on the path is its verdict on the path alone.
fn name_for_platform(context: &Context<'_>, leaf: &CertificateView<'_>) -> Result<ServerName<'static>, RejectionKind> {
    let presented = leaf.presented_names().unwrap_or_default();
    let wanted = context.reference_names.iter().find_map(|matcher| match matcher {
        SanMatcher::Dns(name) if presented.iter().any(|own| covers(own, name)) => name.to_server_name(),
        SanMatcher::Ip(ip) if presented.contains(&PresentedName::Ip(*ip)) => BackendHost::Ip(*ip).to_server_name(),
        _ => None,
    });
    let own = || presented.iter().find_map(instance);
    wanted.or_else(own).ok_or_else(|| RejectionKind::UnknownIssuer { issuer: leaf.issuer() })
}

/// Only chooses the name to ask with; the match itself is webpki's.
fn covers(presented: &PresentedName, name: &DnsName) -> bool {
    match presented {
        PresentedName::Dns(text) => match text.strip_prefix("*.") {
            None => text.eq_ignore_ascii_case(name.as_str()),
            Some(rest) => name.as_str().split_once('.').is_some_and(|(_, parent)| rest.eq_ignore_ascii_case(parent)),
        },
        _ => false,
    }
}

/// A name that the leaf itself covers.
fn instance(presented: &PresentedName) -> Option<ServerName<'static>> {
    match presented {
        PresentedName::Dns(text) => DnsName::parse(&text.replacen('*', "a", 1)).ok()?.to_server_name(),
        PresentedName::Ip(ip) => BackendHost::Ip(*ip).to_server_name(),
        _ => None,
    }
}

/// One code for all systems.
fn explain_error(leaf: &CertificateView<'_>, error: &Error) -> RejectionKind {
    let Error::InvalidCertificate(error) = error else {
        return RejectionKind::UnknownIssuer { issuer: leaf.issuer() };
    };
    let subject = leaf.subject();
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            RejectionKind::Expired { not_after: rfc3339(leaf.not_after()), subject }
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            RejectionKind::NotYetValid { not_before: rfc3339(leaf.not_before()), subject }
        }
        CertificateError::Revoked => RejectionKind::Revoked { serial: hex(leaf.serial()) },
        CertificateError::UnknownRevocationStatus => RejectionKind::RevocationUnknown {
            issuer: leaf.issuer(),
            reason: "the platform's verifier knows none".to_owned(),
        },
        CertificateError::BadSignature => RejectionKind::BadSignature { issuer: None, subject },
        CertificateError::BadEncoding => {
            RejectionKind::Malformed { index: 0, reason: "the platform cannot read it".to_owned() }
        }
        CertificateError::UnhandledCriticalExtension => critical_extension(leaf),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            let (algorithm, fault) = (leaf.signature_algorithm(), AlgorithmFault::Unknown);
            RejectionKind::AlgorithmUnsupported { algorithm, fault, subject }
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            RejectionKind::NameMismatch
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => purpose(leaf),
        // The platform verifier wraps its own type around a wrong purpose.
        CertificateError::Other(_) if leaf.extended_key_usage().is_some_and(|usage| !usage.server_auth) => {
            purpose(leaf)
        }
        CertificateError::Other(_) if leaf.is_ca() => RejectionKind::CaAsLeaf { subject },
        _ if leaf.is_self_issued() => RejectionKind::SelfSigned { subject },
        _ => RejectionKind::UnknownIssuer { issuer: leaf.issuer() },
    }
}

fn purpose(leaf: &CertificateView<'_>) -> RejectionKind {
    let presented = leaf.extended_key_usage().map(|usage| usage.text).unwrap_or_default();
    RejectionKind::Purpose { presented, subject: leaf.subject() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use rustls::crypto::CryptoProvider;
    use rustls_pki_types::CertificateDer;
    use uptls_testkit::{CLIENT_AUTH, Certificate, DAY, Key, NOW, Pki, San, Template};

    use crate::danger::DangerPermission;
    use crate::trust::PlatformTrust;
    use crate::{
        BackendHost, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, Prepared, Runtime, SanDraft, SystemTrustDraft,
        TrustDraft, UpstreamTlsPolicy,
    };

    fn provider() -> Arc<CryptoProvider> {
        Arc::new(rustls::crypto::aws_lc_rs::default_provider())
    }

    /// A policy for whatever the platform trusts, which here is one root more.
    fn prepared(root: &Certificate, sans: &[SanDraft]) -> Arc<Prepared> {
        let runtime = Runtime::builder(provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
        let extra = vec![CertificateDer::from(root.der().to_vec())];
        runtime.set_platform(PlatformTrust::with_extra_roots(&provider(), extra, 0).unwrap());
        let system_trust_domain = Some("prod".to_owned());
        let trust = TrustDraft { system: SystemTrustDraft::Platform, system_trust_domain, ..TrustDraft::default() };
        let spec = PolicySpec { trust, subject_alt_names: sans.to_vec(), ..PolicySpec::default() };
        runtime
            .prepare(&UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap())
            .unwrap()
    }

    /// `accepted`, or the code.
    fn verdict(prepared: &Prepared, chain: &[&Certificate]) -> &'static str {
        let chain: Vec<_> = chain.iter().map(|c| CertificateDer::from_slice(c.der())).collect();
        let host = BackendHost::parse("a.test").unwrap();
        let report = prepared.report(&chain, Some(&host));
        let verified = prepared.verify(&chain, Some(&host)).map_err(|rejection| rejection.code());
        assert_eq!(verified.err(), report.code);
        report.code.map_or("accepted", |code| code.as_str())
    }

    #[test]
    fn the_platform_decides_the_path_and_our_rules_the_names() {
        let pki = Pki::new("platform");
        let (by_host, stranger) = (prepared(&pki.root, &[]), Pki::new("stranger"));
        let leaf = |sans: &[San]| pki.leaf(sans);
        let a = [San::dns("a.test")];
        assert_eq!(verdict(&by_host, &[&leaf(&a), &pki.intermediate]), "accepted");
        let by_name = prepared(&pki.root, &[SanDraft::dns("a.b.test")]);
        assert_eq!(verdict(&by_name, &[&leaf(&[San::dns("*.b.test")]), &pki.intermediate]), "accepted");
        assert_eq!(verdict(&by_host, &[&leaf(&[San::dns("*.test")]), &pki.intermediate]), "name_mismatch");
        assert_eq!(verdict(&by_host, &[&leaf(&[San::dns("b.test")]), &pki.intermediate]), "name_mismatch");
        assert_eq!(verdict(&by_host, &[&stranger.leaf(&a), &stranger.intermediate]), "cert_unknown_issuer");
        assert_eq!(verdict(&by_host, &[&leaf(&a)]), "cert_unknown_issuer");
        assert_eq!(
            verdict(&by_host, &[&leaf(&[San::uri("spiffe://prod/a")]), &pki.intermediate]),
            "cert_unknown_issuer"
        );
        assert_eq!(verdict(&by_host, &[]), "cert_none");
    }

    #[test]
    fn other_names_of_the_leaf_take_the_platform_to_its_verdict() {
        let pki = Pki::new("platform");
        let by_uri = prepared(&pki.root, &[SanDraft::uri("spiffe://prod/a")]);
        let both = pki.leaf(&[San::dns("b.test"), San::uri("spiffe://prod/a")]);
        assert_eq!(verdict(&by_uri, &[&both, &pki.intermediate]), "accepted");
        let other = pki.leaf(&[San::dns("b.test"), San::uri("spiffe://prod/b")]);
        assert_eq!(verdict(&by_uri, &[&other, &pki.intermediate]), "name_mismatch");
    }

    #[test]
    fn what_the_platform_says_has_our_codes() {
        let pki = Pki::new("platform");
        let by_host = prepared(&pki.root, &[]);
        let template = || Template::leaf("a").with_sans(&[San::dns("a.test")]);
        let refuse = |template: Template| {
            let leaf = template.issued_by(&pki.intermediate, &Key::p256("platform leaf"));
            verdict(&by_host, &[&leaf, &pki.intermediate])
        };
        assert_eq!(refuse(template()), "accepted");
        assert_eq!(refuse(template().with_validity(NOW - 9 * DAY, NOW - DAY)), "cert_expired");
        assert_eq!(refuse(template().with_validity(NOW + DAY, NOW + 9 * DAY)), "cert_not_yet_valid");
        assert_eq!(refuse(Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..template() }), "cert_purpose");
        let tampered = pki.leaf(&[San::dns("a.test")]).with_tampered_signature();
        assert_eq!(verdict(&by_host, &[&tampered, &pki.intermediate]), "cert_bad_signature");
        let itself = template().self_signed(&Key::p256("platform leaf"));
        assert_eq!(verdict(&by_host, &[&itself]), "cert_self_signed");
    }

    /// T3 by every door: the platform's verifier is webpki over the root files here, and would let this key sign.
    #[cfg(not(any(target_vendor = "apple", windows, target_os = "android")))]
    #[test]
    fn what_may_not_issue_does_not_issue_by_the_platform() {
        let key = Key::p256("platform wiki");
        let a = [San::dns("a.test")];
        let root = |template: Template| template.self_signed(&key);
        let below =
            |root: &Certificate| Template::leaf("leaf").with_sans(&a).issued_by(root, &Key::p256("platform leaf"));
        let ca = root(Template::ca("wiki"));
        let by_ca = prepared(&ca, &[]);
        assert_eq!(verdict(&by_ca, &[&below(&ca)]), "accepted");
        // Whose verdict it was is said, though the roots are ours to read here.
        let chain = [below(&ca)].map(|leaf| CertificateDer::from(leaf.der().to_vec()));
        let report = by_ca.report(&chain, Some(&BackendHost::parse("a.test").unwrap()));
        assert!(format!("{:?}", report.steps).contains("the platform's verifier"), "{:?}", report.steps);
        let server = root(Template::leaf("wiki").with_sans(&a));
        let runtime = Runtime::builder(provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
        let extra = [&server, &Pki::new("platform").root].map(|one| CertificateDer::from(one.der().to_vec()));
        runtime.set_platform(PlatformTrust::with_extra_roots(&provider(), extra.to_vec(), 0).unwrap());
        let trust = TrustDraft { system: SystemTrustDraft::Platform, ..TrustDraft::default() };
        let draft = PolicyDraft::new(PolicySpec { trust, ..PolicySpec::default() });
        let by_both = runtime.prepare(&UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap()).unwrap();
        assert_eq!(verdict(&by_both, &[&below(&server)]), "cert_unknown_issuer");
        assert_eq!(verdict(&by_both, &[&server]), "cert_self_signed");
    }

    /// A client configuration is never shared by two loads of the platform's roots: live and offline say the same.
    #[test]
    fn connections_follow_a_refresh_of_the_roots() {
        let (old, new) = (Pki::new("platform old"), Pki::new("platform new"));
        let runtime = Runtime::builder(provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
        let load = |root: &Certificate, load| {
            let extra = vec![CertificateDer::from(root.der().to_vec())];
            runtime.set_platform(PlatformTrust::with_extra_roots(&provider(), extra, load).unwrap());
            let trust = TrustDraft { system: SystemTrustDraft::Platform, ..TrustDraft::default() };
            let draft = PolicyDraft::new(PolicySpec { trust, ..PolicySpec::default() });
            runtime.prepare(&UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap()).unwrap()
        };
        let (before, after) = (load(&old.root, 0), load(&new.root, 1));
        assert_ne!(before.fingerprint(), after.fingerprint());
        for (prepared, pki, accepted) in
            [(&before, &old, true), (&before, &new, false), (&after, &old, false), (&after, &new, true)]
        {
            let leaf = pki.leaf(&[San::dns("a.test")]);
            assert_eq!(verdict(prepared, &[&leaf, &pki.intermediate]) == "accepted", accepted);
            let connector = crate::Connector::of_prepared(prepared.clone(), crate::OnInvalid::default());
            let options = uptls_testkit::ServerOptions::new(&[&leaf, &pki.intermediate]);
            let mut server = uptls_testkit::MemoryServer::with_options(&options);
            let host = BackendHost::parse("a.test").unwrap();
            let mut handshake = connector.begin(&host, &crate::ConnectOptions::default()).unwrap();
            let mut refused = false;
            for _ in 0..8 {
                let mut out = Vec::new();
                handshake.drain_to(&mut out);
                let _ = server.feed(&out);
                refused |= handshake.feed(&server.drain()).is_err();
            }
            assert_eq!((handshake.is_done(), refused), (accepted, !accepted));
        }
    }

    #[test]
    fn neither_bundles_nor_resumption_go_with_it() {
        let bundles = vec![MaterialDraft::pem(Pki::new("platform").root.pem())];
        let trust = TrustDraft { system: SystemTrustDraft::Platform, bundles, ..TrustDraft::default() };
        let draft = PolicyDraft::new(PolicySpec { trust, ..PolicySpec::default() });
        let problems = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap_err();
        assert_eq!(problems.code(), crate::Code::UnsupportedOption);
        let prepared = prepared(&Pki::new("platform").root, &[]);
        assert_eq!(prepared.policy().resumption(), crate::Resumption::Disabled);
    }
}
