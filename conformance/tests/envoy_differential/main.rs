//! The export against the real Envoy (X1): every policy against every server, three ways.
//!
//! `python3 .ci/envoy.py` installs it. One process holds all policies, one cluster each; the header `x-policy` of a request
//! chooses the policy, `x-envoy-original-dst-host` the server.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::print_stdout, reason = "the figures, and what is skipped, must be seen")]

mod ask;
mod certificates;
mod classes;
mod example;
mod findings;
mod module;
mod module_load;
mod outputs;
mod policies;
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use ask::Answer;
use certificates::World;
use policies::Policy;
use servers::Peer;
use uptls_manifest::envoy::Difference;
use uptls_testkit::envoy::{Binary, Envoy, cluster};

#[test]
fn envoy_gives_the_same_verdict_by_the_exported_contexts() {
    let Some(binary) = Binary::find() else { return };
    let world = World::new();
    let (policies, peers) = (policies::all(&world), servers::all(&world));
    let envoy = Envoy::start(&binary, world.folder(), policies.iter().map(|policy| policy.cluster()).collect());
    let answers = ask_all(&envoy, &policies, &peers);
    let mut tally = classes::Tally::default();
    for ((policy, peer), answer) in pairs(&policies, &peers).zip(&answers) {
        tally.add(policy, peer, answer);
    }
    tally.report(&policies, &peers);
    balance(&policies, &peers, &answers);
}

fn pairs<'a>(policies: &'a [Policy], peers: &'a [Peer]) -> impl Iterator<Item = (&'a Policy, &'a Peer)> {
    policies.iter().flat_map(move |policy| peers.iter().map(move |peer| (policy, peer)))
}

/// The answers in the order of [`pairs`].
fn ask_all(envoy: &Envoy, policies: &[Policy], peers: &[Peer]) -> Vec<Answer> {
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(policy) = policies.get(index / peers.len()) else { return };
            let answer = ask::all_ways(envoy, policy, &peers[index % peers.len()]);
            answers.lock().unwrap_or_else(PoisonError::into_inner).insert(index, answer);
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    answers.into_inner().unwrap().into_values().collect()
}

/// A policy that takes all, or refuses all, shows nothing.
fn balance(policies: &[Policy], peers: &[Peer], answers: &[Answer]) {
    assert!(policies.len() >= 60 && peers.len() >= 60, "{} policies, {} servers", policies.len(), peers.len());
    // The base is what each of the others is one property away from.
    let base = peers.iter().position(|peer| peer.name == "base").unwrap();
    for (policy, answers) in policies.iter().zip(answers.chunks(peers.len())) {
        if REFUSING.contains(&policy.name) {
            assert!(answers[base].live.is_err(), "{} takes the base", policy.name);
            continue;
        }
        let accepted = answers.iter().filter(|answer| answer.live.is_ok()).count();
        assert!(accepted >= 5, "{} accepts {accepted}", policy.name);
        assert!(answers.len() - accepted >= 5, "{} refuses {}", policy.name, answers.len() - accepted);
        assert_eq!(answers[base].live, Ok(()), "{} refuses the base", policy.name);
    }
}

/// `docs/envoy-differences.md` is the list: a row and a section for each class, with its witnesses.
#[test]
fn the_differences_are_documented_with_their_witnesses() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/envoy-differences.md");
    let text = fs::read_to_string(path).unwrap();
    let rows: BTreeMap<&str, Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| E")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").collect::<Vec<_>>())
        .map(|row| (row[0], row))
        .collect();
    assert_eq!(rows.len(), Difference::ALL.len());
    let peers = servers::all(&World::new());
    for difference in Difference::ALL {
        let number = difference.number();
        let row = &rows[number.trim_start_matches('E')];
        assert_eq!(row[1], difference.about(), "{number}");
        assert!(text.contains(&format!("\n## {number}: ")), "{number} has no section");
        let witness = |peer: &&Peer| peer.witness == Some(*difference);
        let servers = peers.iter().filter(witness).map(|peer| peer.name.to_owned());
        let policies = policies::WITNESSES.iter().filter(|(_, class)| class == difference);
        let policies = policies.map(|(name, _)| format!("the policy {name}"));
        let witnesses: BTreeSet<_> = servers.chain(policies).collect();
        assert_eq!(row[3].split("; ").map(str::to_owned).collect::<BTreeSet<_>>(), witnesses, "{number}");
    }
}

/// Every context that the tests of the export have committed, and every form of an export, in one go.
#[test]
fn envoy_takes_every_committed_context() {
    let Some(binary) = Binary::find() else { return };
    let world = World::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/envoy");
    let mut clusters = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let context: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        clusters.push(cluster(&name, &context));
    }
    assert!(clusters.len() >= 12);
    let count = clusters.len();
    clusters.extend(policies::other_forms(&world));
    let taken = binary.validate(world.folder(), &clusters);
    assert!(taken.is_ok(), "{}", taken.unwrap_err());
    println!("envoy: takes {count} committed contexts, and {} more with clusters and SDS", clusters.len() - count);
    // The negative twin: it would have said so.
    let broken = json!({"@type": clusters[0]["transport_socket"]["typed_config"]["@type"], "no_such_field": 1});
    clusters.push(cluster("broken", &broken));
    assert!(binary.validate(world.folder(), &clusters).is_err());
    clusters.pop();
    // A scheme that Envoy has no name for takes the whole configuration with it (E16).
    let mut context = policies::with_another_scheme(&world).context().clone();
    assert!(binary.validate(world.folder(), &[cluster("one", &context)]).is_ok());
    context["common_tls_context"]["tls_params"]["signature_algorithms"].as_array_mut().unwrap().push(json!("ed448"));
    assert!(binary.validate(world.folder(), &[cluster("one", &context)]).is_err());
}

/// The lists of these count for nothing, so that whatever they would cover is refused.
const REFUSING: &[&str] = &["lists-future", "lists-no-crl-sign"];
/// More than there are processors: most of the time of a request is waiting.
const THREADS: usize = 6;
