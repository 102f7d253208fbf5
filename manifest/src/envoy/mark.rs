//! What stands in front of the CA certificates in a file: whose it is, and that it is as it was written. Readers of PEM pass over
//! text before the first block, Envoy's (BoringSSL) and this library's (T2) among them.

use super::owner::{OwnerKey, digest};

/// `content` with a mark in front of it.
pub(super) fn marked(owner: &OwnerKey, content: &[u8]) -> Vec<u8> {
    let mut for_whom = owner.description.clone();
    // BoringSSL takes lines of more than 253 bytes for several, and one of those might look like the beginning of a block.
    let mut end = for_whom.len().min(MAX_DESCRIPTION);
    while !for_whom.is_char_boundary(end) {
        end -= 1;
    }
    for_whom.truncate(end);
    let digests = format!("owner {} content {}", owner.digest, digest(content));
    let mut text = format!("{FIRST}{for_whom}\n{SECOND}\n{THIRD}{digests}\n").into_bytes();
    text.extend_from_slice(content);
    text
}

/// What a file says of itself.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Mark<'a> {
    /// It is as it was written, for the owner of this digest; and how people call that one.
    Of { owner: &'a str, description: &'a str },
    /// It has a mark, and is not as it was written.
    Changed,
    /// It has none.
    Missing,
}

impl<'a> Mark<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        let parts = || {
            let (first, rest) = line(text)?;
            let (second, rest) = line(rest)?;
            let (third, content) = line(rest)?;
            let description = first.strip_prefix(FIRST)?;
            (second == SECOND).then_some(())?;
            let (owner, written) = third.strip_prefix(THIRD)?.strip_prefix("owner ")?.split_once(" content ")?;
            Some((owner, description, written == digest(content)))
        };
        match parts() {
            Some((owner, description, true)) => Self::Of { owner, description },
            Some((.., false)) => Self::Changed,
            None if text.starts_with(FIRST.as_bytes()) => Self::Changed,
            None => Self::Missing,
        }
    }
}

/// The first line of `text`, and what follows it.
fn line(text: &[u8]) -> Option<(&str, &[u8])> {
    let end = text.iter().take(MAX_LINE).position(|byte| *byte == b'\n')?;
    let (line, rest) = text.split_at_checked(end)?;
    Some((core::str::from_utf8(line).ok()?, rest.get(1..)?))
}

const FIRST: &str = "# Written by uptls for ";
const MAX_DESCRIPTION: usize = 200;
const MAX_LINE: usize = 254;
const SECOND: &str = "# The next export of this policy replaces the file, and no other does. Do not edit it.";
const THIRD: &str = "# uptls-export v1 ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::owner::{Form, Owner};

    #[test]
    fn a_mark_says_whose_the_file_is() {
        let key = Owner::named("pay").key(Form::Own, None);
        let text = marked(&key, b"content\n");
        assert_eq!(Mark::of(&text), Mark::Of { owner: &key.digest, description: "the policy pay" });
        for changed in [[&*text, b"more"].concat(), text[..text.len() - 1].to_vec(), text[..60].to_vec()] {
            assert_eq!(Mark::of(&changed), Mark::Changed, "{}", String::from_utf8_lossy(&changed));
        }
        for foreign in [&b""[..], b"content\n", &text[1..], b"\xff\n\n\n"] {
            assert_eq!(Mark::of(foreign), Mark::Missing);
        }
    }

    #[test]
    fn no_line_is_one_that_a_reader_of_pem_takes_for_two() {
        let nasty = format!("{}-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n", "ü".repeat(300));
        for name in [nasty.as_str(), "\n-----BEGIN CERTIFICATE-----", &"x".repeat(5_000)] {
            let text = String::from_utf8(marked(&Owner::named(name).key(Form::Module, None), b"")).unwrap();
            assert_eq!(text.lines().count(), 3, "{text}");
            assert!(text.lines().all(|line| line.starts_with("# ") && line.len() < MAX_LINE), "{text}");
            assert!(matches!(Mark::of(text.as_bytes()), Mark::Of { .. }), "{text}");
        }
    }
}
