//! The cipher suites of aws-lc-rs, by name and with their key schedules; what would encrypt refuses to.

use uptls::rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter, MessageEncrypter,
    OutboundOpaqueMessage, OutboundPlainMessage, Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use uptls::rustls::crypto::tls12::PrfUsingHmac;
use uptls::rustls::crypto::tls13::HkdfUsingHmac;
use uptls::rustls::crypto::{CipherSuiteCommon, KeyExchangeAlgorithm};
use uptls::rustls::{
    CipherSuite, ConnectionTrafficSecrets, Error, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
};

use super::hashes::{HMAC_SHA256, HMAC_SHA384, SHA256, SHA384};

/// A suite of TLS 1.3.
macro_rules! tls13 {
    ($suite:ident, $hash:ident, $hmac:ident, $limit:expr) => {
        SupportedCipherSuite::Tls13(&Tls13CipherSuite {
            common: CipherSuiteCommon {
                suite: CipherSuite::$suite,
                hash_provider: &$hash,
                confidentiality_limit: $limit,
            },
            hkdf_provider: &HkdfUsingHmac(&$hmac),
            aead_alg: &Refusing,
            quic: None,
        })
    };
}

/// A suite of TLS 1.2.
macro_rules! tls12 {
    ($suite:ident, $hash:ident, $hmac:ident, $limit:expr, $schemes:ident) => {
        SupportedCipherSuite::Tls12(&Tls12CipherSuite {
            common: CipherSuiteCommon {
                suite: CipherSuite::$suite,
                hash_provider: &$hash,
                confidentiality_limit: $limit,
            },
            prf_provider: &PrfUsingHmac(&$hmac),
            kx: KeyExchangeAlgorithm::ECDHE,
            sign: $schemes,
            aead_alg: &Refusing,
        })
    };
}

/// In the order of aws-lc-rs.
pub(super) static ALL: &[SupportedCipherSuite] = &[
    tls13!(TLS13_AES_256_GCM_SHA384, SHA384, HMAC_SHA384, GCM),
    tls13!(TLS13_AES_128_GCM_SHA256, SHA256, HMAC_SHA256, GCM),
    tls13!(TLS13_CHACHA20_POLY1305_SHA256, SHA256, HMAC_SHA256, CHACHA20),
    tls12!(TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, SHA384, HMAC_SHA384, GCM, ECDSA),
    tls12!(TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, SHA256, HMAC_SHA256, GCM, ECDSA),
    tls12!(TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, SHA256, HMAC_SHA256, CHACHA20, ECDSA),
    tls12!(TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, SHA384, HMAC_SHA384, GCM, RSA),
    tls12!(TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, SHA256, HMAC_SHA256, GCM, RSA),
    tls12!(TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, SHA256, HMAC_SHA256, CHACHA20, RSA),
];

/// How many records one key may protect (RFC 8446, 5.5).
const GCM: u64 = 1 << 24;
const CHACHA20: u64 = u64::MAX;

static ECDSA: &[SignatureScheme] = &[
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP256_SHA256,
];
static RSA: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// Protects nothing and opens nothing.
struct Refusing;

impl Tls13AeadAlgorithm for Refusing {
    fn encrypter(&self, _: AeadKey, _: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Self)
    }

    fn decrypter(&self, _: AeadKey, _: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Self)
    }

    fn key_len(&self) -> usize {
        KEY
    }

    fn extract_keys(&self, _: AeadKey, _: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

impl Tls12AeadAlgorithm for Refusing {
    fn encrypter(&self, _: AeadKey, _: &[u8], _: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Self)
    }

    fn decrypter(&self, _: AeadKey, _: &[u8]) -> Box<dyn MessageDecrypter> {
        Box::new(Self)
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape { enc_key_len: KEY, fixed_iv_len: 4, explicit_nonce_len: 8 }
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

impl MessageEncrypter for Refusing {
    fn encrypt(&mut self, _: OutboundPlainMessage<'_>, _: u64) -> Result<OutboundOpaqueMessage, Error> {
        Err(Error::EncryptError)
    }

    fn encrypted_payload_len(&self, length: usize) -> usize {
        length
    }
}

impl MessageDecrypter for Refusing {
    fn decrypt<'a>(&mut self, _: InboundOpaqueMessage<'a>, _: u64) -> Result<InboundPlainMessage<'a>, Error> {
        Err(Error::DecryptError)
    }
}

/// The octets of a key; of a cipher that refuses, any number does.
const KEY: usize = 32;
