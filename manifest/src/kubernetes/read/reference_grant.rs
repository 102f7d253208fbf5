//! `gateway.networking.k8s.io ReferenceGrant` (v1, v1beta1): who may refer to what in its namespace.

use serde::Deserialize;

use super::crd;
use super::crd::check_items;
use super::meta::Meta;
use super::object::field;
use crate::decode::decode_at;
use crate::node::Node;
use crate::position::Notes;

/// `gateway.networking.k8s.io ReferenceGrant` (v1, v1beta1).
pub(in crate::kubernetes) struct ReferenceGrant {
    pub(in crate::kubernetes) from: Vec<GrantFrom>,
    pub(in crate::kubernetes) meta: Meta,
    pub(in crate::kubernetes) to: Vec<GrantTo>,
}

/// Who may refer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::kubernetes) struct GrantFrom {
    pub(in crate::kubernetes) group: String,
    pub(in crate::kubernetes) kind: String,
    pub(in crate::kubernetes) namespace: String,
}

/// To what, in the namespace of the grant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::kubernetes) struct GrantTo {
    pub(in crate::kubernetes) group: String,
    pub(in crate::kubernetes) kind: String,
    #[serde(default)]
    pub(in crate::kubernetes) name: Option<String>,
}

/// `spec`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    from: Vec<GrantFrom>,
    to: Vec<GrantTo>,
}

/// One end of a reference: the object, or those of the kind in the namespace.
#[derive(Clone, Copy, Debug)]
pub(in crate::kubernetes) struct End<'a> {
    pub(in crate::kubernetes) group: &'a str,
    pub(in crate::kubernetes) kind: &'a str,
    pub(in crate::kubernetes) namespace: &'a str,
}

impl ReferenceGrant {
    /// Whether an object like `from` may refer to the object `name` that is like `to`.
    pub(in crate::kubernetes) fn permits(&self, from: End<'_>, to: End<'_>, name: &str) -> bool {
        let is_from = |entry: &GrantFrom| {
            (entry.group.as_str(), entry.kind.as_str(), entry.namespace.as_str())
                == (from.group, from.kind, from.namespace)
        };
        let is_to = |entry: &GrantTo| {
            (entry.group.as_str(), entry.kind.as_str()) == (to.group, to.kind)
                && entry.name.as_deref().is_none_or(|wanted| wanted == name)
        };
        self.meta.name.namespace == to.namespace && self.from.iter().any(is_from) && self.to.iter().any(is_to)
    }
}

/// The grant `node`, with all problems noted. With problems it permits nothing: an unknown field may be a condition.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<ReferenceGrant> {
    let meta = Meta::read(node, notes)?;
    let Some(spec) = field(node, "", "spec", notes) else {
        notes.parse_problem("", node.place, "the field spec is missing");
        return None;
    };
    let Spec { from, to } = decode_at(spec.value.clone(), notes, "spec", spec.place)?;
    check_items(notes, "spec.from", from.len(), 1, MAX);
    check_items(notes, "spec.to", to.len(), 1, MAX);
    for (index, entry) in from.iter().enumerate() {
        crd::GROUP.check(notes, &format!("spec.from[{index}].group"), &entry.group);
        crd::KIND.check(notes, &format!("spec.from[{index}].kind"), &entry.kind);
        crd::NAMESPACE.check(notes, &format!("spec.from[{index}].namespace"), &entry.namespace);
    }
    for (index, entry) in to.iter().enumerate() {
        crd::GROUP.check(notes, &format!("spec.to[{index}].group"), &entry.group);
        crd::KIND.check(notes, &format!("spec.to[{index}].kind"), &entry.kind);
        if let Some(name) = &entry.name {
            crd::NAME.check(notes, &format!("spec.to[{index}].name"), name);
        }
    }
    Some(ReferenceGrant { from, meta, to })
}

const MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn grant(spec: &str) -> (Option<ReferenceGrant>, usize) {
        let text = format!("{{metadata: {{name: a, namespace: keys}}, spec: {spec}}}");
        let node = yaml::documents(&text).unwrap().remove(0);
        let notes = Notes::new("in");
        let grant = read(&node, &notes);
        (grant, notes.into_parts().0.len())
    }

    fn end<'a>(group: &'a str, kind: &'a str, namespace: &'a str) -> End<'a> {
        End { group, kind, namespace }
    }

    #[test]
    fn only_what_is_written_is_permitted() {
        const GATEWAY: &str = "gateway.networking.k8s.io";
        const FROM: &str = "from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: edge}]";
        let from = end(GATEWAY, "Gateway", "edge");
        let to = end("", "Secret", "keys");
        let (any, problems) = grant(&format!("{{{FROM}, to: [{{group: '', kind: Secret}}]}}"));
        let any = any.unwrap();
        assert_eq!(problems, 0);
        assert!(any.permits(from, to, "x") && any.permits(from, to, "y"));
        let (one, problems) = grant(&format!("{{{FROM}, to: [{{group: '', kind: Secret, name: x}}]}}"));
        let one = one.unwrap();
        assert_eq!(problems, 0);
        assert!(one.permits(from, to, "x"));
        assert!(!one.permits(from, to, "y"));
        for other in [
            end("", "Gateway", "edge"),
            end(GATEWAY, "HTTPRoute", "edge"),
            end(GATEWAY, "Gateway", "edges"),
            end(GATEWAY, "Gateway", "keys"),
        ] {
            assert!(!any.permits(other, to, "x"), "{other:?}");
        }
        for other in [end("x.y", "Secret", "keys"), end("", "ConfigMap", "keys"), end("", "Secret", "edge")] {
            assert!(!any.permits(from, other, "x"), "{other:?}");
        }
    }

    #[test]
    fn a_grant_that_is_not_understood_has_problems() {
        const FROM: &str = "from: [{group: '', kind: A, namespace: b}]";
        const TO: &str = "to: [{group: '', kind: Secret}]";
        assert_eq!(grant(&format!("{{{FROM}, {TO}}}")).1, 0);
        for spec in [
            "{}".to_owned(),
            format!("{{{FROM}}}"),
            format!("{{{TO}}}"),
            format!("{{from: [], {TO}}}"),
            format!("{{{FROM}, to: []}}"),
            format!("{{{FROM}, {TO}, when: never}}"),
            format!("{{{FROM}, to: [{{group: '', kind: Secret, name: ''}}]}}"),
            format!("{{{FROM}, to: [{{group: '', kind: Secret, selector: x}}]}}"),
            format!("{{from: [{{group: '', kind: A, namespace: '*'}}], {TO}}}"),
            format!("{{from: [{{group: '', kind: A}}], {TO}}}"),
        ] {
            assert_eq!(grant(&spec).1, 1, "{spec}");
        }
    }
}
