//! Public keys for which there is no private one here: too large, too old, too small, distrusted.

/// An RSA key of this many bits; the factors of its modulus are unknown and not needed.
pub(super) fn rsa(bits: usize) -> Vec<u8> {
    let mut modulus = vec![0xa5; bits.div_ceil(8)];
    modulus[0] >>= 8 * modulus.len() - bits;
    if modulus[0] >= 0x80 {
        modulus.insert(0, 0);
    }
    rsa_of(&modulus)
}

/// An RSA key with these content bytes as its modulus.
pub(super) fn rsa_of(modulus: &[u8]) -> Vec<u8> {
    let key = tlv(0x30, &[tlv(0x02, modulus), tlv(0x02, &[1, 0, 1])].concat());
    spki(&[RSA, &[0x05, 0]].concat(), &key)
}

/// A DSA key of 1024 bits.
pub(super) fn dsa() -> Vec<u8> {
    let number = |length: usize| tlv(0x02, &[&[0][..], &vec![0xa5; length]].concat());
    let parameters = tlv(0x30, &[number(128), number(20), number(128)].concat());
    spki(&[DSA, &parameters].concat(), &number(128))
}

/// A point on P-224, or beside it.
pub(super) fn p224() -> Vec<u8> {
    spki(&[EC, P224].concat(), &[&[4][..], &[0xa5; 56]].concat())
}

/// A key that webpki distrusts by name (`data/distrusted/EMDVTLSCAG3C.spki.der` there).
pub(super) fn distrusted() -> Vec<u8> {
    let point: Vec<u8> = (0..DISTRUSTED_POINT.len() / 2)
        .map(|at| u8::from_str_radix(&DISTRUSTED_POINT[at * 2..at * 2 + 2], 16).expect("hexadecimal"))
        .collect();
    spki(&[EC, P384].concat(), &point)
}

/// Tag, length, content.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("content is short").to_be_bytes();
    let length = match length {
        [0, short] if short < 0x80 => vec![short],
        [0, short] => vec![0x81, short],
        long => [&[0x82][..], &long].concat(),
    };
    [&[tag][..], &length, content].concat()
}

fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let bits = tlv(0x03, &[&[0][..], key].concat());
    tlv(0x30, &[tlv(0x30, algorithm), bits].concat())
}

const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const DSA: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x38\x04\x01";
const EC: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
const P224: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x21";
const P384: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x22";
const DISTRUSTED_POINT: &str = concat!(
    "043a7a7862c8c44d324ddd69033a6782c0efeefe4055e68a123fa0371ba3bd9194514ee172a433e3630f02bd188037d9e5",
    "149f9b77db94a281df987b2fea888b74bdfe8fda4c1099ee6ca19566fe3ef0e5f6b09a556ccc8ba50561df1b2a441d01",
);
