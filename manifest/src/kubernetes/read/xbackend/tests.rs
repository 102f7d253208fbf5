//! What is read of an XBackend, and what each edition of its CRD does not permit.

use super::*;
use crate::yaml;

fn backend(spec: &str) -> XBackend {
    let node = yaml::documents(&format!("{{metadata: {{name: a}}, spec: {spec}}}")).unwrap().remove(0);
    let notes = Notes::new("in");
    read(&node, &notes).unwrap().with_notes(notes)
}

/// As v1.6 of the standard has it.
fn with(rest: &str) -> XBackend {
    backend(&format!("{{type: ExternalHostname, externalHostname: {{hostname: a.b}}, port: {{port: 443}}{rest}}}"))
}

/// As v1.7 has it.
fn numbered(rest: &str) -> XBackend {
    backend(&format!("{{type: ExternalHostname, externalHostname: {{hostname: a.b}}, port: {{number: 443}}{rest}}}"))
}

/// In the cluster, which v1.7 added.
fn selecting(rest: &str) -> XBackend {
    backend(&format!("{{type: EndpointSelector, port: {{number: 443}}{rest}}}"))
}

/// The one problem of a backend is at this path, and says this.
#[track_caller]
fn assert_problem(backend: &XBackend, path: &str, text: &str) {
    let found = messages(backend);
    assert!(matches!(found.as_slice(), [(at, said)] if at == path && said.contains(text)), "{path} {text}: {found:?}");
}

fn messages(backend: &XBackend) -> Vec<(String, String)> {
    backend.problems.iter().map(|problem| (problem.path().to_owned(), problem.message())).collect()
}

#[test]
fn every_field_is_read() {
    let given = with(
        ", protocol: HTTP2, tls: {mode: ClientAndServer, clientCertificateRef: {name: c, namespace: d}, \
         validation: {hostname: x.y, wellKnownCACertificates: System, subjectAltNames: [{type: Hostname, hostname: z.y}]}}",
    );
    assert_eq!(messages(&given), []);
    assert_eq!((given.hostname.unwrap().value.as_str(), given.port, given.port_name), ("a.b", Some(443), None));
    assert_eq!(given.protocol.unwrap().value, "HTTP2");
    assert!(given.origins.contains_key("spec.tls.validation.subjectAltNames[0].hostname"));
    let tls = given.tls.unwrap();
    assert_eq!((tls.mode.field.as_str(), tls.mode.value.as_str()), ("spec.tls.mode", "ClientAndServer"));
    assert_eq!(tls.validation.unwrap().hostname.as_deref(), Some("x.y"));
    let certificate = tls.client_certificate.unwrap();
    assert_eq!(certificate.field, "spec.tls.clientCertificateRef");
    assert_eq!((certificate.value.name.as_str(), certificate.value.namespace.as_deref()), ("c", Some("d")));
}

#[test]
fn places_are_those_of_the_fields() {
    let text = "metadata: {name: a}\nspec:\n  type: ExternalHostname\n  externalHostname:\n    hostname: a.b\n  \
                port: {port: 1}\n  tls:\n    mode: ClientAndServer\n    clientCertificateRef: {name: b}\n";
    let given = read(&yaml::documents(text).unwrap().remove(0), &Notes::new("in")).unwrap();
    let tls = given.tls.unwrap();
    let lines = [given.hostname.unwrap().origin, tls.mode.origin, tls.client_certificate.unwrap().origin];
    assert_eq!(lines.map(|origin| origin.line), [5, 8, 9]);
}

#[test]
fn the_least_is_permitted() {
    for rest in [
        "",
        ", tls: {mode: None}",
        ", tls: {mode: ServerOnly}",
        ", tls: {mode: ClientAndServer, clientCertificateRef: {name: c}}",
        ", protocol: TCP",
    ] {
        assert_eq!(messages(&with(rest)), [], "{rest}");
    }
}

#[test]
fn what_the_crd_does_not_permit_is_said_in_its_words() {
    const IFF: &str = "clientCertificateRef must be set if and only if mode is ClientAndServer";
    const TRUST: &str = "must specify either CACertificateRefs or WellKnownCACertificates";
    const TABLE: &[(&str, &str, &str)] = &[
        (", tls: {mode: ClientAndServer}", "spec.tls", IFF),
        (", tls: {mode: ServerOnly, clientCertificateRef: {name: c}}", "spec.tls", IFF),
        (", tls: {mode: None, clientCertificateRef: {name: c}}", "spec.tls", IFF),
        (", tls: {mode: Insecure}", "spec.tls.mode", "ClientAndServer"),
        (", tls: {}", "spec.tls", "the field mode is missing"),
        (", tls: {mode: None, minVersion: '1.2'}", "spec.tls", "minVersion"),
        (", tls: {mode: ServerOnly, validation: {hostname: a.b}}", "spec.tls.validation", TRUST),
        (
            ", tls: {mode: ServerOnly, validation: {hostname: A.b, wellKnownCACertificates: System}}",
            "spec.tls.validation.hostname",
            "spec.tls.validation.hostname in body should match",
        ),
        (
            ", tls: {mode: ServerOnly, validation: {hostname: a.b, wellKnownCACertificates: x.y/z}}",
            "spec.tls.validation.wellKnownCACertificates",
            "System",
        ),
        (
            ", tls: {mode: ServerOnly, validation: {hostname: a.b, wellKnownCACertificates: System, x: y}}",
            "spec.tls.validation",
            "unknown",
        ),
        (
            ", tls: {mode: ClientAndServer, clientCertificateRef: {name: ''}}",
            "spec.tls.clientCertificateRef.name",
            "at least 1 chars long",
        ),
        (", protocol: QUIC", "spec.protocol", "HTTP11"),
        (", tsl: {mode: None}", "spec", "\"tsl\" is unknown"),
    ];
    for (rest, path, text) in TABLE {
        assert_problem(&with(rest), path, text);
    }
}

#[test]
fn types_hosts_and_ports_are_checked() {
    const SET: &str = "externalHostname must be set when type is ExternalHostname and must be unset otherwise";
    const HOST: &str = "hostname must not be an IP address or end with .cluster.local";
    const TABLE: &[(&str, &str, &str)] = &[
        ("{type: ExternalHostname, port: {port: 1}}", "spec", SET),
        ("{type: ExternalHostname, port: {port: 1}, externalHostname: {hostname: a.cluster.local}}", HOSTNAME, HOST),
        ("{type: ExternalHostname, port: {port: 1}, externalHostname: {hostname: 10.0.0.1}}", HOSTNAME, HOST),
        ("{type: ExternalHostname, port: {port: 1}, externalHostname: {hostname: '*.a.b'}}", HOSTNAME, "match"),
        ("{type: ExternalHostname, port: {port: 0}, externalHostname: {hostname: a.b}}", PORT, "equal to 1"),
        ("{type: ExternalHostname, port: {port: 65536}, externalHostname: {hostname: a.b}}", PORT, "65535"),
        ("{type: ExternalHostname, port: {port: 1, name: A}, externalHostname: {hostname: a.b}}", NAME, "DNS label"),
        ("{type: ExternalHostname, externalHostname: {hostname: a.b}}", "spec", "port is missing"),
        ("{port: {port: 1}}", "spec", "type is missing"),
        ("x", "spec", "a map"),
    ];
    const HOSTNAME: &str = "spec.externalHostname.hostname";
    const NAME: &str = "spec.port.name";
    const PORT: &str = "spec.port.port";
    for (spec, path, text) in TABLE {
        assert_problem(&backend(spec), path, text);
    }
    let found = messages(&backend("{type: Other, port: {port: 1}, externalHostname: {hostname: a.b}}"));
    assert_eq!(found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["spec", "spec.type"]);
    assert_eq!(messages(&backend("{type: Other, port: {port: 1}}")).len(), 1);
    assert_eq!(messages(&XBackend { problems: Vec::new(), ..with("") }), []);
}

#[test]
fn what_v1_7_added_is_read() {
    const VALID: &str = "validation: {hostname: a.b, wellKnownCACertificates: System}";
    for rest in ["", ", tls: {mode: None}", ", protocol: H2C", ", protocol: H2C, tls: {mode: None}"] {
        assert_eq!(messages(&numbered(rest)), [], "{rest}");
    }
    for protocol in ["GRPC", "HTTP2", "HTTP11", "WSS", "TCP"] {
        let given = numbered(&format!(", protocol: {protocol}, tls: {{mode: ServerOnly, {VALID}}}"));
        assert_eq!((messages(&given), given.port, given.edition), (Vec::new(), Some(443), Edition::V1_7));
    }
    let selector =
        ", endpointSelector: {matchLabels: {app: pay, a.b/c: ''}}, sessionPersistence: {type: Cookie, cookie: {}}";
    let given = selecting(&format!("{selector}, tls: {{mode: ServerOnly, {VALID}}}"));
    assert_eq!((messages(&given), given.hostname.is_none(), given.tls.is_some()), (Vec::new(), true, true));
    assert_eq!(with("").edition, Edition::V1_6);
}

#[test]
fn what_v1_7_does_not_permit_is_said_in_its_words() {
    const BOTH: &str = "validation must be set if and only if mode is either ClientAndServer or ServerOnly";
    const VALID: &str = "validation: {hostname: a.b, wellKnownCACertificates: System}";
    let spec = |protocol: &str| format!(", protocol: {protocol}, tls: {{mode: ServerOnly, {VALID}}}");
    assert_problem(&numbered(&spec("H2C")), "spec", "tls must be disabled when protocol is H2C");
    assert_problem(&numbered(", protocol: HTTP2"), "spec", "tls must be enabled when protocol is HTTP2");
    assert_problem(
        &numbered(", protocol: HTTP2, tls: {mode: None}"),
        "spec",
        "tls must be enabled when protocol is HTTP2",
    );
    assert_problem(&numbered(", protocol: WSS"), "spec", "tls must be enabled when protocol is WSS");
    assert_problem(&numbered(", tls: {mode: ServerOnly}"), "spec.tls", BOTH);
    assert_problem(&numbered(&format!(", tls: {{mode: None, {VALID}}}")), "spec.tls", BOTH);
    assert_problem(&numbered(", sessionPersistence: {}"), "spec", "only be set when type is EndpointSelector");
    let at = "spec.endpointSelector.matchLabels";
    assert_problem(&selecting(""), "spec", "endpointSelector must be set when type is EndpointSelector");
    assert_problem(&selecting(", endpointSelector: {}"), "spec.endpointSelector", "matchLabels is missing");
    assert_problem(&selecting(", endpointSelector: {matchLabels: {}}"), at, "at least 1 properties");
    assert_problem(&selecting(", endpointSelector: {matchLabels: {a/b/c: d}}"), at, "Label keys must be");
    assert_problem(&selecting(", endpointSelector: {matchLabels: {a: '-'}}"), at, "should match");
    assert_problem(
        &selecting(", endpointSelector: {selectorRef: x, matchLabels: {a: b}}"),
        "spec.endpointSelector",
        "unknown",
    );
    let external = ", endpointSelector: {matchLabels: {a: b}}";
    assert_problem(&numbered(external), "spec", "must be unset otherwise");
    // v1.6 knows none of it, and is held to none of it.
    assert_problem(&with(external), "spec", "since v1.7, where the port is written as port.number");
    assert_problem(&with(", protocol: WSS"), "spec.protocol", "HTTP11");
    for rest in [", protocol: HTTP2".to_owned(), ", tls: {mode: ServerOnly}".to_owned(), spec("H2C")] {
        assert_eq!(messages(&with(&rest)), [], "{rest}");
    }
}

#[test]
fn a_port_is_written_in_one_of_two_ways() {
    let port =
        |port: &str| backend(&format!("{{type: ExternalHostname, externalHostname: {{hostname: a.b}}, port: {port}}}"));
    assert_problem(&port("{}"), "spec.port", "the field number is missing");
    assert_problem(&port("{port: 1, number: 1}"), "spec.port", "only one of them");
    assert_problem(&port("{number: 0}"), "spec.port.number", "equal to 1");
    assert_problem(&port("{number: 65536}"), "spec.port.number", "65535");
    assert_problem(&port("{number: 1, name: a}"), "spec.port.name", "no name since v1.7");
    assert_eq!(messages(&port("{number: 1, name: ''}")), []);
    assert_eq!((port("{number: 0}").port, port("{number: 65535}").port), (None, Some(65535)));
}
