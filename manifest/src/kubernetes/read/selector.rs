//! A `LabelSelector` over namespaces: which of them may attach something to a Gateway.

use std::collections::{BTreeMap, BTreeSet};

use crate::node::{Node, Resolved, Value};

/// The labels of an object.
pub(in crate::kubernetes) type Labels = BTreeMap<String, String>;

/// `matchLabels` and `matchExpressions`, of which each has to hold.
#[derive(PartialEq)]
pub(in crate::kubernetes) struct LabelSelector(Vec<Requirement>);

/// What one label has to be.
#[derive(PartialEq)]
struct Requirement {
    key: String,
    /// Whether it is wanted or excluded.
    is_wanted: bool,
    /// `None`: any value.
    values: Option<BTreeSet<String>>,
}

impl LabelSelector {
    /// The selector `node`; `None` if a part of it cannot be read.
    pub(super) fn read(node: &Node) -> Option<Self> {
        let Value::Map(fields) = &node.value else { return None };
        let mut requirements = Vec::new();
        for field in fields {
            match (field.key.as_str(), &field.value.value) {
                _ if field.value.is_null() => {}
                ("matchLabels", Value::Map(labels)) => {
                    for label in labels {
                        let values = Some(BTreeSet::from([text(&label.value)?]));
                        requirements.push(Requirement { key: label.key.clone(), is_wanted: true, values });
                    }
                }
                ("matchExpressions", Value::List(nodes)) => {
                    for node in nodes {
                        requirements.push(Requirement::read(node)?);
                    }
                }
                _ => return None,
            }
        }
        Some(Self(requirements))
    }

    /// Whether it selects the namespace; `None`: its labels would have to be known, but for that of its name, which an API
    /// server always sets.
    pub(super) fn selects(&self, namespace: &str, labels: Option<&Labels>) -> Option<bool> {
        let verdicts = self.0.iter().map(|requirement| match (requirement.key.as_str(), labels) {
            (NAME, _) => Some(requirement.holds(Some(namespace))),
            (key, Some(labels)) => Some(requirement.holds(labels.get(key).map(String::as_str))),
            (_, None) => None,
        });
        let verdicts: Vec<_> = verdicts.collect();
        // One that does not hold decides, whatever the others are.
        let decided = verdicts.contains(&Some(false)).then_some(false);
        decided.or_else(|| (!verdicts.contains(&None)).then_some(true))
    }
}

impl Requirement {
    fn read(node: &Node) -> Option<Self> {
        let field = |key: &str| text(&node.field(key)?.value);
        let values = match node.field("values").map(|entry| &entry.value.value) {
            Some(Value::List(nodes)) => nodes.iter().map(text).collect::<Option<BTreeSet<_>>>()?,
            _ => BTreeSet::new(),
        };
        let (is_wanted, values) = match field("operator")?.as_str() {
            "DoesNotExist" => (false, None),
            "Exists" => (true, None),
            "In" => (true, Some(values)),
            "NotIn" => (false, Some(values)),
            _ => return None,
        };
        Some(Self { key: field("key")?, is_wanted, values })
    }

    fn holds(&self, value: Option<&str>) -> bool {
        let is_one = match (value, &self.values) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(value), Some(values)) => values.contains(value),
        };
        is_one == self.is_wanted
    }
}

fn text(node: &Node) -> Option<String> {
    let Value::Text(scalar) = &node.value else { return None };
    (scalar.resolve() == Resolved::Text).then(|| scalar.text.to_string())
}

/// The label of its name, which an API server gives to each namespace.
const NAME: &str = "kubernetes.io/metadata.name";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn verdict(selector: &str, labels: Option<&[(&str, &str)]>) -> Option<bool> {
        let node = yaml::documents(selector).unwrap().remove(0);
        let labels = labels.map(|labels| labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        LabelSelector::read(&node).unwrap().selects("shop", labels.as_ref())
    }

    #[test]
    fn every_requirement_has_to_hold() {
        const LABELS: &[(&str, &str)] = &[("team", "pay"), ("tier", "a")];
        for (selector, wanted) in [
            ("{}", true),
            ("{matchLabels: {team: pay}}", true),
            ("{matchLabels: {team: other}}", false),
            ("{matchLabels: {team: pay, zone: x}}", false),
            ("{matchExpressions: [{key: team, operator: In, values: [a, pay]}]}", true),
            ("{matchExpressions: [{key: team, operator: In, values: [a]}]}", false),
            ("{matchExpressions: [{key: zone, operator: In, values: [a]}]}", false),
            ("{matchExpressions: [{key: team, operator: NotIn, values: [pay]}]}", false),
            ("{matchExpressions: [{key: zone, operator: NotIn, values: [pay]}]}", true),
            ("{matchExpressions: [{key: zone, operator: Exists}]}", false),
            ("{matchExpressions: [{key: tier, operator: Exists}]}", true),
            ("{matchExpressions: [{key: tier, operator: DoesNotExist}]}", false),
            ("{matchExpressions: [{key: zone, operator: DoesNotExist}]}", true),
            ("{matchLabels: {team: pay}, matchExpressions: [{key: tier, operator: DoesNotExist}]}", false),
        ] {
            assert_eq!(verdict(selector, Some(LABELS)), Some(wanted), "{selector}");
        }
    }

    #[test]
    fn without_labels_the_name_alone_decides() {
        for (selector, wanted) in [
            ("{}", Some(true)),
            ("{matchLabels: {kubernetes.io/metadata.name: shop}}", Some(true)),
            ("{matchLabels: {kubernetes.io/metadata.name: other}}", Some(false)),
            ("{matchLabels: {team: pay}}", None),
            ("{matchLabels: {team: pay, kubernetes.io/metadata.name: shop}}", None),
            ("{matchLabels: {team: pay, kubernetes.io/metadata.name: other}}", Some(false)),
        ] {
            assert_eq!(verdict(selector, None), wanted, "{selector}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_selector() {
        for selector in [
            "[]",
            "{matchLabels: [a]}",
            "{matchLabels: {a: 1}}",
            "{matchFields: {a: b}}",
            "{matchExpressions: [{key: a, operator: Like, values: [b]}]}",
            "{matchExpressions: [{operator: Exists}]}",
            "{matchExpressions: [{key: a}]}",
            "{matchExpressions: [{key: a, operator: In, values: [1]}]}",
        ] {
            let node = yaml::documents(selector).unwrap().remove(0);
            assert!(LabelSelector::read(&node).is_none(), "{selector}");
        }
    }
}
