//! A folder of manifests that is followed (R13): what is added, changed, removed, broken, half-written or gone.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use uptls::{Code, Connector, ConnectorState, WatchedFiles};
use uptls_manifest::ManifestFolder;
use uptls_manifest::kubernetes::{BackendRef, ObjectName};
use uptls_manifest::report::ImportOptions;
use uptls_testkit::Pki;

use crate::common::runtime;

/// A folder, and the source that a watch would have, with a clock of its own.
struct Followed {
    folder: ManifestFolder,
    now: Instant,
    place: TempDir,
    source: Box<dyn WatchedFiles>,
}

impl Followed {
    fn new(files: &[(&str, &str)]) -> Followed {
        Followed::with_options(files, ImportOptions::default())
    }

    fn with_options(files: &[(&str, &str)], options: ImportOptions) -> Followed {
        Followed::of(files, |place| ManifestFolder::new(place, &runtime(), options))
    }

    fn of(files: &[(&str, &str)], make: impl FnOnce(&Path) -> ManifestFolder) -> Followed {
        let place = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = place.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let folder = make(place.path());
        let source = Box::new(folder.source());
        let mut followed = Followed { folder, now: Instant::now(), place, source };
        followed.step();
        followed
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// One step at the time that the one before asked for.
    fn step(&mut self) {
        let next = self.source.poll(self.now, &AtomicBool::new(false));
        assert!(next > self.now && next <= self.now + Duration::from_secs(10));
        self.now = next;
    }

    /// As many steps as what is torn has time.
    fn settle(&mut self) {
        let until = self.now + Duration::from_secs(2);
        while self.now < until {
            self.step();
        }
    }

    fn connector(&self, backend: &str) -> Option<Connector> {
        self.folder.connector(&BackendRef::new("shop", backend, Some(443)), None)
    }

    /// The name that is wanted of a backend; nothing, if none may connect.
    fn hostname(&self, backend: &str) -> Option<String> {
        let prepared = self.connector(backend)?.prepared()?;
        Some(format!("{:?}", prepared.policy().server_name()))
    }

    fn problems(&self) -> Vec<(PathBuf, Code)> {
        self.folder.problems().into_iter().map(|(path, problems)| (path, problems.code())).collect()
    }

    fn events(&self) -> Vec<String> {
        let told = std::iter::from_fn(|| self.folder.registry().next_event());
        told.map(|(name, event)| format!("{name} {}", event.kind.as_str())).collect()
    }
}

fn policy(backend: &str, hostname: &str) -> String {
    let ca = Pki::new("folder").root.pem().replace('\n', "\n    ");
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: {backend}, namespace: shop}}
spec:
  targetRefs: [{{group: \"\", kind: Service, name: {backend}}}]
  validation:
    caCertificateRefs: [{{group: \"\", kind: ConfigMap, name: {backend}-ca}}]
    hostname: {hostname}
---
apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {backend}-ca, namespace: shop}}
data:
  ca.crt: |
    {ca}\n"
    )
}

fn wants(hostname: &str) -> Option<String> {
    Some(format!("Dns(DnsName({hostname:?}))"))
}

#[test]
fn files_come_change_and_go() {
    let mut followed = Followed::new(&[("pay.yaml", &policy("pay", "one.example")), ("notes.txt", "not a manifest")]);
    assert_eq!((followed.hostname("pay"), followed.hostname("ledger")), (wants("one.example"), None));
    followed.write("ledger.yml", &policy("ledger", "ledger.example"));
    followed.write("pay.yaml", &policy("pay", "two.example"));
    followed.step();
    assert_eq!(
        (followed.hostname("pay"), followed.hostname("ledger")),
        (wants("two.example"), wants("ledger.example"))
    );
    assert_eq!(followed.events(), ["Service/shop/pay updated"]);
    // The same again is nothing (R5), and neither is another file.
    followed.write("pay.yaml", &policy("pay", "two.example"));
    followed.write("notes.txt", "{");
    followed.step();
    assert_eq!((followed.events(), followed.problems()), (vec![], vec![]));
    // A removed file withdraws its policies, and no others.
    let held = followed.connector("pay").unwrap();
    fs::remove_file(followed.path("pay.yaml")).unwrap();
    followed.step();
    assert!(matches!(held.state(), ConnectorState::Withdrawn { .. }));
    assert_eq!((followed.hostname("pay"), followed.hostname("ledger")), (None, wants("ledger.example")));
    assert_eq!(followed.events(), ["Service/shop/pay withdrawn"]);
}

#[test]
fn folders_in_it_count_if_they_are_asked_for() {
    let files = [("pay.yaml", policy("pay", "pay.example")), ("eu/one/ledger.yaml", policy("ledger", "one.example"))];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    // The twin: without being asked for they do not.
    let flat = Followed::new(&files);
    assert_eq!((flat.hostname("pay"), flat.hostname("ledger")), (wants("pay.example"), None));

    let make = |place: &Path| ManifestFolder::recursive(place, &runtime(), ImportOptions::default());
    let mut followed = Followed::of(&files, make);
    assert_eq!(followed.hostname("ledger"), wants("one.example"));
    let watched = followed.source.directories();
    assert!(watched.contains(&fs::canonicalize(followed.path("eu/one")).unwrap()), "{watched:?}");
    followed.write("eu/one/ledger.yaml", &policy("ledger", "two.example"));
    fs::create_dir(followed.path("us")).unwrap();
    followed.write("us/stock.yaml", &policy("stock", "stock.example"));
    followed.step();
    assert_eq!(
        (followed.hostname("ledger"), followed.hostname("stock")),
        (wants("two.example"), wants("stock.example"))
    );
    // R3: with a folder its policies are gone, and no others.
    fs::remove_dir_all(followed.path("eu")).unwrap();
    followed.step();
    assert_eq!((followed.hostname("pay"), followed.hostname("ledger")), (wants("pay.example"), None));
    assert_eq!((followed.hostname("stock"), followed.problems()), (wants("stock.example"), vec![]));
    // A link may lead in a circle.
    symlink("..", followed.path("us/up")).unwrap();
    followed.step();
    assert_eq!((followed.hostname("stock"), followed.problems()), (wants("stock.example"), vec![]));
}

#[test]
fn a_broken_file_counts_as_it_last_could_be_read() {
    let good = policy("pay", "one.example");
    let mut followed = Followed::new(&[("pay.yaml", &good), ("ledger.yaml", &policy("ledger", "ledger.example"))]);
    followed.write("pay.yaml", "apiVersion: [");
    followed.write("new.yaml", "kind: {");
    followed.step();
    assert_eq!(followed.problems(), [], "a writer has a moment");
    followed.settle();
    let broken = ["new.yaml", "pay.yaml"].map(|name| (followed.path(name), Code::DocumentParse));
    assert_eq!(followed.problems(), broken);
    assert_eq!(
        (followed.hostname("pay"), followed.hostname("ledger")),
        (wants("one.example"), wants("ledger.example"))
    );
    // Others change meanwhile.
    followed.write("ledger.yaml", &policy("ledger", "two.example"));
    followed.settle();
    assert_eq!((followed.hostname("pay"), followed.hostname("ledger")), (wants("one.example"), wants("two.example")));
    // Repaired, and removed.
    followed.write("pay.yaml", &policy("pay", "three.example"));
    fs::remove_file(followed.path("new.yaml")).unwrap();
    followed.settle();
    assert_eq!((followed.hostname("pay"), followed.problems()), (wants("three.example"), vec![]));
    // Its twin: what can be read and is wrong is the policy's own refusal (M2), and no other's.
    followed.write("pay.yaml", &good.replace("hostname: one.example", "hostname: '*'"));
    followed.settle();
    assert_eq!((followed.hostname("pay"), followed.problems()), (None, vec![]));
    let pay = followed.connector("pay").unwrap();
    assert!(matches!(pay.state(), ConnectorState::NotReady { .. }), "{:?}", pay.state());
    assert_eq!(followed.hostname("ledger"), wants("two.example"));
}

/// A file that is truncated before it is written, or not closed, is no deletion of its objects.
#[test]
fn half_a_file_withdraws_nothing() {
    let mut followed =
        Followed::new(&[("both.yaml", &[policy("pay", "a.example"), policy("ledger", "b.example")].join("---\n"))]);
    followed.write("both.yaml", "\n");
    followed.step();
    assert_eq!((followed.hostname("pay"), followed.events()), (wants("a.example"), vec![]));
    // The first of two documents is there: it parses, but its writer has not closed the file.
    let place = fs::canonicalize(followed.path("both.yaml")).unwrap();
    followed.source.writing(&place);
    followed.write("both.yaml", &policy("pay", "a.example"));
    followed.step();
    assert_eq!((followed.hostname("ledger"), followed.events()), (wants("b.example"), vec![]));
    // Its twin: once it is closed, what is not in it is gone.
    followed.source.written(&place);
    followed.step();
    assert_eq!((followed.hostname("ledger"), followed.hostname("pay")), (None, wants("a.example")));
    assert_eq!(followed.events(), ["Service/shop/ledger withdrawn"]);
    // And a file that stays empty has no objects.
    followed.write("both.yaml", "");
    followed.settle();
    assert_eq!(followed.events(), ["Service/shop/pay withdrawn"]);
}

/// R3: a folder that is gone has no files; Kubernetes swaps what it leads to.
#[test]
fn a_folder_is_swapped_goes_and_comes_back() {
    let states = ["one", "two"].map(|name| {
        let state = tempfile::tempdir().unwrap();
        fs::write(state.path().join("pay.yaml"), policy("pay", &format!("{name}.example"))).unwrap();
        state
    });
    let place = tempfile::tempdir().unwrap();
    let link = place.path().join("manifests");
    symlink(states[0].path(), &link).unwrap();
    let folder = ManifestFolder::new(&link, &runtime(), ImportOptions::default());
    let mut followed = Followed { source: Box::new(folder.source()), folder, now: Instant::now(), place };
    followed.step();
    assert_eq!(followed.hostname("pay"), wants("one.example"));
    assert!(followed.source.directories().contains(followed.place.path()), "a swap shows there");
    fs::remove_file(&link).unwrap();
    symlink(states[1].path(), &link).unwrap();
    followed.step();
    assert_eq!(followed.hostname("pay"), wants("two.example"));
    fs::remove_file(&link).unwrap();
    followed.step();
    assert_eq!((followed.hostname("pay"), followed.problems()), (None, vec![(link.clone(), Code::DocumentUnreadable)]));
    symlink(states[1].path(), &link).unwrap();
    followed.step();
    assert_eq!((followed.hostname("pay"), followed.problems()), (wants("two.example"), vec![]));
}

#[test]
fn without_its_gateway_no_backend_has_a_policy() {
    let options = || {
        let mut options = ImportOptions::default();
        options.gateway = Some(ObjectName::new("shop", "edge"));
        options
    };
    let mut followed = Followed::with_options(&[("pay.yaml", &policy("pay", "a.example"))], options());
    let unresolved = [(followed.place.path().to_owned(), Code::ReferenceUnresolved)];
    assert_eq!((followed.hostname("pay"), followed.problems()), (None, unresolved.to_vec()));
    let gateway =
        "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: edge, namespace: shop}, spec: {}}";
    followed.write("gateway.json", gateway);
    followed.step();
    assert_eq!(followed.problems(), []);
}

#[test]
fn nothing_is_published_once_it_is_stopped() {
    let mut followed = Followed::new(&[("pay.yaml", &policy("pay", "one.example"))]);
    followed.write("pay.yaml", &policy("pay", "two.example"));
    let stopped = AtomicBool::new(true);
    followed.source.poll(followed.now, &stopped);
    assert_eq!((followed.hostname("pay"), followed.events()), (wants("one.example"), vec![]));
    stopped.store(false, Ordering::SeqCst);
}
