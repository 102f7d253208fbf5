//! Text for people: escaped, and never longer than 256 characters (V11).

use core::fmt::Write;

/// `text` with control characters, quotes' escapes and anything outside printable ASCII and letters escaped, cut at
/// [`LIMIT`] characters. Whatever comes from a peer or a file goes through here before a person reads it.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(LIMIT));
    let mut length = 0;
    for c in text.chars() {
        let mut piece = String::new();
        if c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric() {
            piece.push(c);
        } else {
            piece.extend(c.escape_default());
        }
        let width = piece.chars().count();
        if length + width > LIMIT - ELLIPSIS.len() {
            out.push_str(ELLIPSIS);
            break;
        }
        length += width;
        out.push_str(&piece);
    }
    out
}

/// Octets as text: printable ASCII as it is, the rest as `\xNN`.
pub(crate) fn printable_bytes(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes.iter().take(LIMIT / 4) {
        if byte.is_ascii_graphic() || *byte == b' ' {
            out.push(char::from(*byte));
        } else {
            out.extend(byte.escape_ascii().map(char::from));
        }
    }
    out
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// `sha256:` and lower-case hexadecimal: how every digest is printed.
pub(crate) fn digest(bytes: &[u8; 32]) -> String {
    format!("sha256:{}", hex(bytes))
}

/// A list for a sentence, at most ten entries of it.
pub(crate) fn listed(items: &[String]) -> String {
    if items.is_empty() {
        return "nothing".to_owned();
    }
    let mut out = items.iter().take(SHOWN).map(|item| printable(item)).collect::<Vec<_>>().join(", ");
    if items.len() > SHOWN {
        // Writing to a String cannot fail.
        let _ = write!(out, " and {} more", items.len() - SHOWN);
    }
    printable(&out)
}

/// How many characters a text from outside may have.
pub(crate) const LIMIT: usize = 256;
/// How many names are shown of a list.
pub(crate) const SHOWN: usize = 10;
const ELLIPSIS: &str = "...";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_escaped_and_bounded() {
        assert_eq!(printable("a\0b\n\u{1b}[31m\u{202e}"), "a\\u{0}b\\n\\u{1b}[31m\\u{202e}");
        let long = printable(&"x".repeat(10_000));
        assert_eq!(long.len(), LIMIT);
        assert!(long.ends_with("..."));
        assert_eq!(printable_bytes(b"HTTP/1.1\r\n\xff"), "HTTP/1.1\\r\\n\\xff");
    }

    #[test]
    fn lists_show_ten_and_count_the_rest() {
        let items: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        assert_eq!(listed(&items), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
        assert_eq!(listed(&[]), "nothing");
    }
}
