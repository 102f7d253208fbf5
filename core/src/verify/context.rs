//! One verification on its way through the steps: what they all read, and what each leaves for the next.

use core::cell::RefCell;
use core::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;

use super::Verifier;
use super::path::{Findings, Path};
use crate::certificate::{CertificateView, PresentedName, shown};
use crate::danger::ToleratedRule;
use crate::name::{BackendHost, TrustDomain};
use crate::policy::SanMatcher;
use crate::time::seconds;

/// One verification on its way through the steps.
pub(super) struct Context<'a> {
    pub(super) backend_host: Option<&'a BackendHost>,
    /// The leaf as webpki reads it.
    pub(super) certificate: Option<Result<EndEntityCert<'a>, webpki::Error>>,
    pub(super) chain: &'a [CertificateDer<'a>],
    /// While a path is looked for whose end vouches for one of them (L3): these; empty: any path will do.
    pub(super) domains: Vec<TrustDomain>,
    pub(super) matched_name: Option<String>,
    pub(super) now: UnixTime,
    /// The path that the chain step found.
    pub(super) path: Option<Path>,
    pub(super) reference_names: Vec<SanMatcher>,
    /// Signatures that were checked by the way.
    signatures: RefCell<Vec<Signature>>,
    /// The path that the revocation step found.
    pub(super) unrevoked: Option<Path>,
    pub(super) verifier: &'a Verifier,
    /// Every certificate of the chain, read once; of a chain that is too large, the leaf alone.
    pub(super) views: Vec<Result<CertificateView<'a>, String>>,
}

/// Whether a key signed a certificate.
struct Signature {
    holds: bool,
    /// The certificate's place in the chain.
    of: usize,
    spki: Box<[u8]>,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        verifier: &'a Verifier,
        chain: &'a [CertificateDer<'a>],
        backend_host: Option<&'a BackendHost>,
        now: UnixTime,
    ) -> Self {
        let certificate = chain.first().map(EndEntityCert::try_from);
        let is_readable = is_readable(chain.len(), chain.iter().map(|der| der.len()));
        let read = if is_readable { chain.len() } else { 1 };
        Self {
            backend_host,
            certificate,
            chain,
            domains: Vec::new(),
            matched_name: None,
            now,
            path: None,
            reference_names: verifier.reference_names(backend_host),
            signatures: RefCell::default(),
            unrevoked: None,
            verifier,
            views: chain.iter().take(read).map(|der| CertificateView::parse(der)).collect(),
        }
    }

    /// The leaf, where x509-parser reads it.
    pub(super) fn leaf(&self) -> Option<&CertificateView<'a>> {
        self.view(0)
    }

    /// The certificate at `index` of the chain, where x509-parser reads it.
    pub(super) fn view(&self, index: usize) -> Option<&CertificateView<'a>> {
        self.views.get(index)?.as_ref().ok()
    }

    /// Whether the key `spki` signed the certificate at `index`, if that was checked before.
    pub(super) fn known_signature(&self, index: usize, spki: &[u8]) -> Option<bool> {
        let known = self.signatures.borrow();
        known.iter().find(|known| known.of == index && *known.spki == *spki).map(|known| known.holds)
    }

    pub(super) fn remember_signature(&self, index: usize, spki: &[u8], holds: bool) {
        self.signatures.borrow_mut().push(Signature { holds, of: index, spki: spki.into() });
    }

    /// A proof that may rest on a toleration ends with it (D4, H6).
    pub(super) fn bounded(&self, mut path: Path) -> Path {
        let end = self.verifier.policy.danger().first_end(seconds(self.now));
        path.narrow(i64::MIN, end.unwrap_or(i64::MAX));
        path
    }

    pub(super) fn found(&self) -> Findings<'_> {
        let (path, unrevoked) = (self.path.as_ref(), self.unrevoked.as_ref());
        Findings { matched_name: self.matched_name.as_deref(), path, unrevoked }
    }

    /// The path that everything rests on.
    pub(super) fn proven(&self) -> Option<&Path> {
        self.unrevoked.as_ref().or(self.path.as_ref())
    }

    pub(super) fn tolerates(&self, rule: ToleratedRule) -> bool {
        self.verifier.policy.danger().tolerates(rule, seconds(self.now))
    }

    pub(super) fn expected(&self) -> Vec<String> {
        self.reference_names.iter().map(ToString::to_string).collect()
    }

    pub(super) fn presented(&self) -> Vec<String> {
        let names: Vec<PresentedName> = self.leaf().and_then(CertificateView::presented_names).unwrap_or_default();
        shown(&names)
    }

    /// D4 `expired_leaf`: the path is verified at the leaf's notAfter.
    pub(super) fn verification_time(&self) -> UnixTime {
        let Some(leaf) = self.leaf() else { return self.now };
        if leaf.not_after() >= seconds(self.now) || !self.tolerates(ToleratedRule::ExpiredLeaf) {
            return self.now;
        }
        UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(leaf.not_after()).unwrap_or_default()))
    }
}

/// V1: whether a chain is of a size that is read at all.
fn is_readable(count: usize, lengths: impl Iterator<Item = usize>) -> bool {
    count <= MAX_CERTIFICATES && !has_too_many_bytes(lengths)
}

pub(super) fn has_too_many_bytes(lengths: impl Iterator<Item = usize>) -> bool {
    lengths.fold(0, usize::saturating_add) > MAX_BYTES
}

/// V1; the TLS layer has the same limit (rustls: 64 KiB for the certificate message).
pub(super) const MAX_CERTIFICATES: usize = 128;
pub(super) const MAX_BYTES: usize = 65_536;
