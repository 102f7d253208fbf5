//! Names inside certificates, well-formed and malformed.

use crate::asn1::{encode, tlv};
use crate::template::NameEncoding;
use der::Tag;
use der::asn1::{Any, ObjectIdentifier, Utf8StringRef};
use std::net::IpAddr;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

/// One general name (RFC 5280, 4.2.1.6), as a subject alternative name or inside name constraints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum San {
    /// `directoryName` with this organization and nothing else.
    DirectoryName(String),
    /// `dNSName`, bytes as given, not restricted to ASCII.
    Dns(String),
    /// `rfc822Name`, bytes as given.
    Email(String),
    /// `iPAddress`; inside name constraints with the mask of the full length.
    Ip(IpAddr),
    /// Address and mask. Only name constraints have it; as an alternative name it is malformed.
    IpSubnet {
        /// The address of the subnet.
        address: IpAddr,
        /// How many leading bits count.
        prefix: u8,
    },
    /// `otherName` with a Microsoft user principal name.
    OtherName,
    /// Any tag byte with any content.
    RawTag {
        /// The identifier byte, for example 0x82 for `dNSName`.
        tag: u8,
        /// The content bytes.
        bytes: Vec<u8>,
    },
    /// `uniformResourceIdentifier`, bytes as given.
    Uri(String),
}

impl San {
    /// A `dNSName`.
    pub fn dns(name: &str) -> San {
        San::Dns(name.into())
    }

    /// An `iPAddress`. Panics unless the text is an address.
    pub fn ip(address: &str) -> San {
        San::Ip(address.parse().expect("an IP address"))
    }

    /// A `uniformResourceIdentifier`.
    pub fn uri(uri: &str) -> San {
        San::Uri(uri.into())
    }

    /// A subnet for name constraints, written like `10.0.0.0/8`. Panics on anything else.
    pub fn subnet(cidr: &str) -> San {
        let (address, prefix) = cidr.split_once('/').expect("address/prefix");
        San::IpSubnet {
            address: address.parse().expect("an IP address"),
            prefix: prefix.parse().expect("a prefix length"),
        }
    }

    /// The DER of this name as a `GeneralName`.
    pub(crate) fn general_name(&self) -> Vec<u8> {
        match self {
            San::DirectoryName(organization) => tlv(0xa4, &encode(&name(None, Some(organization), NameEncoding::Utf8))),
            San::Dns(name) => tlv(0x82, name.as_bytes()),
            San::Email(address) => tlv(0x81, address.as_bytes()),
            San::Ip(address) => tlv(0x87, &bytes(*address)),
            San::IpSubnet { address, prefix } => tlv(0x87, &[bytes(*address), mask(*address, *prefix)].concat()),
            San::OtherName => {
                let principal = Utf8StringRef::new("user@corp.example").expect("valid text");
                let value = tlv(0xa0, &encode(&principal));
                tlv(0xa0, &[encode(&USER_PRINCIPAL_NAME), value].concat())
            }
            San::RawTag { tag, bytes } => tlv(*tag, bytes),
            San::Uri(uri) => tlv(0x86, uri.as_bytes()),
        }
    }

    /// The DER of this name as a `GeneralSubtree`.
    pub(crate) fn subtree(&self) -> Vec<u8> {
        let base = match self {
            San::Ip(address) => San::IpSubnet { address: *address, prefix: u8::MAX }.general_name(),
            other => other.general_name(),
        };
        tlv(0x30, &base)
    }
}

/// A distinguished name: organization first, then common name; empty when neither is given.
pub(crate) fn name(common_name: Option<&str>, organization: Option<&str>, encoding: NameEncoding) -> Name {
    let parts = [(ORGANIZATION, organization), (COMMON_NAME, common_name)];
    let mut sequence = RdnSequence::default();
    for (oid, text) in parts {
        let Some(text) = text else { continue };
        let value = directory_string(text, encoding);
        let mut relative = RelativeDistinguishedName::default();
        relative.insert(AttributeTypeAndValue { oid, value }).expect("one attribute");
        sequence.push(relative);
    }
    Name::hazmat_from_rdn_sequence(sequence)
}

fn directory_string(text: &str, encoding: NameEncoding) -> Any {
    let tag = match encoding {
        NameEncoding::Ia5 => Tag::Ia5String,
        NameEncoding::Printable => Tag::PrintableString,
        NameEncoding::Utf8 => Tag::Utf8String,
    };
    Any::new(tag, text.as_bytes()).expect("the text is short")
}

fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn mask(address: IpAddr, prefix: u8) -> Vec<u8> {
    let prefix = usize::from(prefix);
    (0..bytes(address).len())
        .map(|index| match prefix.saturating_sub(index * 8).min(8) {
            8 => 0xff,
            bits => !(0xff_u8 >> bits),
        })
        .collect()
}

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const USER_PRINCIPAL_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");
