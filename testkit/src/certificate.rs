//! A minted certificate together with its private key.

use crate::asn1::encode;
use crate::key::Key;
use crate::pem::pem;
use sha2::{Digest as _, Sha256};
use x509_cert::name::Name;

/// A certificate, the private key that belongs to it, and what an issuer must know of itself.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    key: Key,
    subject: Name,
    spki: Vec<u8>,
    serial: Vec<u8>,
}

impl Certificate {
    pub(crate) fn new(der: Vec<u8>, key: Key, subject: Name, spki: Vec<u8>, serial: Vec<u8>) -> Certificate {
        Certificate { der, key, subject, spki, serial }
    }

    /// The certificate.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as a `CERTIFICATE` block.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// The private key with which the certificate was issued.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// SHA-256 of the DER.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.der).into()
    }

    /// The content bytes of the serial number.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The public key inside the certificate.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of [`Certificate::spki_der`].
    pub fn spki_sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.spki).into()
    }

    /// The distinguished name of the subject as DER.
    pub fn subject_der(&self) -> Vec<u8> {
        encode(&self.subject)
    }

    /// The same with one bit of the signature flipped.
    pub fn with_tampered_signature(&self) -> Certificate {
        let mut tampered = self.clone();
        *tampered.der.last_mut().expect("a certificate is not empty") ^= 1;
        tampered
    }

    /// The same facts and key around other bytes, for damage that no template can say.
    pub fn with_der(&self, der: Vec<u8>) -> Certificate {
        Certificate { der, ..self.clone() }
    }

    pub(crate) fn subject(&self) -> &Name {
        &self.subject
    }
}
