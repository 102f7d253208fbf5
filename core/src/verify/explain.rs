//! Runs every step and never stops (V10): the whole report of a chain.

use rustls_pki_types::{CertificateDer, UnixTime};

use super::path::PathEnd;
use super::steps::{CHAIN_STEPS, Context};
use super::{PEER, Verifier};
use crate::certificate::facts_or_digest;
use crate::danger::PeerDanger;
use crate::error::RejectionKind;
use crate::name::BackendHost;
use crate::report::{CertificateFacts, Outcome, PolicyFacts, Report, Step, StepName, Verdict, Warning, WarningCode};
use crate::text::{SHOWN, digest, printable};
use crate::time::{rfc3339, seconds};
use crate::trust::SystemRoots;

impl Verifier {
    /// Judges as [`Verifier::verify`] does and says everything: same verdict, same first code.
    pub(crate) fn explain(
        &self,
        chain: &[CertificateDer<'_>],
        backend_host: Option<&BackendHost>,
        now: UnixTime,
    ) -> Report {
        let mut context = Context::new(self, chain, backend_host, now);
        let mut report = self.blank_report(backend_host, now);
        report.set_step(Step::new(StepName::Policy, Outcome::Pass));
        let mut first_failure = None;
        for name in CHAIN_STEPS {
            let (step, failure) = evaluate(&mut context, *name);
            report.set_step(step);
            first_failure = first_failure.or(failure);
        }
        report.expected = context.expected();
        report.presented = context.presented();
        report.chain = self.chain_facts(&context);
        match first_failure {
            None => report.verdict = Verdict::Accepted,
            Some(kind) => {
                let rejection = self.rejection(kind, &context);
                let (message, hint) = (rejection.to_string(), rejection.hint());
                report.fail(Verdict::Rejected, rejection.code(), message, hint);
            }
        }
        report
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
        for matcher in self.policy.subject_alt_names() {
            if let crate::policy::SanMatcher::DnsWildcard(_) = matcher {
                warnings.push(Warning::new(WarningCode::NameWildcardLiteral, [("name", matcher.to_string())]));
            }
        }
        warnings.extend(self.policy.group_warning());
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

    /// The peer's certificates and the anchor of the path, if there is one.
    fn chain_facts(&self, context: &Context<'_>) -> Vec<CertificateFacts> {
        let mut facts: Vec<_> = context.chain.iter().take(SHOWN).map(|der| facts_or_digest(der, PEER)).collect();
        if let Some(PathEnd::Anchor(index)) = context.path.as_ref().map(|path| path.end)
            && let Some(anchor) = self.trust.anchor_facts(index)
            && let Some(der) = anchor.der
        {
            facts.push(facts_or_digest(der, &anchor.source(&self.policy)));
        }
        facts
    }
}

/// One step as the report shows it, and why it failed.
fn evaluate(context: &mut Context<'_>, name: StepName) -> (Step, Option<RejectionKind>) {
    if name != StepName::Chain && !context.evaluable(name) {
        let outcome = if context.applies(name) { Outcome::NotEvaluable } else { Outcome::Skip };
        return (Step::new(name, outcome), None);
    }
    match context.run(name) {
        Err(kind) => (Step::failed(name, kind.code()).with("reason", kind.to_string()), Some(kind)),
        Ok(()) if !context.applies(name) => (Step::new(name, Outcome::Skip), None),
        Ok(()) => (describe(context, Step::new(name, Outcome::Pass)), None),
    }
}

/// The one fact that a passed step has to tell.
fn describe(context: &Context<'_>, step: Step) -> Step {
    match (step.step, &context.path) {
        (StepName::Chain | StepName::Revocation, Some(path)) => {
            let trusted = match path.end {
                PathEnd::Anchor(index) => {
                    context.verifier.trust.anchor_facts(index).map_or_else(String::new, |anchor| {
                        let subject = anchor.der.map(super::subject_of).map(|s| format!("{s}, ")).unwrap_or_default();
                        format!("{subject}{}", anchor.source(&context.verifier.policy))
                    })
                }
                PathEnd::Itself => "itself, an entry of a bundle".to_owned(),
                PathEnd::Pinned => "itself, by a pin".to_owned(),
                PathEnd::Platform => "the platform's verifier".to_owned(),
            };
            let step = step.with("trusted", trusted).with("intermediates", path.intermediates.to_string());
            step.with("until", rfc3339(path.trusted_until))
        }
        (StepName::Name, _) => match &context.matched_name {
            Some(name) => step.with("matched", name),
            None => step,
        },
        _ => step,
    }
}
