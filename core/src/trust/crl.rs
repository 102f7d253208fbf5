//! Revocation lists (RFC 5280 section 5), parsed when they are loaded and interned by content.

use webpki::{CertRevocationList, Error, OwnedCertRevocationList};
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use crate::digest::{CanonicalDigest, sha256};
use crate::error::{MaterialError, MaterialErrorKind};
use crate::pem;

/// One list.
pub(crate) struct RevocationList {
    issuer: Vec<u8>,
    list: CertRevocationList<'static>,
    next_update: Option<i64>,
    revoked: [u8; 32],
    sha256: [u8; 32],
    this_update: i64,
}

impl RevocationList {
    /// The DER lists in `bytes`: PEM blocks `X509 CRL`, or one DER list.
    ///
    /// # Errors
    /// `crl_parse` for any other block and for text without a list.
    pub(crate) fn split(path: &str, source: &str, bytes: &[u8]) -> Result<Vec<Vec<u8>>, MaterialError> {
        let error = |reason: String| MaterialError::new(path, source, MaterialErrorKind::CrlParse { reason });
        if pem::looks_like_der(bytes) {
            return Ok(vec![bytes.to_vec()]);
        }
        let blocks = pem::blocks(bytes).map_err(|e| error(e.reason).at_block(e.index, e.line))?;
        if let Some(other) = blocks.iter().find(|block| block.label != "X509 CRL") {
            let reason = format!("the {} block is not a revocation list", other.label);
            return Err(error(reason).at_block(other.index, other.line));
        }
        if blocks.is_empty() {
            return Err(error("it holds no X509 CRL block".to_owned()));
        }
        Ok(blocks.iter().map(|block| block.der.to_vec()).collect())
    }

    /// Parses one DER list.
    ///
    /// # Errors
    /// `crl_parse`, also for the kinds of lists that are not supported: delta, indirect, partitioned by reason.
    pub(crate) fn parse(path: &str, source: &str, der: &[u8]) -> Result<Self, MaterialError> {
        let error = |reason: String| MaterialError::new(path, source, MaterialErrorKind::CrlParse { reason });
        let (_, view) =
            CertificateRevocationList::from_der(der).map_err(|e| error(format!("it does not parse: {e}")))?;
        if view.next_update().is_none() {
            return Err(error("it has no nextUpdate, so that nobody could tell when it is stale".to_owned()));
        }
        let list = OwnedCertRevocationList::from_der(der).map_err(|e| error(why_not(&e)))?;
        Ok(Self {
            issuer: view.issuer().as_raw().to_vec(),
            list: CertRevocationList::from(list),
            next_update: view.next_update().map(|time| time.timestamp()),
            revoked: revoked(&view),
            sha256: sha256(der),
            this_update: view.last_update().timestamp(),
        })
    }

    /// The raw name of its issuer.
    pub(crate) fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    pub(crate) fn list(&self) -> &CertRevocationList<'static> {
        &self.list
    }

    /// Unix seconds.
    pub(crate) fn next_update(&self) -> Option<i64> {
        self.next_update
    }

    /// The digest of all serials that it lists.
    pub(crate) fn revoked_digest(&self) -> [u8; 32] {
        self.revoked
    }

    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Unix seconds.
    pub(crate) fn this_update(&self) -> i64 {
        self.this_update
    }

    /// Whether it is by `issuer` (a raw name) and lists `serial`.
    pub(crate) fn revokes(&self, issuer: &[u8], serial: &[u8]) -> bool {
        self.issuer == issuer && self.list.find_serial(serial).is_ok_and(|found| found.is_some())
    }
}

fn revoked(view: &CertificateRevocationList<'_>) -> [u8; 32] {
    let mut digest = CanonicalDigest::new("uptls revoked serials v1");
    digest.set(view.iter_revoked_certificates().map(|revoked| revoked.raw_serial()));
    digest.finish()
}

/// Why webpki does not take a list.
fn why_not(error: &Error) -> String {
    match error {
        Error::UnsupportedDeltaCrl => "it is a delta list, which is not supported".to_owned(),
        Error::UnsupportedIndirectCrl => "it is an indirect list, which is not supported".to_owned(),
        Error::UnsupportedRevocationReasonsPartitioning => {
            "it covers some reasons of revocation only, which is not supported".to_owned()
        }
        other => format!("it does not parse: {other}"),
    }
}
