//! `gateway.kgateway.dev/v1alpha1 Backend`: what a BackendConfigPolicy can be for beside Services.

use super::KgatewayBackend;
use super::fields::Fields;
use crate::kubernetes::object::ObjectName;
use crate::kubernetes::standard::Meta;
use crate::node::Node;
use crate::position::Notes;

/// The Backend `node`; `None`, and noted problems, if it has no name.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<(ObjectName, KgatewayBackend)> {
    let Meta { labels, name, origin, .. } = Meta::read(node, notes)?;
    let fixed = Fields::root(node, notes).map("spec").and_then(|spec| spec.map("static"));
    let hosts = fixed.map(|fixed| fixed.hosts("host")).unwrap_or_default();
    Some((name, KgatewayBackend { hosts, labels, origin }))
}
