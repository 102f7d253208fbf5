//! Objects of a cluster that are drawn together: neither order nor packing matters (L4, L5), no object changes what another
//! namespace gets (L6), and a vendor's object beside a standard policy enlarges nothing, whatever is damaged in that (L7).

use std::sync::LazyLock;

use arbitrary::Unstructured;
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};
use uptls::danger::DangerPermission::{Allowed, Forbidden};
use uptls::{BackendHost, Prepared, Runtime, UpstreamTlsPolicy};
use uptls_manifest::kubernetes::{BackendKind, BackendRef, Document, Mode, Resolution, Scope, import};
use uptls_testkit::{Certificate, Key, San, Template};

use crate::draw::Draw as _;
use crate::provider;

struct Bench {
    roots: Vec<Certificate>,
    /// Each name below each root.
    leaves: Vec<Vec<u8>>,
    runtime: Runtime,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let root = |number: u8| Template::ca(&format!("root {number}")).self_signed(&Key::feigned(number));
    let roots = vec![root(1), root(2)];
    let leaf = |root: &Certificate, name: &str| {
        Template::leaf("leaf").with_sans(&[San::dns(name)]).issued_by(root, &Key::feigned(9)).der().to_vec()
    };
    let leaves = roots.iter().flat_map(|root| ["a.test", "b.test", "c.test"].map(|name| leaf(root, name))).collect();
    Bench { roots, leaves, runtime: provider::runtime() }
});

pub fn run(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let law = u.below(5);
    let mode = u.pick(&[Mode::Strict, Mode::Strict, Mode::Faithful]);
    let mut standard = standard(&mut u, "shop", "std");
    if u.maybe() {
        damage(&mut u, &mut standard["spec"]["validation"]);
    }
    let mut objects = vec![service("shop"), authority("shop", 0), standard];
    for _ in 0..u.below(6) {
        let object = object(&mut u);
        if objects.iter().all(|other| identity(other) != identity(&object)) {
            objects.push(object);
        }
    }
    match law {
        0 | 1 => vendor_enlarges_nothing(&mut u, mode, &objects),
        2 => order(&mut u, mode, &objects),
        3 => packing(&mut u, mode, &objects),
        _ => apart(mode, &objects),
    }
}

fn identity(object: &Value) -> (String, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&object["kind"]), text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]))
}

fn meta(space: &str, name: &str) -> Value {
    json!({"name": name, "namespace": space})
}

fn service(space: &str) -> Value {
    let ports = json!([{"name": "https", "port": 443}, {"name": "alt", "port": 8443}]);
    json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(space, "pay"), "spec": {"ports": ports}})
}

fn authority(space: &str, root: usize) -> Value {
    let pem = BENCH.roots.get(root).map_or_else(|| "garbage".to_owned(), Certificate::pem);
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(space, "ca"), "data": {"ca.crt": pem}})
}

const HOSTS: &[&str] = &["a.test", "b.test", "c.test"];

fn standard(u: &mut Unstructured<'_>, space: &str, name: &str) -> Value {
    let reference = |name: &str| json!({"group": "", "kind": "ConfigMap", "name": name});
    let references = u.pick(&[vec!["ca"], vec!["ca", "gone"], vec!["gone"], vec![]]);
    let references: Vec<Value> = references.into_iter().map(reference).collect();
    let mut validation = json!({"hostname": u.pick(HOSTS)});
    match u.below(5) {
        4 => validation["wellKnownCACertificates"] = json!("System"),
        _ => validation["caCertificateRefs"] = json!(references),
    }
    if u.maybe() {
        let names = (0..=u.below(2)).map(|_| json!({"type": "Hostname", "hostname": u.pick(HOSTS)}));
        validation["subjectAltNames"] = names.collect();
    }
    let mut target = json!({"group": "", "kind": "Service", "name": "pay"});
    if u.below(4) == 3 {
        target["sectionName"] = json!("https");
    }
    let mut metadata = meta(space, name);
    metadata["creationTimestamp"] = json!(format!("2026-01-0{}T00:00:00Z", 1 + u.below(3)));
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": metadata,
        "spec": {"targetRefs": [target], "validation": validation},
    })
}

/// What a vendor's object sets.
fn vendor(u: &mut Unstructured<'_>, space: &str) -> Value {
    if u.below(3) == 2 {
        let tls = match u.below(7) {
            0 => json!({"sni": u.pick(HOSTS)}),
            1 => json!({}),
            2 => json!({"verifySubjectAltName": [u.pick(HOSTS)]}),
            3 => json!({"secretRef": {"name": "own", "namespace": space}, "sni": u.pick(HOSTS)}),
            4 => json!({"parameters": {"minimumProtocolVersion": "TLSv1_3"}}),
            5 => json!({"oneWayTls": u.maybe(), "sni": u.pick(HOSTS)}),
            _ => json!({"sslFiles": {"rootCa": "/x"}, "sni": u.pick(HOSTS)}),
        };
        let kube = json!({"serviceName": "pay", "serviceNamespace": space, "servicePort": 443});
        return json!({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": meta(space, "up"), "spec": {"kube": kube, "sslConfig": tls}});
    }
    let mut tls = json!({});
    for _ in 0..=u.below(2) {
        match u.below(8) {
            0 => tls["sni"] = json!(u.pick(HOSTS)),
            1 => tls["insecureSkipVerify"] = json!(u.pick(&[true, false])),
            2 => tls["verifySubjectAltNames"] = json!([u.pick(HOSTS)]),
            3 => tls["secretRef"] = json!({"name": u.pick(&["own", "gone"])}),
            4 => tls["parameters"] = json!({"minVersion": u.pick(&["1.3", "1.2"])}),
            5 => tls["simpleTLS"] = json!(true),
            6 => tls["wellKnownCACertificates"] = json!("System"),
            _ => tls["files"] = json!({"rootCA": "/x"}),
        }
    }
    let name = u.pick(&["one", "two"]);
    let target = json!({"group": "", "kind": "Service", "name": "pay"});
    json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "BackendConfigPolicy", "metadata": meta(space, name),
        "spec": {"targetRefs": [target], "tls": tls},
    })
}

fn object(u: &mut Unstructured<'_>) -> Value {
    let space = u.pick(&["shop", "other"]);
    let mut object = match u.below(8) {
        0 => authority(space, u.below(3)),
        1 => service(space),
        2 => json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": meta(space, "own"), "type": "Opaque",
            "stringData": {"ca.crt": BENCH.roots[1].pem()},
        }),
        3 | 4 => {
            let name = u.pick(&["older", "newer"]);
            standard(u, space, name)
        }
        5 => json!({
            "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": meta(space, "grant"),
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "BackendTLSPolicy", "namespace": u.pick(&["shop", "other"])}],
                "to": [{"group": "", "kind": "ConfigMap"}],
            },
        }),
        _ => vendor(u, space),
    };
    if u.below(6) == 5 {
        damage(u, &mut object["spec"]);
    }
    object
}

/// Changes one value, or adds a field that is not known.
fn damage(u: &mut Unstructured<'_>, value: &mut Value) {
    let mut here = value;
    for _ in 0..u.below(4) {
        let step = u.below(4);
        let next = match &mut *here {
            Value::Object(fields) if !fields.is_empty() => {
                let count = fields.len();
                fields.values_mut().nth(step % count)
            }
            Value::Array(items) if !items.is_empty() => {
                let count = items.len();
                items.get_mut(step % count)
            }
            _ => None,
        };
        match next {
            // The borrow of what was found ends with the loop.
            Some(found) => here = found,
            None => return,
        }
    }
    match (u.below(6), &mut *here) {
        (0, Value::Object(fields)) => drop(fields.insert("minimumStrength".to_owned(), json!(1))),
        (1, Value::Object(fields)) => {
            let last = fields.keys().next_back().cloned();
            last.and_then(|last| fields.remove(&last));
        }
        (2, Value::Array(items)) => drop(items.pop()),
        (3, _) => *here = json!(1),
        (4, _) => *here = Value::Null,
        _ => *here = json!("x"),
    }
}

fn texts(objects: &[Value]) -> Vec<String> {
    objects.iter().map(Value::to_string).collect()
}

fn resolved(mode: Mode, texts: &[String]) -> Resolution {
    let names: Vec<String> = (0..texts.len()).map(|index| format!("{index}.yaml")).collect();
    let documents = names.iter().zip(texts).map(|(name, text)| Document::new(name, text.as_bytes()));
    import(documents).resolve(&Scope::default().with_mode(mode))
}

/// What a backend gets: the digest of its policy and whom it accepts, or the codes.
#[derive(Debug, Eq, PartialEq)]
enum Got {
    Policy([u8; 32], Vec<bool>),
    Nothing(Vec<&'static str>),
}

fn got(resolution: &Resolution, backend: &BackendRef) -> Got {
    let draft = resolution.policy_of(backend, None).and_then(|policy| policy.draft.clone());
    let policy = draft.and_then(|draft| UpstreamTlsPolicy::check(draft, Forbidden));
    match policy.and_then(|policy| BENCH.runtime.prepare(&policy)) {
        Ok(prepared) => Got::Policy(prepared.policy().spec_digest(), accepts(&prepared)),
        Err(problems) => {
            let mut codes: Vec<_> = problems.iter().map(|problem| problem.code().as_str()).collect();
            codes.sort_unstable();
            Got::Nothing(codes)
        }
    }
}

fn accepts(prepared: &Prepared) -> Vec<bool> {
    let host = BackendHost::parse("pay.test").expect("a name");
    BENCH.leaves.iter().map(|der| prepared.verify(&[CertificateDer::from_slice(der)], Some(&host)).is_ok()).collect()
}

fn backends(space: &str) -> [BackendRef; 3] {
    [
        BackendRef::new(space, "pay", Some(443)).with_kind(BackendKind::Service),
        BackendRef::new(space, "pay", Some(8443)).with_kind(BackendKind::Service),
        BackendRef::new(space, "up", None).with_kind(BackendKind::Upstream),
    ]
}

fn all(resolution: &Resolution, spaces: &[&str]) -> Vec<Got> {
    spaces.iter().flat_map(|space| backends(space)).map(|backend| got(resolution, &backend)).collect()
}

fn is_vendors(object: &Value) -> bool {
    object["kind"] == "BackendConfigPolicy" || object["kind"] == "Upstream"
}

/// L7. The standard policy of this port is `std` alone, as it was drawn, damaged or not.
fn vendor_enlarges_nothing(u: &mut Unstructured<'_>, mode: Mode, objects: &[Value]) {
    let without: Vec<Value> = objects.iter().filter(|object| !is_vendors(object)).cloned().collect();
    let mut with = without.clone();
    for _ in 0..=u.below(2) {
        let vendor = vendor(u, "shop");
        if with.iter().all(|other| identity(other) != identity(&vendor)) {
            with.push(vendor);
        }
    }
    let (alone, beside) = (resolved(mode, &texts(&without)), resolved(mode, &texts(&with)));
    let [port, _, upstream] = backends("shop");
    let plain = got(&alone, &port);
    let plain_accepts = |index: usize| matches!(&plain, Got::Policy(_, accepts) if accepts[index]);
    for backend in [&port, &upstream] {
        if let Got::Policy(_, accepts) = got(&beside, backend) {
            let more = accepts.iter().enumerate().find(|(index, accepts)| **accepts && !plain_accepts(*index));
            assert_eq!(more, None, "L7: {backend:?} alone {plain:?}, of {}", json!(with));
        }
    }
    // Nor does it with the permission to weaken, unless it says so.
    let _ = beside
        .policies
        .iter()
        .map(|policy| policy.draft.clone().and_then(|draft| UpstreamTlsPolicy::check(draft, Allowed)))
        .count();
}

/// L4.
fn order(u: &mut Unstructured<'_>, mode: Mode, objects: &[Value]) {
    let plain = texts(objects);
    let mut mixed = plain.clone();
    mixed.reverse();
    for place in 0..mixed.len() {
        let other = u.below(place + 1);
        mixed.swap(place, other);
    }
    let both = ["shop", "other"];
    assert_eq!(all(&resolved(mode, &plain), &both), all(&resolved(mode, &mixed), &both), "L4: {plain:#?}");
}

/// L5.
fn packing(u: &mut Unstructured<'_>, mode: Mode, objects: &[Value]) {
    let plain = texts(objects);
    let packed = match u.below(3) {
        0 => vec![json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()],
        1 => vec![plain.join("\n---\n")],
        _ => [plain.clone(), plain.clone()]
            .concat()
            .into_iter()
            .take(plain.len())
            .collect::<Vec<_>>()
            .chunks(2)
            .map(|pair| pair.join("\n---\n"))
            .collect(),
    };
    let both = ["shop", "other"];
    assert_eq!(all(&resolved(mode, &plain), &both), all(&resolved(mode, &packed), &both), "L5: {packed:#?}");
}

/// L6: only a reference with a grant leads from one namespace to another, and none is drawn.
fn apart(mode: Mode, objects: &[Value]) {
    let leads_away = |object: &&Value| {
        let text = object.to_string();
        let (_, own, _) = identity(object);
        let other = if own == "shop" { "\"other\"" } else { "\"shop\"" };
        text.contains(other)
    };
    let objects: Vec<Value> = objects.iter().filter(|object| !leads_away(object)).cloned().collect();
    let own: Vec<Value> = objects.iter().filter(|object| identity(object).1 == "shop").cloned().collect();
    let (alone, beside) = (resolved(mode, &texts(&own)), resolved(mode, &texts(&objects)));
    assert_eq!(all(&alone, &["shop"]), all(&beside, &["shop"]), "L6: {objects:#?}");
}
