//! The search for a path (V2), bounded in what it costs: names lead, signatures decide, and webpki judges one path at a time.
//!
//! Where a certificate can have one issuer only, webpki is asked at once. Where it can have several, only those are followed
//! whose key signed it, so that a path is never longer in the making than the signatures that its owner really has. All of
//! it is independent of the order in which certificates were sent and trust was listed (L4).

use core::cell::RefCell;

use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::candidates::candidates;
use super::context::Context;
use super::diagnose;
use super::path::Path;
use super::route::{Found, MAX_INTERMEDIATES, Route};
use super::rules::check_issuer;
use super::work::{self, Exhausted, Signer, Work};
use crate::certificate::CertificateView;
use crate::error::RejectionKind;
use crate::time::seconds;

/// What else a path must be; the first refusal is the reason, and another path may still pass.
pub(super) type Accept<'c, 'a> = dyn Fn(&Found<'_, 'a>) -> Result<Path, RejectionKind> + 'c;

/// The first path, in an order of its own, that webpki and `accept` accept.
pub(super) fn search<'a>(context: &Context<'a>, accept: &Accept<'_, 'a>) -> Result<Path, RejectionKind> {
    let (Some(Ok(leaf)), Some(_)) = (&context.certificate, context.leaf()) else {
        return Err(RejectionKind::NoCertificate);
    };
    let mut search = Search {
        accept,
        candidates: candidates(context)?,
        context,
        leaf,
        refusals: Refusals::default(),
        work: Work::new(),
    };
    match search.descend(&mut Vec::new(), Way::Sound) {
        Some(path) => Ok(path),
        None => search.reason(),
    }
}

struct Search<'c, 'a> {
    accept: &'c Accept<'c, 'a>,
    /// Indices into the views of the context.
    candidates: Vec<usize>,
    context: &'c Context<'a>,
    leaf: &'c EndEntityCert<'a>,
    refusals: Refusals,
    work: Work,
}

/// Why there is no path so far.
#[derive(Default)]
struct Refusals {
    /// The limit that was met.
    exhausted: Option<&'static str>,
    /// Of a path that webpki accepts.
    own: Option<RejectionKind>,
    too_deep: bool,
    webpki: Option<(webpki::Error, Route)>,
}

/// Which certificates are followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// All that names lead to: for the reason, once nothing sound is left.
    ByName,
    /// Those that may issue and, where there are several, that signed.
    Sound,
}

impl<'a> Search<'_, 'a> {
    /// The first path that is accepted above `path`, a list of candidates from the leaf's issuer up.
    fn descend(&mut self, path: &mut Vec<usize>, way: Way) -> Option<Path> {
        if self.work.step().is_err() {
            self.refusals.exhausted = Some(WORK);
            return None;
        }
        let below = path.last().copied().unwrap_or_default();
        let view = self.context.view(below)?;
        let anchors = self.anchors_of(view);
        let issuers = self.issuers_of(view, path, way);
        let several = way == Way::Sound && self.has_several(&anchors, &issuers);
        for anchor in anchors {
            if (!several || self.is_signed_by_anchor(below, anchor))
                && let Some(found) = self.judge(path, anchor)
            {
                return Some(found);
            }
            if self.refusals.is_final(way) {
                return None;
            }
        }
        if path.len() == MAX_INTERMEDIATES {
            self.refusals.too_deep |= !issuers.is_empty();
            return None;
        }
        for issuer in issuers {
            if several && !self.is_signed_by(below, issuer) {
                continue;
            }
            path.push(issuer);
            let found = self.descend(path, way);
            path.pop();
            if found.is_some() || self.refusals.is_final(way) {
                return found;
            }
        }
        None
    }

    /// The anchors that `view` names, the likeliest first.
    fn anchors_of(&self, view: &CertificateView<'_>) -> Vec<usize> {
        let trust = &self.context.verifier.trust;
        let mut anchors = trust.anchors_named(name_content(view.issuer_raw())).to_vec();
        if anchors.len() > 1 {
            let now = seconds(self.context.now);
            anchors.sort_by_cached_key(|anchor| {
                let facts = trust.anchor_facts(*anchor);
                let entry = facts.and_then(|facts| facts.certificate());
                let is_valid = entry.is_none_or(|entry| (entry.not_before()..=entry.not_after()).contains(&now));
                (key_rank(view.authority_key_id(), entry.and_then(|entry| entry.key_id())), !is_valid)
            });
        }
        anchors
    }

    /// The candidates that `view` names and that are not on the path, the likeliest first.
    fn issuers_of(&self, view: &CertificateView<'_>, path: &[usize], way: Way) -> Vec<usize> {
        let is_on_path = |issuer: &CertificateView<'_>| {
            let nodes = core::iter::once(0).chain(path.iter().copied());
            nodes
                .filter_map(|index| self.context.view(index))
                .any(|node| node.subject_raw() == issuer.subject_raw() && node.spki() == issuer.spki())
        };
        let fits = |index: &usize| {
            self.context.view(*index).is_some_and(|issuer| {
                issuer.subject_raw() == view.issuer_raw()
                    && (way == Way::ByName || check_issuer(self.context, issuer).is_ok())
                    && !is_on_path(issuer)
            })
        };
        let mut issuers: Vec<usize> = self.candidates.iter().copied().filter(fits).collect();
        let rank = |index: &usize| {
            key_rank(view.authority_key_id(), self.context.view(*index).and_then(|issuer| issuer.subject_key_id()))
        };
        issuers.sort_by_key(rank);
        issuers
    }

    fn names_lead_to_an_anchor(&self) -> bool {
        let trust = &self.context.verifier.trust;
        let nodes = core::iter::once(0).chain(self.candidates.iter().copied());
        let mut views = nodes.filter_map(|index| self.context.view(index));
        views.any(|view| !trust.anchors_named(name_content(view.issuer_raw())).is_empty())
    }

    /// Whether the signature tells between them, or a path was refused already: from then on names are not enough.
    fn has_several(&self, anchors: &[usize], issuers: &[usize]) -> bool {
        anchors.len() + issuers.len() > 1 || self.refusals.webpki.is_some() || self.refusals.own.is_some()
    }

    fn is_signed_by_anchor(&mut self, below: usize, anchor: usize) -> bool {
        let Some(own) = self.context.verifier.trust.anchors().get(anchor) else { return false };
        let spki = webpki::spki_for_anchor(own);
        let facts = self.context.verifier.trust.anchor_facts(anchor);
        let cost = facts.and_then(|facts| facts.certificate()).map_or(work::ANCHOR_COST, |entry| entry.key_cost());
        self.is_signed(below, &spki, Signer::Anchor, cost)
    }

    fn is_signed_by(&mut self, below: usize, issuer: usize) -> bool {
        let Some(view) = self.context.view(issuer) else { return false };
        self.is_signed(below, view.spki(), Signer::Presented, work::cost(view))
    }

    fn is_signed(&mut self, below: usize, spki: &[u8], signer: Signer, cost: u32) -> bool {
        if let Some(holds) = self.context.known_signature(below, spki) {
            return holds;
        }
        let Some(view) = self.context.view(below) else { return false };
        if self.work.spend(signer, cost) == Err(Exhausted) {
            self.refusals.exhausted = Some(WORK);
            return false;
        }
        let holds = view.is_signed_by(self.context.verifier.algorithms().all, spki);
        self.context.remember_signature(below, spki, holds);
        holds
    }

    /// Asks webpki about one path, and then the caller. The first path of a verification costs what any chain costs; each
    /// further one is charged.
    fn judge(&mut self, path: &[usize], anchor: usize) -> Option<Path> {
        let context = self.context;
        let views: Vec<&CertificateView<'a>> = path.iter().filter_map(|index| context.view(*index)).collect();
        let is_first = self.refusals.webpki.is_none() && self.refusals.own.is_none();
        let cost = views.iter().map(|view| work::cost(view)).sum::<u32>();
        let is_spent = || !is_first && self.work.spend(Signer::Presented, cost + 1) == Err(Exhausted);
        if let Some(limit) = self.crowd(&views, anchor).or_else(|| is_spent().then_some(WORK)) {
            self.refusals.exhausted = Some(limit);
            return None;
        }
        let anchor_of_path = context.verifier.trust.anchors().get(anchor)?;
        let ders: Vec<CertificateDer<'_>> = views.iter().map(|view| CertificateDer::from(view.der())).collect();
        match self.ask_webpki(path, &views, &ders, (anchor, anchor_of_path)) {
            (Ok(()), Some(Ok(path))) => Some(path),
            (_, Some(Err(kind))) => {
                self.refusals.own.get_or_insert(kind);
                None
            }
            (Err(error), _) => {
                let error = match exceeds_path_length(&views) {
                    true => webpki::Error::PathLenConstraintViolated,
                    false => error,
                };
                self.refusals.webpki.get_or_insert((error, Route { anchor, path: path.to_vec() }));
                None
            }
            (Ok(()), None) => None,
        }
    }

    fn ask_webpki(
        &self,
        path: &[usize],
        views: &[&CertificateView<'a>],
        ders: &[CertificateDer<'_>],
        (index, anchor): (usize, &TrustAnchor<'static>),
    ) -> (Result<(), webpki::Error>, Option<Result<Path, RejectionKind>>) {
        let judged = RefCell::new(None);
        let accept = |verified: &VerifiedPath<'_>| {
            let own = views.iter().copied().zip(path.iter().copied());
            let of_der = |der: CertificateDer<'_>| own.clone().find(|(view, _)| view.der() == &*der);
            let (intermediates, places) =
                verified.intermediate_certificates().filter_map(|certificate| of_der(certificate.der())).unzip();
            match (self.accept)(&Found { anchor: index, intermediates, places }) {
                Ok(path) => {
                    judged.replace(Some(Ok(path)));
                    Ok(())
                }
                Err(kind) => {
                    judged.borrow_mut().get_or_insert(Err(kind));
                    Err(webpki::Error::UnknownIssuer)
                }
            }
        };
        let found = self.leaf.verify_for_usage(
            self.context.verifier.algorithms().all,
            core::slice::from_ref(anchor),
            ders,
            self.context.verification_time(),
            KeyUsage::server_auth(),
            None,
            Some(&accept),
        );
        (found.map(drop), judged.take())
    }

    /// Why webpki may not be asked about a path: it would try more certificates of one name than [`MAX_NAMESAKES`] in
    /// every order, and compare each name with each constraint above it.
    fn crowd(&self, path: &[&CertificateView<'a>], anchor: usize) -> Option<&'static str> {
        let namesakes = |view: &&CertificateView<'a>| {
            path.iter().filter(|other| other.subject_raw() == view.subject_raw()).count() > MAX_NAMESAKES
        };
        let facts = self.context.verifier.trust.anchor_facts(anchor);
        let of_anchor = facts.and_then(|facts| facts.certificate()).map_or(1, |entry| entry.name_constraint_count());
        let mut names = self.context.leaf().map_or(0, CertificateView::presented_name_count);
        let mut comparisons = 0_usize;
        for view in path {
            comparisons = comparisons.saturating_add(names.saturating_mul(view.name_constraint_count()));
            names = names.saturating_add(view.presented_name_count());
        }
        comparisons = comparisons.saturating_add(names.saturating_mul(of_anchor));
        match comparisons > MAX_NAME_COMPARISONS {
            true => Some(COMPARISONS),
            false => path.iter().any(namesakes).then_some(NAMESAKES),
        }
    }

    /// Why there is no path: what a path was refused for, or else what the likeliest one would be.
    fn reason(&mut self) -> Result<Path, RejectionKind> {
        let is_open =
            self.refusals.exhausted.is_none() && self.refusals.own.is_none() && self.refusals.webpki.is_none();
        if is_open && self.names_lead_to_an_anchor() {
            self.refusals.too_deep = false;
            if let Some(path) = self.descend(&mut Vec::new(), Way::ByName) {
                return Ok(path);
            }
        }
        let Refusals { exhausted, own, too_deep, webpki } = core::mem::take(&mut self.refusals);
        if let Some(kind) = own {
            return Err(kind);
        }
        if let Some((error, route)) = webpki {
            return Err(diagnose::explain_error(self.context, &error, Some(&route)));
        }
        if let Some(limit) = exhausted {
            return Err(RejectionKind::BudgetExceeded { limit: limit.to_owned() });
        }
        if too_deep {
            return Err(diagnose::explain_error(self.context, &webpki::Error::MaximumPathDepthExceeded, None));
        }
        Err(diagnose::without_anchor(self.context, self.leaf))
    }
}

impl Refusals {
    /// Whether nothing that is still to come could change the reason.
    fn is_final(&self, way: Way) -> bool {
        self.exhausted.is_some() || (way == Way::ByName && (self.own.is_some() || self.webpki.is_some()))
    }
}

/// Whether a path is longer than one of its certificates permits. Of certificates of one name webpki tries every order, and its
/// last word is then about a signature of a path that no certificate claims.
fn exceeds_path_length(path: &[&CertificateView<'_>]) -> bool {
    let numbered = path.iter().enumerate();
    let mut limits = numbered.filter_map(|(below, view)| Some((below, usize::try_from(view.path_length()?).ok()?)));
    limits.any(|(below, limit)| below > limit)
}

/// Those whose key identifier is the wanted one first, those with another one last (RFC 5280 section 4.2.1.1: a help in
/// building paths, never a verdict).
fn key_rank(wanted: Option<&[u8]>, own: Option<&[u8]>) -> u8 {
    match (wanted, own) {
        (Some(wanted), Some(own)) if wanted == own => 0,
        (Some(_), Some(_)) => 2,
        _ => 1,
    }
}

/// The content of a DER name, which is how anchors hold theirs.
fn name_content(der: &[u8]) -> &[u8] {
    let header = match der.get(1) {
        Some(short @ 0..0x80) if usize::from(*short) + 2 == der.len() => 2,
        Some(long @ 0x80..) => 2 + usize::from(long & 0x7f),
        _ => return der,
    };
    der.get(header..).unwrap_or_default()
}

const COMPARISONS: &str = "20000 comparisons of a name with a name constraint";
const NAMESAKES: &str = "4 certificates of one name in a row";
const WORK: &str = "the work that a verification may take";

/// Renewed and cross-signed certificates of one CA in a row.
const MAX_NAMESAKES: usize = 4;
/// A hundred names below a hundred constraints, twice over.
const MAX_NAME_COMPARISONS: usize = 20_000;

#[cfg(test)]
mod tests;
