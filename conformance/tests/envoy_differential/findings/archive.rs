//! The clusters that kgateway writes, with a CA and an endpoint that tests have: what the reader says of each, asked of Envoy.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uptls::PolicySpec;
use uptls_conformance::gateway;
use uptls_manifest::envoy::Standing;
use uptls_testkit::envoy::{Binary, Envoy};
use uptls_testkit::{San, Server, ServerOptions, Template};

use super::read;
use super::servers::{ANY, PLAIN, Servers};
use crate::certificates::World;

#[test]
fn envoy_gives_what_the_reader_says_of_clusters_of_kgateway() {
    let (Some(binary), Some(files)) = (Binary::find(), gateway::files()) else { return };
    let world = World::new();
    let servers = Servers::start(&world);
    let is_taken =
        |cluster: &Cluster| binary.validate(world.folder(), &[cluster.to("itself", servers.right())]).is_ok();
    // One of them is a test of suites that are none.
    let (clusters, refused): (Vec<_>, Vec<_>) = clusters(&files, &world).into_iter().partition(is_taken);
    assert!(refused.iter().all(|cluster| cluster.name.starts_with("invalid-")), "{}", refused[0].name);
    let all = clusters.iter().flat_map(|cluster| servers.all().map(|(name, at)| cluster.to(name, at)));
    let right: Vec<_> = clusters.iter().map(|cluster| cluster.server(&world)).collect();
    let own = clusters
        .iter()
        .zip(&right)
        .filter_map(|(cluster, server)| Some(cluster.to("its own", server.as_ref()?.addr())));
    let envoy = Envoy::start(&binary, world.folder(), all.chain(own).collect());
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (cluster, right) in clusters.iter().zip(&right) {
        let takes = |name: &str, at| envoy.get(&cluster.place(name), at).0 == 200;
        let taken: Vec<_> = servers.all().filter(|(name, at)| takes(name, *at)).map(|(name, _)| name).collect();
        match cluster.standing {
            Standing::Verified => {
                assert_eq!(taken, Vec::<&str>::new(), "{}", cluster.name);
                let right = right.as_ref().expect("what is verified has a policy");
                assert!(takes("its own", right.addr()), "{} refuses what it wants", cluster.name);
            }
            Standing::VerifiesNothing => {
                assert!(ANY.iter().all(|name| taken.contains(name)), "{} {taken:?}", cluster.name)
            }
            Standing::VerifiesLess => {
                let is_wrong = |name: &&str| **name != *PLAIN;
                assert!(taken.iter().any(is_wrong), "{} refuses each of the wrong ones", cluster.name);
            }
            other => panic!("{} is {other:?}", cluster.name),
        }
        *counts.entry(format!("{:?}", cluster.standing)).or_default() += 1;
    }
    println!("findings: clusters of kgateway that Envoy treats as their readings say: {counts:?}");
    assert!(
        counts.contains_key("Verified") && counts.contains_key("VerifiesLess") && clusters.len() >= 10,
        "{counts:?}"
    );
}

/// One of them.
struct Cluster {
    /// The file and the name in it.
    name: String,
    /// What the policy wants, where the cluster is verified.
    spec: Option<PolicySpec>,
    standing: Standing,
    /// Transport socket and protocol options.
    value: Value,
}

impl Cluster {
    fn place(&self, server: &str) -> String {
        format!("{} to {server}", self.name)
    }

    fn to(&self, server: &str, at: std::net::SocketAddr) -> Value {
        let name = self.place(server);
        let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": at.port()}});
        let endpoints = json!([{"lb_endpoints": [{"endpoint": {"address": address}}]}]);
        let mut cluster = self.value.clone();
        cluster["load_assignment"] = json!({"cluster_name": name, "endpoints": endpoints});
        cluster["name"] = name.into();
        cluster
    }

    /// A server with the names that are wanted.
    fn server(&self, world: &World) -> Option<Server> {
        let spec = self.spec.as_ref()?;
        let wanted = spec.subject_alt_names.iter().filter_map(|name| match (&name.dns, &name.uri) {
            (Some(dns), _) => Some(San::dns(dns)),
            (_, Some(uri)) => Some(San::uri(uri)),
            _ => None,
        });
        let mut names: Vec<_> = wanted.collect();
        if names.is_empty() {
            names.extend(spec.server_name.as_deref().map(San::dns));
        }
        let leaf = Template::leaf("leaf").with_sans(&names).lasting().issued_by(&world.issuing, &World::leaf_key());
        Some(Server::start(&ServerOptions { time: None, ..ServerOptions::new(&[&leaf, &world.issuing]) }))
    }
}

/// Those with a context of TLS of their own, in all outputs.
fn clusters(files: &BTreeMap<String, Vec<u8>>, world: &World) -> Vec<Cluster> {
    let outputs = files.iter().filter(|(path, _)| path.contains("/outputs/") && path.ends_with(".yaml"));
    let mut found = Vec::new();
    for (path, content) in outputs {
        let file = path.rsplit('/').next().unwrap();
        for output in gateway::objects(content).expect("YAML") {
            let excerpt = [output.clone()];
            let listed = output["Clusters"].as_array().map_or(&excerpt[..], Vec::as_slice);
            let is_tls = |cluster: &&Value| cluster["transportSocket"]["typedConfig"]["commonTlsContext"].is_object();
            found.extend(listed.iter().filter(is_tls).map(|cluster| {
                let value = with_material(cluster, world);
                let reading = read(value.to_string().as_bytes()).remove(0);
                let name = format!("{file} {}", cluster["name"].as_str().unwrap_or("excerpt"));
                Cluster { name, spec: reading.draft.map(|draft| draft.spec), standing: reading.standing, value }
            }));
        }
    }
    found
}

/// Socket and options of a cluster, with a CA whose key is known, and without a client certificate.
fn with_material(cluster: &Value, world: &World) -> Value {
    let mut socket = cluster["transportSocket"].clone();
    let common = socket["typedConfig"]["commonTlsContext"].as_object_mut().unwrap();
    for identity in ["tlsCertificates", "tlsCertificateSdsSecretConfigs"] {
        common.remove(identity);
    }
    let ca = json!({"inlineString": world.root.pem()});
    if let Some(combined) = common.remove("combinedValidationContext") {
        let mut validation = combined["defaultValidationContext"].clone();
        validation["trustedCa"] = ca;
        common.insert("validationContext".to_owned(), validation);
    } else if common.get("validationContext").is_some_and(|validation| validation["trustedCa"].is_object()) {
        common["validationContext"]["trustedCa"] = ca;
    }
    let mut value = json!({"name": "a", "connectTimeout": "30s", "transportSocket": socket});
    if cluster["typedExtensionProtocolOptions"].is_object() {
        value["typedExtensionProtocolOptions"] = cluster["typedExtensionProtocolOptions"].clone();
    }
    value
}
