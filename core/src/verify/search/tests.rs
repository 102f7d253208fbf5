//! The names by which the search finds an anchor.

use super::{key_rank, name_content};

/// X.690 section 8.1.3: a length up to 127 takes one byte, and any other says first how many bytes it takes. A root with a long name
/// would else be found for none of its certificates.
#[test]
fn a_name_is_read_at_each_length() {
    for (header, length) in [
        (&[0x30, 0x00][..], 0),
        (&[0x30, 0x7f], 0x7f),
        (&[0x30, 0x81, 0x80], 0x80),
        (&[0x30, 0x81, 0xff], 0xff),
        (&[0x30, 0x82, 0x01, 0x00], 0x100),
        (&[0x30, 0x83, 0x01, 0x00, 0x00], 0x1_0000),
    ] {
        let content = vec![0x31; length];
        assert_eq!(name_content(&[header, &content].concat()), content, "{header:x?}");
    }
}

/// What is no DER name is compared as it stands, and no anchor is called so.
#[test]
fn what_is_no_name_is_left_as_it_is() {
    for der in [&[][..], &[0x30], &[0x30, 0x01], &[0x30, 0x01, 0x31, 0x31]] {
        assert_eq!(name_content(der), der);
    }
    assert!(name_content(&[0x30, 0x82, 0x01]).is_empty());
}

#[test]
fn the_wanted_key_comes_first_and_another_last() {
    let ranks = [(Some("a"), Some("a")), (Some("a"), None), (None, Some("a")), (None, None), (Some("a"), Some("b"))];
    let ranks = ranks.map(|(wanted, own)| key_rank(wanted.map(str::as_bytes), own.map(str::as_bytes)));
    assert_eq!(ranks, [0, 1, 1, 1, 2]);
}
