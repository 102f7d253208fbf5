//! SPIFFE IDs below a path: whole segments, never a piece of one.

use core::fmt;

use super::{NameError, SpiffeId, TrustDomain, check_spiffe_path};

/// The SPIFFE IDs of a trust domain whose path begins with these segments: `/ns/pay` covers `/ns/pay` and
/// `/ns/pay/sa/api`, never `/ns/payroll` (N7).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpiffePrefix {
    path: String,
    trust_domain: TrustDomain,
}

impl SpiffePrefix {
    /// Parses the path; nothing is normalised.
    ///
    /// # Errors
    /// [`NameError::Spiffe`] for a path that does not begin with a slash or ends in one, for an empty segment (`/` alone is
    /// one: a whole trust domain is written as such) and for what no path of a SPIFFE ID may hold.
    ///
    /// ```
    /// use uptls::{SpiffePrefix, TrustDomain};
    ///
    /// let domain = TrustDomain::parse("prod")?;
    /// assert_eq!(SpiffePrefix::parse(domain.clone(), "/ns/pay")?.path(), "/ns/pay");
    /// assert!(SpiffePrefix::parse(domain, "/ns/pay/").is_err());
    /// # Ok::<_, uptls::NameError>(())
    /// ```
    pub fn parse(trust_domain: TrustDomain, path: &str) -> Result<Self, NameError> {
        if !path.starts_with('/') {
            return Err(NameError::Spiffe { reason: "a path begins with a slash" });
        }
        check_spiffe_path(path)?;
        let prefix = Self { path: path.to_owned(), trust_domain };
        // No certificate can hold an ID over the limit.
        SpiffeId::parse(&prefix.to_string())?;
        Ok(prefix)
    }

    /// The path as it was given.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The trust domain.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// Whether `id` is of this domain and has these segments first.
    pub(crate) fn covers(&self, id: &SpiffeId) -> bool {
        let below = id.path().strip_prefix(&self.path);
        id.trust_domain() == &self.trust_domain && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The shortest ID that it covers.
impl fmt::Display for SpiffePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}{}", self.trust_domain, self.path)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn whole_segments_are_covered_and_nothing_else() {
        let prefix = SpiffePrefix::parse(TrustDomain::parse("a").unwrap(), "/ns/pay").unwrap();
        for (id, covered) in [
            ("spiffe://a/ns/pay", true),
            ("spiffe://a/ns/pay/sa/x", true),
            ("spiffe://a/ns/payroll", false),
            ("spiffe://a/ns", false),
            ("spiffe://a/ns/PAY", false),
            ("spiffe://a/x/ns/pay", false),
            ("spiffe://a", false),
            ("spiffe://b/ns/pay", false),
            ("spiffe://a.b/ns/pay", false),
        ] {
            assert_eq!(prefix.covers(&SpiffeId::parse(id).unwrap()), covered, "{id}");
        }
    }

    #[test]
    fn a_prefix_is_a_path_of_a_spiffe_id() {
        let domain = || TrustDomain::parse("a").unwrap();
        for good in ["/ns", "/ns/pay", "/A.b-c_1"] {
            assert_eq!(SpiffePrefix::parse(domain(), good).as_ref().map(SpiffePrefix::path), Ok(good));
        }
        for bad in ["", "/", "ns", "/ns/", "//ns", "/ns//pay", "/./x", "/..", "/ns/*", "/ns pay", "/ü", "/a?b", "/a%20"]
        {
            assert!(SpiffePrefix::parse(domain(), bad).is_err(), "{bad}");
        }
        assert_eq!(
            SpiffePrefix::parse(domain(), &format!("/{}", "x".repeat(2048))),
            Err(NameError::TooLong { limit: 2048 })
        );
    }
}
