//! Names as typed SAN matchers (X3): each matches exactly what rules N5..N7 match.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};
use uptls::SanMatcher;

use super::spiffe;

/// Puts the matchers for `names` into a validation context; none for none.
pub(super) fn write(names: &[SanMatcher], validation: &mut Map<String, Value>) {
    let mut matchers: Vec<Value> = Vec::new();
    for matcher in names.iter().flat_map(of) {
        if !matchers.contains(&matcher) {
            matchers.push(matcher);
        }
    }
    if !matchers.is_empty() {
        validation.insert("match_typed_subject_alt_names".to_owned(), Value::Array(matchers));
    }
}

/// The matchers of one name; a SAN must match any of them.
fn of(name: &SanMatcher) -> Vec<Value> {
    match name {
        SanMatcher::Dns(name) => {
            let mut matchers = vec![dns_literal(name.as_str())];
            matchers.extend(covering_wildcard(name.as_str()).map(|wildcard| dns_literal(&wildcard)));
            matchers
        }
        SanMatcher::DnsWildcard(name) => vec![dns_literal(name.as_str())],
        SanMatcher::Ip(ip) => ip_texts(*ip).into_iter().map(|text| exact("IP_ADDRESS", &text)).collect(),
        SanMatcher::SpiffePrefix(prefix) => {
            let start = prefix.to_string();
            vec![regex("URI", &spiffe::below(&escape(&start)), start.len() + SPIFFE_PROGRAM)]
        }
        SanMatcher::SpiffeTrustDomain(domain) => {
            let start = format!("spiffe://{domain}");
            vec![regex("URI", &spiffe::any_path(&escape(&start)), start.len() + SPIFFE_PROGRAM)]
        }
        SanMatcher::Uri(uri) => vec![exact("URI", uri.as_str())],
        // A kind of name that is added to the core has no matcher yet, and one that matches nothing refuses everything.
        _ => vec![exact("DNS", "")],
    }
}

/// N6: the one wildcard that covers `name`; none covers a name that would leave a bare top-level name behind the
/// star, nor another wildcard.
pub(super) fn covering_wildcard(name: &str) -> Option<String> {
    let (first, rest) = name.split_once('.')?;
    (first != "*" && rest.contains('.')).then(|| format!("*.{rest}"))
}

/// A dNSName that is this text, whatever the case. Envoy's own exact matcher of the type DNS would take partial wildcards
/// and `*.com` too.
fn dns_literal(text: &str) -> Value {
    regex("DNS", &format!("(?i){}", escape(text)), text.len() + 4)
}

/// Envoy matches the whole SAN. `size` is that of the compiled program, of which it permits 100 unless it is told more.
fn regex(san_type: &str, regex: &str, size: usize) -> Value {
    let mut matcher = json!({"regex": regex});
    if size > DEFAULT_PROGRAM_SIZE {
        // Deprecated, and still the only way within a context.
        matcher["google_re2"] = json!({"max_program_size": MAX_PROGRAM_SIZE});
    }
    json!({"san_type": san_type, "matcher": {"safe_regex": matcher}})
}

fn exact(san_type: &str, text: &str) -> Value {
    json!({"san_type": san_type, "matcher": {"exact": text}})
}

/// The characters of names that mean something in an expression.
pub(super) fn escape(text: &str) -> String {
    text.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(!"*.".contains(c)))).collect()
}

/// Envoy compares the text that `inet_ntop` makes of an iPAddress.
pub(super) fn ip_texts(ip: IpAddr) -> Vec<String> {
    let mut texts = vec![ip.to_string()];
    if let IpAddr::V6(v6) = ip
        && let Some(dotted) = dotted(v6)
        && !texts.contains(&dotted)
    {
        texts.push(dotted);
    }
    texts
}

/// How the C library writes an address of `::/96`.
fn dotted(ip: Ipv6Addr) -> Option<String> {
    let bytes = ip.octets();
    let (zeros, rest) = bytes.split_at(12);
    let rest: [u8; 4] = rest.try_into().ok()?;
    let is_compatible = zeros.iter().all(|byte| *byte == 0) && rest.first_chunk::<2>() != Some(&[0, 0]);
    is_compatible.then(|| format!("::{}", Ipv4Addr::from(rest)))
}

const DEFAULT_PROGRAM_SIZE: usize = 100;
/// What the segments of a path take of a program.
const SPIFFE_PROGRAM: usize = 27;
/// Enough for a name of 255 bytes.
const MAX_PROGRAM_SIZE: usize = 512;
