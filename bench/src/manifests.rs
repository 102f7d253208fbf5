//! What the import of Kubernetes objects costs: `manifests [N]` backends, each a Service with a policy and a route, in 100
//! namespaces that hold the same CA; the first 200 have one of their own. CPU time, and bytes that are held, for which there is a limit.
#![allow(clippy::print_stdout, reason = "the figures")]
#![allow(clippy::as_conversions, reason = "the counting allocator, whose sizes fit into 64 bits")]

mod allocation;
mod process;

use std::process::ExitCode;

use serde_json::{Value, json};
use uptls_manifest::kubernetes::{BackendRef, Document, ReadOptions, Scope, Store, import};
use uptls_testkit::Pki;

use process::{cpu_seconds, float};

fn main() -> ExitCode {
    let count = std::env::args().nth(1).map_or(Ok(50_000), |text| text.parse::<usize>());
    let Ok(count) = count else {
        println!("usage: manifests [BACKENDS]");
        return ExitCode::from(2);
    };
    let pem = Pki::new("bench").root.pem();
    let values = objects(count, &pem);
    let held = [at_once(count, &values), one_by_one(count, &values, &Pki::new("other").root.pem())];
    if held.iter().any(|held| *held > MOST) {
        println!("more than {MOST} KiB for each backend");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// All texts, one resolution, and the policy of each backend.
fn at_once(count: usize, values: &[Value]) -> f64 {
    let texts: Vec<(String, String)> =
        values.iter().enumerate().map(|(index, value)| (format!("{index}.json"), value.to_string())).collect();
    let begin = Usage::now();
    let imported = import(texts.iter().map(|(name, text)| Document::new(name, text.as_bytes())));
    let read = begin.say("import of texts", 1);
    begin.say_held("the objects, and the standard policies", count);
    let resolution = imported.resolve(&Scope::default());
    let resolved = read.say("resolve", 1);
    let held = begin.say_held("with the effective policies", count);
    let mut ready = 0_usize;
    for index in 0..count {
        let backend = BackendRef::new(namespace(index), format!("s{index}"), Some(443));
        ready += usize::from(resolution.policy_of(&backend, None).is_ok_and(|policy| policy.draft.is_ok()));
    }
    resolved.say("policy_of, each", count);
    begin.say("all of it", 1);
    println!("{ready} of {count} policies are ready");
    held
}

/// The same as values, then one change after the other.
fn one_by_one(count: usize, values: &[Value], other: &str) -> f64 {
    let begin = Usage::now();
    let mut store = Store::new(Scope::default(), ReadOptions::default());
    for value in values {
        drop(store.upsert(value));
    }
    let stored = begin.say("upsert, each", values.len());
    let first = store.resolve_changed().len();
    stored.say("resolve_changed, first", 1);
    begin.say("all of it", 1);
    let held = begin.say_held("held", count);
    println!("{first} backends");
    const TIMES: usize = 200;
    let begin = Usage::now();
    let mut changed = 0;
    for index in 0..TIMES {
        drop(store.upsert(&secret(index, other)));
        changed += store.resolve_changed().len();
    }
    begin.say("one changed Secret, each", TIMES);
    println!("{changed} backends of {TIMES} changes");
    let begin = Usage::now();
    drop(store.upsert(&config_map(0, other)));
    let changed = store.resolve_changed().len();
    begin.say("one changed CA of a namespace", 1);
    println!("{changed} backends");
    let begin = Usage::now();
    let mut changed = 0;
    for index in 0..TIMES {
        drop(store.upsert(&policy(index, "other.example")));
        changed += store.resolve_changed().len();
    }
    begin.say("one changed policy, each", TIMES);
    println!("{changed} backends of {TIMES} changes");
    let begin = Usage::now();
    drop(store.upsert(&service(0, 8443)));
    let changed = store.resolve_changed().len();
    begin.say("one changed Service", 1);
    println!("{changed} backends");
    held
}

fn objects(count: usize, pem: &str) -> Vec<Value> {
    let mut objects: Vec<_> = (0..NAMESPACES.min(count)).map(|index| config_map(index, pem)).collect();
    objects.push(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "public", "namespace": "edge"},
        "spec": {"gatewayClassName": "own", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP",
            "allowedRoutes": {"namespaces": {"from": "All"}}}]}}));
    for index in 0..count {
        objects.extend([
            service(index, 443),
            policy(index, "pay.example"),
            json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": meta(format!("r{index}"), index),
                "spec": {"parentRefs": [{"name": "public", "namespace": "edge"}],
                    "rules": [{"backendRefs": [{"name": format!("s{index}"), "port": 443}]}]}}),
        ]);
        // Each of these is one backend's own.
        if index < OWN {
            objects.push(secret(index, pem));
        }
    }
    objects
}

fn service(index: usize, port: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(format!("s{index}"), index),
        "spec": {"ports": [{"name": "https", "port": port}]}})
}

fn policy(index: usize, hostname: &str) -> Value {
    let own = json!([{"group": "", "kind": "Secret", "name": format!("own{index}")}]);
    let shared = json!([{"group": "", "kind": "ConfigMap", "name": "ca"}]);
    let references = if index < OWN { own } else { shared };
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": meta(format!("p{index}"), index),
        "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": format!("s{index}")}],
            "validation": {"hostname": hostname, "caCertificateRefs": references}}})
}

fn config_map(index: usize, pem: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("ca".to_owned(), index), "data": {"ca.crt": pem}})
}

fn secret(index: usize, pem: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta(format!("own{index}"), index), "stringData": {"ca.crt": pem}})
}

fn meta(name: String, index: usize) -> Value {
    json!({"name": name, "namespace": namespace(index)})
}

fn namespace(index: usize) -> String {
    format!("n{}", index % NAMESPACES)
}

/// What the process has used.
#[derive(Clone, Copy)]
struct Usage {
    /// Allocations and reallocations.
    allocations: u64,
    /// In seconds.
    cpu: f64,
    /// What it has allocated and not freed, in bytes.
    held: u64,
}

impl Usage {
    fn now() -> Self {
        Self { allocations: allocation::allocations(), cpu: cpu_seconds(), held: allocation::held() }
    }

    /// Says what has been used since, for each of `times`.
    fn say(self, what: &str, times: usize) -> Self {
        let now = Self::now();
        let allocations = usize::try_from(now.allocations - self.allocations).unwrap_or(usize::MAX);
        let (cpu, allocations) = ((now.cpu - self.cpu) * 1e3 / float(times), float(allocations) / float(times));
        println!("{what}: {cpu:.3} ms CPU, {allocations:.0} allocations");
        now
    }

    /// Says what is held since, in KiB for each of `count`.
    fn say_held(self, what: &str, count: usize) -> f64 {
        let held = usize::try_from(Self::now().held.saturating_sub(self.held)).unwrap_or(usize::MAX);
        let held = float(held) / 1024.0 / float(count);
        println!("{what}: {held:.2} KiB for each backend");
        held
    }
}

/// In KiB, of what allocators are asked for.
const MOST: f64 = 8.0;
const NAMESPACES: usize = 100;
const OWN: usize = 200;
