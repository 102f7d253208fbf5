//! Distinguished names as RFC 5280 section 7.1 compares them: string type, case and runs of spaces do not count.

use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// A form of a DER name that is equal for equal names, and only for those. Path building compares the bytes themselves, as
/// webpki does; this form is for revocation lists, where a name that is missed is a revocation that is missed.
///
/// A name that does not parse stands for itself.
pub(crate) fn canonical_name(der: &[u8]) -> Vec<u8> {
    let Ok(([], name)) = X509Name::from_der(der) else { return der.to_vec() };
    let mut out = Vec::with_capacity(der.len());
    for rdn in name.iter_rdn() {
        let mut attributes: Vec<Vec<u8>> = rdn.iter().map(canonical_attribute).collect();
        attributes.sort_unstable();
        field(&mut out, &attributes.len().to_be_bytes());
        attributes.iter().for_each(|attribute| field(&mut out, attribute));
    }
    out
}

/// Whether two DER names are equal.
pub(crate) fn same_name(one: &[u8], other: &[u8]) -> bool {
    one == other || canonical_name(one) == canonical_name(other)
}

fn canonical_attribute(attribute: &AttributeTypeAndValue<'_>) -> Vec<u8> {
    let value = attribute.attr_value();
    let mut out = Vec::new();
    field(&mut out, attribute.attr_type().as_bytes());
    match text(value.tag().0, value.data) {
        Some(text) => {
            let folded = text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
            field(&mut out, b"text");
            field(&mut out, folded.as_bytes());
        }
        None => {
            field(&mut out, &value.tag().0.to_be_bytes());
            field(&mut out, value.data);
        }
    }
    out
}

/// The characters of a directory string, by its universal tag; `None` for what is no string.
fn text(tag: u32, bytes: &[u8]) -> Option<String> {
    let units =
        |width: usize| bytes.chunks(width).map(|unit| unit.iter().fold(0, |value, b| value << 8 | u32::from(*b)));
    match tag {
        UTF8_STRING => core::str::from_utf8(bytes).ok().map(str::to_owned),
        NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING | TELETEX_STRING => {
            Some(bytes.iter().copied().map(char::from).collect())
        }
        BMP_STRING if bytes.len().is_multiple_of(2) => units(2).map(char::from_u32).collect(),
        UNIVERSAL_STRING if bytes.len().is_multiple_of(4) => units(4).map(char::from_u32).collect(),
        _ => None,
    }
}

/// Length-prefixed, so that no two sequences of fields look alike.
fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&bytes.len().to_be_bytes());
    out.extend_from_slice(bytes);
}

const UTF8_STRING: u32 = 12;
const NUMERIC_STRING: u32 = 18;
const PRINTABLE_STRING: u32 = 19;
const TELETEX_STRING: u32 = 20;
const IA5_STRING: u32 = 22;
const VISIBLE_STRING: u32 = 26;
const UNIVERSAL_STRING: u32 = 28;
const BMP_STRING: u32 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    /// A name of one RDN, of attributes (last byte of 2.5.4.N, tag, value).
    fn name(attributes: &[(u8, u8, &[u8])]) -> Vec<u8> {
        let tlv = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).expect("short");
            [&[tag, length][..], content].concat()
        };
        let attribute =
            |(oid, tag, value): &(u8, u8, &[u8])| tlv(0x30, &[tlv(6, &[0x55, 4, *oid]), tlv(*tag, value)].concat());
        let all: Vec<u8> = attributes.iter().flat_map(attribute).collect();
        tlv(0x30, &tlv(0x31, &all))
    }

    #[test]
    fn string_type_case_and_spaces_do_not_count() {
        let utf8 = name(&[(3, 12, b"Acme Root")]);
        for (same, value) in [
            (true, name(&[(3, 19, b"Acme Root")])),
            (true, name(&[(3, 12, b" acme  ROOT ")])),
            (true, name(&[(3, 30, b"\0A\0c\0m\0e\0 \0R\0o\0o\0t")])),
            (false, name(&[(3, 12, b"AcmeRoot")])),
            (false, name(&[(3, 12, b"Acme Roof")])),
            (false, name(&[(10, 12, b"Acme Root")])),
            (false, name(&[(3, 12, b"Acme Root"), (10, 12, b"Acme")])),
            (false, name(&[(3, 4, b"Acme Root")])),
        ] {
            assert_eq!(same_name(&utf8, &value), same, "{value:02x?}");
        }
    }

    #[test]
    fn the_attributes_of_one_rdn_are_a_set() {
        let both = name(&[(3, 12, b"a"), (10, 12, b"b")]);
        assert!(same_name(&both, &name(&[(10, 12, b"b"), (3, 12, b"a")])));
        assert!(!same_name(&both, &name(&[(3, 12, b"a")])));
        assert!(!same_name(b"garbage", b"other"));
    }
}
