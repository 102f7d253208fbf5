//! `uptls.Description` and what it is made of.

use pyo3::prelude::*;
use serde::Deserialize;
use uptls::{Description, Envelope};

use crate::facts::{Certificate, Policy, Warning, facts};

/// What a policy trusts, sends and accepts. It verifies nothing.
///
/// >>> policy.describe().accepts.names
/// ['dns:payments.internal']
#[pyclass(frozen, name = "Description", module = "uptls")]
pub(crate) struct PyDescription {
    facts: Facts,
    json: String,
}

impl PyDescription {
    pub(crate) fn new(description: Description) -> Self {
        let json = Envelope::new("uptls.description/v1", vec![description]).to_json();
        // What was just written can be read.
        let document = serde_json::from_str::<Document>(&json).unwrap_or_default();
        let [facts] = document.results;
        Self { facts, json }
    }
}

#[pymethods]
impl PyDescription {
    /// Which policy.
    #[getter]
    fn policy(&self) -> Policy {
        self.facts.policy.clone()
    }

    /// The clock, RFC 3339.
    #[getter]
    fn at(&self) -> &str {
        &self.facts.at
    }

    /// What is trusted.
    #[getter]
    fn trusts(&self) -> Trusts {
        self.facts.trusts.clone()
    }

    /// What is sent.
    #[getter]
    fn sends(&self) -> Sends {
        self.facts.sends.clone()
    }

    /// What the peer must show.
    #[getter]
    fn accepts(&self) -> Accepts {
        self.facts.accepts.clone()
    }

    /// The warnings.
    #[getter]
    fn warnings(&self) -> Vec<Warning> {
        self.facts.warnings.clone()
    }

    /// All of it (schema `uptls.description/v1`): the same bytes as the command prints.
    fn to_json(&self) -> &str {
        &self.json
    }

    /// All of it as dictionaries and lists: the one entry of `results`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (&self.json,))?.get_item("results")?.get_item(0)
    }

    fn __repr__(&self) -> String {
        let names = self.facts.accepts.names.join(", ");
        format!("<Description of {} anchors for {names}>", self.facts.trusts.anchors.len())
    }
}

#[derive(Default, Deserialize)]
struct Document {
    results: [Facts; 1],
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Facts {
    policy: Policy,
    at: String,
    trusts: Trusts,
    sends: Sends,
    accepts: Accepts,
    warnings: Vec<Warning>,
}

facts! {
    /// What is trusted.
    Trusts "TrustFacts" {
        /// The system store, if it is trusted.
        system: Option<System>,
        /// Every entry of every bundle.
        anchors: Vec<Anchor>,
        /// `sha256:` of leaf certificates trusted as themselves.
        pinned_certificates: Vec<String>,
        /// Base64 SHA-256 of leaf keys trusted as themselves.
        pinned_keys: Vec<String>,
        /// Revocation lists, and how the policy uses them.
        revocation: Option<String>,
    }
}

facts! {
    /// The system store.
    System "SystemFacts" {
        /// Which.
        source: String,
        /// How many roots can be used; the platform's verifier does not say.
        roots: Option<usize>,
        /// How many could not.
        skipped: Option<usize>,
        /// The SPIFFE trust domain that they vouch for; without one, none.
        trust_domain: Option<String>,
    }
}

facts! {
    /// One entry of a bundle.
    Anchor "AnchorFacts" {
        /// `issuer`, or `itself` for an entry that may not issue.
        trusted_as: String,
        /// Its facts; `source` says where it stands.
        certificate: Certificate,
        /// The SPIFFE trust domain that it vouches for; without one, that of the policy's SPIFFE names.
        trust_domain: Option<String>,
    }
}

facts! {
    /// What is sent.
    Sends "SendsFacts" {
        /// `auto` (the backend host), a name, or `none`.
        server_name: String,
        /// TLS versions, as `1.2 to 1.3`.
        versions: String,
        /// Cipher suites in their order.
        cipher_suites: Vec<String>,
        /// Groups in their order.
        groups: Vec<String>,
        /// Application protocols in their order.
        alpn: Vec<String>,
        /// Our certificate, if the peer asks.
        identity: Option<Certificate>,
        /// Whether sessions are resumed.
        resumption: bool,
        /// The deadline of the whole connect, in milliseconds.
        handshake_timeout_ms: u64,
    }
}

facts! {
    /// What the peer must show.
    Accepts "AcceptsFacts" {
        /// The reference names (any of), or what takes their place.
        names: Vec<String>,
        /// Base64 SHA-256 of keys of which the leaf must have one.
        spki_pins: Vec<String>,
        /// Whether one of the application protocols must be selected.
        alpn_required: bool,
    }
}
