//! The facts of a certificate and of a connection, as errors and reports carry them.

use serde::Serialize;

/// The facts of one certificate. Texts are escaped and bounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CertificateFacts {
    /// The subject.
    pub subject: String,
    /// The issuer.
    pub issuer: String,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// The digest of the whole certificate.
    pub sha256: String,
    /// `type:value`, at most ten.
    pub sans: Vec<String>,
    /// `peer`, or where the anchor came from.
    pub source: String,
}

/// The negotiated parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TlsFacts {
    /// `1.2` or `1.3`.
    pub version: String,
    /// The IANA name of the suite.
    pub cipher: String,
    /// The IANA name of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The application protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// A session was resumed.
    pub resumed: bool,
}

impl TlsFacts {
    /// Facts without group and protocol.
    pub fn new(version: impl Into<String>, cipher: impl Into<String>) -> Self {
        Self { version: version.into(), cipher: cipher.into(), ..Self::default() }
    }
}
