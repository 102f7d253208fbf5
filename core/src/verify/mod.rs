//! The one verifier: policy, presented chain and time in, a proof or a coded rejection out. Pure.

mod candidates;
mod chain;
mod context;
mod diagnose;
mod matching;
mod names;
mod path;
mod platform;
mod report;
mod revocation;
mod route;
mod rules;
mod search;
mod spiffe;
mod steps;
mod summary;
mod vouched;
mod work;

pub use summary::CertificateSummary;

use core::fmt;
use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::certificate::facts_or_digest;
use crate::digest::{CanonicalDigest, sha256};
use crate::error::{ChainDigests, Judgement, Rejection, RejectionKind};
use crate::facts::CertificateFacts;
use crate::name::BackendHost;
use crate::policy::{SanMatcher, ServerNameRule, UpstreamTlsPolicy};
use crate::text::{SHOWN, digest, printable};
use crate::time::{rfc3339, seconds};
use crate::trust::{PlatformTrust, RevocationList, TrustStore};

use context::Context;
use path::{Path, PathEnd};
use steps::CHAIN_STEPS;

/// Judges peers by one policy and its material. Live handshakes, offline verification, the command, C and Python all
/// reach this one (rule 1 of the architecture).
pub struct Verifier {
    /// Sorted, each once; `None`: there are none, as in most policies.
    pub(crate) crls: Option<Arc<Vec<Arc<RevocationList>>>>,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) platform: Option<Arc<PlatformTrust>>,
    pub(crate) policy: UpstreamTlsPolicy,
    /// The runtime's, narrowed by the policy.
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) trust: Arc<TrustStore>,
}

impl Verifier {
    /// The revocation lists, sorted and each once.
    pub(crate) fn crls(&self) -> &[Arc<RevocationList>] {
        self.crls.as_deref().map(Vec::as_slice).unwrap_or_default()
    }

    /// Judges a chain, leaf first, as presented for `backend_host` at `now`.
    ///
    /// The steps are those of V1..V6 in their order; the first failure is the code.
    pub(crate) fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        backend_host: Option<&BackendHost>,
        now: UnixTime,
    ) -> Result<VerifiedPeer, Box<Rejection>> {
        let mut context = Context::new(self, chain, backend_host, now);
        if context.is_nameless() {
            let kind = RejectionKind::NameMissing;
            return Err(Box::new(self.rejection_of(kind, &context, Judgement::default())));
        }
        for (index, step) in CHAIN_STEPS.iter().enumerate() {
            if let Err(kind) = context.run(*step) {
                return Err(Box::new(self.rejection(kind, context, index)));
            }
        }
        Ok(context.into_peer())
    }

    /// The policy by which it judges.
    pub fn policy(&self) -> &UpstreamTlsPolicy {
        &self.policy
    }

    pub(crate) fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }

    /// The reference names (N3, N4); empty if the policy takes the backend host and none is given.
    pub(crate) fn reference_names(&self, backend_host: Option<&BackendHost>) -> Vec<SanMatcher> {
        let listed = self.policy.subject_alt_names();
        if !listed.is_empty() {
            return listed.to_vec();
        }
        match (self.policy.server_name(), backend_host) {
            (ServerNameRule::Dns(name), _) => vec![SanMatcher::Dns(name.clone())],
            (ServerNameRule::Auto, Some(BackendHost::Dns(name))) => vec![SanMatcher::Dns(name.clone())],
            (ServerNameRule::Auto, Some(BackendHost::Ip(ip))) => vec![SanMatcher::Ip(*ip)],
            (ServerNameRule::Auto, None) | (ServerNameRule::None, _) => Vec::new(),
        }
    }

    /// The server name that is sent for `backend_host` (N2).
    pub(crate) fn server_name(&self, backend_host: Option<&BackendHost>) -> Option<String> {
        match (self.policy.server_name(), backend_host) {
            (ServerNameRule::Dns(name), _) => Some(name.to_string()),
            (ServerNameRule::Auto, Some(BackendHost::Dns(name))) => Some(name.to_string()),
            _ => None,
        }
    }

    /// What is known of a peer that failed at the step with this index; the steps behind it are evaluated, so that a report
    /// never verifies again.
    fn rejection(&self, kind: RejectionKind, mut context: Context<'_>, failed: usize) -> Rejection {
        let judgement = report::judgement(&mut context, failed, &kind);
        self.rejection_of(kind, &context, judgement)
    }

    fn rejection_of(&self, kind: RejectionKind, context: &Context<'_>, judgement: Judgement) -> Rejection {
        let expected = match &kind {
            RejectionKind::PinMismatch { .. } => {
                self.policy.spki_pins().iter().map(crate::certificate::pin_text).collect()
            }
            _ => context.expected(),
        };
        Rejection {
            at: rfc3339(seconds(context.now)),
            chain: context.chain.iter().map(|certificate| certificate.to_vec()).collect(),
            expected,
            fingerprint: Some(digest(&self.fingerprint)),
            judgement,
            kind: kind.bounded(),
            peer: context.chain.first().map(|leaf| facts_or_digest(leaf, PEER)),
            policy: self.policy.name().map(printable),
            presented: context.presented(),
            server_name: self.server_name(context.backend_host),
            tls: None,
        }
    }
}

/// The proof that a peer passed every check of a policy. Only [`Verifier`] makes one.
#[derive(Clone)]
pub struct VerifiedPeer {
    chain: Vec<Vec<u8>>,
    /// That of the chain, once it was asked for: sessions share it, and so do their audits.
    chain_digest: OnceLock<Box<[u8; 32]>>,
    matched_name: Option<String>,
    /// As the chain step and the revocation step found it.
    path: Option<Path>,
    /// Where the path ends.
    trust: Arc<TrustStore>,
    trusted_from: i64,
    trusted_until: i64,
    unrevoked: Option<Path>,
}

/// The digest of a chain as it was presented.
pub(crate) fn chain_digest(chain: &[Vec<u8>]) -> [u8; 32] {
    let mut digest = CanonicalDigest::new("uptls chain v1");
    digest.list(chain);
    digest.finish()
}

impl fmt::Debug for VerifiedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chain, chain_digest: _, matched_name, path: _, trust: _, trusted_from, trusted_until, unrevoked: _ } =
            self;
        f.debug_struct("VerifiedPeer")
            .field("chain", &ChainDigests(chain))
            .field("matched_name", matched_name)
            .field("trusted_from", trusted_from)
            .field("trusted_until", trusted_until)
            .finish()
    }
}

impl VerifiedPeer {
    fn found(&self) -> path::Findings<'_> {
        let (path, unrevoked) = (self.path.as_ref(), self.unrevoked.as_ref());
        path::Findings { matched_name: self.matched_name.as_deref(), path, unrevoked }
    }

    /// The reference name that the certificate holds, `type:value`; `None` where names are not verified (D1, D2).
    pub fn matched_name(&self) -> Option<&str> {
        self.matched_name.as_deref()
    }

    /// Since when the proof holds (unix seconds): the latest notBefore or thisUpdate that it rests on. Before that
    /// time, for example after the clock went back, no session resumes (H6).
    pub fn trusted_from(&self) -> i64 {
        self.trusted_from
    }

    /// Until when the proof holds (unix seconds): the earliest end among the certificates of the path and the
    /// nextUpdate of the revocation lists that were asked. A tolerated end (D4) counts when its toleration ends. No
    /// session resumes after it (H6).
    pub fn trusted_until(&self) -> i64 {
        self.trusted_until
    }

    /// The peer's certificates, leaf first, at most ten.
    pub fn chain(&self) -> Vec<CertificateFacts> {
        self.chain.iter().take(SHOWN).map(|der| facts_or_digest(der, PEER)).collect()
    }

    /// The SHA-256 of the leaf.
    pub fn leaf_sha256(&self) -> Option<[u8; 32]> {
        self.chain.first().map(|der| sha256(der))
    }

    /// The chain as it was presented: DER, leaf first.
    pub fn chain_der(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The digest of the chain, made once.
    pub(crate) fn chain_digest(&self) -> &[u8; 32] {
        self.chain_digest.get_or_init(|| Box::new(chain_digest(&self.chain)))
    }

    /// The path that the verdict rests on: DER, the leaf first, the trusted certificate last. What the peer sent beside it is
    /// not in it; trust as itself and a pinned leaf (T5) are paths of one certificate.
    ///
    /// `None` where no such path is known whole, and never a guess: nothing was verified (D2), the platform's verifier keeps
    /// its path to itself (T6), or the path ends at a compiled-in root, which is a name and a key without a certificate.
    pub fn verified_chain(&self) -> Option<Vec<&[u8]>> {
        let path = self.unrevoked.as_ref().or(self.path.as_ref())?;
        let mut certificates = vec![self.chain.first()?.as_slice()];
        let PathEnd::Anchor(anchor) = path.end else {
            return matches!(path.end, PathEnd::Itself | PathEnd::Pinned).then_some(certificates);
        };
        for place in &path.intermediates {
            certificates.push(self.chain.get(*place)?);
        }
        certificates.push(self.trust.anchor_facts(anchor)?.der()?);
        Some(certificates)
    }
}

/// How a report calls certificates that the peer sent.
const PEER: &str = "peer";
