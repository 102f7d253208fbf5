//! Revocation lists (RFC 5280 section 5): parsed when they are loaded, interned by content, their scope and signer known.

mod form;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use rustls_pki_types::SignatureVerificationAlgorithm;
use x509_parser::extensions::{IssuingDistributionPoint, ParsedExtension};
use x509_parser::oid_registry::asn1_rs::{GeneralizedTime, Oid, oid};
use x509_parser::prelude::{CertificateRevocationList, FromDer, RevokedCertificate};

use crate::certificate::{CertificateView, PointNames, SignatureFailure, Signed, canonical_name, name_text};
use crate::digest::{CanonicalDigest, sha256};
use crate::encoding;
use crate::error::{MaterialError, MaterialErrorKind};
use crate::time::{is_near_end, rfc3339};
use crate::warning::{Warning, WarningCode};

/// One list.
pub(crate) struct RevocationList {
    der: Box<[u8]>,
    /// Certificates that ended since then (unix seconds) are still listed (X.509 section 9.5.2.8).
    expired_since: Option<i64>,
    /// In the form that is compared.
    issuer: Vec<u8>,
    issuer_text: String,
    key_id: Option<Vec<u8>>,
    next_update: i64,
    scope: Scope,
    /// The serial numbers (content bytes of the INTEGER), sorted.
    serials: Vec<Box<[u8]>>,
    sha256: [u8; 32],
    this_update: i64,
    /// By which keys the signature was checked: for a list of megabytes that takes longer than a handshake.
    verified: Mutex<VecDeque<Checked>>,
}

/// What came of the signature by one key.
#[derive(Clone, Copy)]
struct Checked {
    /// SHA-256 of the SubjectPublicKeyInfo.
    key: [u8; 32],
    result: Result<(), SignatureFailure>,
}

/// Which certificates of its issuer a list is for (RFC 5280 section 5.2.5).
#[derive(Debug, Default, Eq, PartialEq)]
struct Scope {
    only: Option<Only>,
    /// `None`: whatever their points are.
    points: Option<PointNames>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Only {
    CaCertificates,
    UserCertificates,
}

/// What the scope of a list depends on, of one certificate.
pub(crate) struct Subject {
    is_ca: bool,
    points: PointNames,
}

impl Subject {
    pub(crate) fn of(certificate: &CertificateView<'_>) -> Self {
        Self { is_ca: certificate.is_ca(), points: certificate.distribution_points() }
    }
}

impl RevocationList {
    /// The DER lists in `bytes`: PEM blocks `X509 CRL`, or one DER list.
    ///
    /// # Errors
    /// `crl_parse` for any other block and for text without a list.
    pub(crate) fn split(path: &str, source: &str, bytes: &[u8]) -> Result<Vec<Vec<u8>>, MaterialError> {
        let error = |reason: String| MaterialError::new(path, source, MaterialErrorKind::CrlParse { reason });
        let blocks = encoding::blocks(bytes).map_err(|e| e.of(error))?;
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
    /// `crl_parse`, also for the kinds of lists that are not supported: delta, indirect, by reason, of attribute certificates,
    /// at a point that is named relative to the issuer.
    pub(crate) fn parse(path: &str, source: &str, der: &[u8]) -> Result<Self, MaterialError> {
        Self::read(der).map_err(|reason| MaterialError::new(path, source, MaterialErrorKind::CrlParse { reason }))
    }

    fn read(der: &[u8]) -> Result<Self, String> {
        let (rest, view) = CertificateRevocationList::from_der(der).map_err(|e| format!("it does not parse: {e}"))?;
        if !rest.is_empty() {
            return Err(format!("{} bytes follow it", rest.len()));
        }
        if view.tbs_cert_list.signature != view.signature_algorithm {
            return Err("the two signature algorithms in it differ".to_owned());
        }
        let next_update = view.next_update().ok_or("it has no nextUpdate, so that its end is not known")?;
        form::check(der, &view)?;
        check_extensions(&view)?;
        let mut serials = view.iter_revoked_certificates().map(serial).collect::<Result<Vec<_>, _>>()?;
        serials.sort_unstable();
        serials.dedup();
        Ok(Self {
            der: der.into(),
            expired_since: expired_since(&view),
            issuer: canonical_name(view.issuer().as_raw()),
            issuer_text: name_text(view.issuer()),
            key_id: key_id(&view),
            next_update: next_update.timestamp(),
            scope: Scope::of(&view)?,
            serials,
            sha256: sha256(der),
            this_update: view.last_update().timestamp(),
            verified: Mutex::default(),
        })
    }

    /// The name of its issuer, in the form that is compared ([`canonical_name`]).
    pub(crate) fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// Unix seconds: from then on it says nothing of what is not listed.
    pub(crate) fn next_update(&self) -> i64 {
        self.next_update
    }

    /// The digest of all serials that it lists.
    pub(crate) fn revoked_digest(&self) -> [u8; 32] {
        let mut digest = CanonicalDigest::new("uptls revoked serials v1");
        digest.list(&self.serials);
        digest.finish()
    }

    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Unix seconds.
    pub(crate) fn this_update(&self) -> i64 {
        self.this_update
    }

    /// Whether it lists `serial`.
    pub(crate) fn lists(&self, serial: &[u8]) -> bool {
        self.serials.binary_search_by(|own| (**own).cmp(serial)).is_ok()
    }

    /// Whether it would list a certificate of its issuer, if that were revoked (RFC 5280 section 6.3.3 (b)).
    pub(crate) fn covers(&self, certificate: &Subject) -> bool {
        let kind = match self.scope.only {
            None => true,
            Some(Only::CaCertificates) => certificate.is_ca,
            Some(Only::UserCertificates) => !certificate.is_ca,
        };
        kind && self.scope.points.as_ref().is_none_or(|points| points.meets(&certificate.points))
    }

    /// Whether it may have dropped a certificate that ended at `not_after` (unix seconds), before it began (RFC 5280 section
    /// 3.3).
    pub(crate) fn may_have_dropped(&self, not_after: i64) -> bool {
        self.this_update > not_after && self.expired_since.is_none_or(|since| since > not_after)
    }

    /// Whether the key `spki` (DER) signed it. Checked once for each key.
    pub(crate) fn check_signature(
        &self,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        spki: &[u8],
    ) -> Result<(), SignatureFailure> {
        let key = sha256(spki);
        let find = |verified: &VecDeque<Checked>| verified.iter().find(|checked| checked.key == key).copied();
        if let Some(known) = find(&self.verified.lock().unwrap_or_else(PoisonError::into_inner)) {
            return known.result;
        }
        let signed = Signed::parse(&self.der);
        let result = signed.map_or(Err(SignatureFailure::Invalid), |signed| signed.verify(algorithms, spki));
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.truncate(REMEMBERED_KEYS - 1);
        verified.push_front(Checked { key, result });
        result
    }

    /// Whether its authority key identifier says that a key other than `issuer`'s signed it (RFC 5280 section 5.2.1).
    pub(crate) fn is_by_another_key(&self, key_id: Option<&[u8]>) -> bool {
        self.key_id.as_deref().is_some_and(|own| key_id.is_some_and(|other| own != other))
    }

    /// Whether checking its signature takes longer than a handshake.
    pub(crate) fn is_large(&self) -> bool {
        self.der.len() > LARGE
    }

    /// Equal for lists that are for the same certificates: issuer, key and scope.
    pub(crate) fn subject_matter(&self) -> [u8; 32] {
        let mut digest = CanonicalDigest::new("uptls revocation list scope v1");
        digest.bytes(&self.issuer);
        digest.optional(self.key_id.as_deref());
        digest.text(match self.scope.only {
            None => "all",
            Some(Only::CaCertificates) => "CA certificates",
            Some(Only::UserCertificates) => "user certificates",
        });
        match &self.scope.points {
            None => digest.text("every point"),
            Some(points) => digest.set(points.as_fields()),
        }
        digest.finish()
    }

    /// Its end, where that is past or near (R8).
    pub(crate) fn warning(&self, now: i64) -> Option<Warning> {
        let code = match self.next_update {
            // A list has ended at its nextUpdate already (V3).
            end if end <= now => WarningCode::RevocationListExpired,
            end if is_near_end(self.this_update, end, now) => WarningCode::RevocationListExpiring,
            _ => return None,
        };
        Some(Warning::new(code, [("list", self.text()), ("next_update", rfc3339(self.next_update))]))
    }

    /// What it is, for people: `the list of CN=ca of 2026-11-01T00:00:00Z`.
    pub(crate) fn text(&self) -> String {
        format!("the list of {} of {}", self.issuer_text, rfc3339(self.this_update))
    }
}

impl Scope {
    fn of(view: &CertificateRevocationList<'_>) -> Result<Self, String> {
        let extension = view.extensions().iter().find(|extension| extension.oid == ISSUING_DISTRIBUTION_POINT_OID);
        let Some(extension) = extension else { return Ok(Self::default()) };
        form::check_point(extension.value)?;
        let ParsedExtension::IssuingDistributionPoint(point) = extension.parsed_extension() else {
            return Err("its issuingDistributionPoint does not parse".to_owned());
        };
        let IssuingDistributionPoint {
            distribution_point,
            only_contains_user_certs,
            only_contains_ca_certs,
            only_some_reasons,
            indirect_crl,
            only_contains_attribute_certs,
        } = point;
        if only_some_reasons.is_some() {
            return Err(
                "it covers some reasons of revocation only, which is not supported; give the list for all".into()
            );
        }
        if *indirect_crl {
            return Err("it is an indirect list (for certificates of other issuers), which is not supported".into());
        }
        let only = match (only_contains_user_certs, only_contains_ca_certs, only_contains_attribute_certs) {
            (false, false, false) => None,
            (true, false, false) => Some(Only::UserCertificates),
            (false, true, false) => Some(Only::CaCertificates),
            (false, false, true) => {
                return Err("it is for attribute certificates, which are not used in TLS".to_owned());
            }
            _ => {
                return Err(
                    "its issuingDistributionPoint names more than one kind of certificate (RFC 5280 5.2.5)".to_owned()
                );
            }
        };
        let points = match distribution_point {
            None => None,
            Some(name) => Some(PointNames::of_list(name).ok_or(
                "its distribution point is named relative to its issuer, which is not supported; name it in full",
            )?),
        };
        Ok(Self { only, points })
    }
}

fn key_id(view: &CertificateRevocationList<'_>) -> Option<Vec<u8>> {
    view.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0.to_vec()),
        _ => None,
    })
}

/// The date of expiredCertsOnCRL, which is a GeneralizedTime.
fn expired_since(view: &CertificateRevocationList<'_>) -> Option<i64> {
    let extension = view.extensions().iter().find(|extension| extension.oid == EXPIRED_CERTS_ON_CRL_OID)?;
    let (_, time) = GeneralizedTime::from_der(extension.value).ok()?;
    time.utc_datetime().ok().map(|time| time.unix_timestamp())
}

/// What a list may say besides its entries: a kind of list that is not understood would be read as a complete one.
fn check_extensions(view: &CertificateRevocationList<'_>) -> Result<(), String> {
    for (index, extension) in view.extensions().iter().enumerate() {
        let oid = &extension.oid;
        if view.extensions().iter().take(index).any(|earlier| earlier.oid == *oid) {
            return Err(format!("its extension {oid} appears twice"));
        }
        if *oid == DELTA_CRL_INDICATOR_OID {
            return Err("it is a delta list, which is not supported; give the complete list".to_owned());
        }
        if extension.critical && !UNDERSTOOD.contains(oid) {
            return Err(format!("its critical extension {oid} is not understood"));
        }
    }
    Ok(())
}

/// The serial number of an entry, which must be one of this issuer's.
fn serial(entry: &RevokedCertificate<'_>) -> Result<Box<[u8]>, String> {
    for extension in entry.extensions() {
        if extension.oid == CERTIFICATE_ISSUER_OID {
            return Err("it is an indirect list (for certificates of other issuers), which is not supported".to_owned());
        }
        if extension.critical && !UNDERSTOOD_OF_ENTRIES.contains(&extension.oid) {
            return Err(format!("the critical extension {} of an entry is not understood", extension.oid));
        }
    }
    Ok(entry.raw_serial().into())
}

/// A CA has a few keys under one name, and a list is by one of them.
const REMEMBERED_KEYS: usize = 16;
/// 256 KiB: hashing them costs about as much as a signature.
const LARGE: usize = 262_144;
const EXPIRED_CERTS_ON_CRL_OID: Oid<'static> = oid!(2.5.29.60);
const ISSUING_DISTRIBUTION_POINT_OID: Oid<'static> = oid!(2.5.29.28);
const DELTA_CRL_INDICATOR_OID: Oid<'static> = oid!(2.5.29.27);
const CERTIFICATE_ISSUER_OID: Oid<'static> = oid!(2.5.29.29);
/// cRLNumber, issuingDistributionPoint, authorityKeyIdentifier, issuerAltName.
const UNDERSTOOD: &[Oid<'static>] =
    &[oid!(2.5.29.18), oid!(2.5.29.20), ISSUING_DISTRIBUTION_POINT_OID, oid!(2.5.29.35)];
/// reasonCode, holdInstructionCode, invalidityDate: whatever they say, the certificate is listed.
const UNDERSTOOD_OF_ENTRIES: &[Oid<'static>] = &[oid!(2.5.29.21), oid!(2.5.29.23), oid!(2.5.29.24)];
