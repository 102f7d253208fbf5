//! Reading Envoy documents as a linter: each form that verifies less than it seems, and its sound twin.

use std::path::Path;

use serde_json::{Value, json};
use uptls::danger::DangerPermission;
use uptls::{Code, UpstreamTlsPolicy};
use uptls_manifest::envoy::{self, ClusterReading, Effect, Standing};
use uptls_testkit::{Key, Pki, San, Template};

pub(crate) fn read(text: &str) -> Vec<ClusterReading> {
    envoy::read(text.as_bytes(), "envoy.yaml", &|_| Err("no file is read".to_owned())).unwrap().clusters
}

/// The one reading of a bare context.
fn context(context: &Value) -> ClusterReading {
    let mut readings = read(&context.to_string());
    assert_eq!(readings.len(), 1);
    readings.remove(0)
}

pub(crate) fn ca() -> String {
    Pki::new("envoy read").root.pem()
}

fn validated(validation: Value) -> Value {
    json!({"sni": "a.example.com", "common_tls_context": {
        "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"}, "validation_context": validation}})
}

/// A sound validation context with other fields.
fn sound(more: Value) -> Value {
    let names = json!([{"san_type": "URI", "matcher": {"exact": "https://a/b"}}]);
    let mut validation = json!({"trusted_ca": {"inline_string": ca()}, "match_typed_subject_alt_names": names});
    for (name, value) in more.as_object().unwrap() {
        validation[name] = value.clone();
    }
    validation
}

fn names(names: Value) -> Value {
    validated(sound(json!({"match_typed_subject_alt_names": names})))
}

fn dns(matcher: Value) -> Value {
    names(json!([{"san_type": "DNS", "matcher": matcher}]))
}

fn uri(matcher: Value) -> Value {
    names(json!([{"san_type": "URI", "matcher": matcher}]))
}

#[test]
fn a_sound_context_is_verified_and_has_a_policy() {
    let read = context(&validated(sound(json!({}))));
    assert_eq!(read.standing, Standing::Verified, "{:?}", read.findings);
    assert!(read.findings.is_empty(), "{:?}", read.findings);
    let policy = UpstreamTlsPolicy::check(read.draft.unwrap(), DangerPermission::Forbidden).unwrap();
    assert_eq!(policy.subject_alt_names().iter().map(ToString::to_string).collect::<Vec<_>>(), ["uri:https://a/b"]);
    assert_eq!(policy.versions().max.as_str(), "1.3");
}

/// What makes a sound context another one, and what is said of it.
fn forms() -> Vec<(Value, Standing, &'static str)> {
    use Standing::{Unclear, Verified, VerifiesLess, VerifiesNothing};
    let empty_common = json!({"sni": "a.example.com", "common_tls_context": {}});
    let auto_without_sni = json!({"auto_sni_san_validation": true, "common_tls_context": {
        "validation_context": {"trusted_ca": {"inline_string": ca()}}}});
    let default_version = json!({"common_tls_context": {"validation_context": sound(json!({}))}});
    let ca_alone = || json!({"trusted_ca": {"inline_string": ca()}});
    let with = |field: &str, value: Value| {
        let mut validation = ca_alone();
        validation[field] = value;
        validated(validation)
    };
    vec![
        // Finding 1 of the research, in its order.
        (empty_common, VerifiesNothing, "no_validation_context"),
        (json!({"sni": "a.example.com"}), VerifiesNothing, "no_validation_context"),
        (validated(json!({})), VerifiesNothing, "empty_validation_context"),
        (validated(json!({"system_root_certs": {}})), VerifiesNothing, "system_root_certs"),
        (
            validated(json!({"ca_certificate_provider_instance": {"instance_name": "x"}})),
            VerifiesNothing,
            "provider_instance",
        ),
        (auto_without_sni, VerifiesLess, "auto_sni_san_validation_without_sni"),
        (validated(sound(json!({"max_verify_depth": 1}))), VerifiesLess, "max_verify_depth"),
        // Beside it.
        (validated(ca_alone()), VerifiesLess, "no_names"),
        (with("match_subject_alt_names", json!([{"exact": "a.example.com"}])), VerifiesLess, "untyped_names"),
        (
            validated(sound(json!({"match_subject_alt_names": [{"exact": "a.example.com"}]}))),
            VerifiesLess,
            "untyped_names_ignored",
        ),
        (
            validated(sound(json!({"trust_chain_verification": "ACCEPT_UNTRUSTED"}))),
            VerifiesNothing,
            "accept_untrusted",
        ),
        (validated(sound(json!({"allow_expired_certificate": true}))), VerifiesLess, "allow_expired_certificate"),
        (
            validated(sound(json!({"require_signed_certificate_timestamp": true}))),
            VerifiesLess,
            "certificate_timestamp",
        ),
        (validated(json!({"verify_certificate_spki": ["x"]})), VerifiesLess, "pin_without_ca"),
        (validated(json!({"verify_certificate_hash": ["x"]})), VerifiesLess, "pin_without_ca"),
        (
            validated(json!({"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "a"}}]})),
            Unclear,
            "names_without_ca",
        ),
        (validated(json!({"only_verify_leaf_cert_crl": true})), VerifiesNothing, "no_trusted_ca"),
        (validated(sound(json!({"custom_validator_config": {"name": "x"}}))), Unclear, "custom_validator"),
        (validated(sound(json!({"a_field_of_tomorrow": 1}))), Unclear, "unknown_field"),
        (default_version, Verified, "default_maximum_version"),
        (validated(sound(json!({"verify_certificate_hash": ["x"]}))), Verified, "certificate_hash"),
    ]
}

/// The same of names alone.
fn forms_of_names() -> Vec<(Value, Standing, &'static str)> {
    use Standing::{Unclear, Verified, VerifiesLess};
    vec![
        (dns(json!({"exact": "a.example.com"})), Verified, "dns_exact"),
        (dns(json!({"exact": "127.0.0.1"})), VerifiesLess, "address_as_dns"),
        (dns(json!({"exact": "a.example.com."})), Verified, "name_invalid"),
        (dns(json!({"suffix": ".example.com"})), Verified, "dns_suffix"),
        (dns(json!({"suffix": "example.com"})), VerifiesLess, "dns_fragment"),
        (dns(json!({"suffix": ".com"})), VerifiesLess, "dns_fragment"),
        (dns(json!({"suffix": ".com."})), VerifiesLess, "dns_fragment"),
        (dns(json!({"prefix": "a.example.com"})), VerifiesLess, "dns_fragment"),
        (dns(json!({"contains": "example"})), VerifiesLess, "dns_fragment"),
        (dns(json!({"safe_regex": {"regex": ".*"}})), Unclear, "regex"),
        (dns(json!({"safe_regex": {"regex": "(?i)a.example.com"}})), Unclear, "regex"),
        (dns(json!({"safe_regex": {"regex": "(?i)a\\.example\\.com"}})), Verified, "dns_literal"),
        (uri(json!({"prefix": "spiffe://prod"})), VerifiesLess, "trust_domain_prefix"),
        (uri(json!({"prefix": "spiffe://prod/"})), Verified, "spiffe_prefix"),
        (uri(json!({"prefix": "spiffe://prod/ns/a/"})), Verified, "uri_prefix"),
        (uri(json!({"exact": "spiffe://prod"})), Verified, "name_invalid"),
        (uri(json!({"safe_regex": {"regex": format!("spiffe://prod{SEGMENT}*")}})), Verified, "spiffe_root"),
        (uri(json!({"safe_regex": {"regex": format!("spiffe://prod/ns{SEGMENT}+")}})), Unclear, "regex"),
        (uri(json!({"safe_regex": {"regex": format!("spiffe://prod.test{SEGMENT}*")}})), Unclear, "regex"),
        (
            names(json!([
                {"san_type": "URI", "matcher": {"exact": "spiffe://a/x"}},
                {"san_type": "URI", "matcher": {"exact": "spiffe://b/x"}},
            ])),
            VerifiesLess,
            "spiffe_domains_mixed",
        ),
        (uri(json!({"exact": "https://a/b", "ignore_case": true})), Verified, "uri_ignore_case"),
        (uri(json!({"contains": "prod"})), VerifiesLess, "uri_fragment"),
        (uri(json!({"prefix": "https://a.example.com/"})), Verified, "uri_prefix"),
        (uri(json!({"prefix": "https://a.example.com"})), VerifiesLess, "uri_fragment"),
        (uri(json!({"prefix": "https:///"})), VerifiesLess, "uri_fragment"),
        (uri(json!({"prefix": "s"})), VerifiesLess, "uri_fragment"),
        (
            names(json!([{"san_type": "IP_ADDRESS", "matcher": {"exact": "0:0:0:0:0:0:0:1"}}])),
            Verified,
            "address_not_canonical",
        ),
        (names(json!([{"san_type": "EMAIL", "matcher": {"exact": "a@b"}}])), Verified, "other_type"),
        (names(json!([{"matcher": {"exact": "a"}}])), Unclear, "san_type"),
    ]
}

/// A context with Envoy's SPIFFE validator for two trust domains.
fn of_spiffe(more: Value, wanted: &[&str]) -> Value {
    let domain = |name: &str| json!({"name": name, "trust_bundle": {"inline_string": ca()}});
    let matcher = |id: &&str| json!({"san_type": "URI", "matcher": {"exact": id}});
    let mut validation = json!({
        "custom_validator_config": {"name": "envoy.tls.cert_validator.spiffe", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig",
            "trust_domains": [domain("a"), domain("b.test")],
        }},
        "match_typed_subject_alt_names": wanted.iter().map(matcher).collect::<Vec<_>>(),
    });
    for (name, value) in more.as_object().unwrap() {
        validation[name] = value.clone();
    }
    validated(validation)
}

/// T9: the SPIFFE validator says which CA vouches for whom, and so does the policy.
#[test]
fn the_spiffe_validator_is_read_into_bundles_of_trust_domains() {
    let read = context(&of_spiffe(json!({}), &["spiffe://a/x", "spiffe://b.test/x"]));
    assert_eq!(read.standing, Standing::Verified, "{:?}", read.findings);
    assert_eq!(read.reason().unwrap().name, "spiffe_validator");
    let policy = UpstreamTlsPolicy::check(read.draft.unwrap(), DangerPermission::Forbidden).unwrap();
    let domains = policy.trust().bundles.iter().map(|bundle| bundle.trust_domain.as_ref().unwrap().as_str());
    assert_eq!(domains.collect::<Vec<_>>(), ["a", "b.test"]);
    let names: Vec<_> = policy.subject_alt_names().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["uri:spiffe://a/x", "uri:spiffe://b.test/x"]);
}

#[test]
fn what_the_spiffe_validator_does_not_do_is_named() {
    use Standing::{Verified, VerifiesLess};
    let both = ["spiffe://a/x", "spiffe://b.test/x"];
    for (form, standing, name) in [
        (of_spiffe(json!({}), &[]), VerifiesLess, "no_names"),
        (of_spiffe(json!({"crl": {"inline_string": "x"}}), &both), VerifiesLess, "ignored_by_spiffe"),
        (of_spiffe(json!({"verify_certificate_spki": ["x"]}), &both), VerifiesLess, "ignored_by_spiffe"),
        (of_spiffe(json!({"trusted_ca": {"inline_string": ca()}}), &both), VerifiesLess, "ignored_by_spiffe"),
        (of_spiffe(json!({"allow_expired_certificate": true}), &both), VerifiesLess, "allow_expired_certificate"),
        (of_spiffe(json!({}), &["spiffe://a/x", "spiffe://c/x"]), Verified, "spiffe_names"),
        (of_spiffe(json!({}), &["spiffe://a/x", "https://a/x"]), Verified, "spiffe_names"),
    ] {
        let read = context(&form);
        let found = (read.standing, read.reason().unwrap().name, read.draft.is_some());
        assert_eq!(found, (standing, name, false), "{:?}", read.findings);
    }
}

/// A segment of a path, as the export writes it.
const SEGMENT: &str = r"(/([A-Za-z0-9_-]|\.[A-Za-z0-9_-]|\.\.[A-Za-z0-9._-])[A-Za-z0-9._-]*)";

#[test]
fn a_leaf_that_envoy_would_let_sign_is_named() {
    let template = Template::leaf("server").with_sans(&[San::dns("a.test")]);
    let trusting = |template: &Template| {
        let leaf = template.self_signed(&Key::p256("server")).pem();
        context(&validated(sound(json!({"trusted_ca": {"inline_string": leaf}}))))
    };
    let unrestricted = Template { key_usage: None, ..template.clone() };
    let read = trusting(&unrestricted);
    assert_eq!((read.standing, read.reason().unwrap().name), (Standing::VerifiesLess, "leaf_as_anchor"));
    assert_eq!(trusting(&template).standing, Standing::Verified);
}

#[test]
fn each_form_is_named() {
    for (form, standing, name) in forms().into_iter().chain(forms_of_names()) {
        let read = context(&form);
        assert_eq!(read.standing, standing, "{form} {:?}", read.findings);
        let reason = read.reason().unwrap_or_else(|| panic!("{form} has no finding"));
        assert_eq!(reason.name, name, "{form} {:?}", read.findings);
        let has_policy = read.findings.iter().all(|finding| finding.effect >= Effect::Stricter);
        assert_eq!(read.draft.is_some(), has_policy, "{form} {:?}", read.findings);
        assert!(!reason.reason.is_empty());
        assert!(!reason.change.is_empty() || reason.effect >= Effect::Stricter, "{name} has no remedy");
    }
}

#[test]
fn both_spellings_of_a_field_are_read_and_never_both_at_once() {
    let text = format!(
        "sni: a.example.com\ncommonTlsContext:\n  tlsParams: {{tlsMaximumProtocolVersion: TLSv1_3}}\n  validationContext:\n    trustedCa: {{inlineString: {}}}\n    matchTypedSubjectAltNames: [{{sanType: IP_ADDRESS, matcher: {{exact: 10.0.0.7}}}}]\n",
        json!(ca())
    );
    let one = &read(&text)[0];
    assert_eq!(one.standing, Standing::Verified, "{:?}", one.findings);
    assert!(one.draft.is_some());
    let twice = text.replace("    trustedCa:", "    trusted_ca: {inline_string: x}\n    trustedCa:");
    let one = &read(&twice)[0];
    assert_eq!((one.standing, one.reason().unwrap().name), (Standing::Unclear, "duplicate_field"));
}

/// Envoy refuses the file, whichever of the two stands first.
#[test]
fn of_two_sockets_in_two_spellings_neither_counts() {
    let context = format!(
        "{{'@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: a.example.com, \
         auto_sni_san_validation: true, common_tls_context: {{tls_params: {{tls_maximum_protocol_version: TLSv1_3}}, \
         validation_context: {{trusted_ca: {{inline_string: {}}}}}}}}}",
        json!(ca())
    );
    let cluster = |fields: &[(&str, &str)]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let fields = fields.join(", ");
        format!("name: pay\ntransport_socket: {{name: envoy.transport_sockets.tls, {fields}}}\n")
    };
    let (sound, empty) = (("typedConfig", context.as_str()), ("typed_config", "{}"));
    assert_eq!(read(&cluster(&[sound]))[0].standing, Standing::Verified, "{:?}", read(&cluster(&[sound]))[0].findings);
    let [one, two] = [[sound, empty], [empty, sound]].map(|fields| read(&cluster(&fields)).remove(0));
    assert_eq!((one.standing, one.reason().unwrap().name), (Standing::Unclear, "duplicate_field"));
    assert_eq!((one.standing, &one.findings, &one.name), (two.standing, &two.findings, &two.name));
    let elsewhere = cluster(&[sound]) + "load_assignment: {clusterName: a, cluster_name: b}\n";
    assert_eq!(read(&elsewhere)[0].standing, Standing::Unclear);
}

#[test]
fn the_server_name_is_checked_where_envoy_does_it_itself() {
    let auto = |sni: &str, more: &str| {
        let text = format!(
            "sni: {sni}\nauto_sni_san_validation: true\n{more}common_tls_context: {{tls_params: {{tls_maximum_protocol_version: TLSv1_3}}, validation_context: {{trusted_ca: {{filename: ca.pem}}}}}}\n"
        );
        read(&text).remove(0)
    };
    let one = auto("A.Example.com", "");
    assert_eq!(one.standing, Standing::Verified, "{:?}", one.findings);
    assert_eq!(one.draft.unwrap().spec.server_name.as_deref(), Some("a.example.com"));
    // Whether there is a host name stands in the cluster.
    let one = auto("''", "auto_host_sni: true\n");
    assert_eq!((one.standing, one.reason().unwrap().name), (Standing::Unclear, "auto_host_sni"));
    let one = auto("a.example.com.", "");
    assert_eq!((one.standing, one.reason().unwrap().name), (Standing::Verified, "sni_invalid"));
    assert!(one.draft.is_none());
}

/// Clusters of many kinds.
fn bootstrap() -> String {
    format!(
        r#"
admin: {{}}
static_resources:
  secrets:
  - name: names
    validation_context: {{trusted_ca: {{inline_string: {ca}}}}}
  clusters:
  - name: plain
    load_assignment: {{}}
  - name: raw
    transport_socket: {{name: envoy.transport_sockets.raw_buffer}}
  - name: wrapped
    transport_socket:
      name: envoy.transport_sockets.upstream_proxy_protocol
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport
        transport_socket:
          name: tls
          typed_config: {{"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}
  - name: combined
    connect_timeout: 2s
    transport_socket:
      name: tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context:
          tls_params: {{tls_maximum_protocol_version: TLSv1_3}}
          combined_validation_context:
            default_validation_context: {{match_typed_subject_alt_names: [{{san_type: URI, matcher: {{exact: "x:y"}}}}]}}
            validation_context_sds_secret_config: {{name: names}}
  - name: absent
    transport_socket:
      name: tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context: {{validation_context_sds_secret_config: {{name: another}}}}
  - name: by authority
    transport_socket:
      name: tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context: {{tls_params: {{tls_maximum_protocol_version: TLSv1_3}}, validation_context: {{trusted_ca: {{filename: ca.pem}}}}}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        upstream_http_protocol_options: {{auto_sni: true, auto_san_validation: true}}
  - name: matched
    transport_socket_matches:
    - name: tls
      match: {{tls: "1"}}
      transport_socket: {{name: alts, typed_config: {{"@type": type.googleapis.com/envoy.extensions.transport_sockets.alts.v3.Alts}}}}
"#,
        ca = json!(ca())
    )
}

#[test]
fn a_bootstrap_is_read_cluster_by_cluster() {
    let text = bootstrap();
    let readings = read(&text);
    let found: Vec<_> = readings
        .iter()
        .map(|one| {
            (one.name.as_str(), one.standing, one.reason().map_or("", |reason| reason.name), one.draft.is_some())
        })
        .collect();
    assert_eq!(
        found,
        [
            ("plain", Standing::PlainText, "plain_text", false),
            ("raw", Standing::PlainText, "plain_text", false),
            ("wrapped", Standing::VerifiesNothing, "no_validation_context", false),
            ("combined", Standing::Verified, "", true),
            ("absent", Standing::Unclear, "secret_unknown", false),
            ("by authority", Standing::VerifiesLess, "untyped_authority", false),
            ("matched/tls", Standing::Unclear, "unknown_socket", false),
            ("matched", Standing::PlainText, "plain_text", false),
        ]
    );
    assert_eq!(readings[3].draft.as_ref().unwrap().spec.handshake_timeout.as_deref(), Some("2s"));
    assert_eq!(readings[0].findings[0].path, "static_resources.clusters[0]");
    assert_eq!(readings[0].findings[0].line, 8);
    let text = serde_json::to_value(&readings[0]).unwrap();
    assert_eq!((&text["standing"], &text["findings"][0]["effect"]), (&json!("plain_text"), &json!("plain_text")));
}

#[test]
fn config_dumps_and_discovery_responses_hold_clusters() {
    let cluster = json!({"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "a"});
    let secret = json!({"name": "s", "validation_context": {"trusted_ca": {"filename": "ca.pem"}}});
    let by_secret = json!({"name": "b", "transport_socket": {"name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"validation_context_sds_secret_config": {"name": "s"}}}}});
    let dump = json!({"configs": [
        {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump",
         "bootstrap": {"static_resources": {"clusters": [cluster]}}},
        {"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
         "static_clusters": [{"cluster": cluster}], "dynamic_active_clusters": [{"cluster": by_secret}]},
        {"@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump", "dynamic_active_secrets": [{"secret": secret}]},
    ]});
    let names = |text: &str| -> Vec<(String, Standing)> {
        read(text).into_iter().map(|one| (one.name, one.standing)).collect()
    };
    let wanted = [("a".to_owned(), Standing::PlainText), ("b".to_owned(), Standing::VerifiesLess)];
    assert_eq!(names(&dump.to_string()), wanted);
    assert_eq!(names(&json!({"version_info": "0", "resources": [cluster]}).to_string()), wanted[..1]);
    assert_eq!(names(&cluster.to_string()), wanted[..1]);
    assert_eq!(names("name: a\nconnect_timeout: 1s\n---\nname: a\nload_assignment: {}\n").len(), 2);
}

#[test]
fn secrets_of_files_are_read_by_the_caller() {
    let text = "common_tls_context: {tls_params: {tls_maximum_protocol_version: TLSv1_3}, validation_context_sds_secret_config: {name: v, sds_config: {path_config_source: {path: /sds/v.json}}}}";
    let secret = json!({"resources": [{"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": "v", "validation_context": sound(json!({}))}]});
    let reading = envoy::read(text.as_bytes(), "x", &|path| {
        assert_eq!(path, Path::new("/sds/v.json"));
        Ok(secret.to_string().into_bytes())
    });
    assert_eq!(reading.unwrap().clusters[0].standing, Standing::Verified);
    assert_eq!(read(text)[0].reason().unwrap().name, "secret_unknown");
    // Lists stand in it, so that it may be longer than a document.
    for (length, standing) in [(3 << 20, Standing::Verified), (5 << 20, Standing::Unclear)] {
        let padded = secret.to_string() + &" ".repeat(length);
        let reading = envoy::read(text.as_bytes(), "x", &|_| Ok(padded.clone().into_bytes()));
        assert_eq!(reading.unwrap().clusters[0].standing, standing, "{length}");
    }
}

#[test]
fn what_is_no_envoy_document_is_an_error() {
    let code = |text: &str| envoy::read(text.as_bytes(), "x", &|_| Err(String::new())).err().unwrap().code();
    assert_eq!(code("a: [1, 2"), Code::DocumentParse);
    assert_eq!(code("apiVersion: v1\nkind: ConfigMap\n"), Code::DocumentParse);
    assert_eq!(code(""), Code::DocumentParse);
}

#[test]
fn no_key_is_repeated() {
    for private_key in [
        r#"{inline_string: "QQBYTESQQ"}"#,
        "{QQBYTESQQ: 1}",
        "QQBYTESQQ",
        "[QQBYTESQQ]",
        "{inline_string: {QQBYTESQQ: 1}}",
    ] {
        let text = format!(
            "common_tls_context: {{tls_certificates: [{{private_key: {private_key}}}], validation_context: {{}}}}"
        );
        let reading = envoy::read(text.as_bytes(), "x", &|_| Err(String::new())).unwrap();
        let text = serde_json::to_string(&reading).unwrap();
        assert!(!text.to_ascii_uppercase().contains("BYTES"), "{text}");
    }
}
