//! What observers are told of policies. The structures grow: read their fields, do not build them.

use serde::Serialize;

use super::document::{code, number};
use crate::error::Problems;
use crate::generation::Generation;

/// Which policy it is about, and when.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct PolicyNews<'a> {
    /// The policy's name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'a str>,
    /// The generation after it; 0 before there is any.
    #[serde(serialize_with = "number")]
    pub generation: Generation,
    /// When, by the runtime's clock (unix seconds).
    pub at: i64,
}

/// The earliest end of validity (unix seconds) of what a policy is made of; `None`: it has none of that.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Terms {
    /// Of the anchors in its bundles; those of the system are the system's business.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<i64>,
    /// Of our own chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<i64>,
    /// Of its revocation lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_list: Option<i64>,
}

/// Other content was published.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct GenerationPublished<'a> {
    /// Whose.
    #[serde(flatten)]
    pub policy: PolicyNews<'a>,
    /// Whether a pool should drain connections that are not current (R7).
    pub trust_reduced: bool,
}

/// An update was refused.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct UpdateRefused<'a> {
    /// Whose.
    #[serde(flatten)]
    pub policy: PolicyNews<'a>,
    /// `degraded`: the last good generation is used. `not_ready`: no connection is made.
    pub state: &'a str,
    /// What is wrong with it.
    #[serde(rename = "code", serialize_with = "code")]
    pub reason: &'a Problems,
}

/// The last update is used again.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct PolicyRecovered<'a> {
    /// Whose.
    #[serde(flatten)]
    pub policy: PolicyNews<'a>,
}

/// A policy was withdrawn.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct PolicyWithdrawn<'a> {
    /// Which.
    #[serde(flatten)]
    pub policy: PolicyNews<'a>,
    /// The material that is gone; `None`: the caller withdrew it.
    #[serde(rename = "code", serialize_with = "code", skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a Problems>,
}

/// Something comes near its end.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct CertificateExpiring<'a> {
    /// Whose.
    #[serde(flatten)]
    pub policy: PolicyNews<'a>,
    /// Its end (unix seconds); it may lie in the past.
    pub not_after: i64,
    /// The material that holds it, with the place of a bundle's entry: `ca.pem #2`.
    pub source: &'a str,
    /// Its subject; of a list, its issuer.
    pub subject: &'a str,
}

/// A connector is new, changed, or gone.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct ConnectorChanged<'a> {
    /// Whose.
    #[serde(flatten)]
    pub policy: PolicyNews<'a>,
    /// `None`: it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Standing>,
    /// `None`: it is gone, with its last clone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Standing>,
}

/// What a connector stands at.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Standing {
    /// [`ConnectorState::as_str`](crate::ConnectorState::as_str).
    pub state: &'static str,
    /// Of the content that is published.
    pub terms: Terms,
}
