//! Small pieces of DER that the other files put together.

use der::asn1::Any;
use der::{DateTime, Decode, Encode, Tag};
use std::time::Duration;
use x509_cert::time::Time;

/// The DER of a value.
pub(crate) fn encode(value: &impl Encode) -> Vec<u8> {
    value.to_der().expect("the value fits into DER")
}

/// Tag, length, content; nothing is checked, so that malformed content can be written too.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("content is short");
    let significant: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            out.push(0x80 + u8::try_from(significant.len()).expect("at most four bytes"));
            out.extend(significant);
        }
    }
    out.extend(content);
    out
}

/// Already encoded bytes as one value.
pub(crate) fn any(der: &[u8]) -> Any {
    Any::from_der(der).expect("one DER value")
}

/// An INTEGER with these content bytes, minimal or not.
pub(crate) fn integer(content: &[u8]) -> Any {
    Any::new(Tag::Integer, content).expect("content is short")
}

/// Unix seconds as UTCTime until 2049, GeneralizedTime afterwards (RFC 5280, 4.1.2.5).
pub(crate) fn time(unix_seconds: i64) -> Time {
    let seconds = u64::try_from(unix_seconds).expect("not before 1970");
    DateTime::from_unix_duration(Duration::from_secs(seconds)).expect("not after 9999").into()
}
