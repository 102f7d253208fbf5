//! From what was written to a policy: every field is parsed once, and all that is wrong is reported at once.

mod contradictions;
mod danger;
mod material;
mod negotiation;
mod spiffe;

pub(super) use spiffe::may_vouch;

use std::net::IpAddr;
use std::path::PathBuf;

use super::draft::{IdentityDraft, PolicyDraft, PolicySpec, RevocationDraft, SanDraft, SystemTrustDraft, TrustDraft};
use super::{
    Fields, IdentitySpec, Negotiation, Resumption, RevocationDepth, RevocationSpec, SanMatcher, ServerNameRule,
    SystemTrust, TrustSpec, Uncommon, UnknownRevocation, WildcardName,
};
use crate::danger::{Danger, DangerPermission, PeerDanger};
use crate::error::{PolicyError, PolicyErrorKind, Problem, Problems};
use crate::name::{DnsName, NameError, UriName};

use contradictions::Written;
use material::{parse_base64, parse_hex};

pub(super) fn check(draft: PolicyDraft, permission: DangerPermission) -> Result<Fields, Problems> {
    let PolicyDraft { base, name, origins, spec } = draft;
    let mut checker = Checker { base, problems: Vec::new() };
    let mut fields = checker.fields(spec, permission);
    let locate = |problem: Problem| {
        let origin = origins.nearest(problem.path()).cloned();
        problem.with_origin(origin)
    };
    let problems = checker.problems.into_iter().map(locate).collect();
    fields.origins = origins;
    fields.name = name.as_deref().map(Box::from);
    Problems::or_else(name.as_deref(), problems, fields)
}

struct Checker {
    base: Option<PathBuf>,
    problems: Vec<Problem>,
}

impl Checker {
    fn fields(&mut self, spec: PolicySpec, permission: DangerPermission) -> Fields {
        let PolicySpec {
            alpn,
            cipher_suites,
            danger,
            groups,
            handshake_timeout,
            identity,
            resumption,
            revocation,
            server_name,
            spki_pins,
            subject_alt_names,
            trust,
            versions,
        } = spec;
        let danger = self.danger(danger, permission);
        let problems = self.problems.len();
        let trust = self.trust(trust, &danger);
        let named_sans = !subject_alt_names.is_empty();
        let server_name = self.server_name(server_name.as_deref(), named_sans);
        let subject_alt_names = self.subject_alt_names(subject_alt_names);
        // What is wrong with trust or names themselves is said first, and names alone under D1 and D2.
        if self.problems.len() == problems && danger.peer == PeerDanger::None {
            self.vouchers(&trust, &subject_alt_names);
        }
        let subject_alt_names = subject_alt_names.into_iter().map(|(_, matcher)| matcher).collect();
        if server_name == ServerNameRule::None && !named_sans && danger.peer == PeerDanger::None {
            self.fail("spec.serverName", PolicyErrorKind::NameMissing);
        }
        let spki_pins = self.sha256_list("spec.spkiPins", &spki_pins, parse_base64);
        let identity = identity.and_then(|identity| self.identity(identity));
        let versions = self.versions(&versions);
        let cipher_suites = self.cipher_suites(&cipher_suites, versions);
        let groups = self.groups(&groups);
        let alpn = self.alpn(alpn);
        let revocation = revocation.and_then(|revocation| self.revocation(revocation));
        let handshake_timeout = self.timeout(handshake_timeout.as_deref());
        self.platform(&trust, revocation.is_some());
        self.contradictions(&Written {
            danger: &danger,
            groups: &groups,
            revocation: revocation.as_ref(),
            spki_pins: &spki_pins,
            subject_alt_names: named_sans,
            trust: &trust,
            versions,
        });
        let resumption = match (resumption, trust.system) {
            // T6: until when the platform would trust a peer is not known.
            (_, SystemTrust::Platform) | (Some(false), _) => Resumption::Disabled,
            (None | Some(true), _) => Resumption::Enabled,
        };
        let negotiation = Negotiation { alpn, cipher_suites, groups, handshake_timeout, resumption, versions };
        Fields {
            identity: identity.map(Box::new),
            name: None,
            negotiation: Some(negotiation).filter(|made| *made != Negotiation::DEFAULT).map(Box::new),
            origins: Default::default(),
            server_name,
            subject_alt_names,
            trust,
            uncommon: Some(Uncommon { danger, revocation, spki_pins }).filter(|said| !said.is_nothing()).map(Box::new),
        }
    }

    fn fail(&mut self, path: impl Into<String>, kind: PolicyErrorKind) {
        self.problems.push(PolicyError::new(path, kind).into());
    }

    /// Fields that cannot stand together, and the one thing to change.
    fn contradiction(&mut self, path: impl Into<String>, conflict: impl Into<String>, change: impl Into<String>) {
        self.fail(path, PolicyErrorKind::Contradiction { change: change.into(), conflict: conflict.into() });
    }

    fn invalid(&mut self, path: impl Into<String>, given: impl Into<String>, wanted: impl Into<String>) {
        self.fail(path, PolicyErrorKind::Invalid { given: given.into(), wanted: wanted.into() });
    }

    fn bad_name(&mut self, path: impl Into<String>, given: &str, reason: NameError) {
        self.fail(path, PolicyErrorKind::NameInvalid { given: given.to_owned(), reason });
    }

    /// T1: a trust source is required, D2 apart.
    fn trust(&mut self, draft: TrustDraft, danger: &Danger) -> TrustSpec {
        let TrustDraft { bundles, pinned_certificates, pinned_keys, system, system_trust_domain } = draft;
        let nothing = bundles.is_empty()
            && pinned_certificates.is_empty()
            && pinned_keys.is_empty()
            && system == SystemTrustDraft::Off;
        if nothing && !matches!(danger.peer, PeerDanger::AnyCertificate { .. }) {
            self.fail("spec.trust", PolicyErrorKind::TrustMissing);
        }
        let system = match system {
            SystemTrustDraft::Mozilla => SystemTrust::Mozilla,
            SystemTrustDraft::Native => SystemTrust::Native,
            SystemTrustDraft::Off => SystemTrust::Off,
            SystemTrustDraft::Platform => SystemTrust::Platform,
        };
        TrustSpec {
            bundles: self.bundles(bundles).into(),
            pinned_certificates: self
                .sha256_list("spec.trust.pinnedCertificates", &pinned_certificates, parse_hex)
                .into(),
            pinned_keys: self.sha256_list("spec.trust.pinnedKeys", &pinned_keys, parse_base64).into(),
            system_trust_domain: self.system_trust_domain(system, system_trust_domain.as_deref()),
            system,
        }
    }

    /// T6: the platform verifier takes neither bundles nor lists.
    fn platform(&mut self, trust: &TrustSpec, has_lists: bool) {
        if trust.system != SystemTrust::Platform {
            return;
        }
        let supported = vec!["false".to_owned(), "native".to_owned(), "mozilla".to_owned()];
        if !trust.bundles.is_empty() {
            let given = "platform together with bundles".to_owned();
            let supported = supported.clone();
            self.fail("spec.trust.system", PolicyErrorKind::UnsupportedOption { given, supported });
        }
        if has_lists {
            let given = "platform together with revocation lists".to_owned();
            self.fail("spec.trust.system", PolicyErrorKind::UnsupportedOption { given, supported });
        }
    }

    /// N2. `listed`: whether subjectAltNames are written.
    fn server_name(&mut self, text: Option<&str>, listed: bool) -> ServerNameRule {
        match text {
            None | Some("auto") => ServerNameRule::Auto,
            Some("none") => ServerNameRule::None,
            Some(text) => match DnsName::parse(text) {
                Ok(name) => ServerNameRule::Dns(name),
                Err(reason) => {
                    let is_address = reason == NameError::IpLiteral;
                    let kind = PolicyErrorKind::NameInvalid { given: text.to_owned(), reason };
                    let error = PolicyError::new("spec.serverName", kind);
                    let error = if is_address { error.mended_by_address(text, listed) } else { error };
                    self.problems.push(error.into());
                    ServerNameRule::Auto
                }
            },
        }
    }

    /// N5..N8: each with its place in the draft. A longer list ends here: the work does not grow with what is refused.
    fn subject_alt_names(&mut self, drafts: Vec<SanDraft>) -> Vec<(usize, SanMatcher)> {
        let mut matchers: Vec<(usize, SanMatcher)> = Vec::new();
        for (index, draft) in drafts.iter().enumerate() {
            if matchers.len() > MAX_SANS {
                break;
            }
            if let Some(matcher) = self.san(&format!("spec.subjectAltNames[{index}]"), draft)
                && !matchers.iter().any(|(_, known)| *known == matcher)
            {
                matchers.push((index, matcher));
            }
        }
        if matchers.len() > MAX_SANS {
            let given = format!("{} names", drafts.len());
            self.invalid("spec.subjectAltNames", given, format!("a list of at most {MAX_SANS} names"));
        }
        matchers
    }

    fn san(&mut self, path: &str, draft: &SanDraft) -> Option<SanMatcher> {
        let SanDraft { dns, ip, spiffe, spiffe_trust_domain, uri } = draft;
        let (kind, text, parsed) = match (dns, ip, spiffe, spiffe_trust_domain, uri) {
            (Some(dns), None, None, None, None) => ("dns", dns, parse_dns_san(dns)),
            (None, Some(ip), None, None, None) => {
                let Ok(ip) = ip.parse::<IpAddr>() else {
                    self.invalid(format!("{path}.ip"), ip, "an IPv4 or IPv6 address without brackets or zone");
                    return None;
                };
                return Some(SanMatcher::Ip(ip));
            }
            (None, None, Some(spiffe), None, None) => return self.spiffe(&format!("{path}.spiffe"), spiffe),
            (None, None, None, Some(domain), None) => {
                return self
                    .trust_domain(format!("{path}.spiffeTrustDomain"), domain)
                    .map(SanMatcher::SpiffeTrustDomain);
            }
            (None, None, None, None, Some(uri)) => ("uri", uri, UriName::parse(uri).map(SanMatcher::Uri)),
            _ => {
                let texts = [dns, ip, spiffe_trust_domain, uri].into_iter().flatten().count();
                let count = texts + usize::from(spiffe.is_some());
                let wanted = "exactly one of dns, uri, ip, spiffe, spiffeTrustDomain";
                self.invalid(path, format!("an entry with {count} names"), wanted);
                return None;
            }
        };
        match parsed {
            Ok(matcher) => Some(matcher),
            Err(reason) => {
                self.bad_name(format!("{path}.{kind}"), text, reason);
                None
            }
        }
    }

    /// I1.
    fn identity(&mut self, draft: IdentityDraft) -> Option<IdentitySpec> {
        let IdentityDraft { certificate, key, passphrase } = draft;
        if certificate.is_none() {
            self.fail("spec.identity", PolicyErrorKind::IdentityIncomplete { missing: "certificate" });
        }
        if key.is_none() {
            self.fail("spec.identity", PolicyErrorKind::IdentityIncomplete { missing: "key" });
        }
        if passphrase.is_some() && key.as_ref().is_some_and(|key| key.external.is_some()) {
            self.contradiction(
                "spec.identity.passphrase",
                "an external key has no passphrase",
                "remove the passphrase",
            );
        }
        if passphrase.as_ref().is_some_and(|passphrase| passphrase.external.is_some()) {
            self.invalid("spec.identity.passphrase", "an external key", "{file: PATH} or {pem: TEXT}");
        }
        let certificate = certificate.and_then(|draft| self.material("spec.identity.certificate", draft));
        let key = key.and_then(|draft| self.secret("spec.identity.key", draft));
        let passphrase = passphrase.map(|draft| self.secret("spec.identity.passphrase", draft));
        Some(IdentitySpec { certificate: certificate?, key: key?, passphrase: passphrase.flatten() })
    }

    /// V3.
    fn revocation(&mut self, draft: RevocationDraft) -> Option<RevocationSpec> {
        let RevocationDraft { crls, depth, unknown } = draft;
        if crls.is_empty() {
            let change = "add the lists of the CAs to spec.revocation.crls, or remove spec.revocation";
            self.contradiction("spec.revocation.crls", "revocation is demanded, and no list is given", change);
            return None;
        }
        let depth = match depth.as_deref() {
            None | Some("chain") => RevocationDepth::Chain,
            Some("leaf") => RevocationDepth::Leaf,
            Some(other) => {
                self.invalid("spec.revocation.depth", other, "chain or leaf");
                RevocationDepth::Chain
            }
        };
        let unknown = match unknown.as_deref() {
            None | Some("deny") => UnknownRevocation::Deny,
            Some("allow") => UnknownRevocation::Allow,
            Some(other) => {
                self.invalid("spec.revocation.unknown", other, "deny or allow");
                UnknownRevocation::Deny
            }
        };
        Some(RevocationSpec { crls: self.materials("spec.revocation.crls", crls), depth, unknown })
    }
}

/// N6: `*.x` is permitted here and nowhere else.
fn parse_dns_san(text: &str) -> Result<SanMatcher, NameError> {
    if text.contains('*') {
        return WildcardName::parse(text).map(SanMatcher::DnsWildcard);
    }
    DnsName::parse(text).map(SanMatcher::Dns)
}

const MAX_SANS: usize = 64;
