//! What many backends of Kubernetes objects cost in C beside Rust: `faces N FOLDER`, whose objects it writes to the folder for
//! `bench/python/manifests.py`, which runs it and measures Python. It prints seconds of processor time in JSON, by scenario.
#![allow(clippy::print_stdout, reason = "the figures")]
#![allow(clippy::expect_used, reason = "a bench that cannot do its work must stop")]
#![allow(
    unsafe_code,
    reason = "the functions of the C library are what is measured; each call keeps the header's contracts"
)]

mod objects;
mod process;

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::ptr::{null, null_mut};

use serde_json::{Value, json};
use uptls::{FixedClock, Runtime};
use uptls_ffi::*;
use uptls_manifest::kubernetes::Document;
use uptls_manifest::report::ImportOptions;
use uptls_manifest::{ManifestSet, ManifestStore};
use uptls_testkit::{NOW, Pki};

use objects::{OWN, objects, secret};
use process::{cpu_seconds, float};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [count, folder] = arguments.as_slice() else { return usage() };
    let Ok(count) = count.parse() else { return usage() };
    let world = World::new(count);
    if let Err(error) = world.write(Path::new(folder)) {
        println!("{folder}: {error}");
        return ExitCode::FAILURE;
    }
    // The first round of each warms up.
    let (_, _) = (rust(&world), c(&world));
    println!("{}", json!({"rust": rust(&world), "c": c(&world), "at": NOW}));
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    println!("usage: faces BACKENDS FOLDER");
    ExitCode::from(2)
}

/// Seconds by scenario.
type Seconds = BTreeMap<&'static str, f64>;

/// What all faces read.
struct World {
    /// One text with all objects.
    all: String,
    /// Secrets that change, one by one.
    changes: Vec<String>,
    count: usize,
    /// The objects.
    each: Vec<String>,
}

impl World {
    fn new(count: usize) -> Self {
        let each: Vec<_> = objects(count, &Pki::new("bench").root.pem()).iter().map(Value::to_string).collect();
        let other = Pki::new("other").root.pem();
        let changes = (0..OWN.min(count)).map(|index| secret(index, &other).to_string()).collect();
        Self { all: each.join("\n---\n"), changes, count, each }
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join("all.yaml"), &self.all)?;
        fs::write(folder.join("each.jsonl"), self.each.join("\n"))?;
        fs::write(folder.join("changes.jsonl"), self.changes.join("\n"))
    }
}

/// How long it takes.
fn timed<T>(seconds: &mut Seconds, name: &'static str, times: usize, body: impl FnOnce() -> T) -> T {
    let begin = cpu_seconds();
    let result = body();
    seconds.insert(name, (cpu_seconds() - begin) / float(times));
    result
}

fn rust(world: &World) -> Seconds {
    let mut seconds = Seconds::new();
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
    let options = ImportOptions::default;
    timed(&mut seconds, SET, 1, || {
        let documents = [Document::new("all", world.all.as_bytes())];
        let set = ManifestSet::new(documents, &runtime, options()).expect("a set");
        let policies = set.policies().iter();
        let prepared = policies.filter(|policy| set.prepare(&policy.backend_ref(), policy.gateway.as_ref()).is_ok());
        assert_eq!(prepared.count(), world.count);
    });
    let mut store = ManifestStore::new(&runtime, options());
    timed(&mut seconds, STORE, 1, || {
        world.each.iter().for_each(|object| drop(store.upsert_json(object.as_bytes()).expect("an object")));
        let changed = store.resolve_changed();
        let prepared = changed.iter().filter(|one| store.prepare(&one.backend, one.gateway.as_ref()).is_ok());
        assert_eq!(prepared.count(), world.count);
    });
    let first = store.policies().iter().map(|policy| (policy.backend_ref(), policy.gateway.clone()));
    let connectors: BTreeMap<_, _> = first
        .map(|(backend, gateway)| ((backend.clone(), gateway.clone()), store.connector(&backend, gateway.as_ref())))
        .collect();
    timed(&mut seconds, CHANGE, world.changes.len(), || {
        for change in &world.changes {
            store.upsert_json(change.as_bytes()).expect("an object");
            for one in store.resolve_changed() {
                let connector = &connectors[&(one.backend.clone(), one.gateway.clone())];
                store.publish(connector, &one.backend, one.gateway.as_ref()).expect("published");
            }
        }
    });
    seconds
}

fn c(world: &World) -> Seconds {
    let mut seconds = Seconds::new();
    let mut runtime = null_mut();
    // SAFETY: all pointers are of local variables, or were given by the library and are freed once.
    unsafe {
        good(uptls_runtime_new_at(NOW, &raw mut runtime, null_mut()));
        timed(&mut seconds, SET, 1, || c_set(world, runtime));
        let mut store = null_mut();
        good(uptls_manifest_store_new(runtime, null(), &raw mut store, null_mut()));
        let mut connectors = BTreeMap::new();
        timed(&mut seconds, STORE, 1, || {
            for object in &world.each {
                good(uptls_manifest_store_upsert(store, object.as_ptr(), object.len(), null_mut()));
            }
            let mut policy = null_mut();
            c_changed(store, |backend, gateway| {
                good(uptls_manifest_store_policy(
                    store,
                    backend.as_ptr(),
                    gateway.as_ptr(),
                    &raw mut policy,
                    null_mut(),
                ));
                uptls_policy_unref(policy);
                connectors.insert((backend.to_owned(), gateway.to_owned()), null_mut());
            });
        });
        assert_eq!(connectors.len(), world.count);
        for ((backend, gateway), connector) in &mut connectors {
            let place = &raw mut *connector;
            good(uptls_manifest_store_connector(store, backend.as_ptr(), gateway.as_ptr(), place, null_mut()));
        }
        timed(&mut seconds, CHANGE, world.changes.len(), || {
            for change in &world.changes {
                good(uptls_manifest_store_upsert(store, change.as_ptr(), change.len(), null_mut()));
                c_changed(store, |backend, gateway| {
                    let connector = connectors[&(backend.to_owned(), gateway.to_owned())];
                    let (backend, gateway, mut generation) = (backend.as_ptr(), gateway.as_ptr(), 0);
                    let place = &raw mut generation;
                    good(uptls_manifest_store_publish(store, connector, backend, gateway, place, null_mut()));
                });
            }
        });
        connectors.into_values().for_each(|connector| uptls_connector_unref(connector));
        uptls_manifest_store_free(store);
        uptls_runtime_free(runtime);
    }
    seconds
}

/// # Safety
/// The runtime is live.
unsafe fn c_set(world: &World, runtime: *const uptls_ffi::Runtime) {
    let (text, name, mut set) = (world.all.as_bytes(), c"all", null_mut());
    // SAFETY: all pointers are of local variables, or were given by the library and are freed once.
    unsafe {
        let (start, name, place) = (text.as_ptr(), name.as_ptr(), &raw mut set);
        good(uptls_manifest_set_parse(runtime, start, text.len(), name, null(), place, null_mut()));
        let count = uptls_manifest_set_count(set);
        assert_eq!(count, world.count);
        for index in 0..count {
            let (backend, gateway) = (uptls_manifest_set_backend(set, index), uptls_manifest_set_gateway(set, index));
            let mut policy = null_mut();
            good(uptls_manifest_set_policy(set, backend, gateway, &raw mut policy, null_mut()));
            uptls_policy_unref(policy);
        }
        uptls_manifest_set_unref(set);
    }
}

/// # Safety
/// The store is live.
unsafe fn c_changed(store: *mut Store, mut each: impl FnMut(&CStr, &CStr)) {
    let mut count = 0;
    // SAFETY: the texts are NUL-terminated, and the store's until it resolves again; here each policy has a Gateway.
    unsafe {
        good(uptls_manifest_store_resolve_changed(store, &raw mut count, null_mut()));
        for index in 0..count {
            let backend = CStr::from_ptr(uptls_manifest_store_changed_backend(store, index));
            each(backend, CStr::from_ptr(uptls_manifest_store_changed_gateway(store, index)));
        }
    }
}

fn good(status: Status) {
    assert!(status >= UPTLS_OK, "the C library gives {status}");
}

const CHANGE: &str = "one changed Secret";
const SET: &str = "a set and all policies";
const STORE: &str = "a store and all policies";
