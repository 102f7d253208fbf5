//! The patterns and limits of the CRD, and its messages (M2).

use uptls::PolicyErrorKind;

use crate::decode::is_word;
use crate::position::Notes;

/// One text field and what the CRD says of it.
pub(in crate::kubernetes) struct Rule {
    pub(in crate::kubernetes) max: usize,
    pub(in crate::kubernetes) min: usize,
    pub(in crate::kubernetes) pattern: Option<Pattern>,
}

/// A pattern as it stands in the CRD, and the function that is equal to it.
pub(in crate::kubernetes) struct Pattern {
    text: &'static str,
    matches: fn(&str) -> bool,
}

impl Rule {
    /// Whether the pattern matches.
    pub(in crate::kubernetes) fn permits(&self, text: &str) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| (pattern.matches)(text))
    }

    /// Whether nothing is wrong with the text.
    pub(in crate::kubernetes) fn fits(&self, text: &str) -> bool {
        (self.min..=self.max).contains(&text.chars().count()) && self.permits(text)
    }

    /// Notes whatever is wrong with the text of the field at `path`.
    pub(in crate::kubernetes) fn check(&self, notes: &Notes<'_>, path: &str, text: &str) {
        let length = text.chars().count();
        if length < self.min {
            violated(notes, path, text, &format!("{path} in body should be at least {} chars long", self.min));
        } else if length > self.max {
            violated(notes, path, text, &format!("{path} in body should be at most {} chars long", self.max));
        } else if let Some(pattern) = self.pattern.as_ref().filter(|_| !self.permits(text)) {
            violated(notes, path, text, &format!("{path} in body should match '{}'", pattern.text));
        }
    }
}

/// Notes that the list at `path` has too few or too many items.
pub(in crate::kubernetes) fn check_items(notes: &Notes<'_>, path: &str, count: usize, min: usize, max: usize) {
    if count < min {
        violated(notes, path, "", &format!("{path} in body should have at least {min} items"));
    } else if count > max {
        violated(notes, path, &count.to_string(), &format!("{path} in body should have at most {max} items"));
    }
}

/// The same for the fields of a map.
pub(in crate::kubernetes) fn check_properties(notes: &Notes<'_>, path: &str, count: usize, min: usize, max: usize) {
    if count < min {
        violated(notes, path, "", &format!("{path} in body should have at least {min} properties"));
    } else if count > max {
        violated(notes, path, &count.to_string(), &format!("{path} in body should have at most {max} properties"));
    }
}

/// Notes that the field at `path` breaks a rule, in the words of the CRD.
pub(in crate::kubernetes) fn violated(notes: &Notes<'_>, path: &str, given: &str, message: &str) {
    let quotable = !given.is_empty() && is_word(given);
    let given = if quotable { given.to_owned() } else { "what is given".to_owned() };
    notes.near(path, PolicyErrorKind::Invalid { given, wanted: format!("what the CRD permits ({message})") });
}

fn is_subdomain(text: &str) -> bool {
    let label = |label: &str| {
        let ends = label.starts_with(lower) && label.ends_with(lower);
        ends && label.chars().all(|c| lower(c) || c == '-')
    };
    text.split('.').all(label)
}

fn is_label(text: &str) -> bool {
    !text.contains('.') && is_subdomain(text)
}

fn is_group(text: &str) -> bool {
    text.is_empty() || is_subdomain(text)
}

fn is_hostname(text: &str) -> bool {
    is_subdomain(text.strip_prefix("*.").unwrap_or(text))
}

fn is_kind(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let ends =
        text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.ends_with(|c: char| c.is_ascii_alphanumeric());
    ends && text.chars().all(inner)
}

/// The pattern has no end: only scheme and slashes count.
fn is_absolute_uri(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(scheme, rest)| !scheme.is_empty() && !scheme.contains(['/', '?', '#']) && rest.starts_with("//"))
}

fn is_well_known(text: &str) -> bool {
    text == "System" || text.split_once('/').is_some_and(|(prefix, rest)| is_subdomain(prefix) && is_name(rest))
}

/// The key of a label, as `format.qualifiedName()` of CEL has it: a name, perhaps below a domain.
pub(in crate::kubernetes) fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => prefix.len() <= 253 && is_subdomain(prefix) && is_name(name),
        None => is_name(text),
    }
}

/// What is not empty, and may be the value of a label.
fn is_name(text: &str) -> bool {
    let ends = text.starts_with(alphanumeric) && text.ends_with(alphanumeric);
    ends && text.len() <= MAX_LABEL && text.chars().all(|c| alphanumeric(c) || "-_.".contains(c))
}

fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

pub(in crate::kubernetes) const GROUP: Rule = Rule {
    max: 253,
    min: 0,
    pattern: Some(Pattern {
        text: r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        matches: is_group,
    }),
};
pub(in crate::kubernetes) const HOSTNAME: Rule = Rule {
    max: 253,
    min: 1,
    pattern: Some(Pattern {
        text: r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        matches: is_hostname,
    }),
};
pub(in crate::kubernetes) const KIND: Rule = Rule {
    max: 63,
    min: 1,
    pattern: Some(Pattern { text: r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", matches: is_kind }),
};
/// That of a namespace, and of the name of a port.
pub(in crate::kubernetes) const LABEL: Rule =
    Rule { max: 63, min: 1, pattern: Some(Pattern { text: r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", matches: is_label }) };
pub(in crate::kubernetes) const LABEL_VALUE: Rule = Rule {
    max: MAX_LABEL,
    min: 0,
    pattern: Some(Pattern { text: "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$", matches: is_label_value }),
};
pub(in crate::kubernetes) const NAME: Rule = Rule { max: 253, min: 1, pattern: None };
pub(in crate::kubernetes) const PRECISE_HOSTNAME: Rule = Rule {
    max: 253,
    min: 1,
    pattern: Some(Pattern {
        text: r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        matches: is_subdomain,
    }),
};
pub(in crate::kubernetes) const NAMESPACE: Rule = LABEL;
/// That of a port has the same pattern.
pub(in crate::kubernetes) const SECTION: Rule = PRECISE_HOSTNAME;
pub(in crate::kubernetes) const URI: Rule = Rule {
    max: 253,
    min: 1,
    pattern: Some(Pattern {
        text: r"^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\?([^#]*))?(#(.*))?",
        matches: is_absolute_uri,
    }),
};
pub(in crate::kubernetes) const WELL_KNOWN: Rule = Rule {
    max: 253,
    min: 1,
    pattern: Some(Pattern {
        text: r"^(System|([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]))$",
        matches: is_well_known,
    }),
};
const MAX_LABEL: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_match_as_the_patterns_say() {
        const TABLE: &[(&Rule, &str, bool)] = &[
            (&GROUP, "", true),
            (&GROUP, "gateway.kgateway.dev", true),
            (&GROUP, "a..b", false),
            (&HOSTNAME, "*.example.com", true),
            (&HOSTNAME, "*.*.example.com", false),
            (&HOSTNAME, "*", false),
            (&KIND, "ConfigMap", true),
            (&KIND, "1", false),
            (&KIND, "a-", false),
            (&NAMESPACE, "a-1", true),
            (&NAMESPACE, "a.b", false),
            (&NAMESPACE, "-a", false),
            (&NAMESPACE, "", false),
            (&PRECISE_HOSTNAME, "a", true),
            (&PRECISE_HOSTNAME, "a--b.c", true),
            (&PRECISE_HOSTNAME, "1.2.3.4", true),
            (&PRECISE_HOSTNAME, "-a.b", false),
            (&PRECISE_HOSTNAME, "a-.b", false),
            (&PRECISE_HOSTNAME, "a.b.", false),
            (&PRECISE_HOSTNAME, "A.b", false),
            (&PRECISE_HOSTNAME, "*.b", false),
            (&PRECISE_HOSTNAME, "a_b", false),
            (&URI, "spiffe://a/b", true),
            (&URI, "urn:x", false),
            (&URI, "://a", false),
            (&URI, "foo.example.com", false),
            (&URI, "a/b://c", false),
            (&WELL_KNOWN, "System", true),
            (&WELL_KNOWN, "my.company.com/My_certs.1", true),
            (&WELL_KNOWN, "MySystem", false),
            (&WELL_KNOWN, "in..va..lid./x", false),
            (&WELL_KNOWN, "a.b/", false),
            (&WELL_KNOWN, "a.b/-", false),
            (&WELL_KNOWN, "a.b/c/d", false),
        ];
        for (rule, text, wanted) in TABLE {
            assert_eq!(rule.permits(text), *wanted, "{text}");
        }
    }
}
