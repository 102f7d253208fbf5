//! Certificate revocation lists.

use crate::asn1::{encode, integer, time, tlv};
use crate::certificate::Certificate;
use crate::clock::{DAY, NOW};
use crate::extensions::{authority_key_identifier, distribution_point_name, extension, key_identifier};
use crate::key::SignatureHash;
use crate::pem::pem;
use crate::template::RawExtension;
use der::Sequence;
use der::asn1::Any;
use pkcs8::spki::AlgorithmIdentifierOwned;
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::time::Time;

/// The content of a revocation list.
#[derive(Clone, Debug)]
pub struct CrlTemplate {
    /// Unix seconds.
    pub this_update: i64,
    /// Unix seconds.
    pub next_update: Option<i64>,
    /// The content bytes of the revoked serial numbers ([`Certificate::serial`]), revoked at `this_update`.
    pub revoked: Vec<Vec<u8>>,
    /// The CRL number.
    pub number: Option<u32>,
    /// Whether to write an authority key identifier.
    pub authority_key_id: bool,
    /// Further extensions, after all others.
    pub extra_extensions: Vec<RawExtension>,
    /// The hash under which the issuer signs.
    pub signature_hash: SignatureHash,
}

impl CrlTemplate {
    /// A list valid around now.
    pub fn new(revoked: &[&Certificate]) -> CrlTemplate {
        CrlTemplate {
            this_update: NOW - DAY,
            next_update: Some(NOW + 30 * DAY),
            revoked: revoked.iter().map(|certificate| certificate.serial().to_vec()).collect(),
            number: Some(1),
            authority_key_id: true,
            extra_extensions: Vec::new(),
            signature_hash: SignatureHash::Default,
        }
    }

    /// The same with a (critical) issuing distribution point.
    pub fn with_distribution_point(mut self, uri: &str) -> CrlTemplate {
        let der = tlv(0x30, &distribution_point_name(uri));
        self.extra_extensions.push(RawExtension { oid: "2.5.29.28", critical: true, der });
        self
    }

    /// The list as DER.
    pub fn issued_by(&self, issuer: &Certificate) -> Vec<u8> {
        let revoked =
            self.revoked.iter().map(|serial| Revoked { serial: integer(serial), date: time(self.this_update) });
        let content = TbsCertList {
            version: 1,
            signature: issuer.key().signature_algorithm(self.signature_hash),
            issuer: issuer.subject().clone(),
            this_update: time(self.this_update),
            next_update: self.next_update.map(time),
            revoked: Some(revoked.collect()).filter(|revoked: &Vec<_>| !revoked.is_empty()),
            extensions: Some(self.extensions(issuer)).filter(|extensions| !extensions.is_empty()),
        };
        issuer.key().signed(&encode(&content), self.signature_hash)
    }

    fn extensions(&self, issuer: &Certificate) -> Vec<Extension> {
        let key_id = authority_key_identifier(&key_identifier(issuer.spki_der()));
        let ordinary = [
            self.authority_key_id.then(|| extension("2.5.29.35", false, key_id)),
            self.number.map(|number| extension("2.5.29.20", false, encode(&number))),
        ];
        let extra = self.extra_extensions.iter();
        let extra = extra.map(|raw| extension(raw.oid, raw.critical, raw.der.clone()));
        ordinary.into_iter().flatten().chain(extra).collect()
    }
}

/// The list as an `X509 CRL` block.
pub fn crl_pem(der: &[u8]) -> String {
    pem("X509 CRL", der)
}

#[derive(Sequence)]
struct TbsCertList {
    version: u8,
    signature: AlgorithmIdentifierOwned,
    issuer: Name,
    this_update: Time,
    next_update: Option<Time>,
    revoked: Option<Vec<Revoked>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Vec<Extension>>,
}

#[derive(Sequence)]
struct Revoked {
    serial: Any,
    date: Time,
}
