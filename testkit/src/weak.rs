//! Signing in handshakes, also with RSA keys so short that the provider refuses them, and under a scheme of another name.

use rsa::pkcs8::DecodePrivateKey as _;
use rsa::rand_core::OsRng;
use rsa::sha2::{Digest as _, Sha256};
use rsa::{Pkcs1v15Sign, Pss, RsaPrivateKey};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use std::sync::Arc;

/// The key as the handshake needs it. Panics unless the bytes are a private key.
pub(crate) fn signing_key(pkcs8: &[u8]) -> Arc<dyn SigningKey> {
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8.to_vec()));
    any_supported_type(&der).unwrap_or_else(|_| {
        let key = RsaPrivateKey::from_pkcs8_der(pkcs8).expect("a private key in PKCS#8");
        Arc::new(ShortRsaKey(Arc::new(key)))
    })
}

/// The key, which signs under no scheme but this one, in the way of its own first one.
pub(crate) fn renamed(key: Arc<dyn SigningKey>, scheme: SignatureScheme) -> Arc<dyn SigningKey> {
    Arc::new(Renamed { key, scheme })
}

#[derive(Debug)]
struct Renamed {
    key: Arc<dyn SigningKey>,
    scheme: SignatureScheme,
}

impl SigningKey for Renamed {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let signer = offered.contains(&self.scheme).then(|| self.key.choose_scheme(offered)).flatten()?;
        Some(Box::new(RenamedSigner { scheme: self.scheme, signer }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

#[derive(Debug)]
struct RenamedSigner {
    scheme: SignatureScheme,
    signer: Box<dyn Signer>,
}

impl Signer for RenamedSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.signer.sign(message)
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

#[derive(Clone, Debug)]
struct ShortRsaKey(Arc<RsaPrivateKey>);

impl SigningKey for ShortRsaKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let ours = [SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256];
        let scheme = ours.into_iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(ShortRsaSigner { key: self.0.clone(), scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

#[derive(Debug)]
struct ShortRsaSigner {
    key: Arc<RsaPrivateKey>,
    scheme: SignatureScheme,
}

impl Signer for ShortRsaSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let digest = Sha256::digest(message);
        let signature = match self.scheme {
            SignatureScheme::RSA_PSS_SHA256 => self.key.sign_with_rng(&mut OsRng, Pss::new::<Sha256>(), &digest),
            _ => self.key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest),
        };
        signature.map_err(|error| Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
