//! The module under load and under attack: files that change, sessions, and chains that no honest server sends.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;
use uptls_testkit::{Certificate, Key, San, Server, ServerOptions, Template};

use crate::certificates::{World, issuing_template, leaf};
use crate::module::require_module;
use crate::policies;
use crate::servers;
use uptls_testkit::envoy::{Binary, Envoy, cluster};

/// Puts another file in the place of the one at `path`, as Kubernetes and `uptls export` do.
fn swap(path: &Path, text: &str) {
    let temporary = path.with_extension("new");
    fs::write(&temporary, text).unwrap();
    fs::rename(&temporary, path).unwrap();
}

/// A server of the usual names below this CA.
fn server(issuing: &Certificate) -> Server {
    let leaf = leaf().issued_by(issuing, &World::leaf_key());
    Server::start(&ServerOptions { time: None, ..ServerOptions::new(&[&leaf, issuing]) })
}

fn swapping(name: &str, spec: &str, world: &World) -> Value {
    cluster(name, &policies::by_module(world, &format!("trust: {{bundles: [{{file: swapped.pem}}]}}, {spec}")))
}

/// R1, R6: whatever is asked between two swaps is judged by the file of that time, on two workers and over many clusters.
#[test]
fn envoy_gives_no_wrong_verdict_while_the_ca_is_swapped() {
    let Some(binary) = Binary::find() else { return };
    require_module();
    let world = World::new();
    let swapped = world.folder().join("swapped.pem");
    let bundles = [world.root.pem(), world.other_root.pem()];
    swap(&swapped, &bundles[0]);
    let names: Vec<String> = (0..CLUSTERS).map(|number| format!("c{number}.w.example.com")).collect();
    let clusters = names.iter().map(|name| swapping(name, &format!("serverName: {name}"), &world)).collect();
    let envoy = Envoy::start(&binary, world.folder(), clusters);
    let servers = [server(&world.issuing), server(&world.other_issuing)];
    // An even number while one bundle is in force, an odd one during the swap.
    let (turn, next, over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let (wrong, judged, memory) = (Mutex::new(Vec::new()), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let ask = || {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= HANDSHAKES {
                return;
            }
            if number % (HANDSHAKES / 10) == 0 {
                memory.lock().unwrap().push(envoy.resident_kib());
            }
            let before = turn.load(Ordering::SeqCst);
            let (status, body) = envoy.get(&names[number % CLUSTERS], servers[number % 2].addr());
            let right = match (before / 2) % 2 == number % 2 {
                true => status == 200,
                false => status == 503 && body.contains("CERTIFICATE_VERIFY_FAILED:cert_unknown_issuer:"),
            };
            if before % 2 == 0 && turn.load(Ordering::SeqCst) == before {
                judged.fetch_add(1, Ordering::SeqCst);
                if !right {
                    wrong.lock().unwrap().push(format!("{number} in turn {before}: {status} {body}"));
                }
            }
        }
    };
    let rotate = || {
        while !over.load(Ordering::SeqCst) {
            let begun = turn.fetch_add(1, Ordering::SeqCst) + 1;
            swap(&swapped, &bundles[begun.div_ceil(2) % 2]);
            turn.fetch_add(1, Ordering::SeqCst);
            let asked = next.load(Ordering::SeqCst);
            while next.load(Ordering::SeqCst) < asked + 100 && !over.load(Ordering::SeqCst) {
                thread::yield_now();
                thread::sleep(core::time::Duration::from_millis(1));
            }
        }
    };
    thread::scope(|scope| {
        let asking: Vec<_> = (0..crate::THREADS).map(|_| scope.spawn(ask)).collect();
        scope.spawn(rotate);
        asking.into_iter().for_each(|thread| thread.join().unwrap());
        over.store(true, Ordering::SeqCst);
    });
    let (wrong, judged, swaps) = (wrong.into_inner().unwrap(), judged.into_inner(), turn.into_inner() / 2);
    let mut memory = memory.into_inner().unwrap();
    memory.push(envoy.resident_kib());
    println!(
        "soak: {HANDSHAKES} handshakes over {CLUSTERS} clusters, {swaps} swaps of the CA; {judged} between two of them, {} wrong",
        wrong.len()
    );
    println!("soak: resident KiB {memory:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(judged > HANDSHAKES / 2 && swaps > 50, "{judged} judged, {swaps} swaps");
    // The allocator's caches grow at first; a leak of one bundle for each swap or handshake would be tens of MiB.
    assert!(memory[10] < memory[2] + 10_000, "it grows: {memory:?}");
}

/// H6: no session outlives the file that proved it; where nothing can change, sessions go on.
#[test]
fn envoy_resumes_no_session_of_an_old_ca() {
    let Some(binary) = Binary::find() else { return };
    require_module();
    let world = World::new();
    let swapped = world.folder().join("swapped.pem");
    swap(&swapped, &world.root.pem());
    let inline = format!("trust: {{bundles: [{{pem: {:?}}}]}}, serverName: a.example.com", world.root.pem());
    let clusters = vec![
        swapping("1.2", "serverName: a.example.com, versions: {max: '1.2'}", &world),
        swapping("1.3", "serverName: a.example.com, versions: {min: '1.3'}", &world),
        cluster("inline", &policies::by_module(&world, &inline)),
    ];
    let envoy = Envoy::start(&binary, world.folder(), clusters);
    let (own, other) = (servers::base(&world), world.other_issuing.clone());
    let other_leaf = leaf().issued_by(&other, &World::leaf_key());
    let other = ServerOptions { time: None, ..ServerOptions::new(&[&other_leaf, &other]) };
    let own = ServerOptions { time: None, ..own };
    for version in ["1.2", "1.3"] {
        swap(&swapped, &world.root.pem());
        let server = Server::start(&own);
        (0..3).for_each(|_| assert_eq!(envoy.get(version, server.addr()).0, 200));
        // The CA and the server change together; the server would still resume.
        swap(&swapped, &world.other_root.pem());
        assert_eq!(envoy.get(version, server.addr()).0, 503, "{version}");
        server.set_options(&other);
        assert_eq!(envoy.get(version, server.addr()).0, 200, "{version}");
        assert!(server.handshakes().iter().all(|seen| !seen.resumed), "{version}");
    }
    let server = Server::start(&own);
    (0..3).for_each(|_| assert_eq!(envoy.get("inline", server.addr()).0, 200));
    assert!(server.handshakes().iter().any(|seen| seen.resumed), "there would have been sessions");
}

/// What no honest server sends costs a refusal, and the next peer is judged as before.
#[test]
fn envoy_survives_hostile_chains() {
    let Some(binary) = Binary::find() else { return };
    require_module();
    let world = World::new();
    let specs = [
        ("names", "serverName: a.example.com"),
        ("lists", "serverName: a.example.com, revocation: {crls: [{file: all.crl}]}"),
        ("spiffe", "serverName: none, subjectAltNames: [{spiffeTrustDomain: prod}]"),
    ];
    let contexts = specs.map(|(name, spec)| (name, policies::by_module(&world, spec)));
    let clusters = contexts.iter().map(|(name, context)| cluster(name, context)).collect();
    let envoy = Envoy::start(&binary, world.folder(), clusters);
    let base = Server::start(&ServerOptions { time: None, ..servers::base(&world) });
    let mut outcomes = Vec::new();
    for (what, chain) in hostile_chains(&world) {
        let server = Server::start(&ServerOptions { chain, time: None, ..servers::base(&world) });
        for (name, _) in &contexts {
            let (status, body) = envoy.get(name, server.addr());
            assert_eq!(status, 503, "{what}: {body}");
            assert!(body.contains("TLS_error"), "{what}: {body}");
            let reason = body.split("OPENSSL_internal:").nth(1).unwrap_or(&body);
            let reason = reason.split(['|', ' ']).next().unwrap();
            outcomes.push(format!("  {what} with {name}: {}", reason.get(..90).unwrap_or(reason)));
            assert_eq!(envoy.get(name, base.addr()).0, 200, "after {what}");
        }
    }
    println!("hostile chains:\n{}", outcomes.join("\n"));
    assert!(outcomes.iter().any(|outcome| outcome.contains("cert_budget_exceeded")), "the module was never asked");
}

fn hostile_chains(world: &World) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let usual = leaf().issued_by(&world.issuing, &World::leaf_key());
    let der = |certificates: &[&Certificate]| certificates.iter().map(|each| each.der().to_vec()).collect::<Vec<_>>();
    let intermediates: Vec<Certificate> = (0..100)
        .map(|number| {
            let name = format!("intermediate {number}");
            Template::ca(&name).lasting().issued_by(&world.other_root, &Key::p256(&name))
        })
        .collect();
    let long: Vec<_> = [usual.der()].into_iter().chain([intermediates[0].der(); 200]).map(<[u8]>::to_vec).collect();
    let mut many = vec![usual.der().to_vec()];
    many.extend(intermediates.iter().map(|each| each.der().to_vec()));
    // All of one name, so that each could be the issuer.
    let namesakes = (0..100).map(|number| {
        let key = Key::p256(&format!("namesake {number}"));
        issuing_template().issued_by(&world.other_root, &key).der().to_vec()
    });
    let same: Vec<_> = [usual.der().to_vec()].into_iter().chain(namesakes).collect();
    let sans = |count: usize| {
        let sans: Vec<San> = (0..count).map(|number| San::dns(&format!("n{number}.b.example"))).collect();
        der(&[&leaf().with_sans(&sans).issued_by(&world.issuing, &World::leaf_key()), &world.issuing])
    };
    let mut truncated = usual.der().to_vec();
    truncated.truncate(200);
    let mut flipped = usual.der().to_vec();
    flipped.iter_mut().skip(4).step_by(7).for_each(|byte| *byte ^= 0x55);
    let issuing = || world.issuing.der().to_vec();
    vec![
        ("100 intermediates", many),
        ("200 certificates", long),
        ("100 issuers of one name", same),
        ("1,000 names", sans(1_000)),
        ("10,000 names", sans(10_000)),
        ("garbage", vec![vec![0xa5; 5_000]]),
        ("a truncated leaf", vec![truncated, issuing()]),
        ("a leaf with flipped bits", vec![flipped, issuing()]),
        ("garbage behind the leaf", vec![usual.der().to_vec(), vec![0x30; 3_000]]),
        ("nested sequences", vec![[0x30, 0x80].repeat(5_000), issuing()]),
    ]
}

const CLUSTERS: usize = 200;
const HANDSHAKES: usize = 10_000;
