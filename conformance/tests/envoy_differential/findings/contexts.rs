//! What a context verifies: fields of its validation, and names.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use uptls_manifest::envoy::Standing::{PlainText, Unclear, Verified, VerifiesLess, VerifiesNothing};
use uptls_testkit::Certificate;

use super::form::Says::{Refuses, Takes};
use super::form::{Form, and, context, form, tls};
use super::servers::{ANY, NEWEST, OF_CA, PLAIN, RIGHT, signer};
use crate::certificates::World;

pub(super) fn all(world: &World) -> Vec<Form> {
    [validations(world), weakenings(world), names(world), secrets(world), sockets(world), spiffe(world)].concat()
}

fn ca(world: &World) -> Value {
    json!({"trusted_ca": {"inline_string": world.root.pem()}})
}

/// A context that is right in every way, with other fields.
fn sound(world: &World, more: Value) -> Value {
    let names = json!([{"san_type": "DNS", "matcher": {"exact": "a.example.com"}}]);
    and(and(ca(world), json!({"match_typed_subject_alt_names": names})), more)
}

#[rustfmt::skip]
fn validations(world: &World) -> Vec<Form> {
    let of = |validation: Value| tls(context(validation));
    let pin = json!({"verify_certificate_spki": [BASE64_STANDARD.encode(World::leaf_key().spki_sha256())]});
    let names = json!({"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "a.example.com"}}]});
    let by_leaf = json!({"trusted_ca": {"inline_string": signer(world).pem()}});
    let provider = json!({"ca_certificate_provider_instance": {"instance_name": "x"}});
    let newest = json!({"sni": "a.example.com", "common_tls_context": {
        "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"}, "validation_context": sound(world, json!({}))}});
    let sds = json!({"sni": "a.example.com", "common_tls_context": {"validation_context_sds_secret_config": {"name": "absent"}}});
    let validator = json!({"custom_validator_config": {"name": "envoy.tls.cert_validator.absent"}});
    vec![
        form("a sound context", Verified, "default_maximum_version", Takes(&[RIGHT]), of(sound(world, json!({})))),
        form("with the newest version", Verified, "", Takes(&[RIGHT, NEWEST]), tls(newest)),
        form("no validation", VerifiesNothing, "no_validation_context", Takes(ANY), tls(json!({"sni": "a.example.com"}))),
        form("an empty validation", VerifiesNothing, "empty_validation_context", Takes(ANY), of(json!({}))),
        form("no CA", VerifiesNothing, "no_trusted_ca", Takes(ANY), of(json!({"only_verify_leaf_cert_crl": true}))),
        form("system roots", VerifiesNothing, "system_root_certs", Takes(ANY), of(json!({"system_root_certs": {}}))),
        form("a provider of CAs", VerifiesNothing, "provider_instance", Takes(ANY), of(provider)),
        form("a CA alone", VerifiesLess, "no_names", Takes(OF_CA), of(ca(world))),
        form("names without a CA", Unclear, "names_without_ca", Refuses, of(names)),
        form("a pin alone", VerifiesLess, "pin_without_ca", Takes(ANY), of(pin.clone())),
        form("a pin and a CA", VerifiesLess, "no_names", Takes(OF_CA), of(and(ca(world), pin))),
        form("a leaf that signs", VerifiesLess, "leaf_as_anchor", Takes(&["by a leaf"]), of(sound(world, by_leaf))),
        form("an empty CA", VerifiesLess, "no_names", Refuses, of(json!({"trusted_ca": {"inline_string": ""}}))),
        form("the sent name, without a CA", VerifiesNothing, "empty_validation_context", Refuses, tls(and(context(json!({})), json!({"auto_sni_san_validation": true})))),
        form("a secret that is not there", Unclear, "secret_unknown", Refuses, tls(sds)),
        form("a validator that is not there", Unclear, "custom_validator", Refuses, of(sound(world, validator))),
        form("an unknown field", Unclear, "unknown_field", Refuses, of(sound(world, json!({"trusted_cas": 1})))),
    ]
}

#[rustfmt::skip]
fn weakenings(world: &World) -> Vec<Form> {
    let with = |more: Value| tls(context(sound(world, more)));
    let sni_san = |context: Value| tls(and(context, json!({"auto_sni_san_validation": true})));
    let nameless = json!({"common_tls_context": {"validation_context": ca(world)}});
    let another = json!({"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "other.test"}}]});
    let untyped = |name: &str| json!({"match_subject_alt_names": [{"exact": name}]});
    vec![
        form("accept untrusted", VerifiesNothing, "accept_untrusted", Takes(ANY), with(json!({"trust_chain_verification": "ACCEPT_UNTRUSTED"}))),
        form("allow expired", VerifiesLess, "allow_expired_certificate", Takes(&[RIGHT, "expired"]), with(json!({"allow_expired_certificate": true}))),
        form("a depth of 0", VerifiesLess, "max_verify_depth", Takes(&[RIGHT]), with(json!({"max_verify_depth": 0}))),
        form("timestamps", VerifiesLess, "certificate_timestamp", Takes(&[RIGHT]), with(json!({"require_signed_certificate_timestamp": true}))),
        form("names without a type", VerifiesLess, "untyped_names", Takes(&[RIGHT, "name as URI"]), tls(context(and(ca(world), untyped("a.example.com"))))),
        form("both kinds of names", VerifiesLess, "untyped_names_ignored", Takes(&[RIGHT]), with(untyped("other.test"))),
        form("the sent name", Verified, "", Takes(&[RIGHT]), sni_san(context(ca(world)))),
        form("the sent name, without one", VerifiesLess, "auto_sni_san_validation_without_sni", Takes(OF_CA), sni_san(nameless.clone())),
        form("the sent name, an address", VerifiesLess, "address_as_dns", Takes(&["wildcard address"]), sni_san(and(nameless, json!({"sni": "127.0.0.1"})))),
        form("the sent name and others", VerifiesLess, "names_replaced", Takes(&[RIGHT]), sni_san(context(sound(world, another)))),
    ]
}

#[rustfmt::skip]
fn names(world: &World) -> Vec<Form> {
    let of = |kind: &str, matcher: Value| {
        let names = json!([{"san_type": kind, "matcher": matcher}]);
        tls(context(sound(world, json!({"match_typed_subject_alt_names": names}))))
    };
    let id = |id: &str| json!({"san_type": "URI", "matcher": {"exact": id}});
    let two = json!({"match_typed_subject_alt_names": [id("spiffe://prod/ns/a/sa/b"), id("spiffe://test/x")]});
    vec![
        form("a name in another case", Verified, "", Takes(&[RIGHT]), of("DNS", json!({"exact": "A.Example.com"}))),
        form("a name with a dot", Verified, "", Takes(&[]), of("DNS", json!({"exact": "a.example.com."}))),
        form("a literal expression", Verified, "", Takes(&[RIGHT]), of("DNS", json!({"safe_regex": {"regex": "(?i)a\\.example\\.com"}}))),
        form("a dotted suffix", Verified, "", Takes(&[RIGHT]), of("DNS", json!({"suffix": ".example.com"}))),
        form("a suffix", VerifiesLess, "dns_fragment", Takes(&[RIGHT, "longer name"]), of("DNS", json!({"suffix": "example.com"}))),
        form("a suffix of one label", VerifiesLess, "dns_fragment", Takes(&[RIGHT, "longer name"]), of("DNS", json!({"suffix": ".com"}))),
        form("a prefix", VerifiesLess, "dns_fragment", Takes(&[RIGHT, "longer name"]), of("DNS", json!({"prefix": "a.example.com"}))),
        form("a part of a name", VerifiesLess, "dns_fragment", Takes(&[RIGHT, "longer name"]), of("DNS", json!({"contains": "example"}))),
        form("any name", Unclear, "regex", Takes(&[RIGHT, "longer name", "other name", "wildcard address"]), of("DNS", json!({"safe_regex": {"regex": ".*"}}))),
        form("an address as DNS", VerifiesLess, "address_as_dns", Takes(&["wildcard address"]), of("DNS", json!({"exact": "127.0.0.1"}))),
        form("an address", Verified, "", Takes(&[RIGHT]), of("IP_ADDRESS", json!({"exact": "127.0.0.1"}))),
        form("a URI", Verified, "", Takes(&[RIGHT]), of("URI", json!({"exact": "spiffe://prod/ns/a/sa/b"}))),
        form("a URI in another case", Verified, "", Takes(&[RIGHT]), of("URI", json!({"exact": "SPIFFE://prod/ns/a/sa/b", "ignore_case": true}))),
        form("a part of a URI", VerifiesLess, "uri_fragment", Takes(&[RIGHT, "longer name"]), of("URI", json!({"contains": "prod"}))),
        form("the begin of a URI", VerifiesLess, "uri_fragment", Takes(&[RIGHT, "longer name", "other trust domain"]), of("URI", json!({"prefix": "s"}))),
        form("a trust domain without its end", VerifiesLess, "trust_domain_prefix", Takes(&[RIGHT, "longer name"]), of("URI", json!({"prefix": "spiffe://prod"}))),
        form("a trust domain", Verified, "", Takes(&[RIGHT]), of("URI", json!({"prefix": "spiffe://prod/"}))),
        form("a path of a trust domain", Verified, "", Takes(&[RIGHT]), of("URI", json!({"prefix": "spiffe://prod/ns/a/"}))),
        form("two trust domains", VerifiesLess, "spiffe_domains_mixed", Takes(&[RIGHT, "other trust domain"]), tls(context(sound(world, two)))),
    ]
}

/// What stands in a secret, alone and merged into what stands in the context.
#[rustfmt::skip]
fn secrets(world: &World) -> Vec<Form> {
    let of_file = |name: &str, validation: Value| {
        let kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
        let path = world.folder().join(format!("{name}.json"));
        let secret = json!({"@type": kind, "name": name, "validation_context": validation});
        fs::write(&path, json!({"resources": [secret]}).to_string()).unwrap();
        json!({"name": name, "sds_config": {"path_config_source": {"path": path}}})
    };
    let alone = |name: &str, validation: Value| {
        tls(json!({"sni": "a.example.com", "common_tls_context": {"validation_context_sds_secret_config": of_file(name, validation)}}))
    };
    let merged = |name: &str, default: Value, validation: Value| {
        let combined = json!({"default_validation_context": default, "validation_context_sds_secret_config": of_file(name, validation)});
        tls(json!({"sni": "a.example.com", "common_tls_context": {"combined_validation_context": combined}}))
    };
    let names = |name: &str| json!({"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": name}}]});
    let expired = |value: bool| json!({"allow_expired_certificate": value});
    let chain = |value: &str| json!({"trust_chain_verification": value});
    let other_ca = json!({"trusted_ca": {"inline_string": world.other_root.pem()}});
    vec![
        form("a secret", Verified, "", Takes(&[RIGHT]), alone("sound", sound(world, json!({})))),
        form("a secret with a CA alone", VerifiesLess, "no_names", Takes(OF_CA), alone("ca", ca(world))),
        form("names and a secret", Verified, "", Takes(&[RIGHT]), merged("names", names("a.example.com"), ca(world))),
        form("names in both", Verified, "", Takes(&[RIGHT]), merged("two", names("a.example.com"), sound(world, names("localhost")))),
        form("a CA of the secret", Verified, "", Takes(&[RIGHT]), merged("replaced", and(other_ca, names("a.example.com")), ca(world))),
        // What is false, or the first value of its type, is nothing where messages are merged.
        form("a secret that takes nothing back", VerifiesLess, "allow_expired_certificate", Takes(&[RIGHT, "expired"]), merged("back", sound(world, expired(true)), expired(false))),
        form("a secret that verifies the chain", VerifiesNothing, "accept_untrusted", Takes(ANY), merged("chain", sound(world, chain("ACCEPT_UNTRUSTED")), chain("VERIFY_TRUST_CHAIN"))),
        form("a secret that weakens", VerifiesLess, "allow_expired_certificate", Takes(&[RIGHT, "expired"]), merged("weak", sound(world, expired(false)), expired(true))),
        form("a secret that verifies nothing", VerifiesNothing, "accept_untrusted", Takes(ANY), merged("nothing", sound(world, json!({})), chain("ACCEPT_UNTRUSTED"))),
    ]
}

#[rustfmt::skip]
fn sockets(world: &World) -> Vec<Form> {
    let socket = |name: &str, kind: &str, more: Value| {
        let config = and(json!({"@type": format!("type.googleapis.com/envoy.extensions.transport_sockets.{kind}")}), more);
        json!({"transport_socket": {"name": name, "typed_config": config}})
    };
    let inner = tls(context(sound(world, json!({}))))["transport_socket"].clone();
    let wrapped = json!({"transport_socket": inner, "config": {"version": "V2"}});
    let bare = json!({"transport_socket": {"name": "envoy.transport_sockets.tls"}});
    vec![
        form("no socket", PlainText, "plain_text", Takes(&[PLAIN]), json!({})),
        form("a raw buffer", PlainText, "plain_text", Takes(&[PLAIN]), socket("envoy.transport_sockets.raw_buffer", "raw_buffer.v3.RawBuffer", json!({}))),
        form("start TLS", VerifiesLess, "start_tls", Takes(&[PLAIN]), socket("envoy.transport_sockets.starttls", "starttls.v3.UpstreamStartTlsConfig", json!({"tls_socket_config": context(sound(world, json!({})))}))),
        form("a proxy header before TLS", Verified, "", Takes(&[]), socket("envoy.transport_sockets.upstream_proxy_protocol", "proxy_protocol.v3.ProxyProtocolUpstreamTransport", wrapped)),
        form("TLS without a context", VerifiesNothing, "no_validation_context", Refuses, bare),
        form("an unknown socket", Unclear, "unknown_socket", Refuses, json!({"transport_socket": {"name": "absent"}})),
    ]
}

#[rustfmt::skip]
fn spiffe(world: &World) -> Vec<Form> {
    let domain = |name: &str, pem: String| json!({"name": name, "trust_bundle": {"inline_string": pem}});
    let kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig";
    let of = |ca_of_test: &Certificate, more: Value| {
        let domains = json!([domain("prod", world.root.pem()), domain("test", ca_of_test.pem())]);
        let config = json!({"@type": kind, "trust_domains": domains});
        let validator = json!({"name": "envoy.tls.cert_validator.spiffe", "typed_config": config});
        tls(context(and(json!({"custom_validator_config": validator}), more)))
    };
    let (root, other) = (&world.root, &world.other_root);
    let id = |id: &str| json!({"san_type": "URI", "matcher": {"exact": id}});
    let ids = || json!({"match_typed_subject_alt_names": [id("spiffe://prod/ns/a/sa/b"), id("spiffe://test/x")]});
    let untyped = json!({"match_subject_alt_names": [{"prefix": "spiffe://"}]});
    let trusted = json!({"trusted_ca": {"inline_string": other.pem()}});
    vec![
        // The other ID is of a CA that is not that of its trust domain.
        form("SPIFFE", Verified, "spiffe_validator", Takes(&[RIGHT]), of(other, ids())),
        form("SPIFFE without names", VerifiesLess, "no_names", Takes(&[RIGHT, "other trust domain"]), of(root, json!({}))),
        form("SPIFFE, names without a type", VerifiesLess, "untyped_names", Takes(&[RIGHT, "other trust domain"]), of(root, untyped)),
        form("SPIFFE beside a CA", VerifiesLess, "ignored_by_spiffe", Takes(&[RIGHT]), of(other, and(ids(), trusted))),
    ]
}
