//! Trust: strict bundles, entries that issue and entries that are trusted as themselves, system roots, pins.

mod bundle;
mod crl;
mod entry;
#[cfg(feature = "native")]
mod native;
#[cfg(feature = "platform")]
mod platform;
#[cfg(not(feature = "platform"))]
mod platform_absent;
mod system;
mod system_stores;

pub use bundle::check_trust_bundle;
pub(crate) use bundle::{BundleError, TrustBundle};
pub(crate) use crl::{RevocationList, Subject};
pub(crate) use entry::{Entry, NoIssuer, check_issuer};
#[cfg(feature = "platform")]
pub(crate) use platform::PlatformTrust;
#[cfg(not(feature = "platform"))]
pub(crate) use platform_absent::PlatformTrust;
pub use system::NativeRoots;
pub(crate) use system::SystemRoots;
pub(crate) use system_stores::SystemStores;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use rustls_pki_types::TrustAnchor;

use crate::digest::CanonicalDigest;
use crate::name::TrustDomain;
use crate::policy::{BundleSpec, UpstreamTlsPolicy};

/// Everything that one policy trusts, in the form that path building wants. Interned by content (T7).
pub(crate) struct TrustStore {
    /// In an order that depends on their content alone (L4): those that last longest first. In step with `issuers`.
    anchors: Vec<TrustAnchor<'static>>,
    bundles: Vec<Arc<TrustBundle>>,
    /// Indices into `anchors` by subject, as [`TrustAnchor::subject`] has it.
    by_subject: HashMap<Box<[u8]>, Vec<usize>>,
    digest: [u8; 32],
    /// The entries of the bundles by subject (DER).
    entries_by_subject: HashMap<Box<[u8]>, Vec<Place>>,
    issuers: Vec<Issuer>,
    /// Every place of an entry: a certificate may stand in several bundles, which vouch for different things (L4).
    itself: BTreeMap<[u8; 32], Vec<Place>>,
    /// What it was last compared with, by its digest, and whether it lacks some of that.
    lacks: Mutex<Option<([u8; 32], bool)>>,
    system: Option<Arc<SystemRoots>>,
}

/// Where the facts of an anchor are.
#[derive(Clone, Copy)]
enum Issuer {
    Bundle(Place),
    System(usize),
}

/// An entry of a bundle.
#[derive(Clone, Copy)]
struct Place {
    bundle: usize,
    entry: usize,
}

impl TrustStore {
    /// The union of `bundles` and `system`.
    pub(crate) fn new(bundles: Vec<Arc<TrustBundle>>, system: Option<Arc<SystemRoots>>) -> Self {
        let mut store = Self {
            anchors: Vec::new(),
            by_subject: HashMap::new(),
            digest: Self::content_digest(&bundles, system.as_deref()),
            entries_by_subject: HashMap::new(),
            issuers: Vec::new(),
            itself: BTreeMap::new(),
            lacks: Mutex::default(),
            bundles,
            system,
        };
        store.index_entries();
        store.index_anchors();
        store
    }

    fn index_entries(&mut self) {
        for (bundle, content) in self.bundles.iter().enumerate() {
            for (index, entry) in content.entries().iter().enumerate() {
                let place = Place { bundle, entry: index };
                self.itself.entry(entry.sha256()).or_default().push(place);
                self.entries_by_subject.entry(entry.subject_raw().into()).or_default().push(place);
            }
        }
    }

    fn index_anchors(&mut self) {
        // What appears twice is reported where it stands first.
        let of_bundles = self.itself.values().filter_map(|places| {
            let place = places.first()?;
            let entry = self.bundles.get(place.bundle)?.entries().get(place.entry)?;
            Some((entry.not_after(), entry.sha256(), entry.anchor()?.clone(), Issuer::Bundle(*place)))
        });
        let mut all: Vec<_> = of_bundles.collect();
        if let Some(system) = &self.system {
            let roots = system.anchors().enumerate();
            all.extend(
                roots.map(|(index, (anchor, order, not_after))| {
                    (not_after, order, anchor.clone(), Issuer::System(index))
                }),
            );
        }
        all.sort_by(|a, b| (b.0, a.1).cmp(&(a.0, b.1)));
        for (_, _, anchor, issuer) in all {
            self.by_subject.entry((*anchor.subject).into()).or_default().push(self.anchors.len());
            self.anchors.push(anchor);
            self.issuers.push(issuer);
        }
    }

    /// The key to intern by: equal bundles in equal order.
    pub(crate) fn intern_key(bundles: &[Arc<TrustBundle>], system: Option<&SystemRoots>) -> [u8; 32] {
        let mut digest = CanonicalDigest::new("uptls trust store v1");
        digest.list(bundles.iter().map(|bundle| bundle.digest()));
        digest.optional(system.map(|system| system.digest()).as_ref().map(|digest| &digest[..]));
        digest.finish()
    }

    fn content_digest(bundles: &[Arc<TrustBundle>], system: Option<&SystemRoots>) -> [u8; 32] {
        let mut entries: Vec<[u8; 32]> = bundles.iter().flat_map(|b| b.entries()).map(Entry::sha256).collect();
        entries.sort_unstable();
        entries.dedup();
        let mut digest = CanonicalDigest::new("uptls trust v1");
        digest.list(entries);
        digest.optional(system.map(|system| system.digest()).as_ref().map(|digest| &digest[..]));
        digest.finish()
    }

    /// The set of every entry, and of the trust domains for which `policy` has them vouch (T9, R9); order and duplicates do
    /// not count. Where it names no domain, that of the content alone.
    pub(crate) fn digest_of(&self, policy: &UpstreamTlsPolicy) -> [u8; 32] {
        let bundles = &policy.trust().bundles;
        if bundles.iter().all(|bundle| bundle.trust_domain.is_none()) {
            return self.digest;
        }
        let mut digest = CanonicalDigest::new("uptls trust of domains v1");
        digest.bytes(&self.digest);
        digest.list(self.vouching(policy));
        digest.finish()
    }

    /// Every entry with each trust domain for which it vouches; order and duplicates do not count.
    pub(crate) fn vouching(&self, policy: &UpstreamTlsPolicy) -> BTreeSet<Vec<u8>> {
        let mut pairs = BTreeSet::new();
        for (content, BundleSpec { material: _, trust_domain }) in self.bundles.iter().zip(&policy.trust().bundles) {
            let domain = trust_domain.as_ref().map(TrustDomain::as_str).unwrap_or_default();
            pairs.extend(content.entries().iter().map(|entry| [&entry.sha256(), domain.as_bytes()].concat()));
        }
        pairs
    }

    /// Whether `old` has an entry or a root of the system that this has not. Every root counts by its whole certificate: a renewed
    /// one may end earlier or permit shorter paths. Thousands of policies go from one store to the next together, and to compare
    /// the entries of a large bundle costs more than all the rest of an update: it is done once.
    pub(crate) fn lacks_some_of(&self, old: &Self) -> bool {
        if self.digest == old.digest {
            return false;
        }
        let mut known = self.lacks.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some((of, lacks)) if of == old.digest => lacks,
            _ => known.insert((old.digest, self.lacks_entries_of(old) || self.lacks_roots_of(old))).1,
        }
    }

    fn lacks_entries_of(&self, old: &Self) -> bool {
        old.itself.keys().any(|entry| !self.itself.contains_key(entry))
    }

    fn lacks_roots_of(&self, old: &Self) -> bool {
        let roots =
            |system: &SystemRoots| -> BTreeSet<[u8; 32]> { system.anchors().map(|(_, digest, _)| digest).collect() };
        match (&old.system, &self.system) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(old), Some(new)) => old.digest() != new.digest() && !roots(old).is_subset(&roots(new)),
        }
    }

    /// What path building may end at.
    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// Indices into [`TrustStore::anchors`] of those that are called `subject` (the content of the DER name).
    pub(crate) fn anchors_named(&self, subject: &[u8]) -> &[usize] {
        self.by_subject.get(subject).map(Vec::as_slice).unwrap_or_default()
    }

    /// The entries of bundles that are called `subject` (DER), whether they may issue or not.
    pub(crate) fn entries_named(&self, subject: &[u8]) -> impl Iterator<Item = AnchorFacts<'_>> {
        let places = self.entries_by_subject.get(subject).into_iter().flatten();
        places.filter_map(|place| self.at(*place))
    }

    /// The facts of every anchor that comes from a bundle.
    pub(crate) fn bundle_entries(&self) -> impl Iterator<Item = AnchorFacts<'_>> {
        let numbered = self.bundles.iter().enumerate();
        numbered.flat_map(|(index, bundle)| bundle.entries().iter().map(move |entry| AnchorFacts::of(index, entry)))
    }

    /// The bundle entry that is byte-equal to a certificate with this digest (T5). System roots are never in it.
    pub(crate) fn entry(&self, sha256: &[u8; 32]) -> Option<AnchorFacts<'_>> {
        let place = self.itself.get(sha256)?.first()?;
        self.at(*place)
    }

    /// The places in the policy of the bundles that hold the certificate with this digest.
    pub(crate) fn bundles_of<'a>(&'a self, sha256: &[u8; 32]) -> impl Iterator<Item = usize> + use<'a> {
        self.itself.get(sha256).into_iter().flatten().map(|place| place.bundle)
    }

    fn at(&self, place: Place) -> Option<AnchorFacts<'_>> {
        let entry = self.bundles.get(place.bundle)?.entries().get(place.entry)?;
        Some(AnchorFacts::of(place.bundle, entry))
    }

    pub(crate) fn bundles(&self) -> &[Arc<TrustBundle>] {
        &self.bundles
    }

    pub(crate) fn system(&self) -> Option<&SystemRoots> {
        self.system.as_deref()
    }

    /// The facts of the anchor at `index`.
    pub(crate) fn anchor_facts(&self, index: usize) -> Option<AnchorFacts<'_>> {
        match self.issuers.get(index)? {
            Issuer::Bundle(place) => self.at(*place),
            Issuer::System(index) => {
                let system = self.system.as_ref()?;
                Some(AnchorFacts { certificate: system.entry(*index), origin: AnchorOrigin::System(system.source()) })
            }
        }
    }
}

/// How long an anchor is valid (unix seconds), and how many intermediates it permits.
pub(crate) struct AnchorTerms {
    pub(crate) not_after: i64,
    pub(crate) not_before: i64,
    pub(crate) path_length: Option<u32>,
}

/// One trusted certificate and where it came from.
pub(crate) struct AnchorFacts<'a> {
    /// The certificate; the compiled-in roots have none.
    certificate: Option<&'a Entry>,
    origin: AnchorOrigin,
}

#[derive(Clone, Copy)]
enum AnchorOrigin {
    /// The place of the bundle in the policy.
    Bundle(usize),
    System(&'static str),
}

impl<'a> AnchorFacts<'a> {
    fn of(bundle: usize, entry: &'a Entry) -> Self {
        Self { certificate: Some(entry), origin: AnchorOrigin::Bundle(bundle) }
    }

    /// The certificate; the compiled-in roots have none.
    pub(crate) fn certificate(&self) -> Option<&'a Entry> {
        self.certificate
    }

    /// The DER certificate; the compiled-in roots have none.
    pub(crate) fn der(&self) -> Option<&'a [u8]> {
        self.certificate.map(Entry::der)
    }

    /// The entry of a bundle; system roots have none.
    pub(crate) fn entry(&self) -> Option<&'a Entry> {
        match self.origin {
            AnchorOrigin::Bundle(_) => self.certificate,
            AnchorOrigin::System(_) => None,
        }
    }

    /// What webpki does not keep of an anchor. Compiled-in roots say nothing of it.
    pub(crate) fn terms(&self) -> Option<AnchorTerms> {
        let entry = self.certificate?;
        let (not_before, not_after) = (entry.not_before(), entry.not_after());
        Some(AnchorTerms { not_after, not_before, path_length: entry.path_length() })
    }

    /// Whether it may sign revocation lists. The compiled-in roots do not say.
    pub(crate) fn signs_lists(&self) -> bool {
        self.certificate.is_none_or(Entry::signs_lists)
    }

    /// What `policy` says of the bundle; system roots have none.
    pub(crate) fn bundle<'p>(&self, policy: &'p UpstreamTlsPolicy) -> Option<&'p BundleSpec> {
        match self.origin {
            AnchorOrigin::Bundle(bundle) => policy.trust().bundles.get(bundle),
            AnchorOrigin::System(_) => None,
        }
    }

    /// `ca.pem #3` with the name that `policy` gives the bundle, or the kind of system store.
    pub(crate) fn source(&self, policy: &UpstreamTlsPolicy) -> String {
        match self.origin {
            AnchorOrigin::Bundle(bundle) => {
                let name = policy.trust().bundles.get(bundle).map(BundleSpec::source);
                let index = self.certificate.map(Entry::index).unwrap_or_default();
                format!("{} #{index}", name.unwrap_or_default())
            }
            AnchorOrigin::System(source) => source.to_owned(),
        }
    }
}
