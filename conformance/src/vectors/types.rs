//! Types of names never mix (N5): every wanted type against the same text under every other type.

use uptls::Code::{self, NameMismatch, SanTypeMismatch};
use uptls_testkit::San;

use super::cases::{Cases, Positive};
use super::scenario::Scenario;

pub(super) fn cases(c: &mut Cases) {
    let p = c.accept(
        "type-dns [N5] a dNSName is wanted and presented",
        scenario("[{dns: backend.test}]", San::dns("backend.test")),
    );
    cross(
        c,
        &p,
        "backend.test",
        [
            Row("type-dns-as-uri [N5] the text stands in a URI", SanTypeMismatch, San::Uri),
            Row("type-dns-as-email [N5] the text stands in an email address", SanTypeMismatch, San::Email),
            Row(
                "type-dns-as-directory-name [N5] the text stands in a directory name",
                NameMismatch,
                San::DirectoryName,
            ),
            Row("type-dns-as-other-name [N5] the text stands in an otherName", NameMismatch, other_name),
            Row(
                "type-dns-as-registered-id [N5] the text stands under the tag of a registeredID",
                NameMismatch,
                registered_id,
            ),
        ],
    );
    let p = c
        .accept("type-ip [N5] an iPAddress is wanted and presented", scenario("[{ip: 10.0.0.7}]", San::ip("10.0.0.7")));
    cross(
        c,
        &p,
        "10.0.0.7",
        [
            Row("type-ip-as-dns [N5] the text stands in a dNSName", SanTypeMismatch, San::Dns),
            Row("type-ip-as-uri [N5] the text stands in a URI", SanTypeMismatch, San::Uri),
            Row("type-ip-as-email [N5] the text stands in an email address", SanTypeMismatch, San::Email),
            Row("type-ip-as-other-name [N5] the text stands in an otherName", NameMismatch, other_name),
        ],
    );
    uris(c);
}

fn uris(c: &mut Cases) {
    let id = "spiffe://prod/api";
    let p =
        c.accept("type-uri [N5] a URI is wanted and presented", scenario("[{uri: 'spiffe://prod/api'}]", San::uri(id)));
    cross(
        c,
        &p,
        id,
        [
            Row("type-uri-as-dns [N5] the text stands in a dNSName", SanTypeMismatch, San::Dns),
            Row("type-uri-as-email [N5] the text stands in an email address", SanTypeMismatch, San::Email),
            Row("type-uri-as-other-name [N5] the text stands in an otherName", NameMismatch, other_name),
        ],
    );
    let p = c.accept(
        "type-trust-domain [N5 N7] a trust domain is wanted, and a SPIFFE ID of it presented",
        scenario("[{spiffeTrustDomain: prod}]", San::uri(id)),
    );
    cross(
        c,
        &p,
        id,
        [
            Row("type-trust-domain-as-dns [N5 N7] the text stands in a dNSName", NameMismatch, San::Dns),
            Row("type-trust-domain-as-email [N5 N7] the text stands in an email address", NameMismatch, San::Email),
        ],
    );
    c.reject(&p, NameMismatch, "type-trust-domain-bare-dns [N5 N7] the trust domain's name stands in a dNSName", |s| {
        s.sans(&[San::dns("prod")]);
    });
}

/// A policy that wants this, and a leaf that holds that alone.
fn scenario(wanted: &str, presented: San) -> Scenario {
    Scenario::new().with(|s| {
        s.wants(wanted);
        s.sans(&[presented]);
    })
}

/// The same text, each time under another type.
fn cross<const N: usize>(c: &mut Cases, twin: &Positive, text: &str, rows: [Row; N]) {
    for Row(title, code, san) in rows {
        c.reject(twin, code, title, |s| s.sans(&[san(text.to_owned())]));
    }
}

/// Title, code, and the type under which the text stands.
struct Row(&'static str, Code, fn(String) -> San);

/// A user principal name with this text.
fn other_name(text: String) -> San {
    let bytes = |content: &[u8], tag: u8| super::odd_keys::tlv(tag, content);
    let value = bytes(&bytes(text.as_bytes(), 0x0c), 0xa0);
    San::RawTag { tag: 0xa0, bytes: [USER_PRINCIPAL_NAME, &value].concat() }
}

fn registered_id(text: String) -> San {
    San::RawTag { tag: 0x88, bytes: text.into_bytes() }
}

/// The object identifier 1.3.6.1.4.1.311.20.2.3.
const USER_PRINCIPAL_NAME: &[u8] = b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03";
