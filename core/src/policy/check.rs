//! From what was written to a policy: every field is parsed once, and all that is wrong is reported at once.

use core::time::Duration;
use std::net::IpAddr;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};

use super::draft::{
    AlpnDraft, DangerDraft, IdentityDraft, MaterialDraft, PolicyDraft, PolicySpec, RevocationDraft, SanDraft,
    SecretDraft, SystemTrustDraft, TolerationDraft, TrustDraft, VersionsDraft, nearest,
};
use super::{
    Alpn, AlpnSelection, CIPHER_SUITES, Fields, GROUPS, IdentitySpec, Material, Resumption, RevocationDepth,
    RevocationSpec, SanMatcher, SecretMaterial, ServerNameRule, SystemTrust, TlsVersion, TrustSpec, UnknownRevocation,
    Versions, WildcardName,
};
use crate::danger::{Danger, DangerPermission, PeerDanger, ToleratedRule, Toleration};
use crate::error::{PolicyError, PolicyErrorKind, Problem, Problems};
use crate::name::{DnsName, NameError, TrustDomain, UriName};

pub(super) fn check(draft: PolicyDraft, permission: DangerPermission) -> Result<Fields, Problems> {
    let PolicyDraft { base, name, origins, spec } = draft;
    let mut checker = Checker { base, problems: Vec::new() };
    let mut fields = checker.fields(spec, permission);
    let locate = |problem: Problem| {
        let origin = nearest(&origins, problem.path());
        problem.with_origin(origin)
    };
    let problems = checker.problems.into_iter().map(locate).collect();
    fields.origins = origins;
    fields.name.clone_from(&name);
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
        let trust = self.trust(trust, &danger);
        let server_name = self.server_name(server_name.as_deref());
        let named_sans = !subject_alt_names.is_empty();
        let subject_alt_names = self.subject_alt_names(subject_alt_names);
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
        let resumption = match resumption {
            None | Some(true) => Resumption::Enabled,
            Some(false) => Resumption::Disabled,
        };
        Fields {
            alpn,
            cipher_suites,
            danger,
            groups,
            handshake_timeout,
            identity,
            name: None,
            origins: Default::default(),
            resumption,
            revocation,
            server_name,
            spki_pins,
            subject_alt_names,
            trust,
            versions,
        }
    }

    fn fail(&mut self, path: impl Into<String>, kind: PolicyErrorKind) {
        self.problems.push(PolicyError::new(path, kind).into());
    }

    fn invalid(&mut self, path: impl Into<String>, given: impl Into<String>, wanted: impl Into<String>) {
        self.fail(path, PolicyErrorKind::Invalid { given: given.into(), wanted: wanted.into() });
    }

    fn bad_name(&mut self, path: impl Into<String>, given: &str, reason: NameError) {
        self.fail(path, PolicyErrorKind::NameInvalid { given: given.to_owned(), reason });
    }

    /// T1: a trust source is required, D2 apart.
    fn trust(&mut self, draft: TrustDraft, danger: &Danger) -> TrustSpec {
        let TrustDraft { bundles, pinned_certificates, pinned_keys, system } = draft;
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
            SystemTrustDraft::Platform => {
                let supported = ["false", "native", "mozilla"].map(str::to_owned).to_vec();
                let kind = PolicyErrorKind::UnsupportedOption { given: "platform".to_owned(), supported };
                self.fail("spec.trust.system", kind);
                SystemTrust::Off
            }
        };
        TrustSpec {
            bundles: self.materials("spec.trust.bundles", bundles),
            pinned_certificates: self.sha256_list("spec.trust.pinnedCertificates", &pinned_certificates, parse_hex),
            pinned_keys: self.sha256_list("spec.trust.pinnedKeys", &pinned_keys, parse_base64),
            system,
        }
    }

    /// N2.
    fn server_name(&mut self, text: Option<&str>) -> ServerNameRule {
        match text {
            None | Some("auto") => ServerNameRule::Auto,
            Some("none") => ServerNameRule::None,
            Some(text) => match DnsName::parse(text) {
                Ok(name) => ServerNameRule::Dns(name),
                Err(reason) => {
                    self.bad_name("spec.serverName", text, reason);
                    ServerNameRule::Auto
                }
            },
        }
    }

    /// N5..N8.
    fn subject_alt_names(&mut self, drafts: Vec<SanDraft>) -> Vec<SanMatcher> {
        let mut matchers = Vec::new();
        for (index, draft) in drafts.iter().enumerate() {
            if let Some(matcher) = self.san(&format!("spec.subjectAltNames[{index}]"), draft)
                && !matchers.contains(&matcher)
            {
                matchers.push(matcher);
            }
        }
        if matchers.len() > MAX_SANS {
            let given = format!("{} names", matchers.len());
            self.invalid("spec.subjectAltNames", given, format!("a list of at most {MAX_SANS} names"));
        }
        matchers
    }

    fn san(&mut self, path: &str, draft: &SanDraft) -> Option<SanMatcher> {
        let SanDraft { dns, ip, spiffe_trust_domain, uri } = draft;
        let (kind, text, parsed) = match (dns, ip, spiffe_trust_domain, uri) {
            (Some(dns), None, None, None) => ("dns", dns, parse_dns_san(dns)),
            (None, Some(ip), None, None) => {
                let Ok(ip) = ip.parse::<IpAddr>() else {
                    self.invalid(format!("{path}.ip"), ip, "an IPv4 or IPv6 address without brackets or zone");
                    return None;
                };
                return Some(SanMatcher::Ip(ip));
            }
            (None, None, Some(domain), None) => {
                ("spiffeTrustDomain", domain, TrustDomain::parse(domain).map(SanMatcher::SpiffeTrustDomain))
            }
            (None, None, None, Some(uri)) => ("uri", uri, UriName::parse(uri).map(SanMatcher::Uri)),
            _ => {
                let count = [dns, ip, spiffe_trust_domain, uri].into_iter().flatten().count();
                self.invalid(
                    path,
                    format!("an entry with {count} names"),
                    "exactly one of dns, uri, ip, spiffeTrustDomain",
                );
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
        let certificate = certificate.and_then(|draft| self.material("spec.identity.certificate", draft));
        let key = key.and_then(|draft| self.secret("spec.identity.key", draft));
        let passphrase = passphrase.map(|draft| self.secret("spec.identity.passphrase", draft));
        Some(IdentitySpec { certificate: certificate?, key: key?, passphrase: passphrase.flatten() })
    }

    /// H1.
    fn versions(&mut self, draft: &VersionsDraft) -> Versions {
        let VersionsDraft { max, min } = draft;
        let default = Versions::default();
        let max = self.version("spec.versions.max", max.as_deref(), default.max);
        let min = self.version("spec.versions.min", min.as_deref(), default.min);
        if min > max {
            self.invalid("spec.versions", format!("min {min} with max {max}"), "a range with min at most max");
        }
        Versions { max, min }
    }

    fn version(&mut self, path: &str, text: Option<&str>, default: TlsVersion) -> TlsVersion {
        let Some(text) = text else { return default };
        TlsVersion::parse(text).unwrap_or_else(|| {
            let supported = vec!["1.2".to_owned(), "1.3".to_owned()];
            self.fail(path, PolicyErrorKind::UnsupportedOption { given: text.to_owned(), supported });
            default
        })
    }

    /// H2.
    fn cipher_suites(&mut self, names: &[String], versions: Versions) -> Vec<&'static str> {
        let mut suites = Vec::new();
        for (index, name) in names.iter().enumerate() {
            match CIPHER_SUITES.iter().find(|(known, ..)| known == name) {
                Some((known, ..)) if suites.contains(known) => {}
                Some((known, ..)) => suites.push(*known),
                None => {
                    let supported = CIPHER_SUITES.iter().map(|(known, ..)| (*known).to_owned()).collect();
                    let kind = PolicyErrorKind::UnsupportedOption { given: name.clone(), supported };
                    self.fail(format!("spec.cipherSuites[{index}]"), kind);
                }
            }
        }
        let usable = |wanted: TlsVersion| CIPHER_SUITES.iter().any(|(n, _, v)| suites.contains(n) && *v == wanted);
        for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
            if !suites.is_empty() && versions.contains(version) && !usable(version) {
                let wanted = format!("a list with a suite for TLS {version}, or versions without {version}");
                self.invalid("spec.cipherSuites", suites.join(", "), wanted);
            }
        }
        suites
    }

    fn groups(&mut self, names: &[String]) -> Vec<&'static str> {
        let mut groups = Vec::new();
        for (index, name) in names.iter().enumerate() {
            match GROUPS.iter().find(|(known, _)| known == name) {
                Some((known, _)) if groups.contains(known) => {}
                Some((known, _)) => groups.push(*known),
                None => {
                    let supported = GROUPS.iter().map(|(known, _)| (*known).to_owned()).collect();
                    let kind = PolicyErrorKind::UnsupportedOption { given: name.clone(), supported };
                    self.fail(format!("spec.groups[{index}]"), kind);
                }
            }
        }
        groups
    }

    /// H3.
    fn alpn(&mut self, draft: AlpnDraft) -> Alpn {
        let AlpnDraft { protocols, required } = draft;
        for (index, protocol) in protocols.iter().enumerate() {
            if protocol.is_empty() || protocol.len() > 255 {
                let given = format!("a name of {} octets", protocol.len());
                self.invalid(format!("spec.alpn.protocols[{index}]"), given, "a name of 1 to 255 octets");
            }
        }
        let octets: usize = protocols.iter().map(|p| p.len() + 1).sum();
        if octets > usize::from(u16::MAX) {
            self.invalid("spec.alpn.protocols", format!("{octets} octets"), "a list of at most 65535 octets");
        }
        if required && protocols.is_empty() {
            self.invalid("spec.alpn.required", "true without protocols", "false, or list protocols");
        }
        let selection = if required { AlpnSelection::Required } else { AlpnSelection::Optional };
        Alpn { protocols, selection }
    }

    /// V3.
    fn revocation(&mut self, draft: RevocationDraft) -> Option<RevocationSpec> {
        let RevocationDraft { crls, depth, unknown } = draft;
        if crls.is_empty() {
            self.invalid("spec.revocation.crls", "an empty list", "at least one CRL, or remove spec.revocation");
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

    fn timeout(&mut self, text: Option<&str>) -> Duration {
        let Some(text) = text else { return DEFAULT_TIMEOUT };
        let parsed = text.parse::<SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
        match parsed {
            Some(timeout) if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) => timeout,
            _ => {
                self.invalid("spec.handshakeTimeout", text, "a duration from 1ms to 1h, as 10s or 500ms");
                DEFAULT_TIMEOUT
            }
        }
    }

    /// D1..D5.
    fn danger(&mut self, draft: DangerDraft, permission: DangerPermission) -> Danger {
        let DangerDraft { accept_any_certificate, accept_any_name, tolerate } = draft;
        let peer = match (accept_any_certificate, accept_any_name) {
            (None, None) => PeerDanger::None,
            (Some(any), None) => PeerDanger::AnyCertificate { reason: any.reason },
            (None, Some(any)) => PeerDanger::AnyName { reason: any.reason },
            (Some(_), Some(_)) => {
                self.invalid("spec.danger", "two weakenings", "at most one of acceptAnyCertificate and acceptAnyName");
                PeerDanger::None
            }
        };
        match &peer {
            PeerDanger::AnyCertificate { reason } => {
                self.reason("spec.danger.acceptAnyCertificate", reason, permission)
            }
            PeerDanger::AnyName { reason } => self.reason("spec.danger.acceptAnyName", reason, permission),
            PeerDanger::None => {}
        }
        let mut tolerations = Vec::new();
        for (index, draft) in tolerate.into_iter().enumerate() {
            let path = format!("spec.danger.tolerate[{index}]");
            self.reason(&path, &draft.reason, permission);
            tolerations.extend(self.toleration(&path, draft));
        }
        Danger { peer, tolerations }
    }

    fn reason(&mut self, path: &str, reason: &str, permission: DangerPermission) {
        if permission == DangerPermission::Forbidden {
            self.fail(path, PolicyErrorKind::DangerForbidden);
        }
        if reason.trim().is_empty() {
            self.invalid(format!("{path}.reason"), "an empty text", "the reason for this weakening");
        }
    }

    fn toleration(&mut self, path: &str, draft: TolerationDraft) -> Option<Toleration> {
        let TolerationDraft { reason, rule, until } = draft;
        let Some(rule) = ToleratedRule::ALL.into_iter().find(|known| known.as_str() == rule) else {
            let supported = ToleratedRule::ALL.map(|known| known.as_str().to_owned()).to_vec();
            self.fail(format!("{path}.rule"), PolicyErrorKind::UnsupportedOption { given: rule, supported });
            return None;
        };
        let until = match until {
            None => None,
            Some(text) => match text.parse::<Timestamp>() {
                Ok(time) => Some(time.as_second()),
                Err(_) => {
                    self.invalid(format!("{path}.until"), text, "a time as RFC 3339, 2027-01-01T00:00:00Z");
                    return None;
                }
            },
        };
        Some(Toleration { reason, rule, until })
    }

    fn materials(&mut self, path: &str, drafts: Vec<MaterialDraft>) -> Vec<Material> {
        let numbered = drafts.into_iter().enumerate();
        numbered.filter_map(|(index, draft)| self.material(&format!("{path}[{index}]"), draft)).collect()
    }

    fn material(&mut self, path: &str, draft: MaterialDraft) -> Option<Material> {
        match draft {
            MaterialDraft { file: Some(path), pem: None } => Some(Material::File { base: self.base.clone(), path }),
            MaterialDraft { file: None, pem: Some(pem) } => Some(Material::Inline(pem.into_bytes().into())),
            _ => {
                self.invalid(path, "an entry without exactly one source", "{file: PATH} or {pem: TEXT}");
                None
            }
        }
    }

    fn secret(&mut self, path: &str, draft: SecretDraft) -> Option<SecretMaterial> {
        match draft {
            SecretDraft { file: Some(path), pem: None } => Some(SecretMaterial::File { base: self.base.clone(), path }),
            SecretDraft { file: None, pem: Some(secret) } => Some(SecretMaterial::Inline(secret)),
            _ => {
                self.invalid(path, "an entry without exactly one source", "{file: PATH} or {pem: TEXT}");
                None
            }
        }
    }

    fn sha256_list(&mut self, path: &str, texts: &[String], parse: fn(&str) -> Option<[u8; 32]>) -> Vec<[u8; 32]> {
        let mut digests = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match parse(text) {
                Some(digest) if digests.contains(&digest) => {}
                Some(digest) => digests.push(digest),
                None => {
                    let form =
                        if path.ends_with("Certificates") { "64 hexadecimal digits" } else { "44 base64 characters" };
                    self.invalid(format!("{path}[{index}]"), text, format!("a SHA-256 in {form}"));
                }
            }
        }
        digests
    }
}

/// N6: `*.x` is permitted here and nowhere else.
fn parse_dns_san(text: &str) -> Result<SanMatcher, NameError> {
    if text.contains('*') {
        return WildcardName::parse(text).map(SanMatcher::DnsWildcard);
    }
    DnsName::parse(text).map(SanMatcher::Dns)
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b':').collect();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

fn parse_base64(text: &str) -> Option<[u8; 32]> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_SANS: usize = 64;
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
