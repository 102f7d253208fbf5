//! PEM blocks with their index and line (RFC 7468), strictly: a reader that skips is how a trust bundle loses a CA.

use base64::prelude::BASE64_STANDARD;
use base64::{Engine, decoded_len_estimate};
use zeroize::Zeroizing;

/// One block. `index` and `line` count from 1.
pub(crate) struct Block {
    pub(crate) der: Zeroizing<Vec<u8>>,
    pub(crate) index: usize,
    /// `Proc-Type` and the like: the legacy encrypted form has them.
    pub(crate) headers: Headers,
    pub(crate) label: String,
    pub(crate) line: usize,
}

/// Whether a block begins with header lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Headers {
    Absent,
    /// The content was not decoded.
    Present,
}

/// Why a text is not a sequence of PEM blocks.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct PemError {
    pub(crate) index: usize,
    pub(crate) line: usize,
    pub(crate) reason: String,
}

/// Every block of `text`, in order. Text between blocks is allowed.
pub(crate) fn blocks(text: &[u8]) -> Result<Vec<Block>, PemError> {
    let mut reader = Reader { blocks: Vec::new(), open: None };
    let mut lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).enumerate();
    while let Some((number, line)) = lines.next() {
        let content = lines.clone().map(|(_, line)| line).take_while(|line| !line.starts_with(b"-----"));
        reader.line(number + 1, line, || content.map(<[u8]>::len).sum())?;
    }
    match reader.open {
        None => Ok(reader.blocks),
        Some(open) => Err(open.error("is truncated: it has no END line")),
    }
}

struct Reader {
    blocks: Vec<Block>,
    open: Option<Open>,
}

struct Open {
    base64: Zeroizing<Vec<u8>>,
    headers: Headers,
    index: usize,
    label: String,
    line: usize,
}

impl Open {
    fn error(&self, reason: &str) -> PemError {
        PemError { index: self.index, line: self.line, reason: format!("the {} block {reason}", self.label) }
    }
}

impl Reader {
    /// `content` counts the bytes of the lines that follow, up to the next boundary.
    fn line(&mut self, number: usize, line: &[u8], content: impl FnOnce() -> usize) -> Result<(), PemError> {
        let index = self.blocks.len() + 1;
        if let Some(label) = boundary(line, b"-----BEGIN ") {
            if let Some(open) = &self.open {
                return Err(open.error("is truncated: another block begins in it"));
            }
            // All of it at once: a buffer that grows leaves copies of what it held (I6).
            let base64 = Zeroizing::new(Vec::with_capacity(content()));
            self.open = Some(Open { base64, headers: Headers::Absent, index, label, line: number });
            return Ok(());
        }
        if let Some(label) = boundary(line, b"-----END ") {
            let Some(open) = self.open.take() else {
                let reason = format!("an END {label} line has no BEGIN");
                return Err(PemError { index, line: number, reason });
            };
            if open.label != label {
                return Err(open.error(&format!("ends as {label}")));
            }
            self.blocks.push(decode(open)?);
            return Ok(());
        }
        match &mut self.open {
            // A reader that takes a damaged boundary for text loses a certificate without a word (T2).
            None if is_damaged_boundary(line) => Err(PemError { index, line: number, reason: damage(line).to_owned() }),
            None if is_content_outside(line) => {
                Err(PemError { index, line: number, reason: "base64 outside of a block".to_owned() })
            }
            None => Ok(()),
            // A line of base64 has no dash, and is not searched.
            Some(open) if line.contains(&b'-') && holds_both_boundaries(line) => {
                Err(open.error("ends in the line in which the next one begins: a line break is missing"))
            }
            Some(open) if line.starts_with(b"-----") => Err(open.error("holds a broken boundary line")),
            Some(open) => {
                if line.contains(&b':') {
                    open.headers = Headers::Present;
                }
                open.base64.extend_from_slice(line);
                Ok(())
            }
        }
    }
}

fn decode(open: Open) -> Result<Block, PemError> {
    let mut der = Zeroizing::new(Vec::new());
    if open.headers == Headers::Absent {
        der.resize(decoded_len_estimate(open.base64.len()), 0);
        let length = BASE64_STANDARD.decode_slice(&*open.base64, &mut der).map_err(|_| open.error("is not base64"))?;
        der.truncate(length);
        if der.is_empty() {
            return Err(open.error("is empty"));
        }
    }
    let Open { headers, index, label, line, .. } = open;
    Ok(Block { der, index, headers, label, line })
}

fn boundary(line: &[u8], prefix: &[u8]) -> Option<String> {
    let label = line.strip_prefix(prefix)?.strip_suffix(b"-----")?;
    let is_graphic = label.len() <= 64 && label.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    // Two boundaries in one line are no label.
    let plain = is_graphic && find(label, b"-----").is_none();
    plain.then(|| label.iter().copied().map(char::from).collect())
}

/// A BEGIN or END line as mailers, word processors and typing hands leave it: quoted, with spaces inside or without its own, in
/// lower case, with typographic dashes. A line behind `#` is a comment.
fn is_damaged_boundary(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let line = text.trim_start_matches([' ', '\t', '>']).trim_end();
    let dashes = |text: &str| text.chars().take(2).filter(|c| is_dash(*c)).count();
    let reversed: String = line.chars().rev().take(2).collect();
    let word = line.trim_start_matches(|c| is_dash(c) || c == ' ');
    let is_boundary = |word: &str| word.starts_with("BEGIN ") || word.starts_with("END ");
    let upper = word.to_ascii_uppercase();
    let has_label = ["CERTIFICATE", " KEY", " CRL"].iter().any(|label| upper.contains(label));
    // The space is lost: the label follows at once.
    let glued = upper.strip_prefix("BEGIN").or_else(|| upper.strip_prefix("END")).is_some_and(|rest| {
        ["CERTIFICATE", "EC ", "ENCRYPTED ", "PRIVATE ", "RSA ", "TRUSTED ", "X509 "]
            .iter()
            .any(|own| rest.starts_with(own))
    });
    let is_label = is_boundary(word) || (has_label && (glued || is_boundary(&upper)));
    (dashes(line) == 2 || dashes(&reversed) == 2) && is_label
}

/// What is wrong with such a line. Its text is not shown: a key may stand in it.
fn damage(line: &[u8]) -> &'static str {
    if holds_both_boundaries(line) {
        "BEGIN and END are on one line: the line breaks of the block are lost"
    } else if line.starts_with(b">") {
        "the BEGIN or END line begins with >, as in a quoted mail"
    } else {
        "a BEGIN or END line is damaged"
    }
}

fn holds_both_boundaries(line: &[u8]) -> bool {
    find(line, b"-----BEGIN ").is_some() && find(line, b"-----END ").is_some()
}

/// Where `part` stands in `text`.
pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// The first line of a certificate, key or list that has lost its BEGIN line: DER of 128 bytes and more begins so, and a
/// revocation list of a key on a curve has fewer than 256.
fn is_content_outside(line: &[u8]) -> bool {
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    let is_der = [b"MIG", b"MIH", b"MII"].iter().any(|start| line.starts_with(*start));
    line.len() >= 60 && is_der && line.iter().all(is_base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> PemError {
        match blocks(text.as_bytes()) {
            Ok(blocks) => panic!("{} blocks", blocks.len()),
            Err(error) => error,
        }
    }

    #[test]
    fn blocks_are_found_with_their_lines() {
        let text =
            "comment\n-----BEGIN A-----\r\nAQID\r\n-----END A-----\n\nmore\n-----BEGIN B-----\nBA==\n-----END B-----";
        let found = blocks(text.as_bytes()).expect("well-formed");
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].label.as_str(), found[0].index, found[0].line, &found[0].der[..]),
            ("A", 1, 2, &[1, 2, 3][..])
        );
        assert_eq!((found[1].label.as_str(), found[1].index, found[1].line, &found[1].der[..]), ("B", 2, 7, &[4][..]));
        for text in [
            "no blocks at all",
            "# -----BEGIN A-----\n",
            "-- begin of the list --\n",
            "-- ENDORSED: CERTIFICATE OF THE ROOT --\n",
            &"ab".repeat(32),
            &format!("MIJ{}\n", "A".repeat(61)),
        ] {
            assert!(blocks(text.as_bytes()).expect("text").is_empty(), "{text}");
        }
    }

    #[test]
    fn broken_blocks_are_named() {
        for (text, index, line, part) in [
            ("-----BEGIN A-----\nAQID\n", 1, 1, "truncated"),
            ("-----BEGIN A-----\nAQID\n-----BEGIN A-----\n", 1, 1, "truncated"),
            ("-----BEGIN A-----\nAQ!D\n-----END A-----\n", 1, 1, "not base64"),
            ("-----BEGIN A-----\nAQI\n-----END A-----\n", 1, 1, "not base64"),
            ("-----BEGIN A-----\n-----END A-----\n", 1, 1, "empty"),
            ("-----BEGIN A-----\nAQID\n-----END B-----\n", 1, 1, "ends as B"),
            ("x\n-----END A-----\n", 1, 2, "has no BEGIN"),
            ("-----BEGIN A-----\nAQID\n----END A-----\n", 1, 1, "truncated"),
            ("text\n----BEGIN A-----\nAQID\n----END A-----\n", 1, 2, "damaged"),
            ("-----BEGIN A----\nAQID\n-----END A-----\n", 1, 1, "damaged"),
            ("BEGIN A-----\nAQID\nEND A-----\n", 1, 1, "damaged"),
            ("text\n> -----BEGIN A-----\n> AQID\n", 1, 2, "begins with >"),
            ("-----BEGIN A-----AQID-----END A-----\n", 1, 1, "on one line"),
            ("-----BEGIN A-----\nAQID\n-----END A----------BEGIN A-----\n", 1, 1, "a line break is missing"),
            ("----- BEGIN A -----\nAQID\n", 1, 1, "damaged"),
            ("-----begin certificate-----\nAQID\n", 1, 1, "damaged"),
            ("-----BEGINX509 CRL-----\nAQID\n", 1, 1, "damaged"),
            ("text\n-----ENDCERTIFICATE-----\n", 1, 2, "damaged"),
            ("\u{2014}\u{2013}BEGIN A\u{2014}\u{2013}\nAQID\n", 1, 1, "damaged"),
            ("text\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAAAAAAAAAAAAAAAAAAAAA\n", 1, 2, "outside of a block"),
            ("text\nMIHRMHgCAQEwCgYIKoZIzj0EAwIwGDEWMBQGA1UEAwwNbWF0ZXJpYWwgcm9vdBcN\n", 1, 2, "outside of a block"),
            ("MIGPMHgCAQEwCgYIKoZIzj0EAwIwGDEWMBQGA1UEAwwNbWF0ZXJpYWwgcm9vdBcN\n", 1, 1, "outside of a block"),
        ] {
            let error = reason(text);
            assert_eq!((error.index, error.line), (index, line), "{text}");
            assert!(error.reason.contains(part), "{} lacks {part}", error.reason);
        }
    }
}
