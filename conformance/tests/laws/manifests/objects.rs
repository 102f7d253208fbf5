//! Objects of a cluster that a world may have, and the ways to write the same ones down.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use uptls_manifest::kubernetes::{BackendKind, BackendRef};

use crate::order::shuffle;
use crate::world::certificates::Id;
use crate::world::policies::pem_of;

/// An object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Object {
    /// A ConfigMap `ca` with this certificate.
    Authority {
        space: Space,
        root: Root,
    },
    /// A Service `pay` with the ports `https` (443) and `alt` (8443).
    Service {
        space: Space,
    },
    Standard(Standard),
    /// A BackendConfigPolicy of kgateway for the Service.
    Vendor {
        space: Space,
        name: &'static str,
        says: Says,
    },
    /// An Upstream `up` of Gloo, for port 443 of the Service of a namespace.
    Upstream {
        space: Space,
        behind: Space,
        says: Says,
    },
    /// A Secret `own` with the other root as `ca.crt`.
    Secret {
        space: Space,
    },
}

/// A BackendTLSPolicy for the Service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Standard {
    pub space: Space,
    pub name: &'static str,
    /// The hour of its creation.
    pub created: u8,
    pub section: Option<&'static str>,
    pub references: &'static [&'static str],
    pub hostname: &'static str,
    pub names: &'static [&'static str],
    pub health: Health,
}

/// The namespace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Space {
    Shop,
    Other,
}

/// What stands in `ca.crt`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Root {
    Own,
    Others,
    Garbage,
}

/// Whether a policy can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Health {
    Good,
    /// Its validation has a field that is not known.
    UnknownField,
    /// It is not said which kind of object its target is.
    TargetWithoutGroup,
    /// Its targets stand where a future version might have them.
    TargetsElsewhere,
}

/// What a vendor's object sets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Says {
    Sni,
    OtherSni,
    NoVerification,
    OtherNames,
    OtherAuthority,
    MissingSecret,
    Version,
}

impl Space {
    pub fn name(self) -> &'static str {
        match self {
            Space::Shop => "shop",
            Space::Other => "other",
        }
    }
}

impl Object {
    pub fn space(&self) -> Space {
        match self {
            Object::Standard(standard) => standard.space,
            Object::Authority { space, .. }
            | Object::Secret { space }
            | Object::Service { space }
            | Object::Upstream { space, .. }
            | Object::Vendor { space, .. } => *space,
        }
    }

    /// Kind, namespace and name: what a cluster has once.
    pub fn identity(&self) -> (u8, &'static str, &'static str) {
        let (kind, name) = match self {
            Object::Authority { .. } => (0, "ca"),
            Object::Service { .. } => (1, "pay"),
            Object::Standard(standard) => (2, standard.name),
            Object::Vendor { name, .. } => (3, *name),
            Object::Upstream { .. } => (4, "up"),
            Object::Secret { .. } => (5, "own"),
        };
        (kind, self.space().name(), name)
    }

    /// The object as it is written.
    pub fn json(&self) -> Value {
        let space = self.space().name();
        let meta = |name: &str| json!({"name": name, "namespace": space});
        match self {
            Object::Authority { root, .. } => json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("ca"), "data": {"ca.crt": root.pem()},
            }),
            Object::Service { .. } => json!({
                "apiVersion": "v1", "kind": "Service", "metadata": meta("pay"),
                "spec": {"ports": [{"name": "https", "port": 443}, {"name": "alt", "port": 8443}]},
            }),
            Object::Standard(standard) => standard.json(meta(standard.name)),
            Object::Vendor { name, says, .. } => json!({
                "apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "BackendConfigPolicy", "metadata": meta(name),
                "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "pay"}], "tls": says.kgateway()},
            }),
            Object::Upstream { behind, says, .. } => json!({
                "apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": meta("up"),
                "spec": {
                    "kube": {"serviceName": "pay", "serviceNamespace": behind.name(), "servicePort": 443},
                    "sslConfig": says.gloo(space),
                },
            }),
            Object::Secret { .. } => json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": meta("own"), "type": "Opaque",
                "stringData": {"ca.crt": Root::Others.pem()},
            }),
        }
    }
}

impl Standard {
    fn json(&self, mut meta: Value) -> Value {
        meta["creationTimestamp"] = json!(format!("2026-01-01T{:02}:00:00Z", self.created));
        let mut target = json!({"group": "", "kind": "Service", "name": "pay"});
        if let Some(section) = self.section {
            target["sectionName"] = json!(section);
        }
        let reference = |name: &&str| json!({"group": "", "kind": "ConfigMap", "name": name});
        let references: Vec<Value> = self.references.iter().map(reference).collect();
        let mut validation = json!({"hostname": self.hostname, "caCertificateRefs": references});
        if !self.names.is_empty() {
            let names: Vec<Value> =
                self.names.iter().map(|name| json!({"type": "Hostname", "hostname": name})).collect();
            validation["subjectAltNames"] = json!(names);
        }
        let mut targets = "targetRefs";
        match self.health {
            Health::Good => {}
            Health::UnknownField => validation["minimumStrength"] = json!(1),
            Health::TargetWithoutGroup => drop(target.as_object_mut().unwrap().remove("group")),
            Health::TargetsElsewhere => targets = "targetSelectors",
        }
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": meta,
            "spec": {targets: [target], "validation": validation},
        })
    }
}

impl Root {
    fn pem(self) -> String {
        match self {
            Root::Own => pem_of(&[Id::of("R")]),
            Root::Others => pem_of(&[Id::of("S")]),
            Root::Garbage => "garbage".to_owned(),
        }
    }
}

impl Says {
    const ALL: &[Says] = &[
        Says::Sni,
        Says::Version,
        Says::OtherSni,
        Says::OtherNames,
        Says::OtherAuthority,
        Says::NoVerification,
        Says::MissingSecret,
    ];

    fn kgateway(self) -> Value {
        match self {
            Says::Sni => json!({"sni": "a.test"}),
            Says::OtherSni => json!({"sni": "b.test"}),
            Says::NoVerification => json!({"insecureSkipVerify": true}),
            Says::OtherNames => json!({"verifySubjectAltNames": ["b.test"]}),
            Says::OtherAuthority => json!({"secretRef": {"name": "own"}, "sni": "a.test"}),
            Says::MissingSecret => json!({"secretRef": {"name": "gone"}}),
            Says::Version => json!({"parameters": {"minVersion": "1.3"}}),
        }
    }

    fn gloo(self, space: &str) -> Value {
        match self {
            Says::Sni => json!({"sni": "a.test"}),
            Says::OtherSni => json!({"sni": "b.test"}),
            Says::NoVerification => json!({}),
            Says::OtherNames => json!({"verifySubjectAltName": ["b.test"]}),
            Says::OtherAuthority => json!({"secretRef": {"name": "own", "namespace": space}, "sni": "a.test"}),
            Says::MissingSecret => json!({"secretRef": {"name": "gone", "namespace": space}}),
            Says::Version => json!({"parameters": {"minimumProtocolVersion": "TLSv1_3"}, "sni": "a.test"}),
        }
    }
}

/// The backends that a world may have a policy for.
pub fn backends(space: Space) -> [BackendRef; 3] {
    let space = space.name();
    [
        BackendRef::new(space, "pay", Some(443)).with_kind(BackendKind::Service),
        BackendRef::new(space, "pay", Some(8443)).with_kind(BackendKind::Service),
        BackendRef::new(space, "up", None).with_kind(BackendKind::Upstream),
    ]
}

/// A value as JSON, the keys of each mapping in an order that `seed` decides.
pub fn written(value: &Value, seed: &mut u64) -> String {
    match value {
        Value::Object(fields) => mapping(fields, seed),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| written(item, seed)).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

fn mapping(fields: &Map<String, Value>, seed: &mut u64) -> String {
    let mut keys: Vec<&String> = fields.keys().collect();
    shuffle(&mut keys, seed);
    let field = |key: &String| format!("{}: {}", json!(key), written(&fields[key], seed));
    let fields: Vec<String> = keys.into_iter().map(field).collect();
    format!("{{{}}}", fields.join(", "))
}

fn space() -> impl Strategy<Value = Space> {
    prop_oneof![3 => Just(Space::Shop), 1 => Just(Space::Other)]
}

pub fn any_standard() -> impl Strategy<Value = Standard> {
    let health = prop_oneof![
        6 => Just(Health::Good),
        1 => Just(Health::UnknownField),
        1 => Just(Health::TargetWithoutGroup),
        1 => Just(Health::TargetsElsewhere),
    ];
    let references = select(vec![&["ca"][..], &["ca"][..], &["ca", "gone"][..], &["gone"][..]]);
    let names = select(vec![&[][..], &["a.test"][..], &["b.test"][..], &["b.test", "a.test"][..]]);
    let section = select(&[None, None, Some("https"), Some("alt")][..]);
    let hostname = prop_oneof![3 => Just("a.test"), 1 => Just("b.test")];
    let heads = (space(), select(&["one", "two"][..]), 0..3_u8, section);
    (heads, references, hostname, names, health).prop_map(|(heads, references, hostname, names, health)| {
        let (space, name, created, section) = heads;
        Standard { space, name, created, section, references, hostname, names, health }
    })
}

pub fn any_vendor() -> impl Strategy<Value = Object> {
    let says = select(Says::ALL);
    prop_oneof![
        3 => (space(), select(&["one", "two"][..]), says.clone()).prop_map(|(space, name, says)| Object::Vendor { space, name, says }),
        1 => (space(), space(), says).prop_map(|(space, behind, says)| Object::Upstream { space, behind, says }),
    ]
}

/// Up to nine objects, none twice: in most worlds the Services, a CA and a standard policy.
pub fn any_objects() -> impl Strategy<Value = Vec<Object>> {
    let root = prop_oneof![4 => Just(Root::Own), 1 => Just(Root::Others), 1 => Just(Root::Garbage)];
    let plain = prop_oneof![
        (space(), root).prop_map(|(space, root)| Object::Authority { space, root }),
        space().prop_map(|space| Object::Service { space }),
        space().prop_map(|space| Object::Secret { space }),
    ];
    let any = prop_oneof![3 => plain, 3 => any_standard().prop_map(Object::Standard), 2 => any_vendor()];
    let usual = vec![
        Object::Service { space: Space::Shop },
        Object::Authority { space: Space::Shop, root: Root::Own },
        Object::Secret { space: Space::Shop },
    ];
    let usual = prop_oneof![4 => Just(usual), 1 => Just(Vec::new())];
    (usual, proptest::collection::vec(any, 1..7)).prop_map(|(usual, more)| once(usual.into_iter().chain(more)))
}

/// The objects, of each identity the first.
pub fn once(objects: impl IntoIterator<Item = Object>) -> Vec<Object> {
    let mut kept: Vec<Object> = Vec::new();
    for object in objects {
        if kept.iter().all(|other| other.identity() != object.identity()) {
            kept.push(object);
        }
    }
    kept
}
