//! Reading Envoy documents: what the kind of a cluster, its options, its matches and fields that stand twice come to.

use serde_json::{Value, json};
use uptls_manifest::envoy::Standing;

use crate::envoy_read::{ca, read};

/// A cluster around a context that trusts a CA and wants no name.
fn around(context: Value, cluster: Value) -> Value {
    let tls = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
    let mut typed = json!({"@type": tls, "common_tls_context": {
        "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"},
        "validation_context": {"trusted_ca": {"inline_string": ca()}},
    }});
    let mut whole = json!({"name": "a", "transport_socket": {"name": "tls"}});
    let add = |to: &mut Value, from: Value| {
        from.as_object().unwrap().iter().for_each(|(name, value)| to[name] = value.clone());
    };
    add(&mut typed, context);
    whole["transport_socket"]["typed_config"] = typed;
    add(&mut whole, cluster);
    whole
}

/// Standing, first finding, and whether there is a policy.
fn said(cluster: &Value) -> (Standing, &'static str, bool) {
    let one = read(&cluster.to_string()).pop().unwrap();
    (one.standing, one.reason().map_or("", |reason| reason.name), one.draft.is_some())
}

/// Envoy looks for the authority of each request where a dynamic forward proxy says nothing of names; other clusters do not,
/// and options take that away, where they stand in the typed form too.
#[test]
fn a_dynamic_forward_proxy_checks_names_unless_its_options_say_otherwise() {
    let cluster = |kind: &str, more: Value| {
        let typed = format!("type.googleapis.com/envoy.extensions.clusters.{kind}.v3.ClusterConfig");
        let mut cluster = json!({"cluster_type": {"name": "any", "typed_config": {"@type": typed}}});
        more.as_object().unwrap().iter().for_each(|(name, value)| cluster[name] = value.clone());
        said(&around(json!({}), cluster)).1
    };
    let typed = |value: Value| json!({"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": value}});
    let (proxy, field) = ("dynamic_forward_proxy", "upstream_http_protocol_options");
    let both = json!({"auto_sni": true, "auto_san_validation": true});
    assert_eq!(cluster(proxy, json!({})), "untyped_authority");
    assert_eq!(cluster("aggregate", json!({})), "no_names");
    assert_eq!(cluster(proxy, typed(json!({field: {"auto_sni": true}}))), "no_names");
    assert_eq!(cluster(proxy, typed(json!({}))), "no_names");
    assert_eq!(cluster(proxy, json!({field: {}})), "no_names");
    // The older field is not looked at beside the typed form.
    let mut old_beside = typed(json!({}));
    old_beside[field] = both.clone();
    assert_eq!(cluster(proxy, old_beside), "no_names");
    for options in [typed(json!({field: both})), json!({field: both})] {
        assert_eq!(cluster("aggregate", options), "untyped_authority");
    }
}

/// `auto_host_sni` sends the host name of the endpoint: whether there is one, its cluster says.
#[test]
fn the_host_name_of_an_endpoint_is_sent_where_it_has_one() {
    use Standing::{Unclear, Verified, VerifiesLess};
    let endpoint = |address: &str, name: &str| json!({"endpoint": {"hostname": name, "address": {"socket_address": {"address": address, "port_value": 1}}}});
    let of = |kind: &str, endpoints: &[Value], sni: &str| {
        let context = json!({"auto_host_sni": true, "auto_sni_san_validation": true, "sni": sni});
        let load = json!({"cluster_name": "a", "endpoints": [{"lb_endpoints": endpoints}]});
        said(&around(context, json!({"type": kind, "load_assignment": load})))
    };
    let (named, nameless) = (endpoint("10.0.0.1", "a.example.com"), endpoint("10.0.0.1", ""));
    let sought = endpoint("a.example.com", "");
    assert_eq!(of("STATIC", std::slice::from_ref(&named), ""), (Verified, "", true));
    assert_eq!(of("STRICT_DNS", std::slice::from_ref(&sought), ""), (Verified, "", true));
    assert_eq!(of("LOGICAL_DNS", std::slice::from_ref(&sought), ""), (Verified, "", true));
    let nothing = "auto_sni_san_validation_without_sni";
    assert_eq!(of("STATIC", std::slice::from_ref(&nameless), ""), (VerifiesLess, nothing, false));
    assert_eq!(of("STATIC", &[named.clone(), nameless.clone()], ""), (VerifiesLess, nothing, false));
    assert_eq!(
        of("STATIC", std::slice::from_ref(&nameless), "a.example.com"),
        (Verified, "several_server_names", false)
    );
    assert_eq!(of("STRICT_DNS", &[sought, nameless], ""), (VerifiesLess, "address_as_dns", false));
    assert_eq!(of("STATIC", &[endpoint("10.0.0.1", "10.0.0.1")], ""), (VerifiesLess, "address_as_dns", false));
    for kind in ["EDS", "ORIGINAL_DST", "3"] {
        assert_eq!(of(kind, std::slice::from_ref(&named), ""), (Unclear, "auto_host_sni", false), "{kind}");
        assert_eq!(of(kind, std::slice::from_ref(&named), "a.example.com"), (Verified, "several_server_names", false));
    }
    assert_eq!(of("STATIC", &[], ""), (Unclear, "auto_host_sni", false));
    // The name that is written is an address.
    let fixed = json!({"auto_sni_san_validation": true, "sni": "10.0.0.1"});
    assert_eq!(said(&around(fixed, json!({}))), (VerifiesLess, "address_as_dns", false));
}

/// The authority may be an address, and a connection may be none of HTTP: then `sni` is sent, or nothing.
#[test]
fn an_authority_is_no_name_of_every_connection() {
    let with = |context: Value| {
        let options = json!({"upstream_http_protocol_options": {"auto_sni": true}});
        said(&around(context, options))
    };
    let alone = with(json!({"auto_sni_san_validation": true}));
    assert_eq!(alone, (Standing::VerifiesLess, "auto_sni_san_validation_without_sni", false));
    let beside = with(json!({"auto_sni_san_validation": true, "sni": "a.example.com"}));
    assert_eq!(beside, (Standing::Verified, "several_server_names", false));
}

/// The first match that an endpoint meets counts, and every endpoint meets one that asks for nothing.
#[test]
fn what_stands_behind_a_match_of_everything_is_never_used() {
    let sound =
        around(json!({"sni": "a.example.com", "auto_sni_san_validation": true}), json!({}))["transport_socket"].clone();
    let names = |matches: Value, own: bool| {
        let mut cluster = json!({"name": "a", "transport_socket_matches": matches});
        if own {
            cluster["transport_socket"] = sound.clone();
        }
        let readings = read(&cluster.to_string());
        readings.into_iter().map(|one| format!("{} {:?}", one.name, one.standing)).collect::<Vec<_>>().join(", ")
    };
    let matched = |name: &str, criteria: Value| json!({"name": name, "match": criteria, "transport_socket": sound});
    let (all, one) = (matched("all", json!({})), matched("one", json!({"tlsMode": "istio"})));
    assert_eq!(names(json!([one, all]), false), "a/one Verified, a/all Verified");
    assert_eq!(names(json!([all, one]), true), "a/all Verified");
    assert_eq!(names(json!([matched("all", json!(null))]), false), "a/all Verified");
    assert_eq!(names(json!([one]), false), "a/one Verified, a PlainText");
    assert_eq!(names(json!([one]), true), "a/one Verified, a Verified");
    // A key without a value is one that an endpoint must have.
    assert_eq!(names(json!([matched("null", json!({"a": null}))]), false), "a/null Verified, a PlainText");
    // What a matcher chooses is not known.
    let matcher = json!({"name": "a", "transport_socket_matches": [all], "transport_socket_matcher": {}});
    assert_eq!(said(&matcher).0, Standing::Unclear);
}

/// Whichever of two Envoy takes: the reader has not looked at both.
#[test]
fn a_field_that_stands_twice_on_the_way_leaves_all_unclear() {
    let cluster = |name: &str| {
        let mut cluster = around(json!({"sni": "a.example.com", "auto_sni_san_validation": true}), json!({}));
        cluster["name"] = name.into();
        cluster
    };
    let standings = |text: &str| read(text).iter().map(|one| one.standing).collect::<Vec<_>>();
    let resources = |name: &str| format!("{{\"clusters\": [{}]}}", cluster(name));
    let once = format!("{{\"static_resources\": {}, \"admin\": {{}}}}", resources("a"));
    assert_eq!(standings(&once), [Standing::Verified]);
    let twice = format!("{{\"static_resources\": {}, \"static_resources\": {}}}", resources("a"), resources("b"));
    assert_eq!(standings(&twice), [Standing::Unclear]);
    let spelled = format!("{{\"static_resources\": {}, \"staticResources\": {}}}", resources("a"), resources("b"));
    assert_eq!(standings(&spelled), [Standing::Unclear]);
    let clusters = format!("{{\"static_resources\": {{\"clusters\": [{}], \"clusters\": []}}}}", cluster("a"));
    assert_eq!(standings(&clusters), [Standing::Unclear]);
    // What appears twice beside it is no matter of the cluster.
    let elsewhere = once.replace("\"admin\": {}", "\"admin\": {\"address\": 1, \"address\": 2}");
    assert_eq!(standings(&elsewhere), [Standing::Verified]);
    let many: String = (0..20).map(|_| ", \"x\": 1").collect();
    assert_eq!(
        standings(&once.replace("\"admin\": {}", &format!("\"admin\": {{\"x\": 1{many}}}"))),
        [Standing::Unclear]
    );
}

/// A secret is what all that stands of it says.
#[test]
fn a_secret_that_stands_twice_must_say_the_same() {
    let validation = |more: &str| format!("{{\"trusted_ca\": {{\"inline_string\": {}}}{more}}}", json!(ca()));
    let names = r#", "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": "x:y"}}]"#;
    let cluster = r#"{"name": "a", "transport_socket": {"name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"validation_context_sds_secret_config": {"name": "s"}}}}}"#;
    let standing = |secrets: &str| {
        let text = format!("{{\"static_resources\": {{\"secrets\": [{secrets}], \"clusters\": [{cluster}]}}}}");
        read(&text)[0].standing
    };
    let secret = |content: &str| format!("{{\"name\": \"s\", {content}}}");
    let (good, weak) = (validation(names), validation(""));
    let once = secret(&format!("\"validation_context\": {good}"));
    assert_eq!(standing(&once), Standing::Verified);
    assert_eq!(standing(&format!("{once}, {once}")), Standing::Verified);
    let other = secret(&format!("\"validation_context\": {weak}"));
    assert_eq!(standing(&format!("{once}, {other}")), Standing::Unclear);
    assert_eq!(standing(&other), Standing::VerifiesLess);
    let both = |first: &str, second: &str| {
        secret(&format!("\"validation_context\": {first}, \"validation_context\": {second}"))
    };
    assert_eq!([standing(&both(&good, &weak)), standing(&both(&weak, &good))], [Standing::Unclear; 2]);
}

/// As protobuf merges messages, what is false takes nothing back.
#[test]
fn a_secret_takes_no_weakening_back() {
    let merged = |default: Value, given: Value| {
        let sound = json!({"match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": "x:y"}}]});
        let mut default_context = json!({"trusted_ca": {"inline_string": ca()}});
        let mut secret = sound;
        for (to, from) in [(&mut default_context, default), (&mut secret, given)] {
            from.as_object().unwrap().iter().for_each(|(name, value)| to[name] = value.clone());
        }
        let secrets = json!([{"name": "s", "validation_context": secret}]);
        let combined = json!({
            "default_validation_context": default_context,
            "validation_context_sds_secret_config": {"name": "s"},
        });
        let tls = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
        let typed = json!({"@type": tls, "common_tls_context": {"combined_validation_context": combined}});
        let cluster = json!({"name": "a", "transport_socket": {"name": "tls", "typed_config": typed}});
        let document = json!({"static_resources": {"secrets": secrets, "clusters": [cluster]}});
        read(&document.to_string())[0].standing
    };
    let (expired, chain) = ("allow_expired_certificate", "trust_chain_verification");
    assert_eq!(merged(json!({}), json!({})), Standing::Verified);
    for nothing in [json!(false), json!("false")] {
        assert_eq!(merged(json!({expired: true}), json!({expired: nothing})), Standing::VerifiesLess);
    }
    assert_eq!(merged(json!({expired: false}), json!({expired: true})), Standing::VerifiesLess);
    assert_eq!(merged(json!({expired: false}), json!({expired: false})), Standing::Verified);
    for first in [json!("VERIFY_TRUST_CHAIN"), json!(0)] {
        assert_eq!(merged(json!({chain: "ACCEPT_UNTRUSTED"}), json!({chain: first})), Standing::VerifiesNothing);
    }
    assert_eq!(
        merged(json!({chain: "VERIFY_TRUST_CHAIN"}), json!({chain: "ACCEPT_UNTRUSTED"})),
        Standing::VerifiesNothing
    );
}
