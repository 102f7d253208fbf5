//! What Envoy sees: verdicts, alerts and texts, refused configurations, files that change.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use uptls_testkit::{Certificate, Key, NOW, San, Template, YEAR, chain_pem};

use super::*;
use crate::host::recorded;

/// A root in a file, and leaves below it.
struct World {
    folder: tempfile::TempDir,
    root: Certificate,
}

impl World {
    fn new(name: &str) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), root: root(name) };
        world.write(&world.root.pem());
        world
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    fn document(&self, mut spec: Value) -> String {
        spec["trust"] = json!({"bundles": [{"file": self.path()}]});
        document(&spec)
    }

    fn leaf(&self, name: &str) -> Vec<u8> {
        Template::leaf("leaf")
            .with_sans(&[San::dns(name)])
            .lasting()
            .issued_by(&self.root, &Key::p256("leaf"))
            .der()
            .to_vec()
    }
}

fn root(name: &str) -> Certificate {
    Template::ca(name).lasting().self_signed(&Key::p256(name))
}

fn document(spec: &Value) -> String {
    json!({"apiVersion": "uptls/v1", "kind": "UpstreamTlsPolicy", "metadata": {"name": "pay"}, "spec": spec})
        .to_string()
}

/// A validator as Envoy holds it.
struct Held(*const c_void);

impl Held {
    fn new(name: &str, document: &str) -> Self {
        let (name, document) = (Buffer::of(name.as_bytes()), Buffer::of(document.as_bytes()));
        // SAFETY: both buffers live until the call returns.
        Self(unsafe { envoy_dynamic_module_on_cert_validator_config_new(ptr::null_mut(), name, document) })
    }

    fn verify(&self, chain: &[Vec<u8>], server_name: &str) -> (Validation, Vec<String>) {
        self.verify_as(chain, server_name, false)
    }

    fn verify_as(&self, chain: &[Vec<u8>], server_name: &str, is_server: bool) -> (Validation, Vec<String>) {
        recorded::take();
        let chain: Vec<_> = chain.iter().map(|der| Buffer::of(der)).collect();
        let server_name = Buffer::of(server_name.as_bytes());
        let (start, count) = (chain.as_ptr(), chain.len());
        // SAFETY: the validator is live, or null, and all buffers live until the call returns.
        let verdict = unsafe {
            let call = ptr::null_mut();
            envoy_dynamic_module_on_cert_validator_do_verify_cert_chain(
                call,
                self.0,
                start,
                count,
                server_name,
                is_server,
            )
        };
        (verdict, recorded::take())
    }

    fn accepts(&self, chain: &[Vec<u8>]) -> bool {
        self.verify(chain, "a.example.com").0 == Validation::ACCEPTED
    }

    fn digest(&self) -> Vec<u8> {
        let mut out = Buffer::EMPTY;
        // SAFETY: the validator is live, or null, and the bytes are copied before the next call.
        unsafe {
            envoy_dynamic_module_on_cert_validator_update_digest(self.0, &raw mut out);
            out.bytes().to_vec()
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: it is destroyed once; null is permitted.
        unsafe { envoy_dynamic_module_on_cert_validator_config_destroy(self.0) };
    }
}

#[test]
fn the_version_and_the_mode_are_those_of_envoy() {
    // SAFETY: it is a static text.
    let version = unsafe { core::ffi::CStr::from_ptr(envoy_dynamic_module_on_program_init()) };
    assert_eq!(version, c"v0.2.0");
    assert_eq!(envoy_dynamic_module_on_cert_validator_get_ssl_verify_mode(ptr::null(), false), 3);
}

#[test]
fn a_peer_is_accepted_with_its_facts() {
    let world = World::new("root");
    let held = Held::new("uptls", &world.document(json!({})));
    let (verdict, said) = held.verify(&[world.leaf("a.example.com")], "A.example.com");
    assert_eq!(verdict, Validation::ACCEPTED);
    let hex: String = held.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex.len(), 64);
    let fingerprint = format!("uptls.fingerprint=sha256:{hex}");
    assert_eq!(said, ["uptls.code=accepted", "uptls.matched_name=dns:a.example.com", fingerprint.as_str()]);
}

#[test]
fn a_peer_is_refused_with_code_alert_and_text() {
    let world = World::new("root");
    let held = Held::new("uptls", &world.document(json!({})));
    let (verdict, said) = held.verify(&[world.leaf("b.example.com")], "a.example.com");
    assert_eq!(verdict, Validation::refused(Some(42)));
    assert_eq!(said[0], "uptls.code=name_mismatch");
    assert_eq!(said.last().unwrap(), "name_mismatch: wanted any of dns:a.example.com, presented dns:b.example.com");
    let stranger = World::new("another root").leaf("a.example.com");
    let (verdict, said) = held.verify(&[stranger], "a.example.com");
    assert_eq!((verdict, said[0].as_str()), (Validation::refused(Some(48)), "uptls.code=cert_unknown_issuer"));
    let expired =
        Template::leaf("leaf").with_sans(&[San::dns("a.example.com")]).with_validity(NOW - 9 * YEAR, NOW - 8 * YEAR);
    let expired = expired.issued_by(&world.root, &Key::p256("leaf")).der().to_vec();
    let (verdict, said) = held.verify(&[expired], "a.example.com");
    assert_eq!((verdict, said[0].as_str()), (Validation::refused(Some(45)), "uptls.code=cert_expired"));
    for garbage in [vec![], vec![0x30], vec![0xff; 100_000]] {
        assert_ne!(held.verify(&[garbage], "a.example.com").0, Validation::ACCEPTED);
    }
    assert_ne!(held.verify(&[], "a.example.com").0, Validation::ACCEPTED);
}

#[test]
fn without_a_name_nobody_is_accepted() {
    let world = World::new("root");
    let chain = [world.leaf("a.example.com")];
    let held = Held::new("uptls", &world.document(json!({})));
    for nothing in ["", "a b", "*.example.com"] {
        assert_eq!(held.verify(&chain, nothing).1[0], "uptls.code=name_missing", "{nothing}");
    }
    let named = Held::new("uptls", &world.document(json!({"serverName": "a.example.com"})));
    assert!(named.verify(&chain, "").0 == Validation::ACCEPTED);
    assert!(named.verify(&chain, "b.example.com").0 == Validation::ACCEPTED);
}

#[test]
fn a_client_is_never_verified() {
    let world = World::new("root");
    let held = Held::new("uptls", &world.document(json!({})));
    let (verdict, said) = held.verify_as(&[world.leaf("a.example.com")], "a.example.com", true);
    assert_eq!((verdict, said[0].as_str()), (Validation::refused(None), "uptls.code=misuse"));
    assert_eq!(Held(ptr::null()).verify(&[], "a").0, Validation::refused(None));
}

#[test]
fn a_bad_policy_refuses_the_configuration_with_its_reason() {
    let world = World::new("root");
    let any_name = json!({"serverName": "none", "danger": {"acceptAnyName": {"reason": "a test"}}});
    let key = json!({"serverName": "a.test", "identity": {"certificate": {"file": "/a"}, "key": {"file": "/b"}}});
    let required = json!({"alpn": {"protocols": ["h2"], "required": true}});
    let missing = document(&json!({"trust": {"bundles": [{"file": "/no/such.pem"}]}}));
    for (name, text, wanted) in [
        ("uptls", "{".to_owned(), "document_parse: "),
        ("uptls", world.document(json!({"serverNam": "a.test"})), "serverNam"),
        ("uptls", document(&json!({"trust": {}})), "trust_missing: "),
        ("uptls", missing, "trust_unreadable: policy pay: "),
        ("uptls", world.document(any_name.clone()), "danger_forbidden: "),
        ("uptls", world.document(key), "spec.identity"),
        ("uptls", world.document(required), "spec.alpn.required"),
        ("uptls", json!({"policy": {}, "onInvalid": "closed"}).to_string(), "policy_invalid: "),
        ("mine", world.document(json!({})), "validator_name is mine"),
    ] {
        recorded::take();
        assert!(Held::new(name, &text).0.is_null(), "{text}");
        let said = recorded::take().join("\n");
        assert!(said.starts_with("uptls: the configuration is refused: ") && said.contains(wanted), "{said}");
    }
    assert!(!Held::new("uptls-allow-danger", &world.document(any_name)).0.is_null());
}

#[test]
fn a_swapped_bundle_counts_for_the_next_verification() {
    let (world, other) = (World::new("root"), World::new("another root of another length"));
    let held = Held::new("uptls", &world.document(json!({})));
    let (own, others) = ([world.leaf("a.example.com")], [other.leaf("a.example.com")]);
    let mut digests = vec![held.digest()];
    // In place, by a rename, and in place again without any time between.
    for turn in 0..50 {
        assert!(held.accepts(&own) && !held.accepts(&others), "turn {turn}");
        match turn % 2 {
            0 => world.write(&other.root.pem()),
            _ => swap(&world.path(), &other.root.pem()),
        }
        assert!(!held.accepts(&own) && held.accepts(&others), "turn {turn}");
        digests.push(held.digest());
        world.write(&world.root.pem());
    }
    digests.dedup();
    assert_eq!(digests[0].len(), 32);
    assert!(digests[1..].iter().all(|digest| *digest == digests[1] && *digest != digests[0]));
}

#[test]
fn a_swapped_symbolic_link_counts() {
    let (world, other) = (World::new("root"), World::new("another root of another length"));
    let folder = world.folder.path();
    for (name, root) in [("1", &world.root), ("2", &other.root)] {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("ca.pem"), root.pem()).unwrap();
    }
    fs::remove_file(world.path()).unwrap();
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, folder.join(at)).unwrap();
    link("1", "..data");
    link("..data/ca.pem", "ca.pem");
    let held = Held::new("uptls", &world.document(json!({})));
    assert!(held.accepts(&[world.leaf("a.example.com")]));
    link("2", "..new");
    fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    assert!(held.accepts(&[other.leaf("a.example.com")]));
    assert!(!held.accepts(&[world.leaf("a.example.com")]));
}

/// Verifies until something is said that begins as Envoy's log does; gives that verdict, and all that was said. A broken file
/// has a little over a second to become good (R6). The limit only ends a test that hangs.
fn until_said(held: &Held, chain: &[Vec<u8>]) -> (Validation, Vec<String>) {
    let begun = std::time::Instant::now();
    loop {
        let (verdict, said) = held.verify(chain, "a.example.com");
        if said[0].starts_with("uptls: ") {
            return (verdict, said);
        }
        assert!(begun.elapsed().as_secs() < 120, "nothing was said");
        std::thread::sleep(core::time::Duration::from_millis(5));
    }
}

#[test]
fn a_broken_bundle_keeps_the_last_and_a_missing_one_ends_it() {
    let world = World::new("root");
    let held = Held::new("uptls", &world.document(json!({})));
    let own = [world.leaf("a.example.com")];
    world.write("-----BEGIN CERTIFICATE-----\nAAA");
    let (verdict, said) = until_said(&held, &own);
    assert_eq!(verdict, Validation::ACCEPTED);
    assert!(said[0].contains("its files as they were still hold; trust_bundle_parse: "), "{said:?}");
    // It is said once.
    assert_eq!(held.verify(&own, "a.example.com").1[0], "uptls.code=accepted");
    fs::remove_file(world.path()).unwrap();
    let (verdict, said) = held.verify(&own, "a.example.com");
    assert_eq!((verdict, said[1].as_str()), (Validation::refused(None), "uptls.code=policy_withdrawn"));
    assert!(said[0].contains("no connection until its files can be read; trust_unreadable: "), "{said:?}");
    assert_eq!(held.verify(&own, "a.example.com").1[0], "uptls.code=policy_withdrawn");
    world.write(&chain_pem(&[&root("other"), &world.root]));
    let (verdict, said) = held.verify(&own, "a.example.com");
    assert_eq!(verdict, Validation::ACCEPTED);
    assert!(said[0].contains("its files are good again"), "{said:?}");
}

/// R10: that a bundle has expired is said with the time of day, and is no news every second.
#[test]
fn what_is_wrong_is_said_once_although_its_text_has_the_time() {
    let world = World::new("root");
    let held = Held::new("uptls", &world.document(json!({})));
    let own = [world.leaf("a.example.com")];
    let expired = Template::ca("root").with_validity(NOW - 20 * YEAR, NOW - 10 * YEAR);
    world.write(&expired.self_signed(&Key::p256("root")).pem());
    let complaints = |said: Vec<String>| said.into_iter().filter(|line| line.starts_with("uptls: ")).count();
    let mut count = 0;
    // Its files are read again every 50 ms for as long as they are bad.
    for _ in 0..30 {
        count += complaints(held.verify(&own, "a.example.com").1);
        std::thread::sleep(std::time::Duration::from_millis(60));
    }
    assert_eq!(count, 1);
    // The twin: something else is wrong.
    world.write("-----BEGIN CERTIFICATE-----\nAAA");
    assert_eq!(complaints(held.verify(&own, "a.example.com").1), 1);
    assert_eq!(complaints(held.verify(&own, "a.example.com").1), 0);
}

/// R10
#[test]
fn a_panic_is_news_once() {
    assert!(is_news("one panic") && !is_news("one panic"));
    assert!(is_news("another") && is_news("one panic"));
}

/// The twin of the first: R2 with `onInvalid: failClosed`.
#[test]
fn a_broken_bundle_ends_it_where_the_configuration_says_so() {
    let world = World::new("root");
    let policy: Value = serde_json::from_str(&world.document(json!({}))).unwrap();
    let held = Held::new("uptls", &json!({"policy": policy, "onInvalid": "failClosed"}).to_string());
    let own = [world.leaf("a.example.com")];
    assert!(held.accepts(&own));
    world.write("-----BEGIN CERTIFICATE-----\nAAA");
    assert!(held.accepts(&own), "somebody may be writing");
    let (verdict, said) = until_said(&held, &own);
    assert_eq!((verdict, said[1].as_str()), (Validation::refused(None), "uptls.code=policy_not_ready"));
    assert!(said[0].contains("no connection until its files are good; trust_bundle_parse: "), "{said:?}");
    // It is said once.
    assert_eq!(held.verify(&own, "a.example.com").1[0], "uptls.code=policy_not_ready");
    fs::remove_file(world.path()).unwrap();
    assert_eq!(held.verify(&own, "a.example.com").1[1], "uptls.code=policy_withdrawn");
    world.write(&world.root.pem());
    assert!(held.accepts(&own));
}

/// R3: only what is gone or forbidden withdraws. What is there and cannot be read is an invalid update, and no verification
/// waits for it.
#[test]
fn a_file_that_is_there_and_cannot_be_read_withdraws_nothing() {
    let world = World::new("root");
    let held = Held::new("uptls", &world.document(json!({})));
    let own = [world.leaf("a.example.com")];
    for broken in ["fifo", "folder", "failing"] {
        fs::remove_file(world.path()).unwrap();
        match broken {
            "fifo" => assert!(std::process::Command::new("mkfifo").arg(world.path()).status().unwrap().success()),
            "folder" => fs::create_dir(world.path()).unwrap(),
            // It opens, and does not read: EIO.
            _ => std::os::unix::fs::symlink("/proc/self/mem", world.path()).unwrap(),
        }
        let (verdict, said) = until_said(&held, &own);
        assert_eq!(verdict, Validation::ACCEPTED, "{broken}");
        assert!(said[0].contains("its files as they were still hold; trust_unreadable: "), "{said:?}");
        let _ = fs::remove_dir(world.path()).or_else(|_| fs::remove_file(world.path()));
        world.write(&world.root.pem());
        assert!(until_said(&held, &own).1[0].contains("its files are good again"));
    }
}

#[test]
fn threads_share_a_validator_while_its_bundle_is_swapped() {
    let (world, other) = (World::new("root"), World::new("another root of another length"));
    let held = Held::new("uptls", &world.document(json!({})));
    let chains = [[world.leaf("a.example.com")], [other.leaf("a.example.com")]];
    let validator = held.0.addr();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let held = core::mem::ManuallyDrop::new(Held(ptr::with_exposed_provenance(validator)));
                for _ in 0..500 {
                    chains.iter().for_each(|chain| drop(held.verify(chain, "a.example.com")));
                }
            });
        }
        held.0.expose_provenance();
        for turn in 0..50 {
            swap(&world.path(), &[&other.root, &world.root][turn % 2].pem());
        }
    });
    assert!(held.accepts(&chains[0]) && !held.accepts(&chains[1]));
}

fn swap(path: &Path, text: &str) {
    let temporary = path.with_extension("new");
    fs::write(&temporary, text).unwrap();
    fs::rename(temporary, path).unwrap();
}
