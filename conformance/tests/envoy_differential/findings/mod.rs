//! What the reader says of a configuration, asked of the real Envoy: what is `verified` takes the right certificate alone, what
//! `verifies_nothing` takes each, and what `verifies_less` takes a wrong one.

mod archive;
mod clusters;
mod contexts;
mod form;
mod servers;

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;
use uptls_manifest::envoy::{self, ClusterReading, Standing};
use uptls_testkit::envoy::{Binary, Envoy};

use crate::certificates::World;
use form::{Form, Says};
use servers::{ANY, NEWEST, PLAIN, RIGHT, Servers};

#[test]
fn envoy_gives_what_the_findings_say() {
    let Some(binary) = Binary::find() else { return };
    let world = World::new();
    let (servers, forms) = (Servers::start(&world), all(&world));
    let running = forms.iter().filter(|form| form.envoy != Says::Refuses);
    let at_each =
        |form: &Form| servers.all().map(|(name, at)| form.cluster(&place(form, name), at)).collect::<Vec<_>>();
    let envoy =
        Envoy::start_with(&binary, world.folder(), running.flat_map(at_each).collect(), vec![form::forwarding()]);
    let mut counts = (0, 0);
    for form in &forms {
        let cluster = form.cluster(form.what, servers.right());
        let reading = read(cluster.to_string().as_bytes()).pop().unwrap();
        let names: Vec<_> = reading.findings.iter().map(|finding| finding.name).collect();
        assert_eq!(reading.standing, form.standing, "{}: {names:?}", form.what);
        assert!(form.finding.is_empty() || names.contains(&form.finding), "{}: {names:?}", form.what);
        match form.envoy {
            Says::Refuses => {
                let said = binary.validate(world.folder(), &[cluster]);
                assert!(said.is_err(), "Envoy takes the configuration: {}", form.what);
                assert_ne!(form.standing, Standing::Verified, "{}", form.what);
            }
            Says::Takes(wanted) => {
                let taken = taken(&envoy, form, &servers);
                assert_eq!(taken, wanted.iter().copied().collect(), "{}: {names:?}", form.what);
                assert_law(form, &taken);
                counts.1 += taken.len();
            }
        }
        counts.0 += 1;
    }
    println!(
        "findings: {} forms of clusters, {} certificates taken by Envoy as their findings say",
        counts.0, counts.1
    );
}

/// What a standing promises, whatever the row says.
fn assert_law(form: &Form, taken: &BTreeSet<&str>) {
    let wrong: Vec<_> = taken.iter().filter(|name| **name != RIGHT && **name != NEWEST).collect();
    let holds = match form.standing {
        Standing::Verified => wrong.is_empty(),
        Standing::VerifiesNothing => ANY.iter().all(|name| taken.contains(name)),
        // What a field should refuse that Envoy ignores is the right certificate, too.
        Standing::VerifiesLess => !wrong.is_empty() || (IGNORED.contains(&form.finding) && taken.contains(RIGHT)),
        Standing::PlainText => *taken == BTreeSet::from([PLAIN]),
        _ => true,
    };
    assert!(holds, "{} is {:?}, and Envoy takes {taken:?}", form.what, form.standing);
}

/// The names of the servers from which a request by this form comes back.
fn taken<'s>(envoy: &Envoy, form: &Form, servers: &'s Servers) -> BTreeSet<&'s str> {
    let is_taken = |(name, at): &(&str, SocketAddr)| envoy.get_as(&place(form, name), *at, &form.host_of(*at)).0 == 200;
    servers.all().filter(is_taken).map(|(name, _)| name).collect()
}

/// The cluster of a form that leads to a server.
fn place(form: &Form, server: &str) -> String {
    format!("{} to {server}", form.what)
}

fn all(world: &World) -> Vec<Form> {
    [contexts::all(world), clusters::all(world)].concat()
}

fn read(document: &[u8]) -> Vec<ClusterReading> {
    let secret = |path: &Path| fs::read(path).map_err(|error| error.to_string());
    envoy::read(document, "envoy", &secret).unwrap().clusters
}

/// Which of two counts has no rule: Envoy takes one document and refuses the next, and the reader trusts none.
#[test]
fn envoy_gives_no_rule_for_a_field_that_stands_twice() {
    let Some(binary) = Binary::find() else { return };
    let world = World::new();
    let context = form::context(json!({"trusted_ca": {"inline_string": world.root.pem()}}));
    let tls = "\"@type\": \"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext\"";
    let common = &context["common_tls_context"];
    let socket = |fields: &str| format!("{{\"name\": \"envoy.transport_sockets.tls\", {fields}}}");
    let cluster =
        |socket: &str| format!("{{\"name\": \"a\", \"connect_timeout\": \"1s\", \"transport_socket\": {socket}}}");
    let document = |clusters: &str| format!("{{\"static_resources\": {{\"clusters\": [{clusters}]}}}}");
    let typed = |more: &str| format!("\"typed_config\": {{{tls}, \"common_tls_context\": {common}{more}}}");
    let names = ", \"auto_sni_san_validation\": true, \"sni\": \"a\"";
    let (sound, weak) = (typed(names), typed(""));
    let both = |second: &str| socket(&format!("{sound}, {second}"));
    let resources = |socket: &str| document(&cluster(socket));
    let twice = resources(&socket(&sound)).trim_end_matches('}').to_owned();
    for (what, name, text, is_taken) in [
        ("once", "a.json", resources(&socket(&sound)), true),
        ("a text", "a.json", resources(&socket(&typed(&format!("{names}, \"sni\": \"b\"")))), true),
        ("a message", "a.json", resources(&both(&weak)), false),
        ("a message in YAML", "a.yaml", resources(&both(&weak)), true),
        ("in two spellings", "a.json", resources(&both(&weak.replace("typed_config", "typedConfig"))), false),
        ("around", "a.json", format!("{twice}}}, \"static_resources\": {{\"clusters\": []}}}}"), true),
        ("around, in YAML", "a.yaml", format!("{twice}}}, \"static_resources\": {{\"clusters\": []}}}}"), true),
    ] {
        let said = binary.validate_text(world.folder(), name, &text);
        assert_eq!(said.is_ok(), is_taken, "{what}: {said:?} {text}");
        let standings: Vec<_> = read(text.as_bytes()).iter().map(|one| one.standing).collect();
        let wanted = if what == "once" { Standing::Verified } else { Standing::Unclear };
        assert_eq!(standings, [wanted], "{what}");
    }
}

/// The page has a row for each finding that takes a verdict away: Envoy has been asked for it, or the reason stands here.
#[test]
fn every_finding_of_the_page_is_asked_of_envoy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/envoy.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, table) = text.split_once("| finding | what Envoy does |\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    let documented: BTreeSet<&str> = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(documented.len() >= 35, "{documented:?}");
    let forms = all(&World::new());
    let asked: BTreeSet<&str> = forms.iter().map(|form| form.finding).filter(|name| !name.is_empty()).collect();
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(name, _)| *name).collect();
    let missing: Vec<_> = documented.difference(&asked).filter(|name| !elsewhere.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let unknown: Vec<_> = asked.union(&elsewhere).filter(|name| !documented.contains(*name)).collect();
    assert!(unknown.is_empty(), "the page does not name {unknown:?}");
}

/// Fields without an effect.
const IGNORED: &[&str] =
    &["certificate_timestamp", "ignored_by_spiffe", "max_verify_depth", "names_replaced", "untyped_names_ignored"];
/// What is asked of Envoy by other tests.
const ELSEWHERE: &[(&str, &str)] = &[
    ("duplicate_field", "envoy_gives_no_rule_for_a_field_that_stands_twice"),
    ("uptls_module", "envoy_gives_the_verdict_of_the_module, and module.rs"),
];
