//! The names for which a route takes requests.

use core::fmt;

use uptls::BackendHost;

use super::head::RequestHost;

/// One pattern of a route's `hosts`: a name, all names below one, or all.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Pattern {
    Any,
    /// Whatever ends with this, which begins with a dot.
    Below(String),
    Exact(String),
}

/// The `hosts` of a route; there is at least one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Hosts(Vec<Pattern>);

impl Hosts {
    /// Every host: the one route of a command line.
    pub(crate) fn any() -> Self {
        Self(vec![Pattern::Any])
    }

    /// Parses names, `*.NAME` and `*`.
    ///
    /// # Errors
    /// The first pattern that is none of these, or that appears twice.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, String> {
        let mut patterns = Vec::new();
        for text in texts {
            let pattern = Pattern::parse(text)?;
            if patterns.contains(&pattern) {
                return Err(format!("{pattern} appears twice"));
            }
            patterns.push(pattern);
        }
        match patterns.is_empty() {
            true => Err("it is empty; \"*\" takes every host".to_owned()),
            false => Ok(Self(patterns)),
        }
    }

    pub(super) fn patterns(&self) -> &[Pattern] {
        &self.0
    }

    /// A pattern that both have.
    pub(crate) fn common<'h>(&'h self, other: &Self) -> Option<&'h Pattern> {
        self.0.iter().find(|pattern| other.0.contains(pattern))
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let (name, is_below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        let host = BackendHost::parse(name)
            .map_err(|reason| format!("{text:?} is not a name, *.NAME or *, without a port: {reason}"))?;
        match host {
            BackendHost::Ip(_) if is_below => Err(format!("{text:?}: no name is below an address")),
            host if is_below => Ok(Self::Below(format!(".{host}"))),
            host => Ok(Self::Exact(host.to_string())),
        }
    }

    /// How good this pattern is for a host; `None`: it is not for it. A name is better than a suffix, and a longer suffix better
    /// than a shorter one.
    pub(super) fn rank(&self, host: &RequestHost) -> Option<usize> {
        match self {
            Self::Any => Some(0),
            Self::Below(suffix) => {
                host.name().strip_suffix(suffix.as_str()).is_some_and(|label| !label.is_empty()).then_some(suffix.len())
            }
            Self::Exact(name) => (host.name() == name).then_some(usize::MAX),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(suffix) => write!(f, "*{suffix}"),
            Self::Exact(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pattern) in self.0.iter().enumerate() {
            write!(f, "{}{pattern}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_suffixes_or_all() {
        let parse = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            Hosts::parse(&texts).map(|hosts| hosts.to_string())
        };
        assert_eq!(
            parse(&["Pay.Internal.", "*.Shop.internal", "*", "::1"]).unwrap(),
            "pay.internal, *.shop.internal, *, ::1"
        );
        for (bad, wanted) in [
            (&[][..], "it is empty"),
            (&["pay:443"], "without a port"),
            (&["*.*.a"], "is not a name"),
            (&["pay.*"], "is not a name"),
            (&["*.127.0.0.1"], "below an address"),
            (&["a", "A"], "a appears twice"),
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains(wanted), "{bad:?}: {error}");
        }
    }
}
