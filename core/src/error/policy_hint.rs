//! The one thing to change in a policy, from what is wrong with it.

use super::{PolicyError, PolicyErrorKind};
use crate::name::NameError;
use crate::text::{listed, printable};

impl PolicyError {
    /// The one thing to change.
    pub fn hint(&self) -> String {
        match &self.kind {
            PolicyErrorKind::BundleWithoutTrustDomain { form, .. } => format!(
                "name the trust domain of its CAs, {}, and so for every bundle; or want SPIFFE IDs of one trust domain alone",
                printable(form)
            ),
            PolicyErrorKind::NothingVouches { domain, .. } => format!(
                "trust the CAs of that trust domain by a bundle of their own: {{file: ca.pem, trustDomain: {}}}",
                printable(domain)
            ),
            PolicyErrorKind::DocumentUnreadable { reason, .. } if reason.ends_with("not a regular file") => {
                "write it to a file, and name that".to_owned()
            }
            PolicyErrorKind::DocumentUnreadable { .. } => "correct the path, or let this process read it".to_owned(),
            PolicyErrorKind::Contradiction { change, .. } => change.clone(),
            PolicyErrorKind::Invalid { wanted, .. } => format!("set {} to {wanted}", self.field()),
            PolicyErrorKind::Value { wanted: Some(wanted), .. } => format!("set {} to {wanted}", self.field()),
            PolicyErrorKind::NotExportable { change, .. } => (*change).to_owned(),
            PolicyErrorKind::IdentityIncomplete { missing } => {
                format!("add spec.identity.{missing}, or remove spec.identity")
            }
            PolicyErrorKind::ReferenceContent { key, object, .. } => {
                format!("put CA certificates in PEM under {key} of {}, or refer to another object", printable(object))
            }
            PolicyErrorKind::SecretIncomplete { missing, object, .. } => {
                format!("add {missing} to {}, or refer to a Secret of the type kubernetes.io/tls", printable(object))
            }
            PolicyErrorKind::UnknownField { field, meant, .. } => match (field, meant) {
                (Some(field), Some(meant)) => format!("write {meant} for {}", printable(field)),
                _ => "remove the field, or correct its name".to_owned(),
            },
            PolicyErrorKind::Value { .. } => format!("correct the value of {}", self.field()),
            PolicyErrorKind::UnsupportedOption { given, supported } => {
                format!("replace {} by one of {}", printable(given), listed(supported))
            }
            PolicyErrorKind::NameInvalid { given, reason: NameError::SpiffeWithoutPath } => format!(
                "add the path of the workload, or write {{spiffeTrustDomain: {}}} for any of the domain",
                printable(given.strip_prefix("spiffe://").unwrap_or(given))
            ),
            PolicyErrorKind::NameInvalid { given, reason: NameError::IpLiteral } if self.path == "spec.serverName" => {
                format!("write it as {{ip: {}}} under subjectAltNames, and serverName: none", printable(given))
            }
            PolicyErrorKind::NameInvalid { given, reason: NameError::IpLiteral } => {
                format!("write it as {{ip: {}}} under subjectAltNames", printable(given))
            }
            PolicyErrorKind::Silenced { silenced } => {
                let instead = match self.path.ends_with("acceptAnyCertificate") {
                    true => " (trust.pinnedKeys or trust.pinnedCertificates is for a self-signed device)",
                    false => "",
                };
                format!("remove {}{instead}, or remove {}", self.field(), silenced.join(" and "))
            }
            PolicyErrorKind::DangerForbidden => {
                format!("remove {}, or pass --allow-danger (API: DangerPermission::Allowed)", self.field())
            }
            _ => self.code().hint(),
        }
    }

    fn field(&self) -> &str {
        if self.path.is_empty() { "the document" } else { &self.path }
    }
}
