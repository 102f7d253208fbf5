//! The one thing to change after a refusal, from what was found.

use super::{AlgorithmFault, Rejection, RejectionKind};
use crate::certificate::CertificateView;
use crate::text::{listed, printable};

impl Rejection {
    /// The one thing to change; it holds both of the differing values.
    pub fn hint(&self) -> String {
        let wanted = listed(&self.expected);
        let presented = listed(&self.presented);
        match &self.kind {
            RejectionKind::NameMismatch => format!(
                "the certificate is for {presented}: re-issue it with {wanted}, or put the right name into the policy"
            ),
            RejectionKind::SanMissing { common_name: Some(name) } => format!(
                "re-issue it with the subjectAltName {wanted}; its CN {} does not count as a name",
                printable(name)
            ),
            RejectionKind::SanTypeMismatch { presented, wanted } => {
                format!("re-issue it with {}: {} is another type", printable(wanted), printable(presented))
            }
            RejectionKind::IssuerKeyChanged { issuer, trusted_sha256, wanted_key_id } => format!(
                "a certificate in the name of {} was signed by a key{} that is not trusted: a rotation or an impostor; \
                 add a new CA certificate beside {trusted_sha256} only if the owner of that name confirms its digest",
                printable(issuer),
                wanted_key_id.as_ref().map(|id| format!(" (key id {})", printable(id))).unwrap_or_default(),
            ),
            RejectionKind::MissingIntermediate { issuer } => {
                format!("configure the upstream to send the certificate of {} after its own", printable(issuer))
            }
            RejectionKind::UnknownIssuer { issuer } => format!(
                "the issuer seen is {}: add its CA certificate to trust.bundles only if its owner confirms the digest, \
                 or have the upstream send one from a trusted CA",
                printable(issuer)
            ),
            RejectionKind::UnknownSibling { issuer } => format!(
                "if {0} is a root, add its certificate to trust.bundles, once its owner confirms the digest; \
                 if it is an intermediate below a trusted CA, configure the upstream to send it after its own certificate",
                printable(issuer)
            ),
            RejectionKind::SelfSigned { .. } if !self.sends_a_ca_first() => format!(
                "issue one from a trusted CA; or put exactly this certificate{} into trust.bundles, \
                 if the owner of the upstream confirms that digest",
                self.peer.as_ref().map(|leaf| format!(" ({})", leaf.sha256)).unwrap_or_default()
            ),
            RejectionKind::Expired { not_after, subject } => format!(
                "renew {} on the upstream: it expired at {not_after}, and it is {}",
                printable(subject),
                self.at
            ),
            RejectionKind::IssuerExpired { not_after, subject } => {
                format!("replace {} in the bundle: it ended at {not_after} and it is {}", printable(subject), self.at)
            }
            RejectionKind::NotYetValid { not_before, .. } => {
                format!("check the clock of both sides: it begins at {not_before} and here it is {}", self.at)
            }
            RejectionKind::PinMismatch { presented } => {
                format!(
                    "the key is now {presented}; the policy pins {wanted}: add the new pin only if the owner of the upstream confirms it"
                )
            }
            RejectionKind::CrlExpired { next_update } => {
                format!("fetch the current CRL: this one ended at {next_update} and it is {}", self.at)
            }
            RejectionKind::SpiffeTrustDomain { trust_domain, .. } => format!(
                "have a CA of the trust domain {0} issue it; a CA of {0} belongs into a bundle with trustDomain: {0}",
                printable(trust_domain)
            ),
            RejectionKind::CrlUntrusted { reason } => reason.remedy().to_owned(),
            _ => self.reissue().or_else(|| self.replacement()).unwrap_or_else(|| self.code().hint()),
        }
    }

    /// How the path has to be issued or sent instead.
    fn reissue(&self) -> Option<String> {
        let p = printable;
        Some(match &self.kind {
            RejectionKind::RevocationUnknown { issuer, reason } if reason.contains("no issuer of it is known") => {
                format!(
                    "trust the CA of it, {}, in trust.bundles once its owner confirms the digest, so that its lists can be verified",
                    p(issuer)
                )
            }
            RejectionKind::RevocationUnknown { reason, .. } if reason.contains("may have dropped it") => {
                "renew the certificate: a list that began after its end need not name it".to_owned()
            }
            RejectionKind::RevocationUnknown { issuer, reason } if !reason.contains("platform") => {
                format!("add a current CRL of {} that is for this certificate to revocation.crls", p(issuer))
            }
            RejectionKind::BudgetExceeded { limit } if limit.contains("name constraint") => {
                "issue the certificate with fewer names, or from a CA with fewer name constraints".to_owned()
            }
            RejectionKind::IssuerNotCa { subject, .. } => format!(
                "issue the certificate from another CA; or have {} re-issued as a CA certificate: basicConstraints with CA, \
                 keyCertSign if it has a key usage, serverAuth if it has an extended key usage, and nothing critical that is unknown",
                p(subject)
            ),
            RejectionKind::CaAsLeaf { .. } | RejectionKind::KeyUsage { .. } | RejectionKind::SelfSigned { .. }
                if self.sends_a_ca_first() =>
            {
                "the peer sends a CA certificate first: configure it to send its own certificate first, and those of CAs behind it"
                    .to_owned()
            }
            RejectionKind::KeyUsage { presented } => {
                format!("re-issue it with digitalSignature in its key usage, beside {}", p(presented))
            }
            RejectionKind::NameConstraint { unevaluated: Some(kind), .. } => self.without_constraint(kind),
            RejectionKind::NameEncoding { issuer, subject, .. } => format!(
                "have {} re-issued with the name of its issuer byte for byte as the issuer's certificate has it; or, if the \
                 whole CA writes {} so, have the CA's certificate re-issued in that encoding",
                p(subject),
                p(issuer)
            ),
            RejectionKind::Malformed { index, .. } => {
                format!("have certificate {index} of the chain (the leaf is 0) re-issued without that")
            }
            RejectionKind::NameMissing => {
                "give the backend host, or set serverName or subjectAltNames in the policy".to_owned()
            }
            RejectionKind::OtherIntermediate { issuer, wanted_key_id, .. } => format!(
                "configure the upstream to send the certificate of {} with the key id {}: the one that it sends is of another key of \
                 that CA, as after a renewal",
                p(issuer),
                p(wanted_key_id)
            ),
            RejectionKind::PathLengthExceeded { below, subject, .. } => format!(
                "issue the leaf from a CA that is nearer to {0}; or have {0} re-issued with a path length of {below} (self-issued \
                 certificates below it count)",
                p(subject)
            ),
            RejectionKind::PathTooLong { .. } => "issue the leaf from a CA that is nearer to a trusted one".to_owned(),
            RejectionKind::Purpose { subject, .. } => {
                format!("have {} re-issued with serverAuth in its extended key usage", p(subject))
            }
            _ => return None,
        })
    }

    /// What to issue where a CA constrains a kind of name that is not evaluated.
    fn without_constraint(&self, kind: &str) -> String {
        match kind {
            "directory names" => {
                "issue the certificate from a CA without name constraints on directory names: its subject is one"
                    .to_owned()
            }
            "a CN" => format!(
                "re-issue it with the subjectAltName {}, by a CA whose name constraints permit that",
                listed(&self.expected)
            ),
            _ => {
                let kind = printable(kind);
                format!("issue the certificate without {kind}, or from a CA without name constraints on {kind}")
            }
        }
    }

    /// Whether the first certificate is that of a CA, and one of another kind stands behind it.
    fn sends_a_ca_first(&self) -> bool {
        let mut views = self.chain.iter().filter_map(|der| CertificateView::parse(der).ok());
        views.next().is_some_and(|first| first.is_ca()) && views.any(|other| !other.is_ca())
    }

    /// What to issue instead of a certificate that is never accepted.
    fn replacement(&self) -> Option<String> {
        Some(match &self.kind {
            RejectionKind::AlgorithmUnsupported { fault: AlgorithmFault::OfKey { issuer, .. }, subject, .. } => {
                format!(
                    "have {} re-issued with a signature of the kind that the key of {} is for, or by a CA with an ordinary RSA key",
                    printable(subject),
                    printable(issuer)
                )
            }
            RejectionKind::AlgorithmUnsupported { algorithm, fault: AlgorithmFault::Parameters, subject } => format!(
                "have {} re-issued {}",
                printable(subject),
                match algorithm.as_str() {
                    "RSASSA-PSS" => "with a salt as long as the hash and MGF1 with the same hash, or with PKCS #1 v1.5",
                    _ => "with a signature algorithm without parameters",
                }
            ),
            RejectionKind::AlgorithmUnsupported { fault: AlgorithmFault::Unknown, subject, .. } => format!(
                "have {} re-issued with a signature by RSA, ECDSA or Ed25519, and with SHA-256 or better",
                printable(subject)
            ),
            RejectionKind::CriticalExtension { extension, subject } if is_of_policies(extension) => format!(
                "have {0} re-issued without it, or with it not critical; if {0} is an intermediate, putting exactly that certificate \
                 into trust.bundles works too, once its owner confirms the digest",
                printable(subject)
            ),
            RejectionKind::CriticalExtension { subject, .. } => {
                format!("have {} re-issued without it, or with it not critical", printable(subject))
            }
            RejectionKind::KeyTooWeak { subject, .. } | RejectionKind::KeyUnsupported { subject, .. } => {
                format!("issue {} with another key: P-256, P-384, or RSA of 2048 to 8192 bits", printable(subject))
            }
            RejectionKind::VersionUnsupported { .. } => format!(
                "issue it as X.509 version 3 with the subjectAltName {}; openssl x509 -req does so with -extfile",
                listed(&self.expected)
            ),
            _ => return None,
        })
    }
}

/// Extensions that steer the processing of policies: those of an anchor are no input of path validation (T3).
fn is_of_policies(extension: &str) -> bool {
    ["certificatePolicies", "policyMappings", "policyConstraints", "inhibitAnyPolicy"]
        .iter()
        .any(|name| extension.starts_with(name))
}
