//! Which certificate of a path cannot be read, and what is wrong with it, in words.

use webpki::{EndEntityCert, Error};

use super::Views;
use crate::certificate::CertificateView;
use crate::error::RejectionKind;

impl Views<'_, '_> {
    /// The certificate that webpki gave up on: the error itself does not say which.
    pub(super) fn malformed(&self, error: &Error) -> RejectionKind {
        if let Some(reason) = self.unreadable_constraints_of_anchor() {
            return RejectionKind::NameConstraint { reason, unevaluated: None };
        }
        let found = self.walked.iter().find_map(|view| Some((*view, fault(view, error)?)));
        let (index, reason) = match found {
            Some((view, reason)) => (self.index_of(view), reason),
            None => (0, words(error)),
        };
        RejectionKind::Malformed { index, reason }
    }

    fn index_of(&self, view: &CertificateView<'_>) -> usize {
        let is_same = |der: &rustls_pki_types::CertificateDer<'_>| **der == *view.der();
        self.context.chain.iter().position(is_same).unwrap_or_default()
    }

    fn unreadable_constraints_of_anchor(&self) -> Option<String> {
        let anchor = self.anchor().filter(CertificateView::has_unreadable_name_constraints)?;
        Some(format!("the name constraints of the trusted certificate {} cannot be read", anchor.subject()))
    }
}

/// What is wrong with this certificate, if `error` can be about it.
fn fault(view: &CertificateView<'_>, error: &Error) -> Option<String> {
    if let Err(own) = EndEntityCert::try_from(&rustls_pki_types::CertificateDer::from(view.der())) {
        return Some(words(&own));
    }
    match error {
        Error::InvalidCertValidity => (view.not_before() > view.not_after()).then(|| words(error)),
        Error::MalformedDnsIdentifier => {
            let name = view.wildcard_above_one_label()?;
            Some(format!("its name dns:{name} is no name that the name constraints of its CA can be compared with"))
        }
        _ => view.has_unreadable_name_constraints().then(|| "its name constraints cannot be read".to_owned()),
    }
}

/// An error of webpki in words; its own are the names of Rust's variants.
pub(in crate::verify) fn words(error: &Error) -> String {
    let words = match error {
        Error::BadDer => "it is not DER as X.509 wants it",
        Error::BadDerTime => "a time in it is not one that RFC 5280 permits",
        Error::ExtensionValueInvalid => "the value of an extension in it cannot be read, or an extension appears twice",
        Error::InvalidCertValidity => "its validity ends before it begins",
        Error::InvalidSerialNumber => "its serial number is not one that RFC 5280 permits",
        Error::MalformedDnsIdentifier => "a dNSName in it is malformed",
        Error::MalformedExtensions => "its extensions cannot be read",
        Error::TrailingData(_) => "something follows the end of one of its fields",
        Error::SignatureAlgorithmMismatch => {
            "it names one signature algorithm outside of what is signed, and another inside"
        }
        Error::UnsupportedCertVersion => "it is not of X.509 version 3",
        other => return format!("it cannot be read ({other})"),
    };
    words.to_owned()
}
