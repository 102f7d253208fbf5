//! `certificates.k8s.io ClusterTrustBundle` (v1, v1beta1): CA certificates for all namespaces. Read if the caller asks for it, while the
//! standard's reference to it is experimental (GEP-5075).

use uptls::Origin;

use super::config_map::Bundle;
use super::meta::Meta;
use super::object::field;
use crate::node::Node;
use crate::position::Notes;

/// What stands in `spec.trustBundle`.
pub(in crate::kubernetes) struct ClusterTrustBundle {
    pub(in crate::kubernetes) bundle: Result<Bundle, String>,
    pub(in crate::kubernetes) name: String,
    pub(in crate::kubernetes) origin: Origin,
}

/// The bundle `node`; `None`, and noted problems, if it has no name.
pub(super) fn read(node: &Node, notes: &Notes<'_>) -> Option<ClusterTrustBundle> {
    let Meta { name, origin, .. } = Meta::read(node, notes)?;
    let spec = field(node, "", "spec", notes).map(|entry| &entry.value);
    let entry = spec.and_then(|spec| field(spec, "spec", "trustBundle", notes));
    let bundle = match entry.map(|entry| (entry, entry.value.text())) {
        _ if notes.has_problem("") || notes.has_problem("spec") => Err("a field of it appears twice".to_owned()),
        Some((entry, Some(pem))) if pem.contains(BEGIN) => {
            Ok(Bundle::new(FIELD.to_owned(), notes.at(entry.place), pem.to_owned()))
        }
        _ => Err(format!("the field {FIELD} holds no CERTIFICATE block")),
    };
    Some(ClusterTrustBundle { bundle, name: name.name, origin })
}

pub(in crate::kubernetes) const GROUP: &str = "certificates.k8s.io";
pub(in crate::kubernetes) const KIND: &str = "ClusterTrustBundle";
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const FIELD: &str = "spec.trustBundle";
