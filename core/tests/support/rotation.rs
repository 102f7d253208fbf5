//! What the rotation tests share: material in a directory, as its writers write it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use uptls::{
    Connector, FileSource, IdentityDraft, MaterialDraft, OnInvalid, PolicySpec, PollOutcome, SecretDraft, TrustDraft,
    UpstreamTlsPolicy,
};
use uptls_testkit::{CLIENT_AUTH, Certificate, DAY, Key, NOW, Pki, Template, chain_pem};

use crate::support::world::{World, policy};

/// One state of the material: a CA, and a certificate with its key.
#[derive(Clone)]
pub struct State {
    pub ca: String,
    pub certificate: String,
    pub key: String,
}

impl State {
    /// Trusts `pki`; the client is a function of `seed`.
    pub fn new(pki: &Pki, seed: &str) -> State {
        let client = client(seed, NOW - DAY, NOW + 200 * DAY);
        State { ca: pki.root.pem(), certificate: chain_pem(&[&client]), key: client.key().pkcs8_pem() }
    }

    pub fn write(&self, directory: &Path) {
        fs::write(directory.join("ca.crt"), &self.ca).unwrap();
        fs::write(directory.join("tls.crt"), &self.certificate).unwrap();
        fs::write(directory.join("tls.key"), &self.key).unwrap();
    }
}

pub fn client(seed: &str, not_before: i64, not_after: i64) -> Certificate {
    let template = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf(seed) };
    template.with_validity(not_before, not_after).self_signed(&Key::p256(seed))
}

/// Names `ca.crt`, `tls.crt` and `tls.key` of `directory`.
pub fn named_in(directory: &Path) -> UpstreamTlsPolicy {
    let path = |name: &str| directory.join(name);
    let bundles = vec![MaterialDraft::file(path("ca.crt"))];
    let identity = Some(IdentityDraft {
        certificate: Some(MaterialDraft::file(path("tls.crt"))),
        key: Some(SecretDraft::file(path("tls.key"))),
        passphrase: None,
    });
    policy(PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, identity, ..PolicySpec::default() })
}

/// Writes as the kubelet does: a new directory, then `..data` swapped by one rename. What was before is deleted.
pub struct Volume {
    pub root: PathBuf,
    count: usize,
}

impl Volume {
    pub fn new(root: &Path, state: &State) -> Volume {
        fs::create_dir_all(root).unwrap();
        let mut volume = Volume { root: root.to_owned(), count: 0 };
        volume.swap(state);
        for name in ["ca.crt", "tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(name), root.join(name)).unwrap();
        }
        volume
    }

    pub fn swap(&mut self, state: &State) {
        let before = fs::read_link(self.root.join("..data")).ok();
        self.count += 1;
        let directory = format!("..{}", self.count);
        fs::create_dir(self.root.join(&directory)).unwrap();
        state.write(&self.root.join(&directory));
        symlink(&directory, self.root.join("..data_tmp")).unwrap();
        fs::rename(self.root.join("..data_tmp"), self.root.join("..data")).unwrap();
        if let Some(before) = before {
            fs::remove_dir_all(self.root.join(before)).unwrap();
        }
    }
}

/// A source with a clock of its own.
pub struct Stepper {
    pub connector: Connector,
    pub now: Instant,
    pub source: FileSource,
}

impl Stepper {
    /// A connector that has read its files once.
    pub fn new(world: &World, policy: &UpstreamTlsPolicy) -> Stepper {
        Stepper::with_on_invalid(world, policy, OnInvalid::KeepLastGood)
    }

    pub fn with_on_invalid(world: &World, policy: &UpstreamTlsPolicy, on_invalid: OnInvalid) -> Stepper {
        let connector = Connector::with_on_invalid(&world.runtime, policy, on_invalid).unwrap();
        let mut stepper = Stepper::on(connector, policy);
        assert_eq!(stepper.step(), PollOutcome::Unchanged);
        stepper
    }

    pub fn on(connector: Connector, policy: &UpstreamTlsPolicy) -> Stepper {
        let source = FileSource::new(&connector, policy);
        Stepper { connector, now: Instant::now(), source }
    }

    /// A step now; the next one is at the time that the source asks for.
    pub fn step(&mut self) -> PollOutcome {
        let polled = self.source.poll(self.now);
        assert!(polled.next > self.now && polled.next <= self.now + Duration::from_secs(10), "{polled:?}");
        self.now = polled.next;
        polled.outcome
    }

    /// The number of the current generation.
    pub fn generation(&self) -> u64 {
        self.connector.generation().number()
    }
}

pub fn tempdir() -> TempDir {
    tempfile::tempdir().unwrap()
}
