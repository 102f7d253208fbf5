//! What the import of Kubernetes objects costs: `manifests [N]` backends, each a Service with a policy and a route, in 100
//! namespaces that hold the same CA; the first 200 have one of their own. CPU time, and bytes that are held, for which there is a limit.
#![allow(clippy::print_stdout, reason = "the figures")]
#![allow(clippy::as_conversions, reason = "the counting allocator, whose sizes fit into 64 bits")]

mod allocation;
mod objects;
mod process;

use std::process::ExitCode;

use serde_json::Value;
use uptls_manifest::kubernetes::{BackendRef, Document, ReadOptions, Scope, Store, import};
use uptls_testkit::Pki;

use objects::{config_map, gateway, namespace, objects, policy, route, secret, service};
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
    println!("{first} policies");
    let each = |what: &str, store: &mut Store, change: &dyn Fn(&mut Store, usize)| {
        let begin = Usage::now();
        let mut changed = 0;
        for index in 0..TIMES {
            change(store, index);
            changed += store.resolve_changed().len();
        }
        begin.say(&format!("{what}, each"), TIMES);
        println!("{changed} policies of {TIMES} changes");
    };
    let put = |store: &mut Store, object: &Value| drop(store.upsert(object));
    let gone = |store: &mut Store, object: &Value| store.upsert(object).into_iter().for_each(|of| store.remove(&of));
    each("one changed Secret", &mut store, &|store, index| put(store, &secret(index, other)));
    each("one changed policy", &mut store, &|store, index| put(store, &policy(index, "other.example")));
    each("one policy that goes", &mut store, &|store, index| gone(store, &policy(index, "other.example")));
    each("one policy that comes", &mut store, &|store, index| put(store, &policy(index, "pay.example")));
    each("one changed Service", &mut store, &|store, index| put(store, &service(index, 8443)));
    // Of the same namespace.
    each("one changed route", &mut store, &|store, index| put(store, &route(index, index + objects::NAMESPACES)));
    let once = |what: &str, store: &mut Store, object: &Value| {
        let begin = Usage::now();
        drop(store.upsert(object));
        let changed = store.resolve_changed().len();
        begin.say(what, 1);
        println!("{changed} policies");
    };
    once("one changed CA of a namespace", &mut store, &config_map(0, other));
    once("a Gateway of no route", &mut store, &Value::Object(other_gateway()));
    once("the Gateway of all routes", &mut store, &gateway("Same"));
    held
}

/// The Gateway, under another name.
fn other_gateway() -> serde_json::Map<String, Value> {
    let mut object = gateway("All").as_object().cloned().unwrap_or_default();
    object.insert("metadata".to_owned(), serde_json::json!({"name": "other", "namespace": "edge"}));
    object
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
const TIMES: usize = 200;
