//! The extensions of a template as DER.

use crate::asn1::{encode, tlv};
use crate::san::San;
use crate::template::{KeyUsage, Template};
use der::asn1::{ObjectIdentifier, OctetString};
use sha2::{Digest as _, Sha256};
use x509_cert::ext::pkix::{self, KeyUsages};
use x509_cert::ext::{Extension, pkix::AuthorityKeyIdentifier};

/// All extensions of the template, in a fixed order.
pub(crate) fn extensions(template: &Template, spki: &[u8], issuer_key_id: &[u8]) -> Vec<Extension> {
    let purposes = template.extended_key_usage.as_ref();
    let constraints = template.name_constraints.as_ref();
    let ordinary = [
        template.basic_constraints.map(|constraints| {
            let value = pkix::BasicConstraints { ca: constraints.ca, path_len_constraint: constraints.path_len };
            extension("2.5.29.19", true, encode(&value))
        }),
        template.key_usage.as_ref().map(|bits| extension("2.5.29.15", true, key_usage(bits))),
        purposes.map(|oids| extension("2.5.29.37", false, extended_key_usage(oids))),
        template.subject_key_id.then(|| extension("2.5.29.14", false, tlv(0x04, &key_identifier(spki)))),
        template.authority_key_id.then(|| extension("2.5.29.35", false, authority_key_identifier(issuer_key_id))),
        constraints.map(|constraints| {
            let subtrees = [subtrees(0xa0, &constraints.permitted), subtrees(0xa1, &constraints.excluded)];
            extension("2.5.29.30", true, tlv(0x30, &subtrees.concat()))
        }),
        (!template.sans.is_empty())
            .then(|| extension("2.5.29.17", template.san_critical, general_names(0x30, &template.sans))),
        (!template.crl_distribution_points.is_empty()).then(|| {
            let points = &template.crl_distribution_points;
            extension("2.5.29.31", false, distribution_points(points))
        }),
        template
            .aia_ca_issuers
            .as_ref()
            .map(|uri| extension("1.3.6.1.5.5.7.1.1", false, authority_information_access(uri))),
    ];
    let extra = template.extra_extensions.iter().map(|raw| extension(raw.oid, raw.critical, raw.der.clone()));
    ordinary.into_iter().flatten().chain(extra).collect()
}

/// One extension around an encoded value.
pub(crate) fn extension(oid: &str, critical: bool, value: Vec<u8>) -> Extension {
    Extension {
        extn_id: ObjectIdentifier::new(oid).expect("a dotted OID"),
        critical,
        extn_value: OctetString::new(value).expect("value is short"),
    }
}

/// The identifier of a public key: the leading 160 bits of the SHA-256 of its DER (RFC 7093, 2, method 4).
pub(crate) fn key_identifier(spki: &[u8]) -> Vec<u8> {
    Sha256::digest(spki)[..20].to_vec()
}

/// The value of an authority key identifier extension.
pub(crate) fn authority_key_identifier(key_identifier: &[u8]) -> Vec<u8> {
    let key_identifier = OctetString::new(key_identifier).expect("value is short");
    encode(&AuthorityKeyIdentifier { key_identifier: Some(key_identifier), ..AuthorityKeyIdentifier::default() })
}

/// `[0] { [0] { URI } }`: the name of a distribution point.
pub(crate) fn distribution_point_name(uri: &str) -> Vec<u8> {
    tlv(0xa0, &general_names(0xa0, &[San::uri(uri)]))
}

fn general_names(tag: u8, names: &[San]) -> Vec<u8> {
    let names: Vec<u8> = names.iter().flat_map(San::general_name).collect();
    tlv(tag, &names)
}

fn subtrees(tag: u8, names: &[San]) -> Vec<u8> {
    let subtrees: Vec<u8> = names.iter().flat_map(San::subtree).collect();
    if subtrees.is_empty() { subtrees } else { tlv(tag, &subtrees) }
}

fn key_usage(bits: &[KeyUsage]) -> Vec<u8> {
    let mut flags = pkix::KeyUsage(Default::default());
    for bit in bits {
        flags.0 |= match bit {
            KeyUsage::CrlSign => KeyUsages::CRLSign,
            KeyUsage::DataEncipherment => KeyUsages::DataEncipherment,
            KeyUsage::DigitalSignature => KeyUsages::DigitalSignature,
            KeyUsage::KeyAgreement => KeyUsages::KeyAgreement,
            KeyUsage::KeyCertSign => KeyUsages::KeyCertSign,
            KeyUsage::KeyEncipherment => KeyUsages::KeyEncipherment,
            KeyUsage::NonRepudiation => KeyUsages::NonRepudiation,
        };
    }
    encode(&flags)
}

fn extended_key_usage(oids: &[&str]) -> Vec<u8> {
    let oids = oids.iter().map(|oid| ObjectIdentifier::new(oid).expect("a dotted OID"));
    encode(&pkix::ExtendedKeyUsage(oids.collect()))
}

fn distribution_points(uris: &[String]) -> Vec<u8> {
    let points: Vec<u8> = uris.iter().flat_map(|uri| tlv(0x30, &distribution_point_name(uri))).collect();
    tlv(0x30, &points)
}

fn authority_information_access(uri: &str) -> Vec<u8> {
    let method = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");
    let description = [encode(&method), San::uri(uri).general_name()].concat();
    tlv(0x30, &tlv(0x30, &description))
}
