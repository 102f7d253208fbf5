//! Typed SAN matchers as names of a policy (N5..N7).

use std::net::IpAddr;

use uptls::{DnsName, SanDraft, SpiffeId, TrustDomain, UriName, WildcardName};

use crate::envoy::matchers::{covering_wildcard, escape, ip_texts};
use crate::envoy::spiffe::{self, Following};

use super::finding::{Effect, Findings};
use super::object::Object;

/// The names of the matchers, in their order and each once.
pub(super) fn judge(matchers: &[Object<'_>], findings: &mut Findings) -> Vec<SanDraft> {
    let mut names: Vec<Name> = Vec::new();
    for matcher in matchers {
        for name in one(matcher, findings) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let drafts: Vec<_> = names.iter().filter_map(|name| draft(name, &names, matchers.first(), findings)).collect();
    drafts
}

/// What a matcher takes.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Name {
    /// By Envoy's own comparison of DNS names, which takes wildcards.
    Dns(String),
    /// Exactly this text, whatever its case.
    DnsLiteral(String),
    Ip(IpAddr),
    /// Trust domain, and the path with which IDs begin.
    SpiffePrefix(String, String),
    SpiffeTrustDomain(String),
    Uri(String),
}

fn one(matcher: &Object<'_>, findings: &mut Findings) -> Vec<Name> {
    matcher.strict(&["san_type", "matcher", "oid"], findings);
    let Some(value) = matcher.get("matcher") else {
        let reason = "there is nothing to match";
        findings.add(matcher.spot(), Effect::Unclear, "malformed", reason, "add a matcher");
        return Vec::new();
    };
    value.strict(&["exact", "prefix", "suffix", "contains", "safe_regex", "ignore_case", "custom"], findings);
    let regex = value.get("safe_regex");
    if let Some(regex) = &regex {
        regex.strict(&["regex", "google_re2"], findings);
    }
    let regex = regex.as_ref().and_then(|regex| regex.text("regex"));
    let names = match (matcher.text("san_type").unwrap_or_default(), value.text("exact"), regex) {
        ("DNS", Some(exact), _) => dns_exact(exact),
        ("DNS", _, Some(regex)) => dns_literals(regex).ok_or(UNKNOWN_REGEX),
        ("DNS", ..) => Err(dns_fragment(&value)),
        ("URI", Some(_), _) if value.is_true("ignore_case") => Err(IGNORE_CASE),
        ("URI", Some(exact), _) => uri_exact(exact),
        ("URI", _, Some(regex)) => spiffe_regex(regex, &value, findings).ok_or(UNKNOWN_REGEX),
        ("URI", ..) => uri_prefix(&value, findings),
        ("IP_ADDRESS", Some(exact), _) => ip_exact(exact),
        ("EMAIL" | "OTHER_NAME", ..) => Err(OTHER_TYPE),
        _ => Err(UNKNOWN_TYPE),
    };
    names.unwrap_or_else(|(effect, name, reason, change)| {
        findings.add(value.spot(), effect, name, reason, change);
        Vec::new()
    })
}

type Why = (Effect, &'static str, &'static str, &'static str);

fn dns_exact(text: &str) -> Result<Vec<Name>, Why> {
    if WildcardName::parse(text).is_ok() {
        return Ok(vec![Name::DnsLiteral(text.to_ascii_lowercase())]);
    }
    if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err((
            Effect::Less,
            "address_as_dns",
            "it is an address, and matches a dNSName of this text, also by *.0.0.1",
            "use san_type IP_ADDRESS",
        ));
    }
    let canonical = DnsName::parse(text).ok().filter(|name| name.as_str() == text.to_ascii_lowercase());
    canonical.map(|name| vec![Name::Dns(name.to_string())]).ok_or(NO_NAME)
}

/// `(?i)` and one escaped text, or several in a group.
fn dns_literals(regex: &str) -> Option<Vec<Name>> {
    let rest = regex.strip_prefix("(?i)")?;
    let rest = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest);
    rest.split('|').map(|part| unescape(part).and_then(literal)).collect()
}

fn literal(text: String) -> Option<Name> {
    let is_name = DnsName::parse(&text).is_ok_and(|name| name.as_str() == text);
    let is_wildcard = WildcardName::parse(&text).is_ok_and(|name| name.as_str() == text);
    (is_name || is_wildcard).then_some(Name::DnsLiteral(text))
}

/// The text that an expression of nothing but escaped and ordinary characters matches.
fn unescape(regex: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = regex.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next().filter(|c| "*.-".contains(*c))?),
            'a'..='z' | '0'..='9' | '-' | '_' => text.push(c),
            'A'..='Z' => text.push(c.to_ascii_lowercase()),
            _ => return None,
        }
    }
    Some(text)
}

fn dns_fragment(value: &Object<'_>) -> Why {
    match value.text("suffix") {
        // Below a name of one label there are names of many owners.
        Some(suffix) if suffix.starts_with('.') && suffix.trim_matches('.').contains('.') => {
            (Effect::Beyond, "dns_suffix", "a policy names hosts, not all names below one", "list the names")
        }
        _ => (
            Effect::Less,
            "dns_fragment",
            "a name that another party owns can contain this part too",
            "use exact, or a suffix that begins with a dot and has two labels",
        ),
    }
}

fn uri_exact(text: &str) -> Result<Vec<Name>, Why> {
    UriName::parse(text).map(|uri| vec![Name::Uri(uri.as_str().to_owned())]).map_err(|_| NO_NAME)
}

/// The expressions that the export writes.
fn spiffe_regex(regex: &str, value: &Object<'_>, findings: &mut Findings) -> Option<Vec<Name>> {
    let (start, following) = spiffe::start(regex)?;
    let id = SpiffeId::parse(&start.replace("\\.", ".")).ok().filter(|id| escape(id.as_str()) == start)?;
    let domain = id.trust_domain().to_string();
    Some(vec![match (id.path(), following) {
        ("", Following::Required) => Name::SpiffeTrustDomain(domain),
        ("", Following::Optional) => {
            let reason = "the policy takes no SPIFFE ID without a path (N7)";
            findings.add(value.spot(), Effect::Stricter, "spiffe_root", reason, "");
            Name::SpiffeTrustDomain(domain)
        }
        (path, Following::Optional) => Name::SpiffePrefix(domain, path.to_owned()),
        (_, Following::Required) => return None,
    }])
}

fn uri_prefix(value: &Object<'_>, findings: &mut Findings) -> Result<Vec<Name>, Why> {
    let Some(prefix) = value.text("prefix") else {
        return Err((Effect::Less, "uri_fragment", "any URI can have this part", "use exact"));
    };
    let Some(rest) = prefix.strip_prefix("spiffe://") else {
        let has_authority = prefix.split_once("://").is_some_and(|(_, rest)| rest.find('/').is_some_and(|end| end > 0));
        return Err(match has_authority {
            true => (Effect::Beyond, "uri_prefix", "a policy compares URIs byte for byte", "use exact"),
            false => (Effect::Less, "uri_fragment", "URIs of other hosts begin with it too", "use exact"),
        });
    };
    match rest.split_once('/') {
        None => Err((
            Effect::Less,
            "trust_domain_prefix",
            "other trust domains begin with it too",
            "end the prefix with a slash",
        )),
        Some((domain, "")) if !value.is_true("ignore_case") && TrustDomain::parse(domain).is_ok() => {
            let reason = "the policy takes valid SPIFFE IDs alone (N7)";
            findings.add(value.spot(), Effect::Stricter, "spiffe_prefix", reason, "");
            Ok(vec![Name::SpiffeTrustDomain(domain.to_owned())])
        }
        Some(_) => Err((
            Effect::Beyond,
            "uri_prefix",
            "a policy names whole segments of SPIFFE IDs, and takes the ID that ends with them too",
            "use exact, or the expression that the export of such a policy writes",
        )),
    }
}

fn ip_exact(text: &str) -> Result<Vec<Name>, Why> {
    let ip = text.parse::<IpAddr>().ok().filter(|ip| ip_texts(*ip).iter().any(|canonical| canonical == text));
    ip.map(|ip| vec![Name::Ip(ip)]).ok_or((
        Effect::Beyond,
        "address_not_canonical",
        "Envoy compares texts, and never writes an address like this",
        "write the address in its shortest form",
    ))
}

/// A name as a policy says it. The wildcard that stands beside a name is a part of it (N6).
fn draft(name: &Name, all: &[Name], at: Option<&Object<'_>>, findings: &mut Findings) -> Option<SanDraft> {
    let mut add = |effect, name, reason: &str, change| {
        if let Some(at) = at {
            findings.add(at.spot(), effect, name, reason, change);
        }
    };
    let has = |text: String| all.contains(&Name::DnsLiteral(text));
    match name {
        Name::Ip(ip) => Some(SanDraft::ip(ip.to_string())),
        Name::SpiffePrefix(domain, path) => Some(SanDraft::spiffe(domain, path)),
        Name::SpiffeTrustDomain(domain) => Some(SanDraft::spiffe_trust_domain(domain)),
        Name::Uri(uri) => Some(SanDraft::uri(uri)),
        Name::Dns(text) => {
            let reason = format!("for {text} Envoy takes partial wildcards too, and *.com for example.com (N6)");
            add(Effect::Stricter, "dns_exact", &reason, "");
            Some(SanDraft::dns(text))
        }
        Name::DnsLiteral(text) if text.starts_with('*') => {
            let covers = |other: &Name| match other {
                Name::DnsLiteral(other) => covering_wildcard(other).as_ref() == Some(text),
                _ => false,
            };
            (!all.iter().any(covers)).then(|| SanDraft::dns(text))
        }
        Name::DnsLiteral(text) => {
            if covering_wildcard(text).is_none_or(has) {
                return Some(SanDraft::dns(text));
            }
            let reason = format!("the certificate must hold {text} itself; a policy takes the wildcard too (N6)");
            add(Effect::Beyond, "dns_literal", &reason, "add the wildcard to the expression, or use exact");
            None
        }
    }
}

const IGNORE_CASE: Why =
    (Effect::Beyond, "uri_ignore_case", "a policy compares URIs byte for byte (N5)", "remove ignore_case");
const NO_NAME: Why = (
    Effect::Beyond,
    "name_invalid",
    "no certificate should hold this name, and no policy may want it",
    "correct the name",
);
const OTHER_TYPE: Why =
    (Effect::Beyond, "other_type", "a policy knows dns, ip and uri names alone (N5)", "use DNS, URI or IP_ADDRESS");
const UNKNOWN_REGEX: Why = (
    Effect::Unclear,
    "regex",
    "what an expression of this shape takes cannot be told here",
    "use exact, or (?i) and an escaped name",
);
const UNKNOWN_TYPE: Why = (
    Effect::Unclear,
    "san_type",
    "this kind of matcher is not known here",
    "use san_type DNS, URI or IP_ADDRESS with exact",
);
