//! Trust: strict bundles, entries that issue and entries that are trusted as themselves, system roots, pins.

mod bundle;
mod crl;
mod platform;
mod system;

pub use bundle::check_trust_bundle;
pub(crate) use bundle::{EXPIRING, Entry, TrustBundle};
pub(crate) use crl::RevocationList;
pub(crate) use platform::PlatformTrust;
pub use system::NativeRoots;
pub(crate) use system::SystemRoots;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustls_pki_types::TrustAnchor;

use crate::certificate::CertificateView;
use crate::digest::CanonicalDigest;
use crate::name::TrustDomain;
use crate::policy::{BundleSpec, UpstreamTlsPolicy};

/// Everything that one policy trusts, in the form that path building wants. Interned by content (T7).
pub(crate) struct TrustStore {
    /// In step with `issuers`.
    anchors: Vec<TrustAnchor<'static>>,
    bundles: Vec<Arc<TrustBundle>>,
    digest: [u8; 32],
    issuers: Vec<Issuer>,
    /// Every place of an entry: a certificate may stand in several bundles, which vouch for different things (L4).
    itself: BTreeMap<[u8; 32], Vec<Place>>,
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
        let mut anchors = Vec::new();
        let mut issuers = Vec::new();
        let mut itself: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (bundle, content) in bundles.iter().enumerate() {
            for (index, entry) in content.entries().iter().enumerate() {
                let place = Place { bundle, entry: index };
                itself.entry(entry.sha256()).or_default().push(place);
                if let Some(anchor) = entry.anchor() {
                    anchors.push(anchor.clone());
                    issuers.push(Issuer::Bundle(place));
                }
            }
        }
        if let Some(system) = &system {
            anchors.extend(system.anchors().iter().cloned());
            issuers.extend((0..system.anchors().len()).map(Issuer::System));
        }
        let digest = Self::content_digest(&bundles, system.as_deref());
        Self { anchors, bundles, digest, issuers, itself, system }
    }

    /// The key to intern by: equal bundles in equal order.
    pub(crate) fn intern_key(bundles: &[Arc<TrustBundle>], system: Option<&SystemRoots>) -> [u8; 32] {
        let mut digest = CanonicalDigest::new("uptls trust store v1");
        for bundle in bundles {
            digest.list(bundle.entries().iter().map(Entry::sha256));
        }
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

    /// What path building may end at.
    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// The place in [`TrustStore::anchors`] of an anchor that path building returned. By address: two entries may differ
    /// in nothing that an anchor holds, and still in their validity.
    pub(crate) fn anchor_index(&self, anchor: &TrustAnchor<'_>) -> Option<usize> {
        self.anchors.iter().position(|own| core::ptr::addr_eq(own, anchor))
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
                Some(AnchorFacts { der: system.certificate(*index), origin: AnchorOrigin::System(system.source()) })
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
    pub(crate) der: Option<&'a [u8]>,
    origin: AnchorOrigin<'a>,
}

enum AnchorOrigin<'a> {
    /// The place of the bundle in the policy, and the entry.
    Bundle(usize, &'a Entry),
    System(&'static str),
}

impl<'a> AnchorFacts<'a> {
    fn of(bundle: usize, entry: &'a Entry) -> Self {
        Self { der: Some(entry.der()), origin: AnchorOrigin::Bundle(bundle, entry) }
    }

    /// The entry of a bundle; system roots have none.
    pub(crate) fn entry(&self) -> Option<&'a Entry> {
        match self.origin {
            AnchorOrigin::Bundle(_, entry) => Some(entry),
            AnchorOrigin::System(_) => None,
        }
    }

    /// What webpki does not keep of an anchor. Compiled-in roots say nothing of it, nor do roots that only webpki reads.
    pub(crate) fn terms(&self) -> Option<AnchorTerms> {
        if let Some(entry) = self.entry() {
            let (not_before, not_after) = (entry.not_before(), entry.not_after());
            return Some(AnchorTerms { not_after, not_before, path_length: entry.path_length() });
        }
        let view = CertificateView::parse(self.der?).ok()?;
        let (not_before, not_after) = (view.not_before(), view.not_after());
        Some(AnchorTerms { not_after, not_before, path_length: view.path_length() })
    }

    /// What `policy` says of the bundle; system roots have none.
    pub(crate) fn bundle<'p>(&self, policy: &'p UpstreamTlsPolicy) -> Option<&'p BundleSpec> {
        match self.origin {
            AnchorOrigin::Bundle(bundle, _) => policy.trust().bundles.get(bundle),
            AnchorOrigin::System(_) => None,
        }
    }

    /// `ca.pem #3` with the name that `policy` gives the bundle, or the kind of system store.
    pub(crate) fn source(&self, policy: &UpstreamTlsPolicy) -> String {
        match self.origin {
            AnchorOrigin::Bundle(bundle, entry) => {
                let name = policy.trust().bundles.get(bundle).map(BundleSpec::source);
                format!("{} #{}", name.unwrap_or_default(), entry.index())
            }
            AnchorOrigin::System(source) => source.to_owned(),
        }
    }
}
