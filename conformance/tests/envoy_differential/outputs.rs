//! What exports write, in the real Envoy: each policy has its own, the next export reaches a running process, and watches are few.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use uptls_testkit::envoy::{Binary, Envoy};
use uptls_testkit::{San, Server, ServerOptions};

use crate::certificates::{World, leaf};
use crate::module::require_module;
use crate::{policies, servers};

const IDENTITY: &str = "identity: {certificate: {file: client.pem}, key: {file: client.key}}";

fn spec(bundle: &str) -> String {
    format!("trust: {{bundles: [{{file: {bundle}}}]}}, serverName: a.example.com")
}

/// A server of the root that wants a certificate of the root's.
fn server(world: &World) -> Server {
    Server::start(&ServerOptions { time: None, ..servers::base(world) }.with_client_roots(&[&world.root]))
}

fn folder(world: &World) -> PathBuf {
    world.folder().join("watched")
}

/// Whether requests by the policy give what is wanted, at once or soon.
fn becomes(envoy: &Envoy, policy: &str, server: &Server, wanted: bool) -> bool {
    (0..ATTEMPTS).any(|_| {
        let is_accepted = envoy.get(policy, server.addr()).0 == 200;
        if is_accepted != wanted {
            thread::sleep(Duration::from_millis(20));
        }
        is_accepted == wanted
    })
}

/// R1 as far as Envoy goes: what the next export writes is taken by the running process, and the names stay.
#[test]
fn envoy_takes_what_the_next_export_writes() {
    let Some(binary) = Binary::find() else { return };
    let world = World::new();
    let spec = |bundle: &str| format!("{}, {IDENTITY}", spec(bundle));
    let export = |bundle: &str| policies::by_sds(&world, &folder(&world), "sds", &spec(bundle));
    let envoy = Envoy::start(&binary, world.folder(), vec![export("stranger.pem")]);
    let other = ServerOptions::new(&[&leaf()
        .with_sans(&[San::dns("b.example.com")])
        .issued_by(&world.root, &World::leaf_key())]);
    let (base, other) = (server(&world), Server::start(&ServerOptions { time: None, ..other }));
    let accepts = |server: &Server| envoy.get("sds", server.addr()).0 == 200;
    assert!(!accepts(&base));
    for (bundle, wanted) in [("root.pem", true), ("stranger.pem", false), ("root.pem", true)] {
        export(bundle);
        assert!(becomes(&envoy, "sds", &base, wanted), "{bundle} was not taken");
        assert!(!accepts(&other));
    }
}

/// L12: each of two policies in one folder trusts its own CA, before and after the next export of either.
#[test]
fn policies_in_one_folder_never_meet_in_envoy() {
    let Some(binary) = Binary::find() else { return };
    let world = World::new();
    let export = |name: &str, bundle: &str| policies::by_sds(&world, &folder(&world), name, &spec(bundle));
    let clusters = vec![export("one", "root.pem"), export("two", "stranger.pem")];
    let envoy = Envoy::start(&binary, world.folder(), clusters);
    let base = Server::start(&ServerOptions { time: None, ..servers::base(&world) });
    let both = |one: bool, two: bool| {
        assert!(becomes(&envoy, "one", &base, one) && becomes(&envoy, "two", &base, two), "{one} {two}");
        // It stays so.
        let accepts = ["one", "two"].map(|name| envoy.get(name, base.addr()).0 == 200);
        assert_eq!(accepts, [one, two]);
    };
    both(true, false);
    // Equal material is one state, and the next export takes only its own policy with it.
    export("two", "root.pem");
    both(true, true);
    export("one", "stranger.pem");
    both(false, true);
    export("two", "stranger.pem");
    export("one", "root.pem");
    both(true, false);
}

/// Envoy reads the CA behind the lines that say whose the file is.
#[test]
fn envoy_reads_a_file_that_says_whose_it_is() {
    let Some(binary) = Binary::find() else { return };
    let world = World::new();
    let clusters = [("one", "root.pem"), ("two", "stranger.pem")].map(|(name, bundle)| {
        policies::by_file(&world, &world.folder().join(format!("{name}-ca.pem")), name, &spec(bundle))
    });
    let envoy = Envoy::start(&binary, world.folder(), clusters.to_vec());
    let base = Server::start(&ServerOptions { time: None, ..servers::base(&world) });
    assert_eq!(["one", "two"].map(|name| envoy.get(name, base.addr()).0 == 200), [true, false]);
}

/// The module verifies, Envoy shows the identity that the last export wrote.
#[test]
fn the_identity_beside_the_module_is_taken_too() {
    let Some(binary) = Binary::find() else { return };
    require_module();
    let world = World::new();
    let export = |identity: &str| {
        let identity = IDENTITY.replace("client.pem", identity);
        let spec = format!("{}, {identity}", spec("root.pem"));
        policies::by_module_and_sds(&world, &folder(&world), "sds", &spec)
    };
    let envoy = Envoy::start(&binary, world.folder(), vec![export("foreign.pem")]);
    let base = server(&world);
    assert!(becomes(&envoy, "sds", &base, false));
    for (identity, wanted) in [("client.pem", true), ("foreign.pem", false)] {
        export(identity);
        assert!(becomes(&envoy, "sds", &base, wanted), "{identity} was not taken");
    }
}

/// Each secret of a policy takes one inotify instance, of 128 that a user has.
#[test]
fn a_policy_takes_two_watches_of_the_file_system() {
    let Some(binary) = Binary::find() else { return };
    let world = World::new();
    let watches = |count: usize, spec: &str, file: &Path| {
        let export = |number: usize| policies::by_sds(&world, file, &format!("p{number}"), spec);
        let envoy = Envoy::start(&binary, world.folder(), (0..count).map(export).collect());
        envoy.inotify_instances()
    };
    let (with, without) = (format!("{}, {IDENTITY}", spec("root.pem")), spec("root.pem"));
    let none = watches(0, &with, &folder(&world));
    assert_eq!(watches(5, &with, &folder(&world)) - none, 2 * 5);
    assert_eq!(watches(5, &without, &world.folder().join("another")) - none, 5);
}

/// It takes some milliseconds.
const ATTEMPTS: usize = 1000;
