//! Server name, backend host, and the names that a certificate must hold (N1..N6, N8).

use uptls::Code::{CertMalformed, NameInvalid, NameMismatch, NameMissing, PolicyInvalid, SanMissing, SanTypeMismatch};
use uptls_testkit::San;

use super::cases::Cases;
use super::scenario::Scenario;

pub(super) fn cases(c: &mut Cases) {
    server_name(c);
    backend_host(c);
    alternatives(c);
    wildcards(c);
    literal_wildcards(c);
    addresses(c);
    uris(c);
    common_name(c);
    hostile(c);
    many(c);
}

/// N2 and N3: the server name is the identity, unless names are listed.
fn server_name(c: &mut Cases) {
    let p = c.usual.clone();
    c.reject(&p, NameMismatch, "server-name-other [N3] the leaf holds another name", |s| {
        s.sans(&[San::dns("other.test")])
    })
    .says("dns:backend.test")
    .says("dns:other.test");
    c.reject(&p, NameMismatch, "server-name-subdomain [N3] the leaf holds a name below it", |s| {
        s.sans(&[San::dns("a.backend.test")]);
    });
    c.also(&p, "server-name-canonical [N2] the policy writes it in capitals and with a trailing dot", |s| {
        s.set("serverName", "Backend.TEST.");
    });
    c.also(&p, "server-name-certificate-case [N5] the leaf writes it in capitals", |s| {
        s.sans(&[San::dns("BACKEND.Test")])
    });
    let listed = c.also(
        &p,
        "server-name-and-sans [N4] the server name is another one, and the leaf holds the listed name",
        |s| {
            s.set("serverName", "sni.test");
            s.wants("[{dns: backend.test}]");
        },
    );
    c.reject(
        &listed,
        NameMismatch,
        "server-name-authenticates-nothing [N4] the leaf holds the server name alone",
        |s| {
            s.sans(&[San::dns("sni.test")]);
        },
    );
    let none = c.also(&p, "server-name-none [N3] none is sent, and the leaf holds the listed name", |s| {
        s.set("serverName", "none");
        s.wants("[{dns: backend.test}]");
    });
    c.unusable(&none, NameMissing, "server-name-none-without-sans [N3] none is sent, and nothing is listed", |s| {
        s.unset("subjectAltNames");
    });
    for (title, name) in [
        ("server-name-u-label [N2] the server name has a letter outside ASCII", "bücher.test"),
        ("server-name-wildcard [N2 N6] the server name is a wildcard", "'*.test'"),
        ("server-name-ip [N2] the server name is an IPv4 address", "10.0.0.7"),
        ("server-name-ipv6 [N2] the server name is an IPv6 address", "'2001:db8::7'"),
        ("server-name-number [N2] the server name ends in a number", "a.7"),
        ("server-name-nul [N2] the server name has a NUL in it", r#""backend.test\0.evil.test""#),
        ("server-name-empty [N2] the server name is empty", "''"),
        ("server-name-empty-label [N2] the server name has an empty label", "backend..test"),
        ("server-name-two-dots [N2] the server name ends in two dots", "backend.test.."),
        ("server-name-comma [N2] the server name has a comma in it", "'backend.test,evil.test'"),
        ("server-name-space [N2] the server name has a space in it", "'backend .test'"),
        ("server-name-port [N2] the server name has a port", "'backend.test:443'"),
        ("server-name-hyphen [N2] a label of the server name begins with a hyphen", "'-backend.test'"),
    ] {
        c.unusable(&p, NameInvalid, title, |s| s.set("serverName", name));
    }
    c.unusable(&p, NameInvalid, "server-name-long [N2] the server name has 300 bytes", |s| {
        s.set("serverName", format!("{}test", "abcd.".repeat(59)));
    })
    .says("253");
    c.unusable(&p, NameInvalid, "server-name-long-label [N2] a label of the server name has 64 bytes", |s| {
        s.set("serverName", format!("{}.test", "a".repeat(64)));
    })
    .says("63");
}

/// N1 and N2: `auto` is the backend host, and nothing else is.
fn backend_host(c: &mut Cases) {
    let p = c.accept(
        "host [N1 N2] the server name is auto, and the leaf holds the backend host",
        Scenario::new().with(|s| {
            s.set("serverName", "auto");
            s.host = Some("backend.test");
        }),
    );
    c.also(&p, "host-by-default [N2] the server name is not written", |s| s.unset("serverName"));
    c.also(&p, "host-canonical [N1] the backend host is given in capitals and with a trailing dot", |s| {
        s.host = Some("Backend.Test.");
    });
    c.reject(&p, NameMismatch, "host-other [N1] the backend host is another one", |s| s.host = Some("other.test"));
    c.unusable(&p, NameMissing, "host-not-given [N1 N3] no backend host is given", |s| s.host = None);
    c.unusable(&p, NameInvalid, "host-wildcard [N2] the backend host is a wildcard", |s| s.host = Some("*.test"))
        .says("backendHost");
    c.also(&p, "host-not-needed [N4] no backend host is given, and a name is listed", |s| {
        s.host = None;
        s.wants("[{dns: backend.test}]");
    });
    c.reject(&p, NameMismatch, "host-authenticates-nothing [N4] the listed name is another one", |s| {
        s.wants("[{dns: other.test}]");
    });
    let ip = c.also(&p, "host-ip [N2 N3] the backend host is an IPv4 address, and the leaf holds it", |s| {
        s.host = Some("10.0.0.7");
        s.sans(&[San::ip("10.0.0.7")]);
    });
    c.reject(&ip, NameMismatch, "host-ip-other [N5] the leaf holds another address", |s| {
        s.sans(&[San::ip("10.0.0.8")])
    });
    c.reject(&ip, SanTypeMismatch, "host-ip-as-dns [N5] the leaf holds the address as a dNSName", |s| {
        s.sans(&[San::dns("10.0.0.7")]);
    })
    .says("ip:10.0.0.7");
    c.also(&ip, "host-ipv6-brackets [N2] the backend host is an IPv6 address in brackets", |s| {
        s.host = Some("[2001:db8::7]");
        s.sans(&[San::ip("2001:db8::7")]);
    });
}

/// N4 and N5: any of the list.
fn alternatives(c: &mut Cases) {
    let p = c.accept(
        "sans-first [N4] the leaf holds the first of two listed names",
        Scenario::new().with(|s| {
            s.wants("[{dns: backend.test}, {dns: other.test}]");
        }),
    );
    c.also(&p, "sans-last [N4] the leaf holds the second one", |s| s.sans(&[San::dns("other.test")]));
    c.reject(&p, NameMismatch, "sans-none [N4] the leaf holds neither", |s| s.sans(&[San::dns("third.test")]));
    c.also(&p, "sans-of-two-types [N4 N5] the leaf holds the listed address, and not the listed name", |s| {
        s.wants("[{dns: other.test}, {ip: 10.0.0.7}]");
        s.sans(&[San::dns("backend.test"), San::ip("10.0.0.7")]);
    });
    c.unusable(&p, PolicyInvalid, "sans-two-in-one-entry [N5] one entry holds a name and an address", |s| {
        s.wants("[{dns: backend.test, ip: 10.0.0.7}]");
    });
    c.unusable(&p, PolicyInvalid, "sans-empty-entry [N5] one entry holds nothing", |s| {
        s.wants("[{dns: backend.test}, {}]")
    });
    for (title, entry) in [
        ("sans-u-label [N5] a listed name has a letter outside ASCII", "[{dns: bücher.test}]"),
        ("sans-ip-as-dns [N5] a listed dNSName is an address", "[{dns: 10.0.0.7}]"),
        ("sans-wildcard-partial [N6] a listed wildcard is not a whole label", "[{dns: 'b*.test'}]"),
        ("sans-wildcard-inner [N6] a listed wildcard is not the left-most label", "[{dns: 'a.*.test'}]"),
        ("sans-wildcard-double [N6] a listed name has two wildcards", "[{dns: '*.*.test'}]"),
        ("sans-wildcard-alone [N6] a listed name is a wildcard and nothing else", "[{dns: '*'}]"),
        ("sans-nul [N5] a listed name has a NUL in it", r#"[{dns: "backend.test\0"}]"#),
        ("sans-uri-relative [N5] a listed URI has no scheme", "[{uri: backend/api}]"),
        ("sans-uri-space [N5] a listed URI has a space in it", "[{uri: 'https://backend test/'}]"),
    ] {
        c.unusable(&p, NameInvalid, title, |s| s.wants(entry));
    }
    c.unusable(&p, PolicyInvalid, "sans-ip-malformed [N5] a listed address is none", |s| s.wants("[{ip: 10.0.0}]"));
    c.unusable(&p, PolicyInvalid, "sans-ip-zone [N5] a listed address has a zone", |s| {
        s.wants("[{ip: 'fe80::1%eth0'}]")
    });
}

/// N6: the certificate's wildcard.
fn wildcards(c: &mut Cases) {
    let p = c.accept(
        "wildcard-one-label [N6] the leaf's wildcard stands for one label",
        Scenario::new().with(|s| {
            s.set("serverName", "backend.svc.test");
            s.sans(&[San::dns("*.svc.test")]);
        }),
    );
    for (title, wanted, presented) in [
        ("wildcard-two-labels [N6] it would have to stand for two labels", "a.backend.svc.test", "*.svc.test"),
        ("wildcard-no-label [N6] it would have to stand for no label", "svc.test", "*.svc.test"),
        ("wildcard-partial-left [N6] the wildcard is the beginning of a label", "backend.svc.test", "*end.svc.test"),
        ("wildcard-partial-right [N6] the wildcard is the end of a label", "backend.svc.test", "back*.svc.test"),
        ("wildcard-a-label [N6] the wildcard is the end of an A-label", "xn--bcher-kva.svc.test", "xn--*.svc.test"),
        ("wildcard-inner [N6] the wildcard is not the left-most label", "backend.svc.test", "backend.*.test"),
        ("wildcard-top-level [N6] nothing but a top-level name follows the wildcard", "backend.test", "*.test"),
        ("wildcard-alone [N6] the leaf's name is a wildcard and nothing else", "backend", "*"),
        ("wildcard-double [N6] the leaf's name has two wildcards", "a.b.test", "*.*.test"),
    ] {
        c.reject(&p, NameMismatch, title, |s| {
            s.set("serverName", wanted);
            s.sans(&[San::dns(presented)]);
        });
    }
}

/// N6: the policy's `*.x`.
fn literal_wildcards(c: &mut Cases) {
    let p = c.accept(
        "wildcard-literal [N6] the policy lists a wildcard, and the leaf holds it literally",
        Scenario::new().with(|s| {
            s.wants("[{dns: '*.svc.test'}]");
            s.sans(&[San::dns("*.svc.test")]);
            s.warnings.push("name_wildcard_literal");
        }),
    );
    c.also(&p, "wildcard-literal-case [N6] in the leaf it is written in capitals", |s| {
        s.sans(&[San::dns("*.SVC.test")])
    });
    c.reject(&p, NameMismatch, "wildcard-literal-covers-nothing [N6] the leaf holds a name that it would cover", |s| {
        s.sans(&[San::dns("backend.svc.test")]);
    });
    c.reject(&p, NameMismatch, "wildcard-literal-other [N6] the leaf holds a wildcard one level below", |s| {
        s.sans(&[San::dns("*.a.svc.test")]);
    });
}

/// N5: addresses, by their bytes.
fn addresses(c: &mut Cases) {
    let p = c.accept(
        "ip-v4 [N5] the leaf holds the listed IPv4 address",
        Scenario::new().with(|s| {
            s.wants("[{ip: 10.0.0.7}]");
            s.sans(&[San::ip("10.0.0.7")]);
        }),
    );
    c.reject(&p, NameMismatch, "ip-v4-mapped-in-leaf [N5] the leaf holds it as a v4-mapped IPv6 address", |s| {
        s.sans(&[San::ip("::ffff:10.0.0.7")]);
    });
    c.reject(&p, NameMismatch, "ip-v4-mapped-in-policy [N5] the policy lists it as a v4-mapped IPv6 address", |s| {
        s.wants("[{ip: '::ffff:10.0.0.7'}]");
    });
    c.also(&p, "ip-v6-spelling [N5] the policy spells an IPv6 address in another way", |s| {
        s.wants("[{ip: '2001:DB8:0:0::7'}]");
        s.sans(&[San::ip("2001:db8::7")]);
    });
    c.reject(
        &p,
        CertMalformed,
        "ip-five-octets [N5 V1] the leaf has an address of five bytes beside the right one",
        |s| {
            s.sans(&[San::ip("10.0.0.7"), San::RawTag { tag: 0x87, bytes: vec![10, 0, 0, 7, 0] }]);
        },
    );
}

/// N5: URIs, byte for byte.
fn uris(c: &mut Cases) {
    let p = c.accept(
        "uri [N5] the leaf holds the listed URI",
        Scenario::new().with(|s| {
            s.wants("[{uri: 'https://backend.test/api'}]");
            s.sans(&[San::uri("https://backend.test/api")]);
        }),
    );
    c.also(&p, "uri-of-two [N5 N7] the leaf holds a second URI, which only matters for SPIFFE IDs", |s| {
        s.sans(&[San::uri("https://other.test/"), San::uri("https://backend.test/api")]);
    });
    for (title, presented) in [
        ("uri-case [N5] the leaf writes its host in capitals", "https://BACKEND.test/api"),
        ("uri-slash [N5] the leaf's has a trailing slash", "https://backend.test/api/"),
        ("uri-percent [N5] the leaf's is percent-encoded", "https://backend.test/%61pi"),
        ("uri-default-port [N5] the leaf's has the default port", "https://backend.test:443/api"),
        ("uri-prefix [N5] the leaf's is longer", "https://backend.test/api2"),
        ("uri-nul [N5] the leaf's has a NUL and something behind it", "https://backend.test/api\0x"),
    ] {
        c.reject(&p, NameMismatch, title, |s| s.sans(&[San::uri(presented)]));
    }
    c.reject(
        &p,
        CertMalformed,
        "uri-constructed-tag [N5 V1] a second URI stands under a constructed tag, which no two parsers read alike",
        |s| {
            s.sans(&[
                San::uri("https://backend.test/api"),
                San::RawTag { tag: 0xa6, bytes: b"https://x.test/".to_vec() },
            ]);
        },
    );
    c.reject(&p, CertMalformed, "uri-constructed-tag-alone [N5 V1] the URI stands under a constructed tag", |s| {
        s.sans(&[San::RawTag { tag: 0xa6, bytes: b"https://backend.test/api".to_vec() }]);
    });
}

/// N5: the CN is never read.
fn common_name(c: &mut Cases) {
    let p = c.accept(
        "cn-and-san [N5] CN and SAN of the leaf are the server name",
        Scenario::new().with(|s| {
            s.leaf.common_name = Some("backend.test".to_owned());
        }),
    );
    c.reject(&p, SanMissing, "cn-alone [N5] the leaf has no SAN", |s| s.sans(&[])).says("backend.test");
    c.reject(&p, NameMismatch, "cn-and-other-san [N5] the SAN is another name", |s| s.sans(&[San::dns("other.test")]));
    c.reject(&p, SanMissing, "cn-and-san-missing [N5] the leaf has neither SAN nor CN", |s| {
        s.sans(&[]);
        s.leaf.common_name = None;
    });
    c.reject(&p, NameMismatch, "san-empty [N5] the leaf's SAN extension is empty", |s| {
        s.sans(&[]);
        s.leaf = s.leaf.clone().with_extension("2.5.29.17", false, b"\x30\x00");
    });
}

/// Names that are made to be misread.
fn hostile(c: &mut Cases) {
    let p = c.usual.clone();
    for (title, presented) in [
        ("hostile-nul [N5] a NUL stands behind the right name", "backend.test\0.evil.test"),
        ("hostile-newline [N5 V11] the name has line ends and escapes in it", "evil.test\r\n\u{1b}[31mbackend.test"),
        ("hostile-absolute [N5] the name is absolute", "backend.test."),
        ("hostile-space [N5] a space stands before the name", " backend.test"),
    ] {
        c.reject(&p, NameMismatch, title, |s| s.sans(&[San::dns(presented)]));
    }
    c.reject(&p, NameMismatch, "hostile-comma [N5 V11] the name looks like a list of names when it is printed", |s| {
        s.sans(&[San::dns("evil.test, dns:backend.test")]);
    })
    .says(r"presented dns:evil.test,\u{20}dns:backend.test");
    c.reject(&p, NameMismatch, "hostile-unicode [N5 V11] the name looks like the right one when it is printed", |s| {
        s.sans(&[San::dns("backeпd.test")]);
    })
    .says(r"presented dns:backe\u{43f}d.test");
    c.reject(&p, CertMalformed, "hostile-not-utf8 [V1] the name is not UTF-8", |s| {
        s.sans(&[San::RawTag { tag: 0x82, bytes: b"backend\xff.test".to_vec() }]);
    });
    c.reject(
        &p,
        CertMalformed,
        "hostile-unknown-tag [V1] an entry beside the right one has a tag that there is not",
        |s| {
            s.sans(&[San::dns("backend.test"), San::RawTag { tag: 0x89, bytes: b"x".to_vec() }]);
        },
    );
    c.reject(&p, CertMalformed, "hostile-two-extensions [V1] there are two SAN extensions", |s| {
        s.leaf = s.leaf.clone().with_extension("2.5.29.17", false, b"\x30\x0b\x82\x09evil.test");
    });
}

/// N8, and names by the thousand.
fn many(c: &mut Cases) {
    let listed = |count: usize| {
        let names: Vec<String> = (1..count).map(|n| format!("{{dns: n{n}.test}}")).collect();
        format!("[{}, {{dns: backend.test}}]", names.join(", "))
    };
    let p = c.accept("many-listed [N8] 64 names are listed", Scenario::new().with(|s| s.wants(&listed(64))));
    c.unusable(&p, PolicyInvalid, "many-listed-too-many [N8] 65 names are listed", |s| s.wants(&listed(65))).says("64");
    c.also(&p, "many-listed-duplicates [N8] of 65 listed names two are one, in two spellings", |s| {
        s.wants(&listed(65).replace("n64.test", "Backend.Test."));
    });
    let presented = |last: &'static str| {
        let names = (0..2000).map(|n| San::dns(&format!("n{n}.a-rather-long-name.test")));
        names.chain([San::dns(last)]).collect::<Vec<_>>()
    };
    let p = c.also(&p, "many-presented [N4] the leaf holds 2001 names, and the last one is listed", |s| {
        s.sans(&presented("backend.test"));
    });
    c.reject(&p, NameMismatch, "many-presented-none [V11] the leaf holds 2001 names, and none is listed", |s| {
        s.sans(&presented("other.test"));
    });
}
