//! Distinguished names as text: RFC 4514, bounded, and with everything escaped that a reader could not see (V11).

use x509_parser::oid_registry::asn1_rs::{Any, Tag, ToDer};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::text::{Bounded, is_shown};

/// The text of a name in DER.
pub(crate) fn raw_name_text(der: &[u8]) -> String {
    X509Name::from_der(der).map_or_else(|_| "a name that cannot be read".to_owned(), |(_, name)| name_text(&name))
}

/// The most specific part first, as in `CN=a,OU=b+OU=c,O=d`. A backslash always begins an escape of RFC 4514.
pub(crate) fn name_text(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    if parts.is_empty() {
        return "an empty name".to_owned();
    }
    let mut out = Bounded::default();
    for (index, part) in parts.iter().rev().enumerate() {
        if index > 0 {
            out.push([',']);
        }
        for (index, attribute) in part.iter().enumerate() {
            if index > 0 {
                out.push(['+']);
            }
            push_attribute(&mut out, attribute);
        }
    }
    out.finish()
}

/// RFC 4514 section 2.3: a type without a short name, and a value that is no text, have the value in hexadecimal.
fn push_attribute(out: &mut Bounded, attribute: &AttributeTypeAndValue<'_>) {
    let oid = attribute.attr_type().to_id_string();
    let short = SHORT_NAMES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name);
    out.push(short.unwrap_or(&oid).chars());
    out.push(['=']);
    let value = attribute.attr_value();
    match short.and_then(|_| text_of(value)) {
        Some(text) => push_text(out, &text),
        None => {
            out.push(['#']);
            for byte in value.to_der_vec().unwrap_or_default() {
                out.push(format!("{byte:02x}").chars());
            }
        }
    }
}

/// RFC 4514 section 2.4. What is not shown is escaped there as the bytes of its UTF-8, two digits each.
fn push_text(out: &mut Bounded, text: &str) {
    let last = text.chars().count().saturating_sub(1);
    for (index, c) in text.chars().enumerate() {
        let is_edge = (c == ' ' && (index == 0 || index == last)) || (c == '#' && index == 0);
        if is_edge || "\"+,;<>\\".contains(c) {
            out.push(['\\', c]);
        } else if is_shown(c) {
            out.push([c]);
        } else {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).bytes();
            out.push(bytes.flat_map(|byte| format!("\\{byte:02X}").chars().collect::<Vec<_>>()));
        }
    }
}

/// The text of a string; `None` for other values, for T.61 beyond ASCII (no two decoders agree), and for broken
/// encodings.
fn text_of(value: &Any<'_>) -> Option<String> {
    let bytes = value.as_bytes();
    match value.tag() {
        Tag::Utf8String => core::str::from_utf8(bytes).ok().map(str::to_owned),
        Tag::Ia5String | Tag::NumericString | Tag::PrintableString | Tag::T61String | Tag::VisibleString => {
            bytes.is_ascii().then(|| bytes.iter().copied().map(char::from).collect())
        }
        Tag::BmpString => units::<2>(bytes).map(|unit| char::from_u32(u32::from(u16::from_be_bytes(unit?)))).collect(),
        Tag::UniversalString => units::<4>(bytes).map(|unit| char::from_u32(u32::from_be_bytes(unit?))).collect(),
        _ => None,
    }
}

/// `bytes` in groups of `N`; a last one that is shorter is `None`.
fn units<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = Option<[u8; N]>> {
    bytes.chunks(N).map(|unit| unit.try_into().ok())
}

/// The short names of RFC 4514 section 3 and RFC 4519, and `emailAddress`, which every tool writes so.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "givenName"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.46", "dnQualifier"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::LIMIT;
    use x509_parser::prelude::FromDer;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let head = match length {
            0..=127 => vec![tag, u8::try_from(length).unwrap_or_default()],
            _ => [vec![tag, 0x82], u16::try_from(length).unwrap_or_default().to_be_bytes().to_vec()].concat(),
        };
        [head, content.to_vec()].concat()
    }

    /// Type, tag and value of an attribute, as they are encoded.
    type Attribute<'a> = (&'a [u8], u8, &'a [u8]);

    fn shown(parts: &[&[Attribute<'_>]]) -> String {
        let attribute = |(oid, tag, value): &Attribute<'_>| tlv(0x30, &[tlv(6, oid), tlv(*tag, value)].concat());
        let part = |part: &&[Attribute<'_>]| tlv(0x31, &part.iter().flat_map(attribute).collect::<Vec<_>>());
        let der = tlv(0x30, &parts.iter().flat_map(part).collect::<Vec<_>>());
        let (rest, name) = X509Name::from_der(&der).expect("well-formed");
        assert!(rest.is_empty());
        name_text(&name)
    }

    fn common_name(tag: u8, value: &[u8]) -> String {
        let text = shown(&[&[(CN, tag, value)]]);
        text.strip_prefix("CN=").expect("it has a short name").to_owned()
    }

    #[test]
    fn the_most_specific_part_is_first() {
        let name: &[&[Attribute<'_>]] =
            &[&[(O, UTF8, b"Shop")], &[(OU, UTF8, b"a"), (OU, UTF8, b"b")], &[(CN, PRINTABLE, b"pay")]];
        assert_eq!(shown(name), "CN=pay,OU=a+OU=b,O=Shop");
        assert_eq!(shown(&[]), "an empty name");
    }

    #[test]
    fn what_means_something_is_escaped() {
        for (text, wanted) in [
            ("a,b", "a\\,b"),
            ("a+b;c<d>e\"f\\g", "a\\+b\\;c\\<d\\>e\\\"f\\\\g"),
            (" a b ", "\\ a b\\ "),
            (" ", "\\ "),
            ("#a#", "\\#a#"),
            ("a=b", "a=b"),
            ("a\0\n", "a\\00\\0A"),
            ("Zürich 東京", "Zürich 東京"),
            ("a\u{202e}b\u{3164}", "a\\E2\\80\\AEb\\E3\\85\\A4"),
            ("\\n", "\\\\n"),
            ("", ""),
        ] {
            assert_eq!(common_name(UTF8, text.as_bytes()), wanted, "{text:?}");
        }
    }

    #[test]
    fn strings_of_every_kind_are_read_and_nothing_else_is() {
        assert_eq!(common_name(BMP, &[0x00, 0xfc, 0x67, 0x71]), "ü東");
        assert_eq!(common_name(UNIVERSAL, &[0, 0, 0, 0x41]), "A");
        assert_eq!(common_name(T61, b"abc"), "abc");
        assert_eq!(common_name(T61, &[0xe9]), "#1401e9");
        assert_eq!(common_name(BMP, &[0x00]), "#1e0100");
        assert_eq!(common_name(BMP, &[0xd8, 0x00]), "#1e02d800");
        assert_eq!(common_name(UTF8, &[0xff]), "#0c01ff");
        assert_eq!(common_name(BYTES, b"a"), "#040161");
        // A type of no short name.
        assert_eq!(shown(&[&[(&[0x2a, 0x03], UTF8, b"a")]]), "1.2.3=#0c0161");
    }

    #[test]
    fn a_long_name_is_cut_between_escapes() {
        for length in 240..260 {
            let text = common_name(UTF8, ("x".repeat(length) + "\u{202e}\u{202e}\u{202e}").as_bytes());
            assert!(text.chars().count() + 3 <= LIMIT, "{text}");
            let shown = text.trim_start_matches('x').trim_end_matches("...");
            assert!(shown.is_empty() || shown.replace("\\E2\\80\\AE", "").is_empty(), "{text}");
        }
        assert!(common_name(BYTES, &[0; 60_000]).len() <= LIMIT);
    }

    const CN: &[u8] = &[0x55, 4, 3];
    const O: &[u8] = &[0x55, 4, 10];
    const OU: &[u8] = &[0x55, 4, 11];
    const BMP: u8 = 0x1e;
    const BYTES: u8 = 4;
    const PRINTABLE: u8 = 0x13;
    const T61: u8 = 0x14;
    const UNIVERSAL: u8 = 0x1c;
    const UTF8: u8 = 0x0c;
}
