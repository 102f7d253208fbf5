//! The signature algorithms of rustls's aws-lc-rs provider, in its order; the host verifies each by its number here.

use uptls::rustls::SignatureScheme;
use uptls::rustls::crypto::WebPkiSupportedAlgorithms;
use uptls::rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};

use crate::host;

/// An algorithm that the host verifies.
#[derive(Debug)]
struct HostAlgorithm {
    key: AlgorithmIdentifier,
    number: u32,
    signature: AlgorithmIdentifier,
}

impl HostAlgorithm {
    const fn new(number: u32, key: AlgorithmIdentifier, signature: AlgorithmIdentifier) -> Self {
        Self { key, number, signature }
    }

    fn is_ecdsa(&self) -> bool {
        [alg_id::ECDSA_P256, alg_id::ECDSA_P384, alg_id::ECDSA_P521].contains(&self.key)
    }
}

impl SignatureVerificationAlgorithm for HostAlgorithm {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        // RFC 5480, 2.2: a point is written compressed or not, and in no other form; as webpki has it.
        if self.is_ecdsa() && !matches!(key.first(), Some(0x02..=0x04)) {
            return Err(InvalidSignature);
        }
        if host::verifies(self.number, key, message, signature) { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

static P256_SHA256: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(0, alg_id::ECDSA_P256, alg_id::ECDSA_SHA256);
static P256_SHA384: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(1, alg_id::ECDSA_P256, alg_id::ECDSA_SHA384);
static P256_SHA512: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(2, alg_id::ECDSA_P256, alg_id::ECDSA_SHA512);
static P384_SHA256: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(3, alg_id::ECDSA_P384, alg_id::ECDSA_SHA256);
static P384_SHA384: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(4, alg_id::ECDSA_P384, alg_id::ECDSA_SHA384);
static P384_SHA512: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(5, alg_id::ECDSA_P384, alg_id::ECDSA_SHA512);
static P521_SHA256: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(6, alg_id::ECDSA_P521, alg_id::ECDSA_SHA256);
static P521_SHA384: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(7, alg_id::ECDSA_P521, alg_id::ECDSA_SHA384);
static P521_SHA512: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(8, alg_id::ECDSA_P521, alg_id::ECDSA_SHA512);
static ED25519: &dyn SignatureVerificationAlgorithm = &HostAlgorithm::new(9, alg_id::ED25519, alg_id::ED25519);
static PSS_SHA256: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(10, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256);
static PSS_SHA384: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(11, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384);
static PSS_SHA512: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(12, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512);
static PKCS1_SHA256: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(13, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256);
static PKCS1_SHA384: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(14, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384);
static PKCS1_SHA512: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(15, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512);
/// RFC 4055, 2.1: parameters that are absent must be accepted as well.
static PKCS1_SHA256_ABSENT: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(16, alg_id::RSA_ENCRYPTION, AlgorithmIdentifier::from_slice(SHA256_RSA));
static PKCS1_SHA384_ABSENT: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(17, alg_id::RSA_ENCRYPTION, AlgorithmIdentifier::from_slice(SHA384_RSA));
static PKCS1_SHA512_ABSENT: &dyn SignatureVerificationAlgorithm =
    &HostAlgorithm::new(18, alg_id::RSA_ENCRYPTION, AlgorithmIdentifier::from_slice(SHA512_RSA));
static ML_DSA_44: &dyn SignatureVerificationAlgorithm = &HostAlgorithm::new(19, alg_id::ML_DSA_44, alg_id::ML_DSA_44);
static ML_DSA_65: &dyn SignatureVerificationAlgorithm = &HostAlgorithm::new(20, alg_id::ML_DSA_65, alg_id::ML_DSA_65);
static ML_DSA_87: &dyn SignatureVerificationAlgorithm = &HostAlgorithm::new(21, alg_id::ML_DSA_87, alg_id::ML_DSA_87);

/// The OBJECT IDENTIFIERs of sha256WithRSAEncryption and its kin (RFC 8017, appendix C), nothing behind them.
const SHA256_RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
const SHA384_RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c";
const SHA512_RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d";

/// All of them, and what each scheme of TLS may mean.
pub(super) const SUPPORTED: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        P256_SHA256,
        P256_SHA384,
        P256_SHA512,
        P384_SHA256,
        P384_SHA384,
        P384_SHA512,
        P521_SHA256,
        P521_SHA384,
        P521_SHA512,
        ED25519,
        PSS_SHA256,
        PSS_SHA384,
        PSS_SHA512,
        PKCS1_SHA256,
        PKCS1_SHA384,
        PKCS1_SHA512,
        PKCS1_SHA256_ABSENT,
        PKCS1_SHA384_ABSENT,
        PKCS1_SHA512_ABSENT,
        ML_DSA_44,
        ML_DSA_65,
        ML_DSA_87,
    ],
    mapping: &[
        (SignatureScheme::ECDSA_NISTP384_SHA384, &[P384_SHA384, P256_SHA384, P521_SHA384]),
        (SignatureScheme::ECDSA_NISTP256_SHA256, &[P256_SHA256, P384_SHA256, P521_SHA256]),
        (SignatureScheme::ECDSA_NISTP521_SHA512, &[P521_SHA512, P384_SHA512, P256_SHA512]),
        (SignatureScheme::ED25519, &[ED25519]),
        (SignatureScheme::RSA_PSS_SHA512, &[PSS_SHA512]),
        (SignatureScheme::RSA_PSS_SHA384, &[PSS_SHA384]),
        (SignatureScheme::RSA_PSS_SHA256, &[PSS_SHA256]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[PKCS1_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[PKCS1_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[PKCS1_SHA256]),
        (SignatureScheme::ML_DSA_44, &[ML_DSA_44]),
        (SignatureScheme::ML_DSA_65, &[ML_DSA_65]),
        (SignatureScheme::ML_DSA_87, &[ML_DSA_87]),
    ],
};
