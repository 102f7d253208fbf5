//! Reads what a policy names, and collects what is wrong with it.

use core::convert::Infallible;
use core::mem;
use std::sync::Arc;

use rustls::SupportedCipherSuite;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use zeroize::Zeroizing;

use crate::danger::ToleratedRule;
use crate::digest::{CanonicalDigest, sha256};
use crate::error::{MaterialError, MaterialErrorKind, PolicyError, PolicyErrorKind, Problem, Problems};
use crate::identity::{CERTIFICATE_PATH, ClientIdentity, IdentitySource, KEY_PATH, KeySource, trim_passphrase};
use crate::input::Unreadable;
use crate::material;
use crate::policy::{
    BundleSpec, CIPHER_SUITES, GROUPS, IdentitySpec, Material, SecretMaterial, SystemTrust, TrustSpec,
    UpstreamTlsPolicy,
};
use crate::runtime::Runtime;
use crate::time::seconds;
use crate::trust::{Entry, RevocationList, TrustBundle};

use super::Files;

/// One policy on its way to be prepared.
pub(super) struct Loader<'a> {
    files: Files<'a>,
    now: i64,
    policy: &'a UpstreamTlsPolicy,
    problems: Vec<Problem>,
    runtime: &'a Runtime,
}

impl<'a> Loader<'a> {
    pub(super) fn new(runtime: &'a Runtime, policy: &'a UpstreamTlsPolicy, files: Files<'a>) -> Self {
        Self { files, now: seconds(runtime.now()), policy, problems: Vec::new(), runtime }
    }

    /// Everything that was wrong, with where it was written.
    pub(super) fn finish(self) -> Result<(), Problems> {
        let locate = |problem: Problem| {
            let origin = self.policy.origin(problem.path());
            problem.with_origin(origin)
        };
        let located = self.problems.into_iter().map(locate).collect();
        Problems::or_else(self.policy.name(), located, ())
    }

    /// What was read, or nothing and a problem more.
    pub(super) fn keep<T, E: Into<Problem>>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem.into())).ok()
    }

    fn read(&self, material: &Material) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        match self.files {
            Files::AsRead(files) => files.material(material),
            Files::AsNeeded | Files::OfBatch(_) => material::read(self.runtime, material),
        }
    }

    fn read_secret(&self, material: &SecretMaterial) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        match self.files {
            Files::AsRead(files) => files.secret(material),
            Files::AsNeeded | Files::OfBatch(_) => material::read_secret(self.runtime, material),
        }
    }

    pub(super) fn bundles(&mut self) -> Vec<Arc<TrustBundle>> {
        let named = &self.policy.trust().bundles;
        let path = |index| format!("spec.trust.bundles[{index}]");
        let read = |(index, spec): (usize, &BundleSpec)| self.bundle(&path(index), &spec.material);
        let bundles: Vec<_> = named.iter().enumerate().filter_map(read).collect();
        // What could not be read is an error already, and might have held what has not expired.
        if bundles.len() == named.len() && self.all_has_expired(&bundles) {
            for (index, (spec, bundle)) in named.iter().zip(&bundles).enumerate() {
                self.problems.push(bundle.expired(&path(index), &spec.source(), self.now).into());
            }
        }
        bundles
    }

    fn bundle(&mut self, path: &str, material: &Material) -> Option<Arc<TrustBundle>> {
        match self.files {
            Files::OfBatch(batch) => batch.bundle(material, || self.read_bundle(path, material)),
            Files::AsNeeded | Files::AsRead(_) => self.read_bundle(path, material),
        }
    }

    fn read_bundle(&mut self, path: &str, material: &Material) -> Option<Arc<TrustBundle>> {
        let source = material.source();
        let kind = |reason| MaterialErrorKind::TrustUnreadable { reason };
        let unreadable = |failure| MaterialError::unreadable(path, &source, failure, kind);
        let runtime = self.runtime;
        let shared = match self.files {
            Files::AsRead(files) => files.content(material),
            Files::AsNeeded | Files::OfBatch(_) => None,
        };
        let parsed = match (shared, material) {
            (Some(content), _) => self.keep(content.map_err(unreadable))?.bundle(runtime),
            (None, Material::Inline { content, name: _ }) => runtime.bundle(sha256(content), content),
            (None, Material::File { .. }) => {
                let text = self.read(material).map_err(unreadable);
                let mut text = self.keep(text)?;
                let bundle = runtime.bundle(sha256(&text), &text);
                if bundle.is_ok() {
                    // It is no key, and to overwrite 200 KB costs a third of the update of one policy.
                    drop(mem::take(&mut *text));
                }
                bundle
            }
        };
        self.keep(parsed.map_err(|error| error.of(path, &source)))
    }

    /// T4: whether there is nothing left that a peer could be trusted by. What is wrong with one bundle says nothing of
    /// another, so all sources count together, and what D4 tolerates counts as alive.
    fn all_has_expired(&self, bundles: &[Arc<TrustBundle>]) -> bool {
        let TrustSpec { bundles: _, pinned_certificates, pinned_keys, system, system_trust_domain: _ } =
            self.policy.trust();
        let has_others = !pinned_certificates.is_empty() || !pinned_keys.is_empty() || *system != SystemTrust::Off;
        if bundles.is_empty() || has_others || self.tolerates(ToleratedRule::ExpiredAnchor) {
            return false;
        }
        // An entry that may not issue is trusted as itself: it is the leaf that has expired.
        let itself = self.tolerates(ToleratedRule::ExpiredLeaf);
        let is_alive = |entry: &Entry| entry.not_after() >= self.now || (itself && entry.anchor().is_none());
        !bundles.iter().flat_map(|bundle| bundle.entries()).any(is_alive)
    }

    fn tolerates(&self, rule: ToleratedRule) -> bool {
        self.policy.danger().tolerates(rule, self.now)
    }

    pub(super) fn crls(&mut self) -> Vec<Arc<RevocationList>> {
        let mut lists = Vec::new();
        let named = self.policy.revocation().map(|spec| spec.crls.as_slice()).unwrap_or_default();
        for (index, material) in named.iter().enumerate() {
            let path = format!("spec.revocation.crls[{index}]");
            let source = material.source();
            let kind = |reason| MaterialErrorKind::CrlUnreadable { reason };
            let unreadable = |failure| MaterialError::unreadable(&path, &source, failure, kind);
            let bytes = self.read(material).map_err(unreadable);
            let Some(bytes) = self.keep(bytes) else { continue };
            let Some(ders) = self.keep(RevocationList::split(&path, &source, &bytes)) else { continue };
            for der in ders {
                lists.extend(self.keep(self.runtime.crl(&path, &source, &der)));
            }
        }
        lists
    }

    pub(super) fn identity(&mut self, spec: &IdentitySpec) -> Option<Arc<ClientIdentity>> {
        let IdentitySpec { certificate, key, passphrase } = spec;
        let unreadable = |path: &str, source: String| {
            let path = path.to_owned();
            let kind = |reason| MaterialErrorKind::IdentityUnreadable { reason };
            move |failure| MaterialError::unreadable(path, source, failure, kind)
        };
        let certificate_bytes = self.read(certificate).map_err(unreadable(CERTIFICATE_PATH, certificate.source()));
        let certificate_bytes = self.keep(certificate_bytes);
        let (key_bytes, external) = match key {
            SecretMaterial::External(external) => (None, Some(external)),
            SecretMaterial::File { .. } | SecretMaterial::Inline(_) => {
                let bytes = self.read_secret(key).map_err(unreadable(KEY_PATH, key.source()));
                (self.keep(bytes), None)
            }
        };
        let passphrase = match passphrase {
            None => None,
            Some(secret) => {
                let read = self.read_secret(secret).map_err(unreadable(PASSPHRASE_PATH, secret.source()));
                Some(trim_passphrase(self.keep(read)?))
            }
        };
        let (certificate_source, key_source) = (certificate.source(), key.source());
        let source = IdentitySource {
            certificate: &certificate_bytes?,
            certificate_source: &certificate_source,
            key: match (external, &key_bytes) {
                (Some(external), _) => KeySource::External(external),
                (None, Some(bytes)) => KeySource::Bytes(bytes),
                (None, None) => return None,
            },
            key_source: &key_source,
            passphrase: passphrase.as_deref().map(Vec::as_slice),
        };
        let provider = self.runtime.provider();
        let load = || ClientIdentity::load(&source, provider);
        let identity = self.keep(self.runtime.identities().get_or_make(source.digest(), load))?;
        self.keep(identity.check_validity(&certificate_source, self.now))?;
        Some(identity)
    }

    /// The runtime's provider, narrowed to the suites and groups of the policy, in its order; one object for all policies
    /// that have the same.
    pub(super) fn provider(&mut self) -> Arc<CryptoProvider> {
        let mut key = CanonicalDigest::new("uptls narrowed provider v1");
        key.list(self.policy.cipher_suites());
        key.list(self.policy.groups());
        let key = key.finish();
        if let Some(found) = self.runtime.providers().get(&key) {
            return found;
        }
        let problems = self.problems.len();
        let narrowed = self.narrowed();
        if self.problems.len() > problems {
            return Arc::new(narrowed);
        }
        let made: Result<_, Infallible> = self.runtime.providers().get_or_make(key, || Ok(narrowed));
        match made {
            Ok(provider) => provider,
        }
    }

    fn narrowed(&mut self) -> CryptoProvider {
        let mut provider = CryptoProvider::clone(self.runtime.provider());
        if !self.policy.cipher_suites().is_empty() {
            provider.cipher_suites = self.suites(&provider.cipher_suites);
        }
        provider.kx_groups = self.groups(&provider.kx_groups);
        provider
    }

    fn suites(&mut self, offered: &[SupportedCipherSuite]) -> Vec<SupportedCipherSuite> {
        let mut suites = Vec::new();
        for (index, name) in self.policy.cipher_suites().iter().enumerate() {
            let wire = CIPHER_SUITES.iter().find(|(known, ..)| known == name).map(|(_, wire, _)| *wire);
            match offered.iter().find(|suite| Some(suite.suite()) == wire) {
                Some(suite) => suites.push(*suite),
                None => {
                    let supported = offered.iter().map(|suite| crate::policy::suite_name(suite.suite())).collect();
                    self.unsupported(format!("spec.cipherSuites[{index}]"), name, supported);
                }
            }
        }
        suites
    }

    fn groups(&mut self, offered: &[&'static dyn SupportedKxGroup]) -> Vec<&'static dyn SupportedKxGroup> {
        let find = |name: &str| {
            let wire = GROUPS.iter().find(|(known, _)| *known == name).map(|(_, wire)| *wire);
            offered.iter().copied().find(|group| Some(group.name()) == wire)
        };
        if self.policy.groups().is_empty() {
            return GROUPS.iter().filter_map(|(name, _)| find(name)).collect();
        }
        let mut groups = Vec::new();
        for (index, name) in self.policy.groups().iter().enumerate() {
            match find(name) {
                Some(group) => groups.push(group),
                None => {
                    let supported = offered.iter().map(|group| crate::policy::group_name(group.name())).collect();
                    self.unsupported(format!("spec.groups[{index}]"), name, supported);
                }
            }
        }
        groups
    }

    fn unsupported(&mut self, path: String, given: &str, supported: Vec<String>) {
        let kind = PolicyErrorKind::UnsupportedOption { given: given.to_owned(), supported };
        self.problems.push(PolicyError::new(path, kind).into());
    }
}

const PASSPHRASE_PATH: &str = "spec.identity.passphrase";
