//! What a cluster adds to its context: HTTP options, host names of endpoints by its kind, and sockets that are matched.

use serde_json::{Value, json};
use uptls_manifest::envoy::Standing::{PlainText, Unclear, Verified, VerifiesLess};

use super::form::Kind::{
    Forward, ForwardInsecure, LogicalDns, OriginalDst, StaticNamed, StrictDns, StrictDnsOfAddress,
};
use super::form::Says::{Refuses, Takes};
use super::form::{Form, and, context, form, tls, typed};
use super::servers::{OF_CA, PLAIN, RIGHT};
use crate::certificates::World;

pub(super) fn all(world: &World) -> Vec<Form> {
    [options(world), host_names(world), forward_proxies(world), matches(world)].concat()
}

/// A cluster that trusts a CA, wants no name, and has these fields of a context.
fn trusting(world: &World, more: Value) -> Value {
    let validation = json!({"trusted_ca": {"inline_string": world.root.pem()}});
    tls(and(json!({"common_tls_context": {"validation_context": validation}}), more))
}

fn both() -> Value {
    json!({"auto_sni": true, "auto_san_validation": true})
}

fn old(options: Value) -> Value {
    json!({"upstream_http_protocol_options": options})
}

const ADDRESS: &str = "127.0.0.1";
const NO_SNI: &str = "auto_sni_san_validation_without_sni";
const UNTYPED: &[&str] = &[RIGHT, "name as URI"];

#[rustfmt::skip]
fn options(world: &World) -> Vec<Form> {
    let bare = || trusting(world, json!({}));
    let sni_san = |sni: Value| trusting(world, and(sni, json!({"auto_sni_san_validation": true})));
    let (nothing, sni) = (|| json!({}), || json!({"sni": "a.example.com"}));
    let sent = || old(json!({"auto_sni": true}));
    let named = json!({"validation_context": {
        "trusted_ca": {"inline_string": world.root.pem()},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "a.example.com"}}],
    }});
    let header = and(both(), json!({"override_auto_sni_header": "x-name"}));
    vec![
        form("authority", VerifiesLess, "untyped_authority", Takes(UNTYPED), and(bare(), typed(old(both())))),
        form("authority in the older field", VerifiesLess, "untyped_authority", Takes(UNTYPED), and(bare(), old(both()))),
        form("authority, another name sent", VerifiesLess, "untyped_authority", Takes(UNTYPED), and(bare(), old(json!({"auto_san_validation": true})))),
        form("authority of a header", VerifiesLess, "untyped_authority", Takes(UNTYPED), and(bare(), old(header))),
        form("an address as authority", VerifiesLess, "untyped_authority", Takes(&[RIGHT, "wildcard address"]), and(bare(), old(both()))).for_host(ADDRESS),
        form("authority and sent name", VerifiesLess, "untyped_authority", Takes(UNTYPED), and(sni_san(sni()), old(both()))),
        form("authority and listed names", Verified, "auto_san_validation", Takes(&[RIGHT]), and(trusting(world, json!({"common_tls_context": named})), old(both()))),
        form("authority sent alone", VerifiesLess, "no_names", Takes(OF_CA), and(bare(), sent())),
        // The older field beside typed options.
        form("both forms of options", VerifiesLess, "no_names", Takes(OF_CA), and(and(bare(), old(both())), typed(json!({})))),
        form("the sent authority", VerifiesLess, NO_SNI, Takes(OF_CA), and(sni_san(nothing()), sent())).for_host(ADDRESS),
        form("the sent authority or a name", Verified, "several_server_names", Takes(&[RIGHT]), and(sni_san(sni()), sent())),
        form("a name for an address", Verified, "several_server_names", Takes(&[RIGHT]), and(sni_san(sni()), sent())).for_host(ADDRESS),
    ]
}

#[rustfmt::skip]
fn host_names(world: &World) -> Vec<Form> {
    let of = |sni: Value| trusting(world, and(sni, json!({"auto_host_sni": true, "auto_sni_san_validation": true})));
    let sni = || json!({"sni": "a.example.com"});
    vec![
        form("an endpoint without a host name", VerifiesLess, NO_SNI, Takes(OF_CA), of(json!({}))),
        form("an endpoint without one, and sni", Verified, "several_server_names", Takes(&[RIGHT]), of(sni())),
        form("an endpoint with a host name", Verified, "", Takes(&[RIGHT]), of(json!({}))).of(StaticNamed),
        form("an endpoint by DNS", Verified, "", Takes(&[RIGHT]), of(json!({}))).of(StrictDns),
        form("an endpoint by logical DNS", Verified, "", Takes(&[RIGHT]), of(json!({}))).of(LogicalDns),
        form("an address by DNS", VerifiesLess, "address_as_dns", Takes(&["wildcard address"]), of(json!({}))).of(StrictDnsOfAddress),
        form("an original destination", Unclear, "auto_host_sni", Takes(&[]), of(json!({}))).of(OriginalDst),
    ]
}

/// A request for `localhost` finds each server; the right certificate has that name.
#[rustfmt::skip]
fn forward_proxies(world: &World) -> Vec<Form> {
    let bare = || trusting(world, json!({}));
    let sni = || json!({"auto_sni": true});
    let host = || trusting(world, json!({"auto_host_sni": true, "auto_sni_san_validation": true}));
    vec![
        form("forward", VerifiesLess, "untyped_authority", Takes(UNTYPED), bare()).of(Forward),
        form("forward with both", VerifiesLess, "untyped_authority", Takes(UNTYPED), and(bare(), typed(old(both())))).of(Forward),
        form("forward with typed options", VerifiesLess, "no_names", Refuses, and(bare(), typed(json!({})))).of(Forward),
        form("forward with one", VerifiesLess, "no_names", Refuses, and(bare(), old(sni()))).of(Forward),
        form("insecure forward", VerifiesLess, "untyped_authority", Takes(UNTYPED), bare()).of(ForwardInsecure),
        form("insecure with typed options", VerifiesLess, "no_names", Takes(OF_CA), and(bare(), typed(json!({})))).of(ForwardInsecure),
        form("insecure with both forms", VerifiesLess, "no_names", Takes(OF_CA), and(and(bare(), old(both())), typed(json!({})))).of(ForwardInsecure),
        form("insecure with one", VerifiesLess, "no_names", Takes(OF_CA), and(bare(), old(sni()))).of(ForwardInsecure),
        form("insecure with empty options", VerifiesLess, "no_names", Takes(OF_CA), and(bare(), old(json!({})))).of(ForwardInsecure),
        form("insecure with host names", Unclear, "auto_host_sni", Takes(&[]), and(host(), typed(json!({})))).of(ForwardInsecure),
    ]
}

/// Each form's last reading is of the socket that the endpoint takes, which meets no criteria.
#[rustfmt::skip]
fn matches(world: &World) -> Vec<Form> {
    let names = json!([{"san_type": "DNS", "matcher": {"exact": "a.example.com"}}]);
    let sound = tls(context(json!({"trusted_ca": {"inline_string": world.root.pem()}, "match_typed_subject_alt_names": names})));
    let weak = trusting(world, json!({}));
    let own = |cluster: &Value| cluster.clone();
    let of = |matches: &[(Option<Value>, &Value)]| {
        let one = |(number, (criteria, cluster)): (usize, &(Option<Value>, &Value))| {
            let socket = json!({"name": format!("m{number}"), "transport_socket": cluster["transport_socket"]});
            criteria.as_ref().map_or(socket.clone(), |criteria| and(socket, json!({"match": criteria})))
        };
        json!({"transport_socket_matches": matches.iter().enumerate().map(one).collect::<Value>()})
    };
    let (all, other) = (Some(json!({})), Some(json!({"tlsMode": "istio"})));
    let matcher = json!({"transport_socket_matcher": {"on_no_match": {"action": {"name": "absent"}}}});
    vec![
        form("a match of all", Verified, "", Takes(&[RIGHT]), of(&[(all.clone(), &sound)])),
        form("a match without criteria", Verified, "", Takes(&[RIGHT]), of(&[(None, &sound)])),
        form("a match of all before a weak one", Verified, "", Takes(&[RIGHT]), and(of(&[(all.clone(), &sound), (all.clone(), &weak)]), own(&weak))),
        form("a weak match of all", VerifiesLess, "no_names", Takes(OF_CA), and(of(&[(all.clone(), &weak), (all.clone(), &sound)]), own(&sound))),
        form("the last match of all", Verified, "", Takes(&[RIGHT]), of(&[(other.clone(), &weak), (all, &sound)])),
        form("a match of others, and its own", VerifiesLess, "no_names", Takes(OF_CA), and(of(&[(other.clone(), &sound)]), own(&weak))),
        form("a match of others", PlainText, "plain_text", Takes(&[PLAIN]), of(&[(other.clone(), &sound)])),
        form("a match of a key without a value", PlainText, "plain_text", Takes(&[PLAIN]), of(&[(Some(json!({"tlsMode": null})), &sound)])),
        form("a matcher", Unclear, "unknown_socket", Refuses, and(of(&[(other, &sound)]), matcher)),
    ]
}
