//! The hybrid (M5) against a real nginx: the standard says whom to trust, a vendor's extension who we are, and no more.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use serde_json::{Value, json};
use uptls::danger::DangerPermission::{Allowed, Forbidden};
use uptls::{BackendHost, Code, ConnectOptions, FixedClock, Runtime, Warning, WarningCode};
use uptls_manifest::kubernetes::{BackendRef, Document, EffectivePolicy, Resolution, Scope, import};
use uptls_testkit::{CLIENT_AUTH, Certificate, Key, NOW, Nginx, NginxOptions, Pki, San, Template, YEAR};

const NAME: &str = "pay.shop.example";
const EXTENSION: &str = "BackendConfigPolicy shop/pay-mtls";
const STANDARD: &str = "BackendTLSPolicy shop/pay-tls";

/// A client of its own CA. nginx judges by the real time: both last.
fn client(name: &str) -> (Certificate, Certificate) {
    let root = Template::ca(&format!("{name} CA")).with_validity(NOW - YEAR, NOW + 110 * YEAR);
    let root = root.self_signed(&Key::p256(&format!("{name} CA")));
    let template = Template::leaf(name).with_validity(NOW - YEAR, NOW + 100 * YEAR);
    let template = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..template };
    (template.issued_by(&root, &Key::p256(name)), root)
}

struct World {
    client: Certificate,
    clients: Certificate,
    other: Pki,
    pki: Pki,
    runtime: Runtime,
    stranger: Certificate,
}

impl World {
    fn new() -> Self {
        let (client, clients) = client("gateway");
        let (stranger, _) = self::client("stranger");
        let clock = FixedClock::at(u64::try_from(NOW).unwrap());
        let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build();
        Self { client, clients, other: Pki::new("hybrid, another CA"), pki: Pki::new("hybrid"), runtime, stranger }
    }

    fn nginx(&self, pki: &Pki, name: &str) -> NginxOptions {
        let leaf = pki.leaf(&[San::dns(name)]);
        NginxOptions::new(&[&leaf, &pki.intermediate])
    }

    /// One that serves our client alone.
    fn demanding(&self) -> Option<Nginx> {
        Nginx::start(&self.nginx(&self.pki, NAME).with_client_roots(&[&self.clients]))
    }

    /// What is resolved of the standard policy, and of an extension with this `tls`.
    fn resolve(&self, tls: Option<Value>) -> Resolution {
        let secret = |name: &str, client: &Certificate, ca: Option<&Certificate>| {
            let mut data = json!({"tls.crt": client.pem(), "tls.key": client.key().pkcs8_pem()});
            if let Some(ca) = ca {
                data["ca.crt"] = ca.pem().into();
            }
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta(name), "stringData": data})
        };
        let mut objects = vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("ca"), "data": {"ca.crt": self.pki.root.pem()}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("pay"), "spec": {"ports": [{"port": 443}]}}),
            secret("client", &self.client, None),
            secret("client-with-ca", &self.client, Some(&self.other.root)),
            secret("stranger", &self.stranger, None),
            json!({
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "BackendTLSPolicy",
                "metadata": meta("pay-tls"),
                "spec": {
                    "targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
                    "validation": {
                        "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}],
                        "hostname": NAME,
                    },
                },
            }),
        ];
        objects.extend(tls.map(|tls| {
            json!({
                "apiVersion": "gateway.kgateway.dev/v1alpha1",
                "kind": "BackendConfigPolicy",
                "metadata": meta("pay-mtls"),
                "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "pay"}], "tls": tls},
            })
        }));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let text = serde_json::to_vec_pretty(&list).unwrap();
        import([Document::new("shop.json", &text)]).resolve(&Scope::default())
    }

    /// The status of one GET, and what nginx says of our certificate; or the code of the refusal. What the caller permits
    /// makes no difference: nothing here is a weakening that was asked for in the native way.
    fn get(&self, policy: &EffectivePolicy, address: SocketAddr) -> Result<(u16, String, String), Code> {
        let host = BackendHost::parse("pay.shop.svc").unwrap();
        let fingerprint = |permission| {
            let prepared = policy.connector(&self.runtime, permission).prepared();
            prepared.map(|prepared| *prepared.fingerprint())
        };
        assert_eq!(fingerprint(Allowed), fingerprint(Forbidden));
        let connector = policy.connector(&self.runtime, Forbidden);
        let stream = connector.connect_blocking(address, &host, &ConnectOptions::default());
        let mut stream = stream.map_err(|error| error.code())?;
        write!(stream, "GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n").unwrap();
        stream.flush().unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let says = |variable: &str| {
            let mut lines = answer.lines().filter_map(|line| line.split_once('='));
            lines.find(|(name, _)| *name == variable).map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        Ok((status, says("ssl_client_verify"), says("ssl_client_s_dn")))
    }
}

fn meta(name: &str) -> Value {
    json!({"name": name, "namespace": "shop"})
}

fn pay(resolution: &Resolution) -> &EffectivePolicy {
    let found = resolution.policy_of(&BackendRef::new("shop", "pay", Some(443)), None);
    found.unwrap_or_else(|problems| panic!("{problems}"))
}

/// The warnings that a field of the extension does not count, each of which names both objects.
fn overridden(policy: &EffectivePolicy) -> Vec<&Warning> {
    let found: Vec<_> = policy.warnings.iter().filter(|one| one.code == WarningCode::Overridden).collect();
    for warning in &found {
        let names = |object: &str| warning.detail.values().any(|text| text.contains(object));
        assert!(names(EXTENSION) && names(STANDARD), "{warning:?}");
    }
    found
}

#[test]
fn a_client_certificate_comes_from_the_extension_and_the_trust_from_the_standard() {
    let world = World::new();
    let Some(nginx) = world.demanding() else { return };
    let with = |name: &str| world.resolve(Some(json!({"secretRef": {"name": name}})));
    let (status, verified, subject) = world.get(pay(&with("client")), nginx.addr()).expect("a connection");
    assert_eq!((status, &*verified), (200, "SUCCESS"));
    assert!(subject.contains("gateway"), "{subject}");
    // Its twins: somebody else's certificate, and none.
    let (status, verified, _) = world.get(pay(&with("stranger")), nginx.addr()).expect("a connection");
    assert_eq!((status, &*verified), (400, ""));
    let (status, ..) = world.get(pay(&world.resolve(None)), nginx.addr()).expect("a connection");
    assert_eq!(status, 400);
    // And every part says where it comes from.
    let resolution = with("client");
    let policy = pay(&resolution);
    let from = |field: &str| policy.provenance[field].object.to_string();
    assert_eq!([from("spec.serverName"), from("spec.trust.bundles")], [STANDARD, STANDARD]);
    assert!(
        from("spec.identity.certificate").starts_with("Secret shop/client"),
        "{}",
        from("spec.identity.certificate")
    );
    let sources: Vec<_> = policy.sources.iter().map(ToString::to_string).collect();
    assert_eq!(sources, [EXTENSION, STANDARD]);
    assert!(overridden(policy).is_empty());
}

/// An identity that cannot be used is no connection without one.
#[test]
fn an_extension_whose_secret_is_missing_fails_closed() {
    let world = World::new();
    let Some(nginx) = Nginx::start(&world.nginx(&world.pki, NAME)) else { return };
    let resolution = world.resolve(Some(json!({"secretRef": {"name": "missing"}})));
    assert_eq!(world.get(pay(&resolution), nginx.addr()).err(), Some(Code::PolicyNotReady));
    assert_eq!(world.get(pay(&world.resolve(None)), nginx.addr()).map(|(status, ..)| status), Ok(200));
}

#[test]
fn an_extension_cannot_weaken_the_standard() {
    let world = World::new();
    let Some(good) = Nginx::start(&world.nginx(&world.pki, NAME)) else { return };
    let Some(wrong_ca) = Nginx::start(&world.nginx(&world.other, NAME)) else { return };
    let Some(wrong_name) = Nginx::start(&world.nginx(&world.pki, "other.example")) else { return };
    let Some(demanding) = world.demanding() else { return };
    let judge = |policy: &EffectivePolicy| {
        [&good, &wrong_ca, &wrong_name].map(|nginx| world.get(policy, nginx.addr()).map(|(status, ..)| status))
    };
    let alone = world.resolve(None);
    let wanted = [Ok(200), Err(Code::CertUnknownIssuer), Err(Code::NameMismatch)];
    assert_eq!(judge(pay(&alone)), wanted);
    let honest = world.resolve(Some(json!({"secretRef": {"name": "client"}})));
    assert_eq!(judge(pay(&honest)), wanted);
    let fingerprint = |policy: &EffectivePolicy| {
        *policy.connector(&world.runtime, Forbidden).prepared().expect("it is ready").fingerprint()
    };
    for (what, tls, identity) in [
        ("no verification", json!({"insecureSkipVerify": true, "sni": NAME}), false),
        ("no verification, another name", json!({"insecureSkipVerify": true, "sni": "other.example"}), false),
        ("other roots", json!({"wellKnownCACertificates": "System", "sni": NAME}), false),
        ("another name to send", json!({"secretRef": {"name": "client"}, "sni": "other.example"}), true),
        (
            "more names",
            json!({"secretRef": {"name": "client-with-ca"}, "verifySubjectAltNames": ["other.example", NAME]}),
            true,
        ),
        ("another CA", json!({"secretRef": {"name": "client-with-ca"}}), true),
    ] {
        let resolution = world.resolve(Some(tls));
        let policy = pay(&resolution);
        assert_eq!(judge(policy), wanted, "{what}");
        assert!(!overridden(policy).is_empty(), "{what}: nothing is said");
        // Nothing of it is left but what it may say.
        let same = if identity { pay(&honest) } else { pay(&alone) };
        assert_eq!(fingerprint(policy), fingerprint(same), "{what}");
        let admitted = world.get(policy, demanding.addr()).map(|(status, ..)| status);
        assert_eq!(admitted, Ok(if identity { 200 } else { 400 }), "{what}");
    }
}
