//! What is said of a cluster: its standing, and why.

use serde::Serialize;
use uptls::PolicyDraft;

use super::spot::Spot;

/// What a document holds.
///
/// ```
/// use uptls_manifest::envoy::{self, Standing};
///
/// let cluster = br#"{name: pay, transport_socket: {name: envoy.transport_sockets.tls, typed_config: {
///     "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: pay.test}}}"#;
/// let reading = envoy::read(cluster, "envoy.yaml", &|_| Err("no file is read".to_owned()))?;
/// let pay = &reading.clusters[0];
/// assert!(matches!(pay.standing, Standing::VerifiesNothing));
/// assert_eq!(pay.reason().map(|finding| finding.name), Some("no_validation_context"));
/// # Ok::<(), uptls::Problems>(())
/// ```
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct Reading {
    /// One for each cluster and each of its transport socket matches, in the order of the document.
    pub clusters: Vec<ClusterReading>,
}

/// What one context verifies.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct ClusterReading {
    /// The name of the cluster, with `/MATCH` for a transport socket match; empty for a bare context.
    pub name: String,
    /// The verdict.
    pub standing: Standing,
    /// The reasons, the worst first; empty only if the cluster is verified and has a policy.
    pub findings: Vec<Finding>,
    /// The line of the transport socket, from 1.
    pub line: u64,
    /// The policy with the same meaning, if the context is sound and a policy can express it.
    #[serde(skip)]
    pub draft: Option<PolicyDraft>,
}

impl ClusterReading {
    /// The finding that decides the standing.
    pub fn reason(&self) -> Option<&Finding> {
        self.findings.first()
    }
}

/// The verdict on a context.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// There is no TLS at all.
    PlainText,
    /// Envoy refuses it, or this reader does not understand a part that decides.
    Unclear,
    /// Path and name are verified.
    Verified,
    /// Something that looks verified is not.
    VerifiesLess,
    /// Anybody on the path can be the peer.
    VerifiesNothing,
}

/// One thing that must be known.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// Its stable name.
    pub name: &'static str,
    /// What follows.
    pub effect: Effect,
    /// The field, from the root of the document.
    pub path: String,
    /// The line of the field, from 1.
    pub line: u64,
    /// The fact.
    pub reason: String,
    /// The one thing to change; empty if nothing need change.
    pub change: String,
}

/// The effect of a finding on its cluster; the worst decides.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// Anybody on the path can be the peer.
    Nothing,
    /// No TLS.
    PlainText,
    /// Something that looks verified is not.
    Less,
    /// What it comes to cannot be told.
    Unclear,
    /// It is verified, and no policy of this library says the same.
    Beyond,
    /// The policy is stricter than the context.
    Stricter,
    /// Good to know.
    Note,
}

impl Standing {
    pub(super) fn of(findings: &[Finding]) -> Self {
        match findings.iter().map(|finding| finding.effect).min() {
            Some(Effect::Nothing) => Self::VerifiesNothing,
            Some(Effect::PlainText) => Self::PlainText,
            Some(Effect::Less) => Self::VerifiesLess,
            Some(Effect::Unclear) => Self::Unclear,
            Some(Effect::Beyond | Effect::Stricter | Effect::Note) | None => Self::Verified,
        }
    }
}

/// Findings on their way.
#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    /// Adds one; `reason` quotes nothing that could be secret.
    pub(super) fn add(
        &mut self,
        at: &Spot,
        effect: Effect,
        name: &'static str,
        reason: impl Into<String>,
        change: &str,
    ) {
        let (path, reason, change) = (at.path.clone(), reason.into(), change.to_owned());
        self.0.push(Finding { name, effect, path, line: at.line, reason, change });
    }
}
