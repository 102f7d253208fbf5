//! The names of distribution points: which lists are for which certificates (RFC 5280 sections 4.2.1.13 and 5.2.5).

use x509_parser::extensions::{CRLDistributionPoint, DistributionPointName, GeneralName};

use super::distinguished_name::{canonical_name, same_name};

/// Names in a form that is equal for equal names.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct PointNames(Vec<Vec<u8>>);

impl PointNames {
    /// Of a certificate without the extension: its issuer's name.
    pub(super) fn of_issuer(issuer: &[u8]) -> Self {
        Self(vec![directory(issuer)])
    }

    /// Of a certificate's `points`. A point for some reasons only, or whose lists another issuer signs, leads to no list
    /// that is used here; a name relative to the issuer's is not read.
    pub(super) fn of_certificate(points: &[CRLDistributionPoint<'_>], issuer: &[u8]) -> Self {
        let mut names = Vec::new();
        for point in points.iter().filter(|point| point.reasons.is_none()) {
            let own = |signer: &GeneralName<'_>| matches!(signer, GeneralName::DirectoryName(name) if same_name(name.as_raw(), issuer));
            if point.crl_issuer.as_ref().is_some_and(|signers| !signers.iter().any(own)) {
                continue;
            }
            match &point.distribution_point {
                Some(DistributionPointName::FullName(full)) => names.extend(full.iter().filter_map(name)),
                Some(DistributionPointName::NameRelativeToCRLIssuer(_)) => {}
                None => names.push(directory(issuer)),
            }
        }
        Self(names)
    }

    /// Of a list's own point; `None` for a name relative to the issuer's.
    pub(crate) fn of_list(point: &DistributionPointName<'_>) -> Option<Self> {
        match point {
            DistributionPointName::FullName(full) => Some(Self(full.iter().filter_map(name).collect())),
            DistributionPointName::NameRelativeToCRLIssuer(_) => None,
        }
    }

    /// Whether the two have a name in common.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.0.iter().any(|name| other.0.contains(name))
    }

    /// The names, for a digest.
    pub(crate) fn as_fields(&self) -> &[Vec<u8>] {
        &self.0
    }
}

/// URIs and directory names are compared; other kinds name nothing that a list can be fetched from.
fn name(name: &GeneralName<'_>) -> Option<Vec<u8>> {
    match name {
        GeneralName::URI(uri) => Some([b"uri:", uri.as_bytes()].concat()),
        GeneralName::DirectoryName(name) => Some(directory(name.as_raw())),
        _ => None,
    }
}

fn directory(name: &[u8]) -> Vec<u8> {
    [b"directory:".to_vec(), canonical_name(name)].concat()
}
