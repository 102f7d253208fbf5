//! Seeds of a handshake: what a server could answer to any ClientHello, behind the sizes of three pieces in turn.

use uptls_testkit::{Certificate, Pki, San};

/// Flights of servers, with the code that each gets.
pub(super) fn all(pki: &Pki) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let chain =
        |leaf: Certificate| [&hello12()[..], &certificate(&[leaf, pki.intermediate.clone()]), &rest12()].concat();
    let (own, other) = (pki.leaf(&[San::dns("fuzz.example")]), pki.leaf(&[San::dns("other.example")]));
    let [whole, bytes, uneven] = [[255; 3], [0; 3], [2, 99, 16]];
    let seed = |sizes: [u8; 3], flight: &[u8]| [&sizes[..], flight].concat();
    vec![
        ("alert", "no_common_cipher", seed(whole, &record(21, &[2, 40]))),
        ("http", "peer_not_tls", seed(bytes, b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        ("nothing", "peer_closed", seed(whole, b"")),
        ("retry", "peer_misbehaved", seed(uneven, &hello13(RETRY, &[0x00, 0x17]))),
        ("signature", "cert_bad_signature", seed(uneven, &chain(own))),
        ("stranger", "name_mismatch", seed(whole, &chain(other))),
        ("torn", "peer_closed", seed(bytes, &hello12()[..40])),
        ("tls13", "peer_misbehaved", seed(whole, &[&hello13([7; 32], &share())[..], &record(23, &[5; 64])].concat())),
    ]
}

fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &sized(2, payload)].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    record(22, &[&[kind][..], &sized(3, body)].concat())
}

/// `bytes` behind their length in `width` bytes.
fn sized(width: usize, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[4 - width..], bytes].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized(2, body)].concat()
}

fn hello(random: [u8; 32], suite: [u8; 2], extensions: &[Vec<u8>]) -> Vec<u8> {
    let body = [&[3, 3][..], &random, &[0], &suite, &[0], &sized(2, &extensions.concat())].concat();
    message(2, &body)
}

/// TLS 1.2 with an extended master secret.
fn hello12() -> Vec<u8> {
    hello([9; 32], [0xc0, 0x2b], &[extension(0x0017, b""), extension(0xff01, &[0])])
}

fn hello13(random: [u8; 32], key_share: &[u8]) -> Vec<u8> {
    hello(random, [0x13, 0x01], &[extension(0x002b, &[3, 4]), extension(0x0033, key_share)])
}

fn certificate(chain: &[Certificate]) -> Vec<u8> {
    let list: Vec<u8> = chain.iter().flat_map(|certificate| sized(3, certificate.der())).collect();
    message(11, &sized(3, &list))
}

/// A key exchange that nobody signed, and the end of the flight.
fn rest12() -> Vec<u8> {
    let point = [&[3, 0x00, 0x1d][..], &sized(1, &[9; 32])].concat();
    let signature = [&[4, 3][..], &sized(2, &[0x30, 6, 2, 1, 1, 2, 1, 1])].concat();
    [message(12, &[point, signature].concat()), message(14, b"")].concat()
}

fn share() -> Vec<u8> {
    [&[0x00, 0x1d][..], &sized(2, &[9; 32])].concat()
}

/// The random of a HelloRetryRequest: SHA-256 of its name (RFC 8446, 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
