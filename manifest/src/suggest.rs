//! The known name that an unknown one was probably meant to be.

/// The one of `known` that is closest to `given`, if it is close: capitals aside, one change in three characters.
pub(crate) fn closest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let given = given.to_ascii_lowercase();
    let distances = known.iter().map(|name| (distance(given.as_bytes(), name.to_ascii_lowercase().as_bytes()), *name));
    let (distance, name) = distances.min()?;
    (distance <= name.len().max(given.len()) / 3).then_some(name)
}

/// How many bytes must be inserted, removed or replaced (Levenshtein).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut left = i.saturating_add(1);
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.windows(2)) {
            let [diagonal, above] = above else { continue };
            let replaced = diagonal.saturating_add(usize::from(x != y));
            left = replaced.min(above.saturating_add(1)).min(left.saturating_add(1));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_others_are_not() {
        const TABLE: &[(&str, Option<&str>)] = &[
            ("subjectAltName", Some("subjectAltNames")),
            ("servername", Some("serverName")),
            ("server_name", Some("serverName")),
            ("sni", None),
            ("ca", None),
            ("", None),
        ];
        for (given, wanted) in TABLE {
            assert_eq!(closest(given, &["serverName", "subjectAltNames", "trust"]), *wanted, "{given}");
        }
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(closest("a", &[]), None);
    }
}
