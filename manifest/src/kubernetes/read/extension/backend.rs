//! `gateway.kgateway.dev/v1alpha1 Backend`: what a BackendConfigPolicy can be for beside Services.

use std::collections::BTreeMap;

use uptls::Origin;

use super::StaticHost;
use super::fields::Fields;
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::read::meta::Meta;
use crate::node::Node;
use crate::position::Notes;

/// `gateway.kgateway.dev/v1alpha1 Backend`.
#[derive(Clone, Debug)]
pub(in crate::kubernetes) struct KgatewayBackend {
    /// None unless it is of the type `Static`.
    pub(in crate::kubernetes) hosts: Vec<StaticHost>,
    pub(in crate::kubernetes) labels: BTreeMap<String, String>,
    pub(in crate::kubernetes) origin: Origin,
}

/// The Backend `node`; `None`, and noted problems, if it has no name.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<(ObjectName, KgatewayBackend)> {
    let Meta { labels, name, origin, .. } = Meta::read(node, notes)?;
    if let Some(spec) = Fields::root(node, notes).map("spec") {
        for key in OWN_TLS.into_iter().filter(|key| spec.entry(key).is_some()) {
            spec.unsupported(key, &format!("the TLS of {key} itself"), &["static"]);
        }
    }
    let fixed = Fields::root(node, notes).map("spec").and_then(|spec| spec.map("static"));
    let hosts = fixed.map(|fixed| fixed.hosts("host")).unwrap_or_default();
    Some((name, KgatewayBackend { hosts, labels, origin }))
}

/// Kinds of a Backend that bring TLS of their own, which is no policy here.
const OWN_TLS: [&str; 4] = ["aws", "azure", "dynamicForwardProxy", "gcp"];
