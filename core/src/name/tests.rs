//! Names that are parsed, and those that are refused, at each limit.

use super::*;

#[test]
fn dns_names_are_canonical_or_refused() {
    const TABLE: &[(&str, Result<&str, NameError>)] = &[
        ("payments.internal", Ok("payments.internal")),
        ("Payments.Internal.", Ok("payments.internal")),
        ("xn--bcher-kva.example", Ok("xn--bcher-kva.example")),
        ("_sip.example.com", Ok("_sip.example.com")),
        ("localhost", Ok("localhost")),
        ("", Err(NameError::Empty)),
        (".", Err(NameError::EmptyLabel)),
        ("a..b", Err(NameError::EmptyLabel)),
        ("a.b..", Err(NameError::EmptyLabel)),
        (".a", Err(NameError::EmptyLabel)),
        ("a\0.b", Err(NameError::Nul)),
        ("bücher.example", Err(NameError::ULabel)),
        ("*.example.com", Err(NameError::Wildcard)),
        ("10.0.0.7", Err(NameError::IpLiteral)),
        ("1.2.3", Err(NameError::IpLiteral)),
        ("[::1]", Err(NameError::IpLiteral)),
        ("-a.example", Err(NameError::Syntax)),
        ("a-.example", Err(NameError::Syntax)),
        ("a b.example", Err(NameError::Syntax)),
        ("a,b", Err(NameError::Syntax)),
        ("a:80", Err(NameError::Syntax)),
    ];
    for (text, wanted) in TABLE {
        let got = DnsName::parse(text);
        assert_eq!(got.as_ref().map(DnsName::as_str), wanted.as_ref().map(|s| *s), "{text:?}");
    }
    let long = format!("{}.example", "a.".repeat(150));
    assert_eq!(DnsName::parse(&long), Err(NameError::TooLong { limit: 253 }));
    assert_eq!(DnsName::parse(&"a".repeat(64)), Err(NameError::TooLong { limit: 63 }));
}

#[test]
fn backend_hosts_are_addresses_or_names() {
    assert_eq!(BackendHost::parse("[::1]").map(|h| h.to_string()), Ok("::1".to_owned()));
    assert_eq!(BackendHost::parse("127.0.0.1").map(|h| h.to_string()), Ok("127.0.0.1".to_owned()));
    assert_eq!(BackendHost::parse("A.example.").map(|h| h.to_string()), Ok("a.example".to_owned()));
    assert_eq!(BackendHost::parse("1.2.3"), Err(NameError::IpLiteral));
}

#[test]
fn spiffe_ids_follow_the_standard() {
    for (good, path) in [("spiffe://prod/ns/pay/sa/api", "/ns/pay/sa/api"), ("spiffe://a-b_c.d/X.y-Z_1", "/X.y-Z_1")] {
        assert_eq!(SpiffeId::parse(good).as_ref().map(SpiffeId::path), Ok(path));
        assert!(UriName::parse(good).is_ok(), "{good}");
    }
    assert_eq!(SpiffeId::parse("spiffe://prod").as_ref().map(SpiffeId::path), Ok(""));
    assert_eq!(UriName::parse("spiffe://prod"), Err(NameError::SpiffeWithoutPath));
    for bad in [
        "spiffe://",
        "spiffe:///x",
        "SPIFFE://prod/x",
        "spiffe://Prod/x",
        "spiffe://prod/",
        "spiffe://prod//x",
        "spiffe://prod/../x",
        "spiffe://prod/a?b",
        "spiffe://prod:80/a",
        "spiffe://u@prod/a",
        "spiffe:prod",
    ] {
        assert!(SpiffeId::parse(bad).is_err() && UriName::parse(bad).is_err(), "{bad}");
    }
    for bad in ["", "no-scheme", "http:", "http://a b", "http://ü", "1a:b"] {
        assert!(UriName::parse(bad).is_err(), "{bad}");
    }
}

/// Each limit holds to the byte (N2, N5, N7; RFC 1035 section 2.3.4, SPIFFE ID section 2.3).
#[test]
fn limits_hold_to_the_byte() {
    let dns = |length: usize| DnsName::parse(&format!("{}a", "a.".repeat(length / 2)));
    assert!(dns(253).is_ok());
    let label = |length: usize| DnsName::parse(&format!("{}.example", "a".repeat(length)));
    assert!(label(63).is_ok());
    assert_eq!(label(64), Err(NameError::TooLong { limit: 63 }));
    assert_eq!(DnsName::parse(&format!("{}ab", "a.".repeat(126))), Err(NameError::TooLong { limit: 253 }));

    let uri = |length: usize| UriName::parse(&format!("urn:{}", "a".repeat(length - 4)));
    assert!(uri(2048).is_ok());
    assert_eq!(uri(2049), Err(NameError::TooLong { limit: 2048 }));
    let spiffe = |length: usize| SpiffeId::parse(&format!("spiffe://a/{}", "b".repeat(length - 11)));
    assert!(spiffe(2048).is_ok());
    assert_eq!(spiffe(2049), Err(NameError::TooLong { limit: 2048 }));

    assert!(TrustDomain::parse(&"a".repeat(255)).is_ok());
    assert!(matches!(TrustDomain::parse(&"a".repeat(256)), Err(NameError::Spiffe { .. })));
}

#[test]
fn a_uri_says_whether_it_is_a_spiffe_id() {
    let text = "spiffe://prod/ns/pay";
    let id = UriName::parse(text).unwrap();
    assert_eq!((id.is_spiffe(), id.trust_domain()), (true, TrustDomain::parse("prod").ok()));
    let other = UriName::parse("https://prod/ns/pay").unwrap();
    assert_eq!((other.is_spiffe(), other.trust_domain()), (false, None));
    assert_eq!(SpiffeId::parse(text).unwrap().as_str(), text);
}
