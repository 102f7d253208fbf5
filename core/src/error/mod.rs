//! The five families of errors, by who must act, over one table of codes.

mod alert;
mod bounds;
mod by_path;
mod connect;
mod conversion;
mod fault;
mod local;
mod material;
mod oversized;
mod policy;
mod policy_fix;
mod policy_hint;
mod policy_text;
mod rejection;
mod rejection_hint;
mod rejection_text;
mod step;
mod table;

pub use alert::{AlertMoment, UnusableIdentity};
pub(crate) use bounds::ChainDigests;
pub use by_path::ByPath;
pub use connect::{ConnectError, KnownPeer, Misuse};
pub use conversion::Conversion;
pub use fault::{AlgorithmFault, ListDistrust};
pub use local::{LocalStep, Refusal, Shortage};
pub use material::{MaterialError, MaterialErrorKind};
pub use oversized::Oversized;
pub use policy::{Origin, PolicyError, PolicyErrorKind};
pub(crate) use rejection::Judgement;
pub use rejection::{Rejection, RejectionKind};
pub use step::{Outcome, Step, StepName};
pub use table::{Alert, Category, Code, Severity};

use core::fmt;
use std::sync::Arc;

use crate::facts::TlsFacts;
use crate::fix::Fix;
use crate::input::Cause;
use crate::text::printable;

/// Everything that can go wrong with a connector, by who must act.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// # use uptls::danger::DangerPermission;
/// # use uptls::{MaterialDraft, PolicyDraft, PolicySpec, TrustDraft, UpstreamTlsPolicy};
/// # let trust = TrustDraft { bundles: vec![MaterialDraft::file("../examples/refused/ca.pem")], ..TrustDraft::default() };
/// # let spec = PolicySpec { server_name: Some("payments.internal".to_owned()), trust, ..PolicySpec::default() };
/// # let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden)?;
/// # let clock = uptls::FixedClock::at(1_795_392_000);
/// # let runtime = uptls::Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build();
/// use uptls::{BackendHost, ConnectOptions, Connector, Error};
///
/// let connector = Connector::new(&runtime, &policy)?;
/// connector.withdraw();
/// match connector.begin(&BackendHost::parse("payments.internal")?, &ConnectOptions::default()) {
///     Err(Error::Policy(problems)) => assert_eq!(problems.code().as_str(), "policy_withdrawn"),
///     _ => unreachable!("the policy was withdrawn"),
/// }
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The transport, the remote side or the protocol.
    #[error("{error}")]
    #[non_exhaustive]
    Connect {
        /// What failed.
        error: ConnectError,
        /// What was known of the peer by then: nothing before its ServerHello.
        known: Option<Arc<KnownPeer>>,
    },
    /// The caller's bug.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The policy or its material: everything that is wrong with it, at once.
    #[error(transparent)]
    Policy(#[from] Problems),
    /// The peer failed the policy.
    #[error(transparent)]
    Rejected(#[from] Box<Rejection>),
}

impl Error {
    /// The stable code; for several problems that of the first.
    pub fn code(&self) -> Code {
        match self {
            Self::Connect { error, .. } => error.code(),
            Self::Misuse(_) => Code::Misuse,
            Self::Policy(problems) => problems.code(),
            Self::Rejected(rejection) => rejection.code(),
        }
    }

    /// The one thing to change.
    pub fn hint(&self) -> String {
        match self {
            Self::Connect { error, .. } => error.hint(),
            Self::Misuse(_) => Code::Misuse.hint(),
            Self::Policy(problems) => problems.first().map(Problem::hint).unwrap_or_default(),
            Self::Rejected(rejection) => rejection.hint(),
        }
    }

    /// The peer's certificates (DER, leaf first), for a report: those that were refused, or those that were verified before
    /// the connection failed for another reason. Empty if it did not come so far.
    pub fn chain(&self) -> &[Vec<u8>] {
        match self {
            Self::Connect { known: Some(known), .. } => &known.chain,
            Self::Rejected(rejection) => &rejection.chain,
            Self::Connect { known: None, .. } | Self::Misuse(_) | Self::Policy(_) => &[],
        }
    }

    /// What was negotiated before the connection failed, for a report; `None` before the ServerHello.
    pub fn tls(&self) -> Option<&TlsFacts> {
        match self {
            Self::Connect { known, .. } => known.as_ref().map(|known| &known.tls),
            Self::Rejected(rejection) => rejection.tls.as_ref(),
            Self::Misuse(_) | Self::Policy(_) => None,
        }
    }

    /// The error of this library inside an error of another library, through any number of wrappings: of hyper, tonic
    /// or an `io::Error`.
    ///
    /// ```
    /// let error = uptls::Error::from(uptls::Misuse::new("an example"));
    /// let wrapped = std::io::Error::other(std::io::Error::from(error.clone()));
    /// assert_eq!(uptls::Error::find_in(&wrapped), Some(&error));
    /// ```
    pub fn find_in<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            // The source of an `io::Error` is that of the error inside, which is passed over.
            next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }

    /// The code alone: all that an HTTP client on the other side of a gateway may learn.
    pub fn public_text(&self) -> &'static str {
        self.code().as_str()
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::Connect { error, known: None }
    }
}

/// One thing that is wrong with a policy or its material.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// For the operator who provides files.
    #[error(transparent)]
    Material(#[from] MaterialError),
    /// For the author of the policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

impl Problem {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Material(error) => error.code(),
            Self::Policy(error) => error.code(),
        }
    }

    /// The one thing to change.
    pub fn hint(&self) -> String {
        match self {
            Self::Material(error) => error.hint(),
            Self::Policy(error) => error.hint(),
        }
    }

    /// What is wrong, without the place: for a caller that shows [`Problem::origin`] beside it. `Display` begins with the place.
    pub fn message(&self) -> String {
        struct Message<'a>(&'a Problem);
        impl fmt::Display for Message<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    Problem::Material(error) => error.fmt_message(f),
                    Problem::Policy(error) => error.fmt_message(f),
                }
            }
        }
        Message(self).to_string()
    }

    /// The hint as a change of the document, if it is one.
    pub fn fix(&self) -> Option<Fix> {
        match self {
            Self::Material(_) => None,
            Self::Policy(error) => error.fix(),
        }
    }

    /// Where in the policy: `spec.trust.bundles[0]`.
    pub fn path(&self) -> &str {
        match self {
            Self::Material(error) => &error.path,
            Self::Policy(error) => &error.path,
        }
    }

    /// Which document, line and column, if the policy was read from one.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Material(error) => error.origin.as_ref(),
            Self::Policy(error) => error.origin.as_ref(),
        }
    }

    /// Why material could not be read, where that is what is wrong.
    pub(crate) fn cause(&self) -> Option<Cause> {
        match self {
            Self::Material(error) => error.cause,
            Self::Policy(_) => None,
        }
    }

    /// Adds where the field at [`Problem::path`] was written.
    #[must_use]
    pub fn with_origin(mut self, origin: Option<Origin>) -> Self {
        match &mut self {
            Self::Material(error) => error.origin = origin,
            Self::Policy(error) => error.origin = origin,
        }
        self
    }
}

/// All that is wrong with one policy; never empty.
///
/// ```
/// use uptls::danger::DangerPermission;
/// use uptls::{PolicyDraft, PolicySpec, UpstreamTlsPolicy, VersionsDraft};
///
/// let versions = VersionsDraft { min: Some("1.1".to_owned()), max: None };
/// let spec = PolicySpec { versions, ..PolicySpec::default() };
/// let problems = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).err().unwrap();
/// let paths: Vec<_> = problems.iter().map(|problem| problem.path()).collect();
/// assert!(paths.contains(&"spec.trust") && paths.contains(&"spec.versions.min"), "all at once: {paths:?}");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Problems {
    policy: Option<String>,
    problems: Vec<Problem>,
}

impl Problems {
    /// Problems of the policy called `policy`, if its name is known.
    pub fn new(policy: Option<String>, first: Problem, rest: Vec<Problem>) -> Self {
        let mut problems = vec![first];
        problems.extend(rest);
        Self { policy, problems }
    }

    /// `Err` if there is a problem, else `value`.
    pub(crate) fn or_else<T>(policy: Option<&str>, problems: Vec<Problem>, value: T) -> Result<T, Self> {
        let mut problems = problems.into_iter();
        match problems.next() {
            None => Ok(value),
            Some(first) => Err(Self::new(policy.map(str::to_owned), first, problems.collect())),
        }
    }

    /// The name of the policy, if it is known.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// The code of the first problem.
    pub fn code(&self) -> Code {
        self.first().map_or(Code::Internal, Problem::code)
    }

    /// Each problem, in the order of the policy's fields.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// Whether the same is wrong in the same places: the codes and the paths are equal, whatever the texts say. A text may hold
    /// the time of day, and would differ each time that it is asked.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let places = |problems: &Self| -> Vec<_> {
            problems.iter().map(|problem| (problem.code(), problem.path().to_owned())).collect()
        };
        places(self) == places(other)
    }

    /// Whether something could not be read for want of descriptors, memory or the like: nothing is known of it then (R2).
    pub(crate) fn is_shortage(&self) -> bool {
        self.problems.iter().any(|problem| problem.cause() == Some(Cause::Shortage))
    }

    /// The first problem.
    pub fn first(&self) -> Option<&Problem> {
        self.problems.first()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self::new(None, problem, Vec::new())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.policy {
            write!(f, "policy {}: ", printable(name))?;
        }
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
