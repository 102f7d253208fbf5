//! Runs every step and never stops (V10): the whole report of a chain.

use core::cmp::Ordering;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::context::Context;
use super::path::{Findings, Path, PathEnd};
use super::steps::CHAIN_STEPS;
use super::{PEER, VerifiedPeer, Verifier};
use crate::certificate::{CertificateView, facts_or_digest, shown};
use crate::danger::PeerDanger;
use crate::error::{Judgement, Outcome, Rejection, RejectionKind, Step, StepName};
use crate::facts::CertificateFacts;
use crate::name::BackendHost;
use crate::policy::SanMatcher;
use crate::report::{PolicyFacts, Report, Verdict};
use crate::text::{SHOWN, digest, printable};
use crate::time::{is_near_end, rfc3339, seconds};
use crate::trust::{AnchorFacts, RevocationList, SystemRoots};
use crate::warning::{Warning, WarningCode};

impl Verifier {
    /// Judges as [`Verifier::verify`] does and says everything: same verdict, same first code.
    pub(crate) fn report(
        &self,
        chain: &[CertificateDer<'_>],
        backend_host: Option<&BackendHost>,
        now: UnixTime,
    ) -> Report {
        let mut context = Context::new(self, chain, backend_host, now);
        let mut report = self.blank_report(backend_host, now);
        let mut first_failure = None;
        let mut steps = Vec::new();
        for name in CHAIN_STEPS {
            let (step, failure) = evaluate(&mut context, *name);
            steps.push(step);
            first_failure = first_failure.or(failure);
        }
        let anchor = self.anchor_facts(context.proven());
        report.expected = context.expected();
        report.presented = context.presented();
        self.judge(&mut report, chain.iter().map(|der| &**der), &Judgement { anchor, steps });
        match first_failure {
            None => {
                report.verdict = Verdict::Accepted;
                let sent: Vec<&[u8]> = chain.iter().map(|der| &**der).collect();
                report.warnings.extend(peer_warnings(&sent, context.proven(), seconds(now)));
            }
            Some(kind) => {
                let rejection = self.rejection_of(kind, &context, Judgement::default());
                report.refuse(&rejection);
            }
        }
        report
    }

    /// The report of a peer that was accepted before: what [`Verifier::report`] said then, without judging again.
    pub(crate) fn report_of_peer(&self, peer: &VerifiedPeer, host: Option<&BackendHost>, now: UnixTime) -> Report {
        let mut report = self.blank_report(host, now);
        let leaf = peer.chain.first().and_then(|der| CertificateView::parse(der).ok());
        report.expected = self.reference_names(host).iter().map(ToString::to_string).collect();
        report.presented = shown(&leaf.as_ref().and_then(CertificateView::presented_names).unwrap_or_default());
        self.judge(&mut report, peer.chain.iter().map(Vec::as_slice), &self.judgement_of_peer(peer));
        report.verdict = Verdict::Accepted;
        let sent: Vec<&[u8]> = peer.chain.iter().map(Vec::as_slice).collect();
        report.warnings.extend(peer_warnings(&sent, peer.path.as_ref(), seconds(now)));
        report
    }

    /// How the steps of a peer fared that was accepted.
    pub(crate) fn judgement_of_peer(&self, peer: &VerifiedPeer) -> Judgement {
        let steps = CHAIN_STEPS.iter().map(|name| self.passed(*name, peer.found())).collect();
        Judgement { anchor: self.anchor_facts(peer.unrevoked.as_ref().or(peer.path.as_ref())), steps }
    }

    /// The report of a peer that was refused before, likewise.
    pub(crate) fn report_of_rejection(&self, rejection: &Rejection, host: &BackendHost, now: UnixTime) -> Report {
        let mut report = self.blank_report(Some(host), now);
        report.at.clone_from(&rejection.at);
        if report.policy.fingerprint != rejection.fingerprint {
            // Another generation is published by now.
            report.policy.spec_digest = None;
        }
        report.policy.name.clone_from(&rejection.policy);
        report.policy.fingerprint.clone_from(&rejection.fingerprint);
        report.server_name.clone_from(&rejection.server_name);
        report.expected.clone_from(&rejection.expected);
        report.presented.clone_from(&rejection.presented);
        let judgement = self.in_own_names(rejection.judgement.clone());
        self.judge(&mut report, rejection.chain.iter().map(Vec::as_slice), &judgement);
        report.refuse(rejection);
        report
    }

    /// Policies of one fingerprint share a verifier (R9), and what it found names the files of the policy that was loaded first.
    /// The report of a policy names its own.
    fn in_own_names(&self, mut judgement: Judgement) -> Judgement {
        let Some(anchor) = &mut judgement.anchor else { return judgement };
        let mut entries = self.trust.bundle_entries();
        let is_it =
            |facts: &AnchorFacts<'_>| facts.entry().is_some_and(|entry| digest(&entry.sha256()) == anchor.sha256);
        let Some(own) = entries.find(is_it) else { return judgement };
        let source = own.source(&self.policy);
        for text in judgement.steps.iter_mut().filter_map(|step| step.detail.get_mut(TRUSTED)) {
            if let Some(subject) = text.strip_suffix(&anchor.source) {
                *text = format!("{subject}{source}");
            }
        }
        anchor.source = source;
        judgement
    }

    /// Sets the steps and the chain.
    fn judge<'d>(&self, report: &mut Report, chain: impl Iterator<Item = &'d [u8]>, judgement: &Judgement) {
        report.set_step(Step::new(StepName::Policy, Outcome::Pass));
        judgement.steps.iter().for_each(|step| report.set_step(step.clone()));
        report.chain = chain.take(SHOWN).map(|der| facts_or_digest(der, PEER)).collect();
        report.chain.extend(judgement.anchor.clone());
    }

    /// A report of this policy in which no step was reached.
    pub(crate) fn blank_report(&self, backend_host: Option<&BackendHost>, now: UnixTime) -> Report {
        Report {
            policy: PolicyFacts {
                name: self.policy.name().map(printable),
                spec_digest: Some(digest(&self.policy.spec_digest())),
                fingerprint: Some(digest(&self.fingerprint)),
                generation: None,
            },
            backend_host: backend_host.map(ToString::to_string),
            server_name: self.server_name(backend_host),
            at: rfc3339(seconds(now)),
            steps: StepName::ALL.iter().map(|name| Step::new(*name, Outcome::Skip)).collect(),
            warnings: self.warnings(seconds(now)),
            ..Report::default()
        }
    }

    /// What is known of policy and trust at `now` (unix seconds), without the identity.
    pub(crate) fn warnings(&self, now: i64) -> Vec<Warning> {
        let mut warnings = self.danger_warnings(now);
        if let Some(paths) = self.trust.system().and_then(SystemRoots::replaced_by) {
            warnings.push(Warning::new(WarningCode::SystemRootsReplaced, [("paths", paths.to_owned())]));
        }
        for (bundle, material) in self.trust.bundles().iter().zip(&self.policy.trust().bundles) {
            warnings.extend(bundle.warnings(&material.source(), now));
        }
        let is_last = |list: &&Arc<RevocationList>| {
            let matter = list.subject_matter();
            !self
                .crls()
                .iter()
                .any(|other| other.next_update() > list.next_update() && other.subject_matter() == matter)
        };
        warnings.extend(self.crls().iter().filter(is_last).filter_map(|list| list.warning(now)));
        for matcher in self.policy.subject_alt_names() {
            if let SanMatcher::DnsWildcard(_) = matcher {
                warnings.push(Warning::new(WarningCode::NameWildcardLiteral, [("name", matcher.to_string())]));
            }
        }
        warnings.extend(self.policy.group_warning());
        let unvouched = |name: &SanMatcher| Warning::new(WarningCode::SpiffeIdUnvouched, [("name", name.to_string())]);
        warnings.extend(self.policy.unvouched_names().map(unvouched));
        warnings
    }

    fn danger_warnings(&self, now: i64) -> Vec<Warning> {
        let danger = self.policy.danger();
        let active = |rule: &str, reason: &str| {
            let detail = [("rule", rule.to_owned()), ("reason", reason.to_owned())];
            Warning::new(WarningCode::DangerActive, detail)
        };
        let mut warnings = match &danger.peer {
            PeerDanger::AnyCertificate { reason } => vec![active("acceptAnyCertificate", reason)],
            PeerDanger::AnyName { reason } => vec![active("acceptAnyName", reason)],
            PeerDanger::None => Vec::new(),
        };
        let in_force = danger.tolerations.iter().filter(|t| t.until.is_none_or(|until| now <= until));
        warnings.extend(in_force.map(|t| active(t.rule.as_str(), &t.reason)));
        warnings
    }

    /// The anchor of a path, if it ends at one whose certificate is known.
    fn anchor_facts(&self, path: Option<&Path>) -> Option<CertificateFacts> {
        let PathEnd::Anchor(index) = path?.end else { return None };
        let anchor = self.trust.anchor_facts(index)?;
        Some(facts_or_digest(anchor.der()?, &anchor.source(&self.policy)))
    }

    /// A step that passed, with the one fact that it has to tell.
    fn passed(&self, name: StepName, found: Findings<'_>) -> Step {
        if !self.applies(name) {
            return Step::new(name, Outcome::Skip);
        }
        let step = Step::new(name, Outcome::Pass);
        match name {
            StepName::Chain => self.describe_path(step, found.path),
            StepName::Revocation => self.describe_path(step, found.unrevoked),
            StepName::Name => match found.matched_name {
                Some(matched) => step.with("matched", matched),
                None => step,
            },
            _ => step,
        }
    }

    fn describe_path(&self, step: Step, path: Option<&Path>) -> Step {
        let Some(path) = path else { return step };
        let trusted = match path.end {
            PathEnd::Anchor(index) => self.trust.anchor_facts(index).map_or_else(String::new, |anchor| {
                let subject = anchor.certificate().map(|entry| format!("{}, ", entry.subject())).unwrap_or_default();
                format!("{subject}{}", anchor.source(&self.policy))
            }),
            PathEnd::Itself => "itself, an entry of a bundle".to_owned(),
            PathEnd::Pinned => "itself, by a pin".to_owned(),
            PathEnd::Platform => "the platform's verifier".to_owned(),
        };
        let step = step.with(TRUSTED, trusted).with("intermediates", path.intermediates.len().to_string());
        step.with("until", rfc3339(path.trusted_until))
    }
}

/// R8: which certificates of an accepted peer come near their end: the leaf, and the intermediates of its path.
fn peer_warnings(sent: &[&[u8]], path: Option<&Path>, now: i64) -> Vec<Warning> {
    let issuers = path.map(|path| path.intermediates.as_slice()).unwrap_or_default();
    let certificates = [0].iter().chain(issuers).filter_map(|index| CertificateView::parse(sent.get(*index)?).ok());
    let expiring =
        certificates.filter(|certificate| is_near_end(certificate.not_before(), certificate.not_after(), now));
    let warning = |certificate: CertificateView<'_>| {
        let facts = certificate.facts(PEER);
        Warning::new(WarningCode::PeerExpiring, [("not_after", facts.not_after), ("subject", facts.subject)])
    };
    expiring.map(warning).collect()
}

/// The steps of a verification that failed at the one with the index `failed`: those before it passed, and those behind it
/// are evaluated now.
pub(super) fn judgement(context: &mut Context<'_>, failed: usize, kind: &RejectionKind) -> Judgement {
    let mut steps = Vec::new();
    for (index, name) in CHAIN_STEPS.iter().enumerate() {
        steps.push(match index.cmp(&failed) {
            Ordering::Less => context.verifier.passed(*name, context.found()),
            Ordering::Equal => failed_step(*name, kind),
            Ordering::Greater => evaluate(context, *name).0,
        });
    }
    Judgement { anchor: context.verifier.anchor_facts(context.proven()), steps }
}

/// One step as the report shows it, and why it failed.
fn evaluate(context: &mut Context<'_>, name: StepName) -> (Step, Option<RejectionKind>) {
    if name != StepName::Chain && !context.evaluable(name) {
        let outcome = if context.verifier.applies(name) { Outcome::NotEvaluable } else { Outcome::Skip };
        return (Step::new(name, outcome), None);
    }
    match context.run(name) {
        Err(kind) => (failed_step(name, &kind), Some(kind)),
        Ok(()) => (context.verifier.passed(name, context.found()), None),
    }
}

fn failed_step(name: StepName, kind: &RejectionKind) -> Step {
    Step::failed(name, kind.code()).with("reason", kind.to_string())
}

/// The detail of a step that says where its path ends.
const TRUSTED: &str = "trusted";
