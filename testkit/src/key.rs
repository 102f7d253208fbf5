//! Deterministic key pairs: elliptic curve keys from a seed, RSA keys from a committed pool.

use crate::asn1::{encode, tlv};
use crate::pem::pem;
use der::Decode as _;
use der::asn1::{Any, ObjectIdentifier};
use ed25519_dalek::Signer as _;
use ml_dsa::{MlDsa44, MlDsa65, MlDsa87};
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use pkcs8::der::Encode as _;
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::{EncryptedPrivateKeyInfoOwned, PrivateKeyInfoRef, spki::AlgorithmIdentifierOwned};
use rsa::Pkcs1v15Sign;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use rsa::traits::PrivateKeyParts as _;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;

/// A key pair. Cloning is cheap; two keys from the same seed are the same key.
#[derive(Clone)]
pub struct Key(Arc<Pair>);

/// The hash under which a key signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureHash {
    /// What is usual for the key: SHA-256, SHA-384 for P-384, SHA-512 for P-521; Ed25519 and ML-DSA have their own.
    #[default]
    Default,
    /// The broken one: `sha1WithRSAEncryption`. Only for RSA keys.
    Sha1,
}

struct Pair {
    secret: Secret,
    spki: Vec<u8>,
    pkcs8: Vec<u8>,
}

enum Secret {
    /// See [`Key::feigned`].
    Feigned(u8),
    Ed25519(ed25519_dalek::SigningKey),
    MlDsa44(Box<ml_dsa::SigningKey<MlDsa44>>),
    MlDsa65(Box<ml_dsa::SigningKey<MlDsa65>>),
    MlDsa87(Box<ml_dsa::SigningKey<MlDsa87>>),
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    P521(p521::SecretKey),
    Rsa(Box<rsa::RsaPrivateKey>),
}

impl Key {
    /// A key on the curve P-256.
    pub fn p256(seed: &str) -> Key {
        let secret = first_valid(seed, 32, |bytes| p256::SecretKey::from_slice(bytes).ok());
        let spki = secret.public_key().to_public_key_der().expect("public key encodes");
        let pkcs8 = secret.to_pkcs8_der().expect("private key encodes");
        Key::new(Secret::P256(secret), spki.as_bytes(), pkcs8.as_bytes())
    }

    /// A key on the curve P-384.
    pub fn p384(seed: &str) -> Key {
        let secret = first_valid(seed, 48, |bytes| p384::SecretKey::from_slice(bytes).ok());
        let spki = secret.public_key().to_public_key_der().expect("public key encodes");
        let pkcs8 = secret.to_pkcs8_der().expect("private key encodes");
        Key::new(Secret::P384(secret), spki.as_bytes(), pkcs8.as_bytes())
    }

    /// A key on the curve P-521.
    pub fn p521(seed: &str) -> Key {
        let secret = first_valid(seed, 66, |bytes| {
            // The field has 521 bits, and the bytes 528.
            let mut bytes = bytes.to_vec();
            bytes[0] &= 1;
            p521::SecretKey::from_slice(&bytes).ok()
        });
        let spki = secret.public_key().to_public_key_der().expect("public key encodes");
        let pkcs8 = secret.to_pkcs8_der().expect("private key encodes");
        Key::new(Secret::P521(secret), spki.as_bytes(), pkcs8.as_bytes())
    }

    /// An ML-DSA-44 key (FIPS 204).
    pub fn mldsa44(seed: &str) -> Key {
        ml_dsa_key(seed, Secret::MlDsa44)
    }

    /// An ML-DSA-65 key (FIPS 204).
    pub fn mldsa65(seed: &str) -> Key {
        ml_dsa_key(seed, Secret::MlDsa65)
    }

    /// An ML-DSA-87 key (FIPS 204).
    pub fn mldsa87(seed: &str) -> Key {
        ml_dsa_key(seed, Secret::MlDsa87)
    }

    /// An Ed25519 key.
    pub fn ed25519(seed: &str) -> Key {
        let secret: ed25519_dalek::SigningKey = first_valid(seed, 32, |bytes| bytes.try_into().ok());
        let algorithm = tlv(0x30, &encode(&ED25519));
        let point = [&[0], secret.verifying_key().as_bytes().as_slice()].concat();
        let spki = tlv(0x30, &[algorithm.clone(), tlv(0x03, &point)].concat());
        let scalar = tlv(0x04, &tlv(0x04, secret.as_bytes()));
        let pkcs8 = tlv(0x30, &[tlv(0x02, &[0]), algorithm, scalar].concat());
        Key::new(Secret::Ed25519(secret), &spki, &pkcs8)
    }

    /// A key that is none: its public key claims to be of P-256 and says `number` everywhere, and so does whatever it signs.
    /// For provers and verifiers without cryptography, which take a signature whose first byte is the second of the key.
    pub fn feigned(number: u8) -> Key {
        let algorithm = [encode(&EC_PUBLIC_KEY), encode(&PRIME256V1)].concat();
        let point = [&[0, 4][..], &[number; 64]].concat();
        let spki = tlv(0x30, &[tlv(0x30, &algorithm), tlv(0x03, &point)].concat());
        Key::new(Secret::Feigned(number), &spki, &[])
    }

    /// An RSA key too short for today.
    pub fn rsa1024() -> Key {
        Key::rsa(include_bytes!("../keys/rsa-1024.pkcs8.der"))
    }

    /// One of two RSA keys of 2048 bits.
    pub fn rsa2048(index: usize) -> Key {
        match index {
            0 => Key::rsa(include_bytes!("../keys/rsa-2048-0.pkcs8.der")),
            1 => Key::rsa(include_bytes!("../keys/rsa-2048-1.pkcs8.der")),
            _ => panic!("the pool has two RSA keys of 2048 bits, there is no index {index}"),
        }
    }

    /// An RSA key of 3072 bits.
    pub fn rsa3072() -> Key {
        Key::rsa(include_bytes!("../keys/rsa-3072.pkcs8.der"))
    }

    /// The public key as DER `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> Vec<u8> {
        self.0.spki.clone()
    }

    /// SHA-256 of [`Key::spki_der`]: the usual pin.
    pub fn spki_sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.0.spki).into()
    }

    /// The private key as unencrypted PKCS#8 DER.
    pub fn pkcs8_der(&self) -> Vec<u8> {
        self.0.pkcs8.clone()
    }

    /// The secret numbers, big-endian: the scalar of a curve, the seed of ML-DSA, or exponent and primes of an RSA key. For tests that look
    /// where they have been left.
    pub fn secret_numbers(&self) -> Vec<Vec<u8>> {
        match &self.0.secret {
            Secret::Feigned(_) => Vec::new(),
            Secret::Ed25519(secret) => vec![secret.to_bytes().to_vec()],
            Secret::P256(secret) => vec![secret.to_bytes().to_vec()],
            Secret::P384(secret) => vec![secret.to_bytes().to_vec()],
            Secret::P521(secret) => vec![secret.to_bytes().to_vec()],
            // The seed, with which their PKCS#8 ends.
            Secret::MlDsa44(_) | Secret::MlDsa65(_) | Secret::MlDsa87(_) => {
                self.0.pkcs8.last_chunk::<32>().map(|seed| seed.to_vec()).into_iter().collect()
            }
            Secret::Rsa(secret) => {
                let primes = secret.primes().iter().map(rsa::BigUint::to_bytes_be);
                core::iter::once(secret.d().to_bytes_be()).chain(primes).collect()
            }
        }
    }

    /// The private key as a `PRIVATE KEY` block.
    pub fn pkcs8_pem(&self) -> String {
        pem("PRIVATE KEY", &self.0.pkcs8)
    }

    /// The private key as an `EC PRIVATE KEY` block. Panics for keys of another kind.
    pub fn sec1_pem(&self) -> String {
        let der = match &self.0.secret {
            Secret::P256(secret) => secret.to_sec1_der(),
            Secret::P384(secret) => secret.to_sec1_der(),
            Secret::P521(secret) => secret.to_sec1_der(),
            _ => panic!("only EC keys have a SEC1 form"),
        };
        pem("EC PRIVATE KEY", &der.expect("private key encodes"))
    }

    /// The private key as an `RSA PRIVATE KEY` block. Panics for keys of another kind.
    pub fn pkcs1_pem(&self) -> String {
        let Secret::Rsa(secret) = &self.0.secret else { panic!("only RSA keys have a PKCS#1 form") };
        let der = secret.to_pkcs1_der().expect("private key encodes");
        pem("RSA PRIVATE KEY", der.as_bytes())
    }

    /// The private key as an `ENCRYPTED PRIVATE KEY` block: PBES2, PBKDF2 with SHA-256, AES-256-CBC.
    ///
    /// Salt and IV come from the key, so that the text is deterministic as well. Beyond a million iterations the block only
    /// claims them: it is for readers that must refuse to derive, and decrypts to nothing.
    pub fn encrypted_pkcs8_pem(&self, passphrase: &str, iterations: u32) -> String {
        let stream = expand("uptls-testkit pbes2", &self.0.pkcs8, 32);
        let (salt, iv) = stream.split_at(16);
        let iv = iv.try_into().expect("sixteen bytes");
        let parameters = |iterations| {
            Parameters::generate_pbkdf2_sha256_aes256cbc(iterations, salt, iv).expect("the parameters are valid")
        };
        let derived = if iterations > CLAIMED_ITERATIONS { 1 } else { iterations };
        let document = PrivateKeyInfoRef::from_der(&self.0.pkcs8)
            .expect("private key decodes")
            .encrypt_with_params(parameters(derived), passphrase)
            .expect("the key encrypts");
        let mut info = EncryptedPrivateKeyInfoOwned::from_der(document.as_bytes()).expect("it decodes again");
        info.encryption_algorithm = parameters(iterations).into();
        pem("ENCRYPTED PRIVATE KEY", &info.to_der().expect("it encodes"))
    }

    /// A block with the `Proc-Type: 4,ENCRYPTED` headers of RFC 1421; its content decrypts to nothing.
    pub fn legacy_encrypted_pem(&self) -> String {
        let label = match &self.0.secret {
            Secret::Rsa(_) => "RSA PRIVATE KEY",
            _ => "EC PRIVATE KEY",
        };
        let garbage = pem(label, &expand("uptls-testkit legacy", &self.0.pkcs8, 128));
        let (begin, rest) = garbage.split_once('\n').expect("more than one line");
        let dek = "DEK-Info: AES-128-CBC,000102030405060708090A0B0C0D0E0F";
        format!("{begin}\nProc-Type: 4,ENCRYPTED\n{dek}\n\n{rest}")
    }

    /// The signature over the message, as it stands in a certificate. Always the same for the same input.
    pub fn sign(&self, message: &[u8], hash: SignatureHash) -> Vec<u8> {
        match (&self.0.secret, hash) {
            (Secret::Feigned(number), _) => vec![*number, 1, 2, 3],
            (Secret::Ed25519(secret), _) => secret.sign(message).to_bytes().to_vec(),
            (Secret::P256(secret), _) => {
                let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(secret).sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            (Secret::P384(secret), _) => {
                let signature: p384::ecdsa::Signature = p384::ecdsa::SigningKey::from(secret).sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            (Secret::P521(secret), _) => {
                let signature: p521::ecdsa::Signature = p521::ecdsa::SigningKey::from(secret).sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            (Secret::MlDsa44(secret), _) => secret.sign(message).encode().to_vec(),
            (Secret::MlDsa65(secret), _) => secret.sign(message).encode().to_vec(),
            (Secret::MlDsa87(secret), _) => secret.sign(message).encode().to_vec(),
            (Secret::Rsa(secret), SignatureHash::Default) => {
                sign_pkcs1(secret, DIGEST_INFO_SHA256, &Sha256::digest(message))
            }
            (Secret::Rsa(secret), SignatureHash::Sha1) => sign_pkcs1(secret, DIGEST_INFO_SHA1, &Sha1::digest(message)),
        }
    }

    /// `SEQUENCE { content, algorithm, signature }`: the shape of certificates and revocation lists.
    pub(crate) fn signed(&self, content: &[u8], hash: SignatureHash) -> Vec<u8> {
        let algorithm = encode(&self.signature_algorithm(hash));
        let signature = [vec![0], self.sign(content, hash)].concat();
        tlv(0x30, &[content.to_vec(), algorithm, tlv(0x03, &signature)].concat())
    }

    /// The identifier of the algorithm with which [`Key::sign`] signs.
    pub(crate) fn signature_algorithm(&self, hash: SignatureHash) -> AlgorithmIdentifierOwned {
        let (oid, parameters) = match (&self.0.secret, hash) {
            (Secret::Rsa(_), SignatureHash::Default) => (SHA256_WITH_RSA, Some(Any::null())),
            (Secret::Rsa(_), SignatureHash::Sha1) => (SHA1_WITH_RSA, Some(Any::null())),
            (_, SignatureHash::Sha1) => panic!("only RSA keys sign with SHA-1"),
            (Secret::Ed25519(_), SignatureHash::Default) => (ED25519, None),
            (Secret::Feigned(_) | Secret::P256(_), SignatureHash::Default) => (ECDSA_WITH_SHA256, None),
            (Secret::P384(_), SignatureHash::Default) => (ECDSA_WITH_SHA384, None),
            (Secret::P521(_), SignatureHash::Default) => (ECDSA_WITH_SHA512, None),
            (Secret::MlDsa44(_), SignatureHash::Default) => (ML_DSA_44, None),
            (Secret::MlDsa65(_), SignatureHash::Default) => (ML_DSA_65, None),
            (Secret::MlDsa87(_), SignatureHash::Default) => (ML_DSA_87, None),
        };
        AlgorithmIdentifierOwned { oid, parameters }
    }

    fn rsa(pkcs8: &[u8]) -> Key {
        let secret = rsa::RsaPrivateKey::from_pkcs8_der(pkcs8).expect("the pool holds valid keys");
        let spki = secret.to_public_key().to_public_key_der().expect("public key encodes");
        Key::new(Secret::Rsa(Box::new(secret)), spki.as_bytes(), pkcs8)
    }

    fn new(secret: Secret, spki: &[u8], pkcs8: &[u8]) -> Key {
        Key(Arc::new(Pair { secret, spki: spki.to_vec(), pkcs8: pkcs8.to_vec() }))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0.secret {
            Secret::Feigned(_) => "feigned",
            Secret::Ed25519(_) => "ed25519",
            Secret::MlDsa44(_) => "mldsa44",
            Secret::MlDsa65(_) => "mldsa65",
            Secret::MlDsa87(_) => "mldsa87",
            Secret::P256(_) => "p256",
            Secret::P384(_) => "p384",
            Secret::P521(_) => "p521",
            Secret::Rsa(_) => "rsa",
        };
        formatter.debug_tuple("Key").field(&kind).finish()
    }
}

/// The secret is kept, and written, as its seed.
fn ml_dsa_key<P: ml_dsa::MlDsaParams>(seed: &str, secret: fn(Box<ml_dsa::SigningKey<P>>) -> Secret) -> Key
where
    ml_dsa::SigningKey<P>: p256::pkcs8::EncodePrivateKey,
    ml_dsa::VerifyingKey<P>: p256::pkcs8::EncodePublicKey,
{
    let bytes: [u8; 32] = first_valid(seed, 32, |bytes| bytes.try_into().ok());
    let signing = ml_dsa::SigningKey::<P>::from_seed(&bytes.into());
    let spki = signing.as_ref().to_public_key_der().expect("public key encodes");
    let pkcs8 = signing.to_pkcs8_der().expect("private key encodes");
    Key::new(secret(Box::new(signing)), spki.as_bytes(), pkcs8.as_bytes())
}

fn sign_pkcs1(secret: &rsa::RsaPrivateKey, digest_info: &[u8], digest: &[u8]) -> Vec<u8> {
    let scheme = Pkcs1v15Sign { hash_len: Some(digest.len()), prefix: digest_info.into() };
    secret.sign(scheme, digest).expect("the key is long enough")
}

/// Bytes that depend on nothing but purpose and seed.
pub(crate) fn expand(purpose: &str, seed: &[u8], length: usize) -> Vec<u8> {
    (0_u32..)
        .flat_map(|counter| {
            let block = Sha256::new()
                .chain_update(purpose)
                .chain_update([0])
                .chain_update(counter.to_be_bytes())
                .chain_update(seed);
            block.finalize().to_vec()
        })
        .take(length)
        .collect()
}

/// The first candidate, counted up from the seed, that is a key.
fn first_valid<K>(seed: &str, length: usize, parse: impl Fn(&[u8]) -> Option<K>) -> K {
    (0_u32..)
        .map(|attempt| expand(&format!("uptls-testkit key {attempt}"), seed.as_bytes(), length))
        .find_map(|candidate| parse(&candidate))
        .expect("nearly every candidate is a key")
}

const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ML_DSA_44: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
const ML_DSA_87: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// What stands before the digest in EMSA-PKCS1-v1_5 (RFC 8017, 9.2, note 1).
const DIGEST_INFO_SHA1: &[u8] =
    &[0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];
const DIGEST_INFO_SHA256: &[u8] =
    &[0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

/// Beyond this many iterations a key derivation is only claimed.
const CLAIMED_ITERATIONS: u32 = 1_000_000;
