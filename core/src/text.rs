//! Text for people: escaped, and never longer than 256 characters (V11).
//!
//! What comes from a peer is escaped where it enters, by [`foreign`] or as a distinguished name, and never again: a backslash
//! in it then always begins an escape. [`printable`] changes nothing in such a text, so that it can stand in front of every
//! way out.

use core::fmt::Write;

/// A text from outside as reports and errors show it: what a reader cannot see, or what could reorder or steer a line, is
/// escaped, and it is cut at 256 characters.
///
/// Shown as they are: printable ASCII, and the letters and digits of Latin, Greek and Cyrillic, of CJK ideographs, kana and
/// Hangul syllables. All of these are visible and run from left to right. Everything else is `\u{..}`, or `\n`, `\r`, `\t`.
///
/// ```
/// assert_eq!(uptls::printable("café\u{202e}\n"), "café\\u{202e}\\n");
/// ```
pub fn printable(text: &str) -> String {
    shown(text, is_shown)
}

/// A text of a peer, once, where it enters: as [`printable`], and a backslash is doubled, so that no text looks like the escape
/// of another.
pub(crate) fn foreign(text: &str) -> String {
    shown(text, |c| is_shown(c) && c != '\\')
}

fn shown(text: &str, as_it_is: impl Fn(char) -> bool) -> String {
    let mut out = Bounded::default();
    for c in text.chars() {
        if as_it_is(c) { out.push([c]) } else { out.push(c.escape_default()) }
    }
    out.finish()
}

/// Bytes of a peer as text: printable ASCII as it is, a backslash doubled, the rest as `\xNN`.
pub(crate) fn printable_bytes(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes.iter().take(LIMIT / 4) {
        if (byte.is_ascii_graphic() && *byte != b'\\') || *byte == b' ' {
            out.push(char::from(*byte));
        } else {
            out.extend(byte.escape_ascii().map(char::from));
        }
    }
    out
}

/// Whether a reader sees `c`, and sees it where it stands. A list of what is known to be so: Unicode grows, and a list of what
/// is not would miss what is invisible or reorders in its next version.
pub(crate) fn is_shown(c: char) -> bool {
    let is_known = match c {
        ' '..='~' => return true,
        'À'..='ʯ' | 'Ḁ'..='ỿ' => true,
        'Ͱ'..='Ͽ' | 'ἀ'..='῿' => true,
        'Ѐ'..='ԯ' => true,
        'ぁ'..='ゖ' | 'ァ'..='ー' => true,
        '㐀'..='䶿' | '一'..='鿿' => true,
        '가'..='힣' => true,
        _ => false,
    };
    is_known && c.is_alphanumeric()
}

/// A text under construction that is cut at [`LIMIT`] characters, and never inside of a piece.
#[derive(Default)]
pub(crate) struct Bounded {
    length: usize,
    /// How many bytes can stay where an ellipsis follows.
    room: usize,
    text: String,
}

impl Bounded {
    /// Adds a piece.
    pub(crate) fn push(&mut self, piece: impl IntoIterator<Item = char>) {
        if self.length > LIMIT {
            return;
        }
        for c in piece {
            self.text.push(c);
            self.length += 1;
        }
        if self.length <= LIMIT - ELLIPSIS.len() {
            self.room = self.text.len();
        }
    }

    pub(crate) fn finish(mut self) -> String {
        if self.length > LIMIT {
            self.text.truncate(self.room);
            self.text.push_str(ELLIPSIS);
        }
        self.text
    }
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

    #[test]
    fn letters_that_a_reader_sees_in_their_order_are_shown() {
        for text in ["Zürich Łódź", "Ελλάς ἀρχή", "Москва", "東京", "ひらがなカタカナー", "서울", "a-z_0.9~!"]
        {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn what_is_invisible_reorders_or_combines_is_escaped() {
        let invisible =
            ['\u{3164}', '\u{ffa0}', '\u{115f}', '\u{1160}', '\u{ad}', '\u{200b}', '\u{feff}', '\u{3000}', '\u{a0}'];
        let reorders = ['\u{202e}', '\u{2066}', '\u{200f}', 'א', 'ش', '\u{66b}', '١', 'ߊ', '\u{1e900}'];
        let combines = ['\u{301}', '\u{345}', '\u{483}', '\u{3099}', '\u{20dd}', '\u{e0100}', 'ิ'];
        let others = ['\u{7f}', '\u{85}', '\u{2028}', '\u{e000}', '𝐀', '😀', 'ﬁ', '\u{378}'];
        for c in invisible.into_iter().chain(reorders).chain(combines).chain(others) {
            assert_eq!(printable(&c.to_string()), c.escape_default().to_string());
        }
    }

    #[test]
    fn no_text_of_a_peer_looks_like_an_escape() {
        assert_eq!(foreign("a\\n"), "a\\\\n");
        assert_eq!(foreign("a\n"), "a\\n");
        assert_eq!(printable_bytes(b"\\n\n"), "\\\\n\\n");
        assert_ne!(foreign("\\u{202e}"), foreign("\u{202e}"));
    }

    #[test]
    fn a_text_that_is_printable_stays_as_it_is() {
        for length in LIMIT - 8..LIMIT + 8 {
            for odd in ["", "\n", "\u{202e}", "\\"] {
                let once = foreign(&("x".repeat(length) + odd));
                assert!(once.chars().count() <= LIMIT, "{once}");
                assert_eq!(printable(&once), once);
                assert_eq!(once.ends_with("..."), length + foreign(odd).len() > LIMIT, "{length}");
            }
        }
    }
}
