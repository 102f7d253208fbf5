//! What is said of a verification: versioned, serialisable, equal byte for byte in every language.

mod facts;

pub use facts::{PolicyFacts, ProblemFacts};

use serde::Serialize;

use crate::error::{Code, Outcome, Problem, Problems, Rejection, Step, StepName};
use crate::facts::{CertificateFacts, TlsFacts};
use crate::fix::Fix;
use crate::text::printable;
use crate::warning::Warning;

/// The envelope of every `--json` output: one object, whatever the number of results.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Envelope<T> {
    /// `uptls.report/v1`, `uptls.description/v1`, ...
    pub schema: &'static str,
    /// One entry for each target.
    pub results: Vec<T>,
}

impl Envelope<Report> {
    /// Reports under the schema `uptls.report/v1`.
    pub fn reports(results: Vec<Report>) -> Self {
        Self { schema: "uptls.report/v1", results }
    }
}

impl<T: Serialize> Envelope<T> {
    /// Results under another schema.
    pub fn new(schema: &'static str, results: Vec<T>) -> Self {
        Self { schema, results }
    }

    /// The JSON text, two spaces of indentation, without a line end: what every face returns.
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// use uptls::Envelope;
    ///
    /// let report = runtime.prepare(&policy)?.report_pem(b"", Some("payments.internal"));
    /// let json = Envelope::reports(vec![report]).to_json();
    /// assert!(json.contains(r#""schema": "uptls.report/v1""#) && json.contains(r#""code": "cert_none""#));
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> String {
        // Serialising these types cannot fail: no map has a key that is not text.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// One verification. Fields that do not apply are absent.
///
/// ```
#[doc = include_str!("../../doc/policy.txt")]
/// let chain = std::fs::read("../examples/refused/chain.pem")?;
/// let report = runtime.prepare(&policy)?.report_pem(&chain, None);
/// assert_eq!(report.code.unwrap().as_str(), "name_mismatch");
/// assert_eq!(report.expected, ["dns:payments.internal"]);
/// assert_eq!(report.presented, ["dns:payments-v2.internal", "uri:spiffe://prod/ns/pay/sa/worker"]);
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Report {
    /// `accepted`, `rejected` or `error`.
    pub verdict: Verdict,
    /// The stable code, unless accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub code: Option<Code>,
    /// The number of the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u16>,
    /// The category of the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<&'static str>,
    /// One useful sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The one thing to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The hint as a change of the policy document, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// Which policy judged.
    pub policy: PolicyFacts,
    /// The logical name of the backend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_host: Option<String>,
    /// The address of the socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The SNI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The clock of the verification, RFC 3339.
    pub at: String,
    /// Every step in its order.
    pub steps: Vec<Step>,
    /// The reference names, `type:value`.
    pub expected: Vec<String>,
    /// The presented names, `type:value`, at most ten.
    pub presented: Vec<String>,
    /// The peer's certificates, leaf first, at most ten, and the anchor where a path was found.
    pub chain: Vec<CertificateFacts>,
    /// The negotiated parameters; live only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFacts>,
    /// Everything that is wrong with a policy that cannot be used.
    pub errors: Vec<ProblemFacts>,
    /// The warnings: no verdict, but worth knowing.
    pub warnings: Vec<Warning>,
}

impl Report {
    /// The report of a policy that cannot be used.
    pub fn unusable(problems: &Problems, at: impl Into<String>) -> Self {
        let mut report = Self {
            policy: PolicyFacts { name: problems.policy().map(printable), ..PolicyFacts::default() },
            at: at.into(),
            errors: problems.iter().map(ProblemFacts::new).collect(),
            ..Self::default()
        };
        report.steps = StepName::ALL.iter().map(|name| Step::new(*name, Outcome::Skip)).collect();
        if let Some(step) = report.steps.first_mut() {
            step.outcome = Outcome::Fail;
            step.code = Some(problems.code());
        }
        let hint = problems.first().map(Problem::hint).unwrap_or_default();
        let message = problems.first().map(ToString::to_string).unwrap_or_default();
        report.fail(Verdict::Error, problems.code(), message, hint);
        report.fix = problems.first().and_then(Problem::fix);
        report
    }

    /// The report of a failure that is no policy's: a misuse, a panic that was caught at a border.
    pub fn without_policy(code: Code, message: String, at: impl Into<String>) -> Self {
        let mut report = Self { at: at.into(), ..Self::default() };
        report.steps = StepName::ALL.iter().map(|name| Step::new(*name, Outcome::Skip)).collect();
        report.fail(Verdict::Error, code, message, code.hint());
        report
    }

    /// Sets verdict, code and texts.
    pub fn fail(&mut self, verdict: Verdict, code: Code, message: String, hint: String) {
        self.verdict = verdict;
        self.code = Some(code);
        self.number = Some(code.number());
        self.category = Some(code.category().as_str());
        self.message = Some(message);
        self.hint = Some(hint);
    }

    /// The verdict of a refusal.
    pub(crate) fn refuse(&mut self, rejection: &Rejection) {
        self.fail(Verdict::Rejected, rejection.code(), rejection.to_string(), rejection.hint());
    }

    /// Whether the peer is accepted.
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// let report = runtime.prepare(&policy)?.report_pem(b"", Some("payments.internal"));
    /// assert!(!report.accepted());
    /// assert_eq!((report.exit_code(), report.hint.as_deref()), (1, Some("configure a certificate on the upstream")));
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn accepted(&self) -> bool {
        self.verdict == Verdict::Accepted
    }

    /// Changes the step `name`.
    pub fn set_step(&mut self, step: Step) {
        if let Some(own) = self.steps.iter_mut().find(|own| own.step == step.step) {
            *own = step;
        }
    }

    /// The exit code of the command for it.
    pub fn exit_code(&self) -> u8 {
        self.code.map_or(0, Code::exit_code)
    }
}

/// The outcome of a verification.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// The policy accepts the peer.
    Accepted,
    /// No verdict could be reached: the policy, the transport or the remote side.
    #[default]
    Error,
    /// The policy refuses the peer.
    Rejected,
}
