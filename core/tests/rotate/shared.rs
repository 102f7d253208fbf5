//! One file that many policies name (R4, R6): a watch reads it once for all of them, and each keeps its own state.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::rotation::{State, named_in, tempdir};
use crate::support::world::{World, policy};
use tempfile::TempDir;
use uptls::{
    Code, Connector, ConnectorState, FileSource, MaterialDraft, OnInvalid, PolicySpec, TrustDraft, UpstreamTlsPolicy,
    Watch,
};
use uptls_testkit::Pki;

/// A folder with bundles, and what is done before one of them is read.
struct Shared {
    folder: TempDir,
    hook: Arc<Mutex<Box<dyn FnMut() + Send>>>,
    read: Arc<Mutex<Vec<PathBuf>>>,
    world: World,
}

impl Shared {
    fn new(seed: &str) -> Shared {
        let (read, hook) = (Arc::<Mutex<Vec<PathBuf>>>::default(), Arc::new(Mutex::new(nothing())));
        let (reads, hooked) = (Arc::clone(&read), Arc::clone(&hook));
        let world = World::with_reading(seed, move |path: &Path| {
            reads.lock().unwrap().push(path.to_owned());
            (hooked.lock().unwrap())();
            Ok(())
        });
        let folder = tempdir();
        Shared { folder, hook, read, world }
    }

    fn write(&self, name: &str, seed: &str) {
        fs::write(self.folder.path().join(name), Pki::new(seed).root.pem()).unwrap();
    }

    /// Trusts the files `names`; `host` tells it from others.
    fn policy(&self, names: &[&str], host: &str) -> UpstreamTlsPolicy {
        let bundles = names.iter().map(|name| MaterialDraft::file(self.folder.path().join(name))).collect();
        let trust = TrustDraft { bundles, ..TrustDraft::default() };
        policy(PolicySpec { server_name: Some(host.to_owned()), trust, ..PolicySpec::default() })
    }

    fn connector(&self, names: &[&str], host: &str, on_invalid: OnInvalid) -> Connector {
        Connector::with_on_invalid(&self.world.runtime, &self.policy(names, host), on_invalid).unwrap()
    }

    /// How often the file `name` was read since the last call.
    fn reads(&self, name: &str) -> usize {
        let mut read = self.read.lock().unwrap();
        let all = read.len();
        read.retain(|path| !path.ends_with(name));
        all - read.len()
    }
}

fn nothing() -> Box<dyn FnMut() + Send> {
    Box::new(|| {})
}

fn watching(connectors: &[Connector]) -> Watch {
    Watch::polling(connectors.iter().map(FileSource::following)).unwrap()
}

/// The limit only ends a test that hangs.
fn wait_until(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing happened");
        thread::sleep(Duration::from_millis(5));
    }
}

fn are_at(connectors: &[Connector], generation: u64) -> bool {
    connectors.iter().all(|connector| connector.generation().number() == generation)
}

#[test]
fn a_file_is_read_once_however_many_policies_name_it() {
    let shared = Shared::new("shared");
    let names = ["all.crt", "own-0.crt", "own-1.crt", "own-2.crt"];
    names.iter().for_each(|name| shared.write(name, name));
    let of = |index: usize, host: String| match index % 5 {
        0 => shared.connector(&["all.crt", names[1 + index % 3]], &host, OnInvalid::default()),
        _ => shared.connector(&["all.crt"], &host, OnInvalid::default()),
    };
    let connectors: Vec<Connector> = (0..200).map(|index| of(index, format!("s{index}.example"))).collect();
    let watch = watching(&connectors);
    wait_until(|| names.iter().all(|name| shared.read.lock().unwrap().iter().any(|path| path.ends_with(name))));
    drop(watch);
    shared.read.lock().unwrap().clear();
    for (generation, seed) in [(2, "two"), (3, "three")] {
        shared.write("all.crt", seed);
        let watch = watching(&connectors);
        wait_until(|| are_at(&connectors, generation));
        drop(watch);
        let [all, own @ ..] = names.map(|name| shared.reads(name));
        assert_eq!(own, [1; 3]);
        // Once for all, or once for those of each set of files, if the machine is so slow that a reading gets too old.
        assert!((1..=4).contains(&all), "{all}");
    }
    // Its twin: those that do not name a file are not touched by it.
    shared.write("own-1.crt", "another");
    let watch = watching(&connectors);
    wait_until(|| connectors.iter().any(|connector| connector.generation().number() == 4));
    drop(watch);
    let changed = connectors.iter().filter(|connector| connector.generation().number() == 4).count();
    let named = (0..200).filter(|index| index % 5 == 0 && index % 3 == 1).count();
    assert_eq!(changed, named);
    assert!(shared.reads("all.crt") <= 4);
}

/// A broken file is broken for all that name it, in the state of each; for another it is nothing.
#[test]
fn a_broken_file_is_broken_for_all_that_name_it_and_for_no_other() {
    let shared = Shared::new("broken");
    shared.write("all.crt", "one");
    shared.write("other.crt", "one");
    let keeps = shared.connector(&["all.crt"], "keeps.example", OnInvalid::KeepLastGood);
    let closes = shared.connector(&["all.crt"], "closes.example", OnInvalid::FailClosed);
    let stopped = shared.connector(&["all.crt"], "stopped.example", OnInvalid::KeepLastGood);
    let other = shared.connector(&["other.crt"], "other.example", OnInvalid::FailClosed);
    let connectors = [keeps.clone(), closes.clone(), stopped.clone(), other.clone()];
    let watch = watching(&connectors);
    fs::write(shared.folder.path().join("all.crt"), "-----BEGIN CERTIFICATE-----\nhalf").unwrap();
    stopped.withdraw();
    watch.refresh();
    wait_until(|| closes.state() != ConnectorState::Ready && keeps.state() != ConnectorState::Ready);
    let code = |connector: &Connector| connector.state().reason().map(uptls::Problems::code);
    assert!(matches!(keeps.state(), ConnectorState::Degraded { .. }), "{:?}", keeps.state());
    assert!(matches!(closes.state(), ConnectorState::NotReady { .. }), "{:?}", closes.state());
    assert_eq!([code(&keeps), code(&closes)], [Some(Code::TrustBundleParse); 2]);
    assert!(matches!(stopped.state(), ConnectorState::Withdrawn { .. }));
    assert_eq!(other.state(), ConnectorState::Ready);
    // Good again for both; a stop by the caller outlasts that (L14).
    shared.write("all.crt", "two");
    watch.refresh();
    wait_until(|| are_at(&[keeps.clone(), closes.clone()], 2));
    assert_eq!([keeps.state(), closes.state(), other.state()], [const { ConnectorState::Ready }; 3]);
    assert!(matches!(stopped.state(), ConnectorState::Withdrawn { .. }));
    assert_eq!(other.generation().number(), 1);
    // Gone for all, and back.
    fs::remove_file(shared.folder.path().join("all.crt")).unwrap();
    watch.refresh();
    let is_withdrawn = |connector: &Connector| matches!(connector.state(), ConnectorState::Withdrawn { .. });
    wait_until(|| is_withdrawn(&keeps) && is_withdrawn(&closes));
    assert_eq!(other.state(), ConnectorState::Ready);
    shared.write("all.crt", "two");
    watch.refresh();
    wait_until(|| keeps.state() == ConnectorState::Ready && closes.state() == ConnectorState::Ready);
    assert!(are_at(&[keeps, closes], 2), "equal content is no new generation (R5)");
}

/// What the caller publishes while a shared file is read is newer than what is read.
#[test]
fn an_update_while_a_shared_file_is_read_is_not_undone() {
    let shared = Shared::new("meanwhile");
    shared.write("all.crt", "one");
    shared.write("other.crt", "other");
    let connectors = ["a.example", "b.example"].map(|host| shared.connector(&["all.crt"], host, OnInvalid::default()));
    let watch = watching(&connectors);
    wait_until(|| shared.read.lock().unwrap().len() >= 3);
    shared.write("all.crt", "two");
    let (updated, newer) = (connectors[0].clone(), shared.policy(&["other.crt"], "newer.example"));
    let prepared = shared.world.runtime.prepare(&newer).unwrap();
    *shared.hook.lock().unwrap() = Box::new(move || drop(updated.publish(Arc::clone(&prepared))));
    watch.refresh();
    wait_until(|| connectors[1].generation().number() == 2);
    *shared.hook.lock().unwrap() = nothing();
    watch.refresh();
    drop(watch);
    assert_eq!(connectors[0].prepared().unwrap().policy(), &newer);
    assert_eq!((connectors[0].generation().number(), connectors[0].state()), (2, ConnectorState::Ready));
}

/// R1: policies that share a CA and have identities of their own never see a key of one state with a certificate of another.
#[test]
fn pairs_are_of_one_state() {
    let world = World::new("pairs");
    let states = ["one", "two"].map(|seed| State::new(&world.pki, seed));
    let folder = tempdir();
    states[0].write(folder.path());
    let connectors = [(); 3].map(|()| Connector::new(&world.runtime, &named_in(folder.path())).unwrap());
    let watch = watching(&connectors);
    fs::write(folder.path().join("tls.key"), &states[1].key).unwrap();
    watch.refresh();
    wait_until(|| connectors.iter().all(|connector| connector.state() != ConnectorState::Ready));
    for connector in &connectors {
        assert_eq!(connector.state().reason().unwrap().code(), Code::IdentityKeyMismatch);
    }
    states[1].write(folder.path());
    watch.refresh();
    wait_until(|| are_at(&connectors, 2));
}
