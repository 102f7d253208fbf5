//! A search for chains that cost more than they may (L13): certificates of any shape that name each other, whose signatures
//! hold where the input says so. `verify` and `report` agree, and neither asks for more signatures than a bound.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};

use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission::Forbidden;
use uptls::{MaterialDraft, PolicyDraft, PolicySpec, Prepared, TrustDraft, UpstreamTlsPolicy};
use uptls_testkit::pem;

use crate::heap;
use crate::provider::{self, SIGNATURES};

/// What a chain may ask for: 48 of presented issuers and 48 of anchors by the way, and those of the paths that are judged.
const BOUND: u64 = 300;

/// Many times what a search of a thousand steps allocates: the committed inputs make 7,082 blocks at most.
const MOST_BLOCKS: u64 = 200_000;

static PREPARED: LazyLock<Arc<Prepared>> = LazyLock::new(|| {
    let runtime = provider::runtime();
    let anchors = (0..8).flat_map(|name| (0..3).map(move |key| certificate(&[name, name, key, key, CA, 0, 0])));
    let trust = TrustDraft {
        bundles: vec![MaterialDraft::pem(anchors.map(|der| pem("CERTIFICATE", &der)).collect::<String>())],
        ..TrustDraft::default()
    };
    let spec = PolicySpec { server_name: Some("a.test".to_owned()), trust, ..PolicySpec::default() };
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), Forbidden).unwrap();
    runtime.prepare(&policy).unwrap()
});

pub fn run(bytes: &[u8]) {
    let ders: Vec<Vec<u8>> = bytes.chunks(FIELDS).take(128).map(certificate).collect();
    let chain: Vec<_> = ders.iter().map(|der| CertificateDer::from_slice(der)).collect();
    let before = (SIGNATURES.load(Ordering::Relaxed), heap::blocks());
    let verified = PREPARED.verify(&chain, None);
    let asked = SIGNATURES.load(Ordering::Relaxed) - before.0;
    assert!(asked <= BOUND, "{asked} signatures");
    let blocks = heap::blocks() - before.1;
    assert!(blocks <= MOST_BLOCKS, "{blocks} blocks");
    let report = PREPARED.report(&chain, None);
    assert_eq!(verified.err().map(|rejection| rejection.code()), report.code);
}

/// Subject, issuer, key, signer, flags, names, constraints: one byte each; what is missing is 0.
const FIELDS: usize = 7;
const CA: u8 = 1;
const ENDED: u8 = 2;
const KEY_ID: u8 = 4;

/// The DER certificate that these fields describe.
fn certificate(fields: &[u8]) -> Vec<u8> {
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let (subject, issuer, key, signer, flags) = (field(0) % 16, field(1) % 16, field(2), field(3), field(4));
    let algorithm = tlv(0x30, b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");
    let ends: &[u8] = if flags & ENDED == 0 { b"360101000000Z" } else { b"260101000000Z" };
    let validity = tlv(0x30, &[tlv(0x17, b"250101000000Z"), tlv(0x17, ends)].concat());
    let point = [&[0_u8, 4][..], &[key; 64]].concat();
    let spki =
        [tlv(0x30, b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), tlv(0x03, &point)];
    let names: Vec<u8> =
        (0..=field(5)).flat_map(|n| tlv(0x82, format!("{}.test", char::from(b'a' + n % 26)).as_bytes())).collect();
    let mut extensions = extension(17, &tlv(0x30, &names));
    if flags & CA != 0 {
        extensions.extend(extension(19, b"\x30\x03\x01\x01\xff"));
    }
    if flags & KEY_ID != 0 {
        extensions.extend(extension(14, &tlv(0x04, &[key])));
        extensions.extend(extension(35, &tlv(0x30, &tlv(0x80, &[signer]))));
    }
    if field(6) != 0 {
        let subtree = tlv(0x30, &tlv(0x82, b"test"));
        extensions.extend(extension(30, &tlv(0x30, &tlv(0xa0, &subtree.repeat(usize::from(field(6)))))));
    }
    let tbs = [
        tlv(0xa0, &[2, 1, 2]),
        tlv(0x02, &[1, key, signer]),
        algorithm.clone(),
        name(issuer),
        validity,
        name(subject),
        tlv(0x30, &spki.concat()),
        tlv(0xa3, &tlv(0x30, &extensions)),
    ];
    tlv(0x30, &[tlv(0x30, &tbs.concat()), algorithm, tlv(0x03, &[0, signer, 1, 2, 3])].concat())
}

fn name(number: u8) -> Vec<u8> {
    let attribute = [tlv(0x06, &[0x55, 4, 3]), tlv(0x0c, &[b'a' + number])].concat();
    tlv(0x30, &tlv(0x31, &tlv(0x30, &attribute)))
}

fn extension(number: u8, value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[tlv(0x06, &[0x55, 29, number]), tlv(0x04, value)].concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..0x80 => out.push(length as u8),
        0x80..0x100 => out.extend([0x81, length as u8]),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend_from_slice(content);
    out
}
