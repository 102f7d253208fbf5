//! Every field of every vendor, and its negative twin.

use super::*;
use crate::kubernetes::read::meta::Created;
use crate::node::Node;
use crate::yaml;

fn node(text: &str) -> Node {
    yaml::documents(text).unwrap().remove(0)
}

fn read(reader: fn(&Node, &Notes<'_>) -> Option<Extension>, text: &str) -> Extension {
    let notes = Notes::new("a.yaml");
    reader(&node(text), &notes).unwrap().with_notes(notes)
}

fn policy(tls: &str) -> Extension {
    let head = "metadata: {name: a, namespace: shop, generation: 3, creationTimestamp: 2026-01-01T00:00:00Z}";
    let targets = "targetRefs: [{group: '', kind: Service, name: pay}]";
    read(kgateway::read, &format!("{head}\nspec: {{{targets}, tls: {{{tls}}}}}"))
}

fn upstream(spec: &str) -> Extension {
    read(gloo::read, &format!("metadata: {{name: up, namespace: shop}}\nspec: {{{spec}}}"))
}

fn service(annotations: &str) -> Extension {
    read(annotations::read, &format!("metadata: {{name: pay, namespace: shop, annotations: {{{annotations}}}}}"))
}

fn options(text: &str) -> (ExtensionTls, Vec<Problem>) {
    let notes = Notes::new("a.yaml");
    let tls = options::read(&node(&format!("{{{text}}}")), &notes);
    (tls, notes.into_parts().0)
}

/// The only problem: its path and its text.
fn problem(problems: &[Problem]) -> String {
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string()
}

#[track_caller]
fn refused(problems: &[Problem], path: &str, wanted: &str) {
    let text = problem(problems);
    assert_eq!(problems[0].path(), path, "{text}");
    assert!(text.contains(wanted), "{text}");
}

fn value<T: Clone>(written: &Option<Written<T>>) -> T {
    written.as_ref().unwrap().value.clone()
}

#[test]
fn a_backend_config_policy_is_read_whole() {
    let read = policy(
        "secretRef: {name: c}, sni: pay.test, verifySubjectAltNames: [a.test], simpleTLS: true, alpnProtocols: [h2], \
         allowRenegotiation: true, parameters: {minVersion: '1.1', maxVersion: '1.3', ecdhCurves: [P-256], \
         cipherSuites: ['[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]']}",
    );
    assert_eq!(read.problems.len(), 0, "{:?}", read.problems);
    assert_eq!((read.created, read.meta.generation), (Created::At(1_767_225_600), Some(3)));
    assert!(matches!(&read.targets[0].what, TargetOf::Service { name, port: None } if name.name == "pay"));
    let tls = read.tls.unwrap();
    assert_eq!((value(&tls.min_version), value(&tls.max_version)), ("1.2".to_owned(), "1.3".to_owned()));
    assert_eq!(tls.strengthened.len(), 2);
    assert_eq!(value(&tls.groups), ["secp256r1"]);
    assert_eq!(value(&tls.alpn), ["h2"]);
    let suites = value(&tls.cipher_suites);
    assert_eq!(suites[..2], ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"]);
    assert_eq!(suites.len(), 5, "those of TLS 1.3 stay");
    assert!(tls.one_way.is_some() && tls.skip_verify.is_none());
    assert!(matches!(&tls.subject_alt_names[0].value, VendorName::Dns(name) if name == "a.test"));
    assert!(matches!(value(&tls.identity), ExtensionIdentity::Secret(name) if name.namespace == "shop"));
    assert!(matches!(value(&tls.trust), ExtensionTrust::Secret(name) if name.name == "c"));
    assert_eq!(tls.server_name.unwrap().field, "spec.tls.sni");
}

#[test]
fn other_sources_and_flags_are_read() {
    let tls = policy("files: {tlsCertificate: /c, rootCA: /r}").tls.unwrap();
    assert!(matches!(value(&tls.identity), ExtensionIdentity::Files { certificate: Some(_), key: None }));
    assert!(matches!(value(&tls.trust), ExtensionTrust::File(path) if path == "/r"));
    let tls = policy("wellKnownCACertificates: System").tls.unwrap();
    assert!(matches!(value(&tls.trust), ExtensionTrust::System));
    assert!(policy("insecureSkipVerify: true").tls.unwrap().skip_verify.is_some());
    let read = policy("insecureSkipVerify: false, allowRenegotiation: false, simpleTLS: false");
    assert_eq!(read.problems.len(), 0, "{:?}", read.problems);
    let tls = read.tls.unwrap();
    assert!(tls.skip_verify.is_none() && tls.one_way.is_none() && tls.strengthened.is_empty());
    assert!(policy("sni: a.test").problems.is_empty(), "the new rule of the union");
}

#[test]
fn what_a_backend_config_policy_may_not_say() {
    const TABLE: &[(&str, &str, &str)] = &[
        ("", "spec.tls", "sni is required when no trust source is set"),
        ("secretRef: {name: a}, insecureSkipVerify: false", "spec.tls", "at most one of the fields in [secretRef"),
        ("sni: a.test, pinned: true", "spec.tls", "is unknown"),
        ("sni: ''", "spec.tls.sni", "at least 1 chars long"),
        ("files: {}", "spec.tls.files", "At least one of tlsCertificate"),
        ("secretRef: {}", "spec.tls.secretRef", "name is missing"),
        ("secretRef: {name: a, namespace: b}", "spec.tls.secretRef", "is unknown"),
        ("wellKnownCACertificates: a.b/c", "spec.tls.wellKnownCACertificates", "supported: System"),
        ("insecureSkipVerify: 'true'", "spec.tls.insecureSkipVerify", "true or false"),
        ("sni: a, parameters: {maxVersion: '1.1'}", "spec.tls.parameters.maxVersion", "supported: 1.2, 1.3"),
        ("sni: a, parameters: {minVersion: '2'}", "spec.tls.parameters.minVersion", "AUTO"),
        ("sni: a, parameters: {minVersion: '1.3', maxVersion: '1.2'}", "spec.tls.parameters.maxVersion", "below"),
        ("sni: a, parameters: {cipherSuites: [BOGUS]}", "spec.tls.parameters.cipherSuites[0]", "ECDHE-RSA-AES128"),
        ("sni: a, parameters: {ecdhCurves: [P-521]}", "spec.tls.parameters.ecdhCurves[0]", "P-384"),
        ("sni: a, parameters: {signatureAlgorithms: [ed25519]}", "spec.tls.parameters.signatureAlgorithms", "without"),
    ];
    for (tls, path, wanted) in TABLE {
        let read = policy(tls);
        refused(&read.problems, path, wanted);
        assert_eq!(read.targets.len(), 1, "{tls}");
    }
}

#[test]
fn targets_are_services_backends_and_labels() {
    let read = |spec: &str| read(kgateway::read, &format!("metadata: {{name: a}}\nspec: {{{spec}}}"));
    let found = read(
        "targetRefs: [{group: gateway.kgateway.dev, kind: Backend, name: b}, {group: networking.istio.io, kind: \
         Hostname, name: h}], targetSelectors: [{group: '', kind: Service, matchLabels: {app: pay}}]",
    );
    assert!(found.problems.is_empty() && found.tls.is_none());
    assert!(matches!(&found.targets[0].what, TargetOf::Backend(name) if name.name == "b"));
    assert!(matches!(&found.targets[1].what, TargetOf::Unsupported { kind, .. } if kind == "Hostname"));
    assert!(matches!(&found.targets[2].what, TargetOf::Labels { labels, .. } if labels["app"] == "pay"));
    let foreign = read("targetRefs: [{group: '', kind: Pod, name: b}]");
    refused(&foreign.problems, "spec.targetRefs", "TargetRefs must reference");
    refused(&read("targetRefs: []").problems, "spec.targetRefs", "at least 1 items");
}

#[test]
fn a_backend_has_hosts_and_labels() {
    let notes = Notes::new("a.yaml");
    let text =
        "metadata: {name: b, labels: {a: b}}\nspec: {type: Static, static: {hosts: [{host: h.test, port: 443}]}}";
    let (_, found) = backend::read(&node(text), &notes).unwrap();
    assert_eq!(found.hosts, [StaticHost { host: "h.test".to_owned(), port: Some(443) }]);
    assert_eq!(found.labels["a"], "b");
    let (_, other) = backend::read(&node("metadata: {name: b}\nspec: {type: AWS}"), &notes).unwrap();
    assert!(other.hosts.is_empty());
}

#[test]
fn options_are_read_and_foreign_ones_are_not() {
    let (tls, problems) = options(
        "kgateway.dev/alpn-protocols: 'h2, http/1.1', kgateway.dev/min-tls-version: '1.2', \
         kgateway.dev/ecdh-curves: X25519, other.dev/x: y",
    );
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(value(&tls.alpn), ["h2", "http/1.1"]);
    assert_eq!((value(&tls.min_version), value(&tls.groups)), ("1.2".to_owned(), vec!["X25519".to_owned()]));
    for (option, wanted) in [
        ("verify-certificate-hash: 'aa'", "spkiPins"),
        ("verify-subject-alt-names: a.test", "subjectAltNames"),
        ("future: x", "min-tls-version"),
        ("max-tls-version: '1.0'", "supported: 1.2"),
        ("signature-algorithms: ed25519", "cannot be narrowed"),
    ] {
        let (_, problems) = options(&format!("kgateway.dev/{option}"));
        let key = option.split(':').next().unwrap();
        refused(&problems, &format!("spec.options[kgateway.dev/{key}]"), wanted);
    }
}

#[test]
fn an_upstream_is_read_whole() {
    let read = upstream(
        "kube: {serviceName: pay, serviceNamespace: other, servicePort: 8443}, sslConfig: {secretRef: {name: c, \
         namespace: n}, sni: a.test, verifySubjectAltName: ['spiffe://a/b'], oneWayTls: true, alpnProtocols: [h2], \
         parameters: {minimumProtocolVersion: TLSv1_3, maximumProtocolVersion: TLS_AUTO}}",
    );
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    let service = &read.targets[0].what;
    assert!(matches!(service, TargetOf::Upstream { behind: Some((name, 8443)), .. } if name.namespace == "other"));
    let tls = read.tls.unwrap();
    assert_eq!((value(&tls.min_version), tls.max_version.is_none()), ("1.3".to_owned(), true));
    assert!(matches!(value(&tls.trust), ExtensionTrust::Secret(name) if name.namespace == "n"));
    assert!(matches!(tls.subject_alt_names[0].value, VendorName::Untyped(_)) && tls.one_way.is_some());
    let fixed = upstream("static: {hosts: [{addr: h.test, port: 443}]}, sslConfig: {sslFiles: {ocspStaple: /o}}");
    assert!(fixed.problems.is_empty() && matches!(fixed.targets[0].what, TargetOf::Upstream { behind: None, .. }));
    assert_eq!((fixed.hosts[0].port, fixed.notices.len()), (Some(443), 1));
    assert_eq!(upstream("static: {}, httpConnectSslConfig: {}").notices.len(), 1);
}

#[test]
fn what_an_upstream_may_not_say() {
    const TABLE: &[(&str, &str, &str)] = &[
        ("sds: {}", "spec.sslConfig.sds", "SDS"),
        ("secretRef: {name: a}, sslFiles: {}", "spec.sslConfig", "one of them"),
        ("pinned: 1", "spec.sslConfig", "is unknown"),
        ("secretRef: {}", "spec.sslConfig.secretRef", "name is missing"),
        ("parameters: {minimumProtocolVersion: '1.2'}", "spec.sslConfig.parameters.minimumProtocolVersion", "TLSv1_2"),
    ];
    for (config, path, wanted) in TABLE {
        refused(&upstream(&format!("static: {{}}, sslConfig: {{{config}}}")).problems, path, wanted);
    }
}

#[test]
fn annotations_are_for_one_port_or_all() {
    let all = service("gloo.solo.io/sslService.secret: c, gloo.solo.io/sslService.oneWayTls: 'true'");
    assert!(all.problems.is_empty() && matches!(all.targets[0].what, TargetOf::Service { port: None, .. }));
    assert!(all.tls.unwrap().one_way.is_some());
    let one = service("gloo.solo.io/sslService.rootCa: '443:/ca', gloo.solo.io/sslService.oneWayTls: 'false'");
    assert!(one.problems.is_empty() && matches!(one.targets[0].what, TargetOf::Service { port: Some(443), .. }));
    let tls = one.tls.unwrap();
    assert!(tls.one_way.is_none() && matches!(value(&tls.trust), ExtensionTrust::File(path) if path == "/ca"));
    for (annotations, wanted) in [
        ("gloo.solo.io/sslService.secret: 'x:c'", "no port"),
        ("gloo.solo.io/sslService.sni: a", "rootCa"),
        ("gloo.solo.io/sslService.tlsCert: '1:/c', gloo.solo.io/sslService.tlsKey: '2:/k'", "several ports"),
        ("gloo.solo.io/sslService.secret: c, gloo.solo.io/sslService.tlsKey: /k", "together"),
        ("gloo.solo.io/sslService.oneWayTls: maybe", "true, false"),
    ] {
        let text = problem(&service(annotations).problems);
        assert!(text.contains(wanted), "{text}");
    }
    let notes = Notes::new("a.yaml");
    assert!(annotations::read(&node("metadata: {name: a, annotations: {other: b}}"), &notes).is_none());
}

#[test]
fn the_parameters_of_an_upstream_are_read() {
    let read = upstream(
        "static: {}, sslConfig: {allowRenegotiation: true, parameters: {cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256], \
         ecdhCurves: [X25519, P-384]}}",
    );
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    let tls = read.tls.unwrap();
    assert_eq!(value(&tls.groups), ["X25519", "secp384r1"]);
    assert_eq!((value(&tls.cipher_suites).len(), tls.strengthened.len()), (4, 1), "those of TLS 1.3 stay");
    let tls = upstream(
        "static: {}, sslConfig: {allowRenegotiation: false, parameters: {maximumProtocolVersion: TLSv1_2, \
         cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256]}}",
    )
    .tls
    .unwrap();
    assert_eq!(value(&tls.cipher_suites), ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]);
    assert!(tls.strengthened.is_empty() && tls.groups.is_none());
    const TABLE: &[(&str, &str, &str)] = &[
        ("parameters: {cipherSuites: [BOGUS]}", "parameters.cipherSuites[0]", "ECDHE-RSA-AES128"),
        ("parameters: {ecdhCurves: [X25519, P-521]}", "parameters.ecdhCurves[1]", "P-384"),
        ("parameters: {signatureAlgorithms: [ed25519]}", "parameters", "is unknown"),
        ("allowRenegotiation: 'true'", "allowRenegotiation", "true or false"),
    ];
    for (config, path, wanted) in TABLE {
        let read = upstream(&format!("static: {{}}, sslConfig: {{{config}}}"));
        refused(&read.problems, &format!("spec.sslConfig.{path}"), wanted);
    }
}

#[test]
fn the_files_of_an_upstream_are_read() {
    let files = |files: &str| upstream(&format!("static: {{}}, sslConfig: {{sslFiles: {{{files}}}}}"));
    let read = files("tlsCert: /c, tlsKey: /k, rootCa: /r");
    assert!(read.problems.is_empty() && read.notices.is_empty(), "{:?}", read.problems);
    let tls = read.tls.unwrap();
    assert!(matches!(
        value(&tls.identity),
        ExtensionIdentity::Files { certificate: Some(certificate), key: Some(key) } if certificate == "/c" && key == "/k"
    ));
    assert!(matches!(value(&tls.trust), ExtensionTrust::File(path) if path == "/r"));
    assert_eq!(tls.trust.unwrap().field, "spec.sslConfig.sslFiles.rootCa");
    // Half of an identity stays one: that the other half is missing is said later.
    let tls = files("tlsKey: /k, rootCa: ''").tls.unwrap();
    assert!(matches!(value(&tls.identity), ExtensionIdentity::Files { certificate: None, key: Some(_) }));
    assert!(tls.trust.is_none());
    refused(&files("tlsCrt: /c").problems, "spec.sslConfig.sslFiles", "is unknown");
    refused(&files("rootCa: [/r]").problems, "spec.sslConfig.sslFiles.rootCa", "expected a string");
}

#[test]
fn a_kube_target_has_a_name_and_a_port() {
    let whole = upstream("kube: {serviceName: pay, servicePort: 443}");
    assert!(whole.problems.is_empty(), "{:?}", whole.problems);
    assert!(
        matches!(&whole.targets[0].what, TargetOf::Upstream { behind: Some((name, 443)), .. } if name.namespace == "shop")
    );
    refused(&upstream("kube: {servicePort: 443}").problems, "spec.kube", "serviceName is missing");
    refused(&upstream("kube: {serviceName: pay}").problems, "spec.kube", "servicePort is missing");
    for (port, said) in [
        ("0", "expected a port of 1 to 65535, found 0"),
        ("70000", "expected a port of 1 to 65535, found 70000"),
        ("-1", "expected a port of 1 to 65535, found -1"),
        ("https", "expected a port of 1 to 65535"),
    ] {
        let upstream = upstream(&format!("kube: {{serviceName: pay, servicePort: {port}}}"));
        refused(&upstream.problems, "spec.kube.servicePort", said);
    }
}

#[test]
fn options_limit_cipher_suites_and_versions() {
    let (tls, problems) = options("kgateway.dev/cipher-suites: 'ECDHE-RSA-AES128-GCM-SHA256, TLS_AES_256_GCM_SHA384'");
    assert!(problems.is_empty(), "{problems:?}");
    let wanted = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"];
    assert_eq!(value(&tls.cipher_suites), wanted, "one of TLS 1.3 is named");
    for bad in ["BOGUS", "''", "'TLS_AES_256_GCM_SHA384,'"] {
        let (_, problems) = options(&format!("kgateway.dev/cipher-suites: {bad}"));
        refused(&problems, "spec.options[kgateway.dev/cipher-suites]", "ECDHE-RSA-AES128");
    }
    let range = |min: &str, max: &str| {
        options(&format!("kgateway.dev/min-tls-version: '{min}', kgateway.dev/max-tls-version: '{max}'"))
    };
    let (tls, problems) = range("1.2", "1.2");
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!((value(&tls.min_version), value(&tls.max_version)), ("1.2".to_owned(), "1.2".to_owned()));
    refused(&range("1.3", "1.2").1, "spec.options[kgateway.dev/max-tls-version]", "below the minimum");
}

#[test]
fn signature_algorithms_are_all_or_refused() {
    const ALL: [&str; 10] = [
        "ecdsa_secp256r1_sha256",
        "ecdsa_secp384r1_sha384",
        "ecdsa_secp521r1_sha512",
        "ed25519",
        "rsa_pss_rsae_sha256",
        "rsa_pss_rsae_sha384",
        "rsa_pss_rsae_sha512",
        "rsa_pkcs1_sha256",
        "rsa_pkcs1_sha384",
        "rsa_pkcs1_sha512",
    ];
    let of_options = |names: &[&str]| options(&format!("kgateway.dev/signature-algorithms: '{}'", names.join(", ")));
    let of_policy =
        |names: &[&str]| policy(&format!("sni: a, parameters: {{signatureAlgorithms: [{}]}}", names.join(", ")));
    let (tls, problems) = of_options(&ALL);
    assert!(problems.is_empty() && tls.strengthened.is_empty(), "{problems:?}");
    let read = of_policy(&ALL);
    assert!(read.problems.is_empty() && read.tls.unwrap().strengthened.is_empty(), "{:?}", read.problems);
    for missing in ALL {
        let narrower: Vec<_> = ALL.into_iter().filter(|name| *name != missing).collect();
        let wanted = format!("without {missing}");
        refused(&of_options(&narrower).1, "spec.options[kgateway.dev/signature-algorithms]", &wanted);
        refused(&of_policy(&narrower).problems, "spec.tls.parameters.signatureAlgorithms", &wanted);
    }
}

/// The fields of kgateway's Go types: `testdata/kgateway/types.json`.
#[test]
fn the_fields_are_those_of_the_go_types() {
    let types: serde_json::Value =
        serde_json::from_str(include_str!("../../../../../testdata/kgateway/types.json")).unwrap();
    let fields = |name: &str| serde_json::from_value::<Vec<String>>(types["fields"][name].clone()).unwrap();
    assert_eq!(fields("TLS"), kgateway::FIELDS);
    assert_eq!(fields("TLSFiles"), kgateway::FILES);
    assert_eq!(fields("TLSParameters"), kgateway::PARAMETERS);
    // What else stands in the spec is not about TLS, but for what is put before it; `tunnel` is newer than these types.
    let spec = fields("BackendConfigPolicySpec");
    for field in kgateway::SPEC.into_iter().chain(kgateway::ON_THE_WIRE.map(|(field, _)| field)) {
        assert!(spec.iter().any(|known| known == field) || field == "tunnel", "{field}");
    }
    let others =
        spec.iter().filter(|field| !kgateway::SPEC.contains(&field.as_str()) && *field != "upstreamProxyProtocol");
    for field in others {
        let head = "metadata: {name: a, namespace: shop}";
        let text = format!("{head}\nspec: {{targetRefs: [{{group: '', kind: Service, name: pay}}], {field}: {{}}}}");
        let read = read(kgateway::read, &text);
        assert!(read.problems.is_empty() && read.notices.len() == 1 && read.tls.is_none(), "{field}");
    }
}
