//! What reports and explanations are made of: classes of facts.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use serde::Deserialize;
use uptls::CertificateFacts;

/// A class of facts: immutable, with a representation that shows them.
macro_rules! facts {
    ($(#[$about:meta])* $name:ident $python:literal { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[pyclass(frozen, eq, get_all, name = $python, module = "uptls")]
        #[derive(Clone, Debug, Default, Deserialize, PartialEq)]
        #[serde(default)]
        pub(crate) struct $name {
            $($(#[$doc])* pub(crate) $field: $type,)*
        }

        #[pymethods]
        impl $name {
            fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
                let mut shown = Vec::new();
                for field in [$(stringify!($field)),*] {
                    shown.push(format!("{field}={}", slf.getattr(field)?.repr()?));
                }
                Ok(format!(concat!($python, "({})"), shown.join(", ")))
            }
        }
    };
}

pub(crate) use facts;

/// A fact of a step.
#[derive(Clone, Debug, Deserialize, IntoPyObject, IntoPyObjectRef, PartialEq)]
#[serde(untagged)]
pub(crate) enum Fact {
    Count(u64),
    Text(String),
}

facts! {
    /// The policy that verified.
    ///
    /// >>> policy.replace(name="payments").describe().policy.name
    /// 'payments'
    Policy "PolicyFacts" {
        /// Its name.
        name: Option<String>,
        /// The digest of the policy as written.
        spec_digest: Option<String>,
        /// The digest of all that decides a verdict or a handshake.
        fingerprint: Option<String>,
        /// Which published fingerprint of its connector this is.
        generation: Option<u64>,
    }
}

facts! {
    /// One step of a verification.
    ///
    /// >>> [step.step for step in policy.verify(b"").steps if step.outcome == "fail"]
    /// ['chain']
    Step "Step" {
        /// `policy`, `tcp`, `hello`, `chain`, `revocation`, `usage`, `name`, `pin`, `client` or `alpn`.
        step: String,
        /// `pass`, `fail`, `skip` or `not_evaluable`.
        outcome: String,
        /// The stable code, if it failed.
        code: Option<String>,
        /// Facts by name: text, and an int for what is counted (`ms`, `intermediates`).
        detail: BTreeMap<String, Fact>,
    }
}

facts! {
    /// What is said of one certificate.
    ///
    /// >>> policy.describe().trusts.anchors[0].certificate.subject
    /// 'CN=Test CA'
    Certificate "CertificateFacts" {
        /// The subject.
        subject: String,
        /// The issuer.
        issuer: String,
        /// RFC 3339.
        not_before: String,
        /// RFC 3339.
        not_after: String,
        /// The digest of the whole certificate.
        sha256: String,
        /// `type:value`, at most ten.
        sans: Vec<String>,
        /// `peer`, or where the anchor came from.
        source: String,
    }
}

facts! {
    /// What was negotiated.
    ///
    /// >>> policy.check("payments.internal", 443).tls.version
    /// '1.3'
    Tls "TlsFacts" {
        /// `1.2` or `1.3`.
        version: String,
        /// The IANA name of the suite.
        cipher: String,
        /// The IANA name of the group.
        group: Option<String>,
        /// The application protocol.
        alpn: Option<String>,
        /// Whether a session was resumed.
        resumed: bool,
    }
}

facts! {
    /// One problem of a policy or its material.
    ///
    /// >>> try:
    /// ...     uptls.UpstreamTlsPolicy(ca=[])
    /// ... except uptls.PolicyError as error:
    /// ...     problem = error.report.errors[0]
    /// >>> problem.code, problem.path
    /// ('trust_missing', 'spec.trust')
    Problem "ProblemFacts" {
        /// The stable code.
        code: String,
        /// Its number.
        number: u16,
        /// Its category.
        category: String,
        /// One useful sentence.
        message: String,
        /// The one thing to change.
        hint: String,
        /// The field.
        path: String,
        /// The document.
        document: Option<String>,
        /// The 1-based line.
        line: Option<u64>,
        /// The 1-based column.
        column: Option<u64>,
    }
}

facts! {
    /// A warning: no verdict, but worth knowing.
    ///
    /// >>> [warning.code for warning in policy.verify(b"").warnings]
    /// []
    Warning "WarningFacts" {
        /// Which.
        code: String,
        /// Facts: text by name.
        detail: BTreeMap<String, String>,
    }
}

facts! {
    /// A backend that Kubernetes objects give a policy.
    ///
    /// >>> [one.backend for one in uptls.ManifestSet.load("manifests").backends]
    /// ['Service/shop/payments']
    Backend "BackendFacts" {
        /// As `ManifestSet.policy` takes it: `Service/shop/pay:443`.
        backend: String,
        /// The Gateway whose policy it is, `edge/public`; None: the policy is that of every Gateway.
        gateway: Option<String>,
        /// The objects that it is made of.
        objects: Vec<String>,
    }
}

impl From<CertificateFacts> for Certificate {
    fn from(facts: CertificateFacts) -> Self {
        let CertificateFacts { subject, issuer, not_before, not_after, sha256, sans, source, .. } = facts;
        Self { subject, issuer, not_before, not_after, sha256, sans, source }
    }
}
