//! L14 with manifests: objects that change beside a source of files, in every short sequence, against the model of a connector.
//! A change of objects is the caller's word: a good policy is an update, a broken one a refusal, one that is gone a withdrawal.
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uptls::danger::DangerPermission::Forbidden;
use uptls::{
    Connector, ConnectorState, FileSource, MaterialDraft, OnInvalid, PolicyDraft, PolicySpec, Prepared, Runtime,
    TrustDraft, UpstreamTlsPolicy,
};
use uptls_manifest::kubernetes::{BackendRef, Document, EffectivePolicy, Imported, Scope, import};
use uptls_testkit::Pki;
use uptls_testkit::rotation::{Disk, Doc, Flaw, Model, Op, Seen, Sort, State};

use crate::common::runtime;

/// The objects of one backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Objects {
    Good,
    /// The text of the CA is damaged.
    Broken,
    /// The policy was deleted.
    Gone,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Objects(Objects),
    /// What happens to the connector by another hand: the model's own operations.
    Other(Op),
}

/// Objects, a native document with a file, and their contents; made once.
struct Bench {
    contents: [String; 2],
    document: UpstreamTlsPolicy,
    folder: tempfile::TempDir,
    objects: [Option<EffectivePolicy>; 2],
    /// Of the file's two contents, and of the objects; held, so that preparing equal content is cheap.
    prepared: Vec<Arc<Prepared>>,
    runtime: Runtime,
}

impl Bench {
    fn new() -> Bench {
        let runtime = runtime();
        let folder = tempfile::tempdir().unwrap();
        let contents = ["file", "file, renewed"].map(|seed| Pki::new(seed).root.pem());
        let bundles = vec![MaterialDraft::file(folder.path().join("one.pem"))];
        let spec = PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() };
        let document = UpstreamTlsPolicy::check(PolicyDraft::new(spec), Forbidden).unwrap();
        let good = objects(&Pki::new("objects").root.pem());
        let effective = |text: &str| policy(&import([Document::new("objects.yaml", text.as_bytes())]));
        let objects = [effective(&good), effective(&good.replace("-----END", "----END"))];
        let mut bench = Bench { contents, document, folder, objects, prepared: Vec::new(), runtime };
        for content in [0, 1] {
            bench.write(Disk::Good(content));
            bench.prepared.push(bench.runtime.prepare(&bench.document).unwrap());
        }
        let connector = bench.objects[0].as_ref().unwrap().connector(&bench.runtime, Forbidden);
        bench.prepared.push(connector.prepared().unwrap());
        bench
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("one.pem")
    }

    fn write(&self, disk: Disk) {
        let _ = fs::remove_file(self.path());
        if let Disk::Good(content) = disk {
            fs::write(self.path(), &self.contents[usize::from(content)]).unwrap();
        }
    }
}

fn objects(ca: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: ca}}, data: {{ca.crt: {ca:?}}}}}\n---\n\
         {{apiVersion: v1, kind: Service, metadata: {{name: pay}}, spec: {{ports: [{{port: 443}}]}}}}\n---\n\
         {{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: {{name: p}}, spec: \
         {{targetRefs: [{{group: \"\", kind: Service, name: pay}}], validation: {{hostname: pay.example, \
         caCertificateRefs: [{{group: \"\", kind: ConfigMap, name: ca}}]}}}}}}\n"
    )
}

fn policy(imported: &Imported) -> Option<EffectivePolicy> {
    let resolution = imported.resolve(&Scope::default());
    resolution.policy_of(&BackendRef::new("default", "pay", Some(443)), None).ok().cloned()
}

/// The real thing. The objects' content is the model's second document, whose file never changes.
struct Real<'a> {
    bench: &'a Bench,
    connector: Connector,
    now: Instant,
    sources: Vec<FileSource>,
}

impl Real<'_> {
    fn new(bench: &Bench, fail_closed: bool) -> Real<'_> {
        bench.write(Disk::Good(0));
        let on_invalid = if fail_closed { OnInvalid::FailClosed } else { OnInvalid::KeepLastGood };
        let connector = Connector::of_prepared(Arc::clone(&bench.prepared[0]), on_invalid);
        let sources = vec![FileSource::new(&connector, &bench.document)];
        Real { bench, connector, now: Instant::now(), sources }
    }

    fn apply(&mut self, step: Step) -> Seen {
        let published = |policy: &Option<EffectivePolicy>| {
            let _ = policy.as_ref().unwrap().publish(&self.connector, Forbidden);
        };
        match step {
            Step::Objects(Objects::Good) => published(&self.bench.objects[0]),
            Step::Objects(Objects::Broken) => published(&self.bench.objects[1]),
            Step::Objects(Objects::Gone) | Step::Other(Op::Withdraw) => self.connector.withdraw(),
            Step::Other(Op::Update(_)) => drop(self.connector.update(&self.bench.document)),
            Step::Other(Op::File(disk)) => self.bench.write(disk),
            Step::Other(Op::Poll) => self.sources.iter_mut().for_each(|source| drop(source.poll(self.now))),
            Step::Other(Op::Add(_)) => self.sources.push(FileSource::following(&self.connector)),
            Step::Other(op) => panic!("{op:?} is not drawn"),
        }
        self.now += Duration::from_millis(1);
        self.seen()
    }

    fn seen(&self) -> Seen {
        let state = match self.connector.state() {
            ConnectorState::Degraded { .. } => State::Degraded,
            ConnectorState::NotReady { .. } => State::NotReady,
            ConnectorState::Ready => State::Ready,
            _ => State::Withdrawn,
        };
        let content = self.connector.prepared().map(|prepared| {
            let same = |known: &Arc<Prepared>| known.fingerprint() == prepared.fingerprint();
            self.bench.prepared.iter().position(same).unwrap().try_into().unwrap()
        });
        Seen { generation: self.connector.generation().number(), outcomes: Vec::new(), content, state }
    }
}

fn modelled(step: Step) -> Op {
    match step {
        Step::Objects(Objects::Good) => Op::Update(Doc::Two),
        Step::Objects(Objects::Broken) => Op::Refuse,
        Step::Objects(Objects::Gone) => Op::Withdraw,
        Step::Other(op) => op,
    }
}

/// The first sequence of `length` steps in which model and connector differ.
fn exhaust(bench: &Bench, flaw: Flaw, length: u32) -> Result<usize, String> {
    let mut tried = 0;
    for fail_closed in [false, true] {
        for number in 0..STEPS.len().pow(length) {
            let steps: Vec<_> = (0..length).map(|place| STEPS[number / STEPS.len().pow(place) % STEPS.len()]).collect();
            let (mut model, mut real) = (Model::new(fail_closed, true, flaw), Real::new(bench, fail_closed));
            tried += 1;
            for step in &steps {
                let wanted = Seen { outcomes: Vec::new(), ..model.apply(modelled(*step)) };
                let seen = real.apply(*step);
                if wanted != seen {
                    return Err(format!(
                        "closed {fail_closed}, {steps:?} at {step:?}: wanted {wanted:?}, seen {seen:?}"
                    ));
                }
            }
        }
    }
    Ok(tried)
}

#[test]
fn objects_that_change_beside_files_are_as_the_model_says() {
    let bench = Bench::new();
    let tried = exhaust(&bench, Flaw::None, 4).unwrap_or_else(|difference| panic!("{difference}"));
    assert_eq!(tried, 2 * STEPS.len().pow(4));
}

/// The negative twin.
#[test]
fn a_model_of_objects_with_a_mistake_is_caught() {
    let bench = Bench::new();
    for flaw in [Flaw::PollEndsRefusal, Flaw::RefusalEndsWithdrawal, Flaw::OldSourcePublishes, Flaw::FilesNeverRecover]
    {
        assert!(exhaust(&bench, flaw, 4).is_err(), "{flaw:?} agrees with the connector");
    }
}

const STEPS: [Step; 9] = [
    Step::Objects(Objects::Good),
    Step::Objects(Objects::Broken),
    Step::Objects(Objects::Gone),
    Step::Other(Op::Update(Doc::One)),
    Step::Other(Op::File(Disk::Good(1))),
    Step::Other(Op::File(Disk::Good(0))),
    Step::Other(Op::File(Disk::Gone)),
    Step::Other(Op::Poll),
    Step::Other(Op::Add(Sort::Following)),
];
