//! Private keys: the host says which public key belongs to one, and keeps it; nothing is signed here.

use std::sync::Arc;

use uptls::rustls::crypto::KeyProvider;
use uptls::rustls::sign::{Signer, SigningKey};
use uptls::rustls::{Error, SignatureAlgorithm, SignatureScheme};
use uptls::rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use zeroize::Zeroizing;

use crate::host::{self, KeyForm};

/// Keys that the host can use.
#[derive(Debug)]
pub(super) struct HostKeys;

impl KeyProvider for HostKeys {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        let key = Zeroizing::new(key);
        let form = match &*key {
            PrivateKeyDer::Pkcs1(_) => Some(KeyForm::Pkcs1),
            PrivateKeyDer::Pkcs8(_) => Some(KeyForm::Pkcs8),
            PrivateKeyDer::Sec1(_) => Some(KeyForm::Sec1),
            _ => None,
        };
        let spki = form.and_then(|form| host::public_key(form, key.secret_der()));
        // The words of aws-lc-rs, since a report quotes them.
        let spki = spki.ok_or_else(|| Error::General("failed to parse private key as RSA, ECDSA, or EdDSA".into()))?;
        Ok(Arc::new(HeldByHost(spki)))
    }
}

/// A private key that the host has, known here by its SubjectPublicKeyInfo.
#[derive(Debug)]
struct HeldByHost(Vec<u8>);

impl SigningKey for HeldByHost {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        None
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.0.as_slice()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Unknown(0)
    }
}
